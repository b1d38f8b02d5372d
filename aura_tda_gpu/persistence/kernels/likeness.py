"""How much of their points two loops share."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["likenesses", "near_share"]


@njit(nogil=True, cache=True)
def likenesses(pairs, ids_before, places_before, ends_before, ids, places, ends, reach):
    """Return, from 0 to 1, how alike two loops are, for each of some pairs (p,).

    It is the mean of two shares: of points that are in both, and of points near the other loop.

    Parameters
    ----------
    pairs
        A former loop and a loop (p, 2).
    ids_before, places_before, ends_before
        Point ids and places of the former loops, one loop after the other, (n,) and (n, dim), and
        where each ends.
    ids, places, ends
        The same of the loops.
    reach
        How near a point must be, for each pair (p,).
    """
    found = np.empty(len(pairs))
    for p in range(len(pairs)):
        u, v = pairs[p, 0], pairs[p, 1]
        first_before = ends_before[u - 1] if u > 0 else 0
        first = ends[v - 1] if v > 0 else 0
        one, other = ids_before[first_before : ends_before[u]], ids[first : ends[v]]
        both = 0
        for i in range(len(one)):
            for j in range(len(other)):
                both += one[i] == other[j]
        shared = 2.0 * both / max(len(one) + len(other), 1)
        near = near_share(
            places_before[first_before : ends_before[u]], places[first : ends[v]], reach[p]
        )
        found[p] = (shared + near) / 2
    return found


@njit(nogil=True, cache=True)
def near_share(one, other, reach):
    """Return the share of the points (n, dim), (m, dim) that have one of the others in reach.

    The mean of both shares; 0 where one has no points.
    """
    n, m = len(one), len(other)
    if n == 0 or m == 0:
        return 0.0
    is_near = np.zeros(m, np.bool_)
    mine = theirs = 0
    for i in range(n):
        has_one = False
        for j in range(m):
            if has_one and is_near[j]:
                continue
            squares = 0.0
            for k in range(one.shape[1]):
                gap = one[i, k] - other[j, k]
                squares += gap * gap
            if np.sqrt(squares) <= reach:
                has_one = True
                if not is_near[j]:
                    is_near[j] = True
                    theirs += 1
        mine += has_one
    return (mine / n + theirs / m) / 2
