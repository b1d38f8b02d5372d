"""Farthest-point selection with pinned arithmetic: float32, coordinates in order, no FMA."""

from __future__ import annotations

import numpy as np
from numba import njit

SQUARES, SUM, LARGEST = 0, 1, 2


@njit(nogil=True, cache=True)
def select(columns, kind, chosen):
    """Fill ``chosen`` (k,) with rows, each the farthest from those before it, from row 0 on.

    ``columns`` is (dim, n), ``kind`` says what makes a gap of coordinate differences. Returns
    how many were chosen before every gap was 0, the largest gap left, and that to row 0.
    """
    dim, n = columns.shape
    nearest = np.full(n, np.inf, np.float32)
    gap = np.empty(n, np.float32)
    # patterns of floats that are not negative compare like the floats, and integers vectorise
    patterns = nearest.view(np.int32)
    row = 0
    reach = np.float32(0)
    for count in range(len(chosen)):
        chosen[count] = row
        gap[:] = np.float32(0)
        for k in range(dim):
            x = columns[k, row]
            column = columns[k]
            if kind == SQUARES:
                for b in range(n):
                    difference = column[b] - x
                    gap[b] += difference * difference
            elif kind == SUM:
                for b in range(n):
                    gap[b] += abs(column[b] - x)
            else:
                for b in range(n):
                    gap[b] = max(gap[b], abs(column[b] - x))
        largest = np.int32(0)
        for b in range(n):
            nearest[b] = min(nearest[b], gap[b])
        for b in range(n):
            largest = max(largest, patterns[b])
        row = 0
        while patterns[row] != largest:
            row += 1
        if count == 0:
            reach = nearest[row]
        if largest == 0:
            return count + 1, np.float32(0), reach
    return len(chosen), nearest[row], reach
