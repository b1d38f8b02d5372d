"""The newest bars of every feature of one dimension of one scale."""

from __future__ import annotations

import numpy as np

from ...persistence.arrays import Float64Array
from ...persistence.engine import Int64Array

__all__ = ["History"]


class History:
    """A ring of bars for each feature, the rings side by side.

    How many bars a ring has been given is kept with its feature. A ring has one place more than
    it tells, so what is written at a tick spoils nothing of the tick before.

    Parameters
    ----------
    length : int
        Bars of a feature that are kept.

    Attributes
    ----------
    rings : ndarray of float64, shape (n_rings, length + 1, 3)
        Time, birth and death of bars.
    """

    def __init__(self, length: int) -> None:
        self.length = length
        self.rings = np.empty((0, length + 1, 3))

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self.rings.nbytes

    def open(self, n: int, taken: Int64Array) -> Int64Array:
        """Return ``n`` rings that are not among those taken."""
        if not n:
            return np.empty(0, np.int64)
        held = len(self.rings)
        is_free = np.ones(held, np.bool_)
        is_free[taken] = False
        short = n - int(is_free.sum())
        if short > 0:
            more = max(short, held // 2, 4)
            rings = np.empty((held + more, self.length + 1, 3))
            rings[:held] = self.rings
            self.rings = rings
            is_free = np.append(is_free, np.ones(more, np.bool_))
        free: Int64Array = is_free.nonzero()[0][:n]
        return free

    def write(
        self, rings: Int64Array, counts: Int64Array, timestamp: float, bars: Float64Array
    ) -> None:
        """Add one bar to each of some rings.

        Parameters
        ----------
        rings : ndarray of int64, shape (k,)
            Each once.
        counts : ndarray of int64, shape (k,)
            Bars each of them was given before.
        timestamp : float
            Event time in seconds.
        bars : ndarray of float64, shape (k, 2)
            Births and deaths.
        """
        place = counts % (self.length + 1)
        self.rings[rings, place, 0] = timestamp
        self.rings[rings, place, 1:] = bars

    def of(self, ring: int, count: int) -> Float64Array:
        """Return the newest of ``count`` bars, oldest first: time, birth, death, shape (n, 3)."""
        places = np.arange(max(count - self.length, 0), count) % (self.length + 1)
        bars: Float64Array = self.rings[ring, places]
        return bars

    def fill(self, ring: int, bars: Float64Array) -> None:
        """Let a ring hold these bars, shape (n, 3), oldest first, at most as many as are kept."""
        self.rings[ring, : len(bars)] = bars
