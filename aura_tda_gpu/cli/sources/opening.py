"""Opening a source: what it is decides how it is read, and whether it is live."""

from __future__ import annotations

import io
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

from ...errors import ConfigError, SourceError
from .base import Source, SourceOptions
from .csv_source import CsvSource
from .follow_feed import FollowFeed
from .json_source import JsonSource
from .lines import FileFeed, LineFeed, open_binary, unreadable
from .live_feed import LiveFeed
from .npy_source import NpySource
from .parquet_source import ParquetSource
from .table_source import TableSource

__all__ = ["STDIN", "open_source"]

STDIN = "-"
_STDIN_NAME = Path("standard input")
_TABLES: dict[str, type[TableSource]] = {"npy": NpySource, "parquet": ParquetSource}
_MAGIC = {
    "\ufffdNUMPY": "npy",
    "PAR1": "parquet",
    "PK\x03\x04": "zip",
    "\x1f\ufffd": "gzip",
    **{f"BZh{level}1AY&SY": "bzip2" for level in range(1, 10)},
    "\ufffd7zXZ": "xz",
    "(\ufffd/\ufffd": "zstd",
}
_UNPACKED_BY = {"gzip": "zcat", "bzip2": "bzcat", "xz": "xzcat", "zstd": "zstdcat"}


def open_source(
    path: str, options: SourceOptions, say: Callable[[str], None] = lambda text: None
) -> Source:
    """Open a source of points.

    Standard input, pipes, terminals and sockets are live, and so is a file that is followed.
    Waits for the first rows of a live source.

    Parameters
    ----------
    path : str
        File name, or ``-`` for standard input.
    options : SourceOptions
        What to take from it, and how to read it.
    say : callable, optional
        Told when a file that is followed is read anew.

    Raises
    ------
    SourceError
        If the source cannot be read or holds no rows.
    ConfigError
        If there is no source, it cannot be followed, or a column that was asked for does not
        exist.
    """
    if not path:
        raise ConfigError("SOURCE is empty: name a file, or - for standard input")
    if path == STDIN or options.follow:
        if path == STDIN and options.follow:
            raise ConfigError(
                "--follow needs the name of a file: standard input is read to its end in any case"
            )
        if options.format in _TABLES:
            raise ConfigError(f"--format {options.format} needs a file that is whole, by its name")
    name = _STDIN_NAME if path == STDIN else Path(path)
    if options.follow:
        return _text_source(name, options, FollowFeed(name, say))
    handle = _standard_input() if path == STDIN else open_binary(name)
    if not stat.S_ISREG(os.fstat(handle.fileno()).st_mode):
        return _text_source(name, options, LiveFeed(str(name), handle, options.queue_rows))
    kind = _kind_of(name, handle) if options.format == "auto" else options.format
    if kind in _TABLES and path != STDIN:
        handle.close()
        return _TABLES[kind](name, options)
    return _text_source(name, options, FileFeed(str(name), handle))


def _standard_input() -> io.BufferedReader:
    if sys.stdin is None:
        raise ConfigError("standard input is closed: name a file")
    return open(0, "rb", closefd=False)


def _kind_of(path: Path, handle: io.BufferedReader) -> str:
    """Tell the kind of a regular file from its first bytes; text is ``"auto"``."""
    try:
        head = handle.peek(10)[:10]
    except OSError as error:
        handle.close()
        raise unreadable(str(path), error) from error
    kind = _magic(head.decode("utf-8", "replace"))
    if kind in _UNPACKED_BY:
        handle.close()
        raise _compressed(path, kind)
    if kind == "zip" or (kind == "auto" and path.suffix in (".npy", ".parquet")):
        handle.close()
        raise SourceError(f"{path}: is not a CSV, JSON lines, NPY or Parquet file")
    return kind


def _compressed(path: Path, kind: str) -> SourceError:
    return SourceError(
        f"{path}: is compressed ({kind}): {_UNPACKED_BY[kind]} FILE | aura-tda run - ..."
    )


def _magic(head: str) -> str:
    return next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), "auto")


def _text_source(path: Path, options: SourceOptions, feed: LineFeed) -> Source:
    """Tell CSV from JSON lines by the first character that is not blank."""
    kind = options.format
    try:
        if kind == "auto":
            first = feed.peek()
            text = "" if first is None else first.text
            binary = _magic(text)
            if binary in _UNPACKED_BY:
                raise _compressed(path, binary)
            if binary != "auto":
                raise SourceError(
                    f"{path}: holds a file of binary data: save it, and give its name"
                )
            kind = "jsonl" if text.lstrip().startswith(("{", "[")) else "csv"
        return (
            JsonSource(path, options, feed) if kind == "jsonl" else CsvSource(path, options, feed)
        )
    except BaseException:
        feed.close()
        raise
