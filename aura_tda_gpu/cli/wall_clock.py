"""Event time while nothing comes: the clock on the wall, set by the rows seen so far."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from .sources.base import Float64Array, Source

__all__ = ["WallClock"]

_PERIOD = 0.05  # seconds between two marks at least


class WallClock:
    """The watermark of a live source.

    Event time is taken to run as fast as the wall clock since the row that was furthest ahead
    of it. The clock stands still while the source is held back by a full queue, and gives no
    mark while rows wait to be taken: then it is not the source that is silent.

    Parameters
    ----------
    source : Source
        Asked whether it is silent.
    grace_ms : float
        How far the watermark stays behind event time, beside the lateness of the stream.
    lateness_ms : float
        That lateness.
    monotonic : callable
        Wall-clock time in seconds.

    Attributes
    ----------
    passed : bool
        Whether a mark was ever ahead of the watermark of the rows themselves.
    """

    def __init__(
        self,
        source: Source,
        grace_ms: float,
        lateness_ms: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.passed = False
        self._source = source
        self._lateness = lateness_ms / 1000
        self._behind = grace_ms / 1000 + self._lateness
        self._monotonic = monotonic
        self._ahead = -math.inf
        self._newest = -math.inf
        self._last_mark = -math.inf

    def note(self, times: Float64Array) -> None:
        """Set the clock by the event times of rows that have just come, in seconds."""
        if len(times):
            newest = float(times.max())
            self._newest = max(self._newest, newest)
            self._ahead = max(self._ahead, newest - self._now())

    def mark(self) -> float | None:
        """Return the watermark to move to; None if there is none, or it is too early for one."""
        if self._ahead == -math.inf or not self._source.idle():
            return None
        now = self._now()
        if now - self._last_mark < _PERIOD:
            return None
        self._last_mark = now
        mark = self._ahead + now - self._behind
        self.passed = self.passed or mark > self._newest - self._lateness
        return mark

    def _now(self) -> float:
        return self._monotonic() - self._source.held_seconds
