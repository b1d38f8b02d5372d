"""Which bars of two diagrams have one name, how far they are apart, and which are nearest."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["distances", "equal_rows", "joined_sizes", "mutual"]


@njit(nogil=True, cache=True)
def equal_rows(before, after, source):
    """Fill ``source`` (m,) with the row of ``before`` (n, k) that a row of ``after`` (m, k) equals.

    The i-th of several equal rows with the i-th; -1 where there is none. All are int64.
    """
    n, m = len(before), len(after)
    size = 4
    while size < 2 * n:
        size *= 2
    heads = np.full(size, -1)
    following = np.full(n, -1)
    for i in range(n - 1, -1, -1):  # so that chains ascend
        place = _hash(before[i]) & (size - 1)
        following[i] = heads[place]
        heads[place] = i
    taken = np.zeros(n, np.bool_)
    for j in range(m):
        source[j] = -1
        i = heads[_hash(after[j]) & (size - 1)]
        while i >= 0:
            if not taken[i] and (before[i] == after[j]).all():
                taken[i] = True
                source[j] = i
                break
            i = following[i]


@njit(nogil=True, cache=True)
def _hash(row):
    mixed = np.uint64(0)
    for value in row:
        mixed = (mixed ^ np.uint64(value)) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    return np.int64(mixed >> np.uint64(1))


@njit(nogil=True, cache=True)
def _gap(before, after, slack, ratio):
    """Return the distance of two bars, inf if they may not be one, and what matching saves."""
    gap = max(abs(after[0] - before[0]), abs(after[1] - before[1]))
    length, other = before[1] - before[0], after[1] - after[0]
    saved = gap - (length + other) / 2
    longer = max(length, other)
    if (saved < 0 and min(length, other) >= ratio * longer) or gap <= slack:
        return gap, min(saved, -1e-9 * longer)
    return np.inf, 0.0


@njit(nogil=True, cache=True)
def distances(before, after, slack, ratio, gaps, costs):
    """Fill ``gaps`` and ``costs`` (n, m): distances, inf where two bars may not be one; savings.

    Two bars may be one if they are nearer to each other than both to the diagonal together and
    the shorter one has at least ``ratio`` of the persistence of the longer, or if they are within
    ``slack``. What matching saves is negative, 0 where they may not be one.
    """
    for i in range(len(before)):
        for j in range(len(after)):
            gaps[i, j], costs[i, j] = _gap(before[i], after[j], slack, ratio)


@njit(nogil=True, cache=True)
def mutual(before, after, slack, ratio, clear, nearest):
    """Fill ``nearest`` (m,) with the former bar that is nearest to a bar and has it as nearest.

    ``before`` (n, 2) and ``after`` (m, 2) are births and finite deaths; see `distances` for which
    bars may be one. -1 where there is none; of several that are as near the first counts. With
    ``clear`` any other bar must be more than three times as far from both.
    """
    n, m = len(before), len(after)
    gaps = np.full((2, m), np.inf)  # to the nearest and to the next
    nearest[:] = -1
    back = np.full(n, -1)
    is_clear = np.ones(n, np.bool_)
    for i in range(n):
        least = following = np.inf
        for j in range(m):
            gap, _ = _gap(before[i], after[j], slack, ratio)
            if gap == np.inf:
                continue
            if gap < least:
                following = least
                least = gap
                back[i] = j
            else:
                following = min(following, gap)
            if gap < gaps[0, j]:
                gaps[1, j] = gaps[0, j]
                gaps[0, j] = gap
                nearest[j] = i
            else:
                gaps[1, j] = min(gaps[1, j], gap)
        is_clear[i] = 3 * least < following
    for j in range(m):
        i = nearest[j]
        if i < 0:
            continue
        if back[i] != j or (clear and not (is_clear[i] and 3 * gaps[0, j] < gaps[1, j])):
            nearest[j] = -1


@njit(nogil=True, cache=True)
def joined_sizes(edges, n, smaller):
    """Fill ``smaller`` (m,) with the vertices of the smaller part that an edge joins to another.

    ``edges`` (m, 2) are those of a forest on ``n`` vertices, in the order in which they come.
    """
    parent = np.arange(n)
    size = np.ones(n, np.int64)
    for i in range(len(edges)):
        a, b = edges[i, 0], edges[i, 1]
        while parent[a] != a:
            parent[a] = parent[parent[a]]
            a = parent[a]
        while parent[b] != b:
            parent[b] = parent[parent[b]]
            b = parent[b]
        if size[a] < size[b]:
            a, b = b, a
        smaller[i] = size[b]
        parent[b] = a
        size[a] += size[b]
