"""Bars of two diagrams that are each other's nearest."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["mutual"]


@njit(nogil=True, cache=True)
def mutual(before, after, slack, ratio, nearest):
    """Fill ``nearest`` (m,) with the former bar that is nearest to a bar and has it as nearest.

    ``before`` (n, 2) and ``after`` (m, 2) are births and finite deaths. Two bars count if they are
    nearer to each other than both to the diagonal together and the shorter one has at least
    ``ratio`` of the persistence of the longer, or if they are within ``slack``. -1 where there is
    none; of several that are as near the first counts.
    """
    n, m = len(before), len(after)
    gaps = np.full(m, np.inf)
    nearest[:] = -1
    back = np.full(n, -1)
    for i in range(n):
        birth, death = before[i, 0], before[i, 1]
        length = death - birth
        least = np.inf
        for j in range(m):
            gap = max(abs(after[j, 0] - birth), abs(after[j, 1] - death))
            other = after[j, 1] - after[j, 0]
            alike = min(length, other) >= ratio * max(length, other)
            if not ((gap < (length + other) / 2 and alike) or gap <= slack):
                continue
            if gap < least:
                least = gap
                back[i] = j
            if gap < gaps[j]:
                gaps[j] = gap
                nearest[j] = i
    for j in range(m):
        if nearest[j] >= 0 and back[nearest[j]] != j:
            nearest[j] = -1
