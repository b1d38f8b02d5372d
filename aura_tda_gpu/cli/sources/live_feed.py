"""Lines of a pipe, a socket or a terminal, read as they come by a thread of their own."""

from __future__ import annotations

import io
import os
import select
import threading
import time

from .lines import BLOCK, Line, LineFeed, LineSplitter, unreadable

__all__ = ["LiveFeed"]

_MAX_CHARACTERS = 1 << 24
_SLICE = 0.1  # seconds; a wait without an end cannot be interrupted everywhere


class LiveFeed(LineFeed):
    """A bounded queue of lines, filled by a thread that reads a descriptor.

    While the queue is full nothing is read, so the pipe holds its writer back. The thread
    takes no lock of ``sys.stdin`` and ends with `close`.

    Parameters
    ----------
    name : str
        For messages.
    handle : IOBase
        Has the descriptor; closed at the end.
    capacity : int
        Lines that may wait.
    """

    live = True

    def __init__(self, name: str, handle: io.IOBase, capacity: int) -> None:
        super().__init__()
        self._name = name
        self._handle = handle
        self._descriptor = handle.fileno()
        self._capacity = capacity
        self._characters = 0
        self._held = 0.0
        self._held_since: float | None = None
        self._closing = False
        self._filing = False  # a block is out of the pipe and not yet among the lines
        self._changed = threading.Condition()
        # a read of a silent pipe ends by a byte in this one
        self._wake = os.pipe() if os.name == "posix" else None
        self._thread = threading.Thread(target=self._run, name="aura-tda reader", daemon=True)
        self._thread.start()

    def get(self, limit: int, timeout: float | None) -> list[Line]:
        """Return the next lines; see `LineFeed.get`."""
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._changed:
            while not self._lines and not self._done:
                left = _SLICE if deadline is None else min(_SLICE, deadline - time.monotonic())
                if left <= 0:
                    break
                self._changed.wait(left)
            found = self._take(limit)
            self._characters -= sum(len(line.text) for line in found)
            self._changed.notify_all()
        return found

    @property
    def held_seconds(self) -> float:
        """How long the writer has been held back because the queue was full."""
        with self._changed:
            since = self._held_since
            return self._held + (0.0 if since is None else time.monotonic() - since)

    def peek(self) -> Line | None:
        """Return the next line and leave it there; None at the end."""
        found = super().peek()
        if found is not None:
            with self._changed:
                self._characters += len(found.text)
        return found

    def idle(self) -> bool:
        """Tell whether everything that has come so far has been taken."""
        with self._changed:
            if self._lines or self._done or self._filing:
                return False
            # what the thread has not had the time to read
            return os.name != "posix" or not select.select([self._descriptor], [], [], 0)[0]

    def queue(self) -> tuple[int, int]:
        """Return how many lines wait, and how many may."""
        return len(self._lines), self._capacity

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._wake is not None:
            os.write(self._wake[1], b"x")
            self._thread.join()
            for end in self._wake:
                os.close(end)
            self._wake = None
        # elsewhere the thread may sit in a read, and has to be left to end with the process
        if not self._thread.is_alive():
            self._handle.close()

    def _run(self) -> None:
        splitter = LineSplitter(self._name)
        fault = None
        try:
            while fault is None and (block := self._block()) is not None:
                self._put(splitter.feed(block) if block else splitter.end())
                fault = splitter.fault
                if not block:
                    break
        except OSError as error:
            fault = unreadable(self._name, error)
        with self._changed:
            self._fault = fault
            self._done = True
            self._changed.notify_all()

    def _block(self) -> bytes | None:
        """Return some bytes, none at the end of the input, None once closed."""
        while not self._closing:
            if self._wake is not None:
                ready, _, _ = select.select([self._descriptor, self._wake[0]], [], [])
                if self._wake[0] in ready:
                    break
                self._set_filing(True)
            try:
                block = os.read(self._descriptor, BLOCK)
            except BlockingIOError:
                self._set_filing(False)
                continue
            # elsewhere the flag cannot go up before a read that may last
            self._set_filing(True)
            return block
        return None

    def _set_filing(self, filing: bool) -> None:
        with self._changed:
            self._filing = filing

    def _put(self, lines: list[Line]) -> None:
        """Append lines as there is room for them."""
        start = 0
        with self._changed:
            while start < len(lines) and not self._closing:
                room = self._capacity - len(self._lines)
                if room <= 0 or self._characters > _MAX_CHARACTERS:
                    self._wait_for_room()
                    continue
                some = lines[start : start + room]
                self._lines += some
                self._characters += sum(len(line.text) for line in some)
                start += len(some)
                self._changed.notify_all()
            self._filing = False

    def _wait_for_room(self) -> None:
        self._held_since = time.monotonic()
        self._changed.wait()
        self._held += time.monotonic() - self._held_since
        self._held_since = None
