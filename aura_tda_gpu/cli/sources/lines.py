"""Text as numbered lines, and where they come from: a feed, and the feed of a plain file."""

from __future__ import annotations

import codecs
import io
import os
from abc import ABC, abstractmethod
from collections import deque
from pathlib import Path
from typing import NamedTuple

from ...errors import SourceError

__all__ = ["BLOCK", "FileFeed", "Line", "LineFeed", "LineSplitter", "open_binary", "unreadable"]

BLOCK = 1 << 16
_MAX_LINE = 1 << 20
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


class Line(NamedTuple):
    """One line that is not blank, without its line end.

    Attributes
    ----------
    number : int
        From 1, blank lines counted.
    text : str
        What stands in it.
    whole : bool
        False if the input ended before the line did.
    """

    number: int
    text: str
    whole: bool = True


class LineSplitter:
    """Cut bytes into lines as they come; a line ends with LF, CR or CR LF.

    UTF-8, or UTF-16 with its byte order mark; bytes that cannot be decoded are replaced.

    Parameters
    ----------
    name : str
        Of the source, for messages.

    Attributes
    ----------
    fault : SourceError or None
        Set at a line that is too long; the lines before it have been returned.
    """

    def __init__(self, name: str) -> None:
        self.fault: SourceError | None = None
        self._name = name
        self._decoder: codecs.IncrementalDecoder | None = None
        self._head = b""
        self._rest = ""
        self._after_return = False
        self._count = 0

    def feed(self, block: bytes) -> list[Line]:
        """Return the lines that some more bytes complete."""
        if self._decoder is None:
            block = self._head + block
            if block in (b"\xff", b"\xfe"):
                self._head = block
                return []
            encoding = "utf-16" if block.startswith(_UTF16_MARKS) else "utf-8-sig"
            self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        text = self._decoder.decode(block)
        if not text:
            return []
        if self._after_return:
            text = text.removeprefix("\n")
        # a lone CR ends its line now: waiting for an LF would hold a live row back
        self._after_return = text.endswith("\r")
        text = self._rest + text.replace("\r\n", "\n").replace("\r", "\n")
        *ended, self._rest = text.split("\n")
        return self._numbered(ended)

    def end(self) -> list[Line]:
        """Return what is left after the last line end, if it is not blank."""
        if self._decoder is not None:
            self._rest += self._decoder.decode(b"", final=True)
        rest, self._rest = self._rest, ""
        return [Line(self._count + 1, rest, whole=False)] if rest.strip() else []

    @property
    def rest(self) -> str:
        """The beginning of a line whose end has not come yet."""
        return self._rest

    def _numbered(self, ended: list[str]) -> list[Line]:
        lines = []
        for text in ended:
            self._count += 1
            if len(text) >= _MAX_LINE:
                self._refuse(self._count)
                break
            if text.strip():
                lines.append(Line(self._count, text))
        else:
            if len(self._rest) >= _MAX_LINE:
                self._refuse(self._count + 1)
        return lines

    def _refuse(self, number: int) -> None:
        self.fault = SourceError(f"{self._name}, line {number}: is too long for a line of text")


class LineFeed(ABC):
    """Lines from somewhere, a few at a time.

    Attributes
    ----------
    live : bool
        Whether lines come at a pace of their own, and are to be used as they come.
    """

    live = False

    def __init__(self) -> None:
        self._lines: deque[Line] = deque()
        self._fault: SourceError | None = None
        self._done = False

    @abstractmethod
    def get(self, limit: int, timeout: float | None) -> list[Line]:
        """Return the next lines, ``limit`` at most.

        Parameters
        ----------
        limit : int
            Largest number of lines.
        timeout : float or None
            Seconds to wait for the first of them; None waits for ever. A file that is not
            followed has no need to wait.

        Returns
        -------
        list of Line
            Empty if none came in time, or at the end: see `ended`.

        Raises
        ------
        SourceError
            If there is no reading on, after all lines before have been returned.
        """

    @property
    def ended(self) -> bool:
        """Whether every line has been returned."""
        return self._done and not self._lines

    def peek(self) -> Line | None:
        """Return the next line and leave it there; None at the end."""
        while not (found := self.get(1, None)):
            if self.ended:
                return None
        self._lines.appendleft(found[0])
        return found[0]

    @property
    def held_seconds(self) -> float:
        """How long the writer has been held back because its lines were not taken."""
        return 0.0

    def idle(self) -> bool:
        """Tell whether everything that has come so far has been taken."""
        return not self._lines

    def queue(self) -> tuple[int, int] | None:
        """Return how many lines wait to be taken and how many may; None without a queue."""
        return None

    def fraction(self) -> float | None:
        """Return how much has been read, from 0 to 1, or None if there is no telling."""
        return None

    def close(self) -> None:  # noqa: B027 - nothing to close is a valid way to close
        """Let go of what is read from."""

    def _take(self, limit: int) -> list[Line]:
        n = min(limit, len(self._lines))
        if not n and self._fault is not None:
            raise self._fault
        return [self._lines.popleft() for _ in range(n)]


class FileFeed(LineFeed):
    """The lines of a file that does not change.

    Parameters
    ----------
    name : str
        For messages.
    handle : BufferedReader
        The open file.
    """

    def __init__(self, name: str, handle: io.BufferedReader) -> None:
        super().__init__()
        self._name = name
        self._handle = handle
        self._splitter = LineSplitter(name)

    def get(self, limit: int, timeout: float | None) -> list[Line]:
        """Return the next lines; see `LineFeed.get`."""
        while len(self._lines) < limit and not self._done:
            try:
                block = self._handle.read(BLOCK)
            except OSError as error:
                raise unreadable(self._name, error) from error
            self._lines += self._splitter.feed(block) if block else self._splitter.end()
            self._fault = self._splitter.fault
            self._done = not block or self._fault is not None
        return self._take(limit)

    def fraction(self) -> float | None:
        """Return how much has been read."""
        size = os.fstat(self._handle.fileno()).st_size
        return min(1.0, self._handle.tell() / size) if size else None

    def close(self) -> None:
        """Close the file."""
        self._handle.close()


def open_binary(path: Path) -> io.BufferedReader:
    """Open a file for reading.

    Raises
    ------
    SourceError
        If that fails.
    """
    try:
        return path.open("rb")
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror or error}") from error


def unreadable(name: str, error: OSError) -> SourceError:
    """Return the error for a source that opens and cannot be read."""
    return SourceError(f"{name}: cannot be read: {error.strerror or error}")
