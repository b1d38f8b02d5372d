"""The newest bars of every feature of one dimension of one scale."""

from __future__ import annotations

import numpy as np

from ...persistence.arrays import Float64Array
from ...persistence.engine import Int64Array

__all__ = ["History"]


class History:
    """A ring of bars for each feature, the rings side by side.

    Parameters
    ----------
    length : int
        Bars of a feature that are kept.
    """

    def __init__(self, length: int) -> None:
        self.length = length
        self._rings = np.empty((0, length, 3))  # time, birth, death
        self._counts = np.empty(0, np.int64)
        self._free: list[int] = []

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self._rings.nbytes + self._counts.nbytes

    def open(self, n: int) -> Int64Array:
        """Return free rings for ``n`` new features."""
        held = len(self._counts)
        short = n - len(self._free)
        if short > 0:
            more = max(short, held // 2, 4)
            rings = np.empty((held + more, self.length, 3))
            rings[:held] = self._rings
            self._rings = rings
            self._counts = np.concatenate([self._counts, np.zeros(more, np.int64)])
            self._free += range(held + more - 1, held - 1, -1)
        taken = [self._free.pop() for _ in range(n)]
        self._counts[taken] = 0
        return np.array(taken, np.int64)

    def close(self, rings: Int64Array) -> None:
        """Take rings back."""
        self._free += rings.tolist()

    def append(self, rings: Int64Array, timestamp: float, bars: Float64Array) -> None:
        """Add one bar to each of some rings.

        Parameters
        ----------
        rings : ndarray of int64, shape (k,)
            Each once.
        timestamp : float
            Event time in seconds.
        bars : ndarray of float64, shape (k, 2)
            Births and deaths.
        """
        place = self._counts[rings] % self.length
        self._rings[rings, place, 0] = timestamp
        self._rings[rings, place, 1:] = bars
        self._counts[rings] += 1

    def of(self, ring: int) -> Float64Array:
        """Return the bars of a feature, oldest first: time, birth, death, shape (n, 3)."""
        count = int(self._counts[ring])
        kept = self._rings[ring, : min(count, self.length)]
        oldest = count % self.length if count > self.length else 0
        return np.concatenate([kept[oldest:], kept[:oldest]])

    def replace(self, ring: int, bars: Float64Array) -> None:
        """Let a ring hold these bars, shape (n, 3), oldest first."""
        self._counts[ring] = len(bars)
        self._rings[ring, : len(bars)] = bars
