"""Which bars of two diagrams have one name, how far they are apart, and which are nearest."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["equal_rows", "gap_and_cost", "joined_sizes", "mutual"]


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
        place = _hash(before, i) & (size - 1)
        following[i] = heads[place]
        heads[place] = i
    taken = np.zeros(n, np.bool_)
    for j in range(m):
        source[j] = -1
        i = heads[_hash(after, j) & (size - 1)]
        while i >= 0:
            if not taken[i] and _is_equal(before, i, after, j):
                taken[i] = True
                source[j] = i
                break
            i = following[i]


@njit(nogil=True, cache=True)
def _is_equal(before, i, after, j):
    is_equal = True
    for k in range(before.shape[1]):
        is_equal &= before[i, k] == after[j, k]
    return is_equal


@njit(nogil=True, cache=True)
def _hash(rows, i):
    mixed = np.uint64(0)
    for k in range(rows.shape[1]):
        mixed = (mixed ^ np.uint64(rows[i, k])) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    return np.int64(mixed >> np.uint64(1))


@njit(nogil=True, cache=True)
def gap_and_cost(before, i, after, j, slack, ratio):
    """Return the distance of two bars, inf if they may not be one, and what matching them costs.

    ``before`` (n, 2) and ``after`` (m, 2) are births and deaths. Two bars may be one if they are
    nearer to each other than both to the diagonal together and the shorter one has at least
    ``ratio`` of the persistence of the longer, or if they are within ``slack``. The cost is less
    than 0, for it is compared with leaving both alone, and 0 where they may not be one.
    """
    gap = max(abs(after[j, 0] - before[i, 0]), abs(after[j, 1] - before[i, 1]))
    length, other = before[i, 1] - before[i, 0], after[j, 1] - after[j, 0]
    saved = gap - (length + other) / 2
    longer = max(length, other)
    if (saved < 0 and min(length, other) >= ratio * longer) or gap <= slack:
        return gap, min(saved, -1e-9 * longer)
    return np.inf, 0.0


@njit(nogil=True, cache=True)
def mutual(before, after, slack, ratio, clear, nearest):
    """Fill ``nearest`` (m,) with the former bar that is nearest to a bar and has it as nearest.

    ``before`` (n, 2) and ``after`` (m, 2) are births and finite deaths; see `gap_and_cost`
    for which bars may be one. -1 where there is none; of several that are as near the first counts.
    With ``clear`` any other bar must be more than three times as far from both.
    """
    n, m = len(before), len(after)
    births, deaths = after[:, 0].copy(), after[:, 1].copy()
    first = np.full(m, np.inf)  # distance of the nearest
    second = np.full(m, np.inf)
    nearest[:] = -1
    back = np.full(n, -1)
    is_clear = np.ones(n, np.bool_)
    gaps = np.empty(m)
    for i in range(n):
        birth, death = before[i, 0], before[i, 1]
        length = death - birth
        for j in range(m):  # without a branch, so that it becomes vector instructions
            gap = max(abs(births[j] - birth), abs(deaths[j] - death))
            other = deaths[j] - births[j]
            alike = min(length, other) >= ratio * max(length, other)
            may = ((gap < (length + other) / 2) & alike) | (gap <= slack)
            gaps[j] = gap if may else np.inf
        least = following = np.inf
        for j in range(m):
            gap = gaps[j]
            if gap < following:
                if gap < least:
                    following, least = least, gap
                    back[i] = j
                else:
                    following = gap
            if gap < second[j]:
                if gap < first[j]:
                    second[j], first[j] = first[j], gap
                    nearest[j] = i
                else:
                    second[j] = gap
        is_clear[i] = 3 * least < following
    for j in range(m):
        i = nearest[j]
        if i < 0:
            continue
        if back[i] != j or (clear and not (is_clear[i] and 3 * first[j] < second[j])):
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
