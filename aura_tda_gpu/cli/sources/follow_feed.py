"""Lines of a file that others write to."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

from ...errors import SourceError
from .lines import BLOCK, Line, LineFeed, LineSplitter, open_binary, unreadable

__all__ = ["FollowFeed"]

_POLL = 0.1  # seconds between two looks at the file


class FollowFeed(LineFeed):
    """The lines of a file that others write to, without end.

    Half a line at the end waits for its rest. A file that was cut short, or that another one
    took the place of, is read from its start.

    Parameters
    ----------
    path : Path
        The file.
    say : callable
        Told when reading starts anew.

    Raises
    ------
    SourceError
        If it cannot be opened, or is not a regular file.
    """

    live = True

    def __init__(self, path: Path, say: Callable[[str], None]) -> None:
        super().__init__()
        self._path = path
        self._say = say
        self._handle = open_binary(path)
        if not stat.S_ISREG(os.fstat(self._handle.fileno()).st_mode):
            self._handle.close()
            raise SourceError(f"{path}: only a regular file can be followed")
        self._splitter = LineSplitter(str(path))

    def get(self, limit: int, timeout: float | None) -> list[Line]:
        """Return the next lines; see `LineFeed.get`."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._lines and self._fault is None:
            if self._read():
                continue
            left = _POLL if deadline is None else min(_POLL, deadline - time.monotonic())
            if left <= 0:
                break
            time.sleep(left)
        return self._take(limit)

    def idle(self) -> bool:
        """Tell whether everything that was written so far has been taken."""
        return not self._lines and os.fstat(self._handle.fileno()).st_size <= self._handle.tell()

    def close(self) -> None:
        """Close the file."""
        self._handle.close()

    def _read(self) -> bool:
        """Read some more; False if there is nothing new."""
        try:
            now = os.fstat(self._handle.fileno())
            if now.st_size < self._handle.tell():
                self._start_anew("was cut short")
            # asked before the read: lines reach the old file until it loses its name
            replaced = self._replaced(now)
            block = self._handle.read(BLOCK)
            if not block:
                return replaced and self._reopen()
        except OSError as error:
            raise unreadable(str(self._path), error) from error
        self._lines += self._splitter.feed(block)
        self._fault = self._splitter.fault
        return True

    def _replaced(self, now: os.stat_result) -> bool:
        """Tell whether another file has the name."""
        try:
            return not os.path.samestat(now, self._path.stat())
        except FileNotFoundError:
            return False

    def _reopen(self) -> bool:
        """Turn to the file that has the name now; False if there is none."""
        try:
            handle = self._path.open("rb")
        except FileNotFoundError:
            return False
        self._handle.close()
        self._handle = handle
        self._start_anew("was replaced")
        return True

    def _start_anew(self, why: str) -> None:
        lost = ", half a line was dropped" if self._splitter.rest.strip() else ""
        self._say(f"{self._path}: {why}{lost}; reading from its start")
        self._handle.seek(0)
        self._splitter = LineSplitter(str(self._path))
