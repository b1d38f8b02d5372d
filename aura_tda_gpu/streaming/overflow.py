"""Counting the rows that a full window had to let go."""

from __future__ import annotations

from collections import deque

import numpy as np

from ..persistence.engine import Int64Array
from .settings import Scale

__all__ = ["Overflow"]


class Overflow:
    """Rows of one window that were pushed out.

    Parameters
    ----------
    scale : Scale
        The time scale of the window.

    Attributes
    ----------
    total : int
        All of them, since the start.
    wanted : int
        Those that the ticks to come still want.
    last_wanted : deque of (int, int)
        Number of the last tick that wants a row, and how many such rows there are; ascending.
    """

    def __init__(self, scale: Scale) -> None:
        self.total = 0
        self.wanted = 0
        self.last_wanted: deque[tuple[int, int]] = deque()
        self._scale = scale

    def add(self, lost: Int64Array) -> None:
        """Add rows with these times, none older than those before."""
        # the last tick that wants t is (t + duration) // slide, without a sum beyond int64
        slide_ns, duration_ns = self._scale.slide_ns, self._scale.duration_ns
        ticks = duration_ns // slide_ns + lost // slide_ns
        ticks += (duration_ns % slide_ns + lost % slide_ns) // slide_ns
        values, counts = np.unique(ticks, return_counts=True)
        for tick, n in zip(values.tolist(), counts.tolist(), strict=True):
            before = 0
            if self.last_wanted and self.last_wanted[-1][0] == tick:
                before = self.last_wanted.pop()[1]
            self.last_wanted.append((tick, before + n))
        self.total += len(lost)
        self.wanted += len(lost)

    def forget_before(self, tick: int) -> None:
        """Forget the rows that no tick from this one on wants."""
        while self.last_wanted and self.last_wanted[0][0] < tick:
            self.wanted -= self.last_wanted.popleft()[1]
