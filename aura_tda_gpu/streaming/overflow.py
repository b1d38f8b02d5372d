"""Counting the rows that a full window had to let go."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..persistence.engine import Int64Array
from .settings import Scale

__all__ = ["Overflow"]


class _Counted(NamedTuple):
    """What is known of rows that were pushed out, up to one that has a number.

    Attributes
    ----------
    total, wanted : int
        As in `Overflow`.
    last_wanted : tuple of (int, int)
        Number of the last tick that wants a row, and how many such rows there are; ascending.
    stop : int
        Number of the first row that is not counted.
    """

    total: int
    wanted: int
    last_wanted: tuple[tuple[int, int], ...]
    stop: int


class Overflow:
    """Rows of one window that were pushed out.

    Parameters
    ----------
    scale : Scale
        The time scale of the window.
    """

    def __init__(self, scale: Scale) -> None:
        self._scale = scale
        self._counted = _Counted(0, 0, (), 0)  # changes in one assignment

    @property
    def total(self) -> int:
        """All of them, since the start."""
        return self._counted.total

    @property
    def wanted(self) -> int:
        """Those that the ticks to come still want."""
        return self._counted.wanted

    def add(self, lost: Int64Array, first: int) -> None:
        """Add rows with these times, numbered from ``first``; those that were added count once.

        Parameters
        ----------
        lost : ndarray of int64, shape (m,)
            None older than those before.
        first : int
            Number of the first one among all rows of the window.
        """
        total, wanted, last_wanted, stop = self._counted
        lost = lost[max(0, stop - first) :]
        if not len(lost):
            return
        # the last tick that wants t is (t + duration) // slide, without a sum beyond int64
        slide_ns, duration_ns = self._scale.slide_ns, self._scale.duration_ns
        ticks = duration_ns // slide_ns + lost // slide_ns
        ticks += (duration_ns % slide_ns + lost % slide_ns) // slide_ns
        values, counts = np.unique(ticks, return_counts=True)
        found = dict(last_wanted)
        for tick, n in zip(values.tolist(), counts.tolist(), strict=True):
            found[tick] = found.get(tick, 0) + n
        m = len(lost)
        self._counted = _Counted(total + m, wanted + m, (*found.items(),), max(stop, first) + m)

    def forget_before(self, tick: int) -> None:
        """Forget the rows that no tick from this one on wants."""
        total, wanted, last_wanted, stop = self._counted
        if not last_wanted or last_wanted[0][0] >= tick:
            return
        kept = tuple(one for one in last_wanted if one[0] >= tick)
        wanted = sum(n for _, n in kept)
        self._counted = _Counted(total, wanted, kept, stop)
