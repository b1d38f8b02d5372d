"""Bars that are assigned to each other at least cost, and an order that keeps ties."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["assign", "stable_order"]


@njit(nogil=True, cache=True)
def assign(costs, partner):
    """Fill ``partner`` (n,) with the column of each row of ``costs`` (n, m), n <= m.

    The sum of their costs is least. Shortest augmenting paths with dual variables, from Crouse,
    "On implementing 2D rectangular assignment algorithms" (IEEE Trans. Aerosp. Electron. Syst. 52,
    2016). Of columns as near one that is free counts, and else the last that is left.
    """
    n, m = costs.shape
    row_dual, column_dual, distance = np.zeros(n), np.zeros(m), np.empty(m)
    row_of, came_by, left = np.full(m, -1), np.empty(m, np.int64), np.empty(m, np.int64)
    for start in range(n):
        for j in range(m):
            distance[j] = np.inf
            left[j] = m - 1 - j
        n_left, row, end, so_far = m, start, -1, 0.0
        while end < 0:
            nearest, least = 0, np.inf
            for place in range(n_left):
                j = left[place]
                through = so_far + costs[row, j] - row_dual[row] - column_dual[j]
                if through < distance[j]:
                    distance[j], came_by[j] = through, row
                if distance[j] < least or (distance[j] == least and row_of[j] < 0):
                    nearest, least = place, distance[j]
            j, so_far = left[nearest], least
            n_left -= 1
            left[nearest], left[n_left] = left[n_left], j
            row = row_of[j]
            if row < 0:
                end = j
        row_dual[start] += so_far
        for place in range(n_left, m):  # the columns that the path has come by
            j = left[place]
            if row_of[j] >= 0:
                row_dual[row_of[j]] += so_far - distance[j]
            column_dual[j] -= so_far - distance[j]
        row = -1
        while row != start:
            row = came_by[end]
            row_of[end] = row
            partner[row], end = end, partner[row]


@njit(nogil=True, cache=True)
def stable_order(keys, n, order):
    """Fill ``order`` with the rows of the first ``n`` keys, ascending, equal ones as they come."""
    merged = np.empty(n, np.int64)
    for i in range(n):
        order[i] = i
    width = 1
    while width < n:
        for low in range(0, n - width, 2 * width):
            middle, high = low + width, min(low + 2 * width, n)
            i, j = low, middle
            for k in range(low, high):
                if j >= high or (i < middle and not keys[order[j]] < keys[order[i]]):
                    merged[k] = order[i]
                    i += 1
                else:
                    merged[k] = order[j]
                    j += 1
            for k in range(low, high):
                order[k] = merged[k]
        width *= 2
