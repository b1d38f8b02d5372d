"""Counting the rows that a full window had to let go."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..persistence.engine import Int64Array
from .settings import Scale

__all__ = ["Overflow"]


@dataclass(frozen=True, slots=True)
class Overflow:
    """Rows of one window that were pushed out; a value, never changed.

    Attributes
    ----------
    total : int
        All of them, since the start.
    last_wanted : tuple of (int, int)
        Number of the last tick that wants a row, and how many such rows there are; ascending.
    """

    total: int = 0
    last_wanted: tuple[tuple[int, int], ...] = ()

    @property
    def wanted(self) -> int:
        """Rows that the ticks to come still want."""
        return sum(n for _, n in self.last_wanted)

    def grown(self, lost: Int64Array, scale: Scale) -> Overflow:
        """Add rows with these times, none older than those before."""
        # the last tick that wants t is (t + duration) // slide, without a sum beyond int64
        slide_ns, duration_ns = scale.slide_ns, scale.duration_ns
        ticks = duration_ns // slide_ns + lost // slide_ns
        ticks += (duration_ns % slide_ns + lost % slide_ns) // slide_ns
        values, counts = np.unique(ticks, return_counts=True)
        pairs = dict(self.last_wanted)
        for tick, n in zip(values.tolist(), counts.tolist(), strict=True):
            pairs[tick] = pairs.get(tick, 0) + n
        return Overflow(self.total + len(lost), tuple(pairs.items()))

    def wanted_from(self, tick: int) -> Overflow:
        """Forget the rows that no tick from this one on wants."""
        return Overflow(self.total, tuple(pair for pair in self.last_wanted if pair[0] >= tick))
