"""Distance matrices with pinned arithmetic: float32, coordinates in order, no FMA."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def euclidean(columns, out):
    """Fill ``out`` (n, n) from ``columns`` (dim, n)."""
    dim, n = columns.shape
    for a in range(n):
        row = out[a]
        row[:] = np.float32(0)
        for k in range(dim):
            x = columns[k, a]
            column = columns[k]
            for b in range(n):
                difference = column[b] - x
                row[b] += difference * difference
        for b in range(n):
            row[b] = np.sqrt(row[b])


@njit(nogil=True, cache=True)
def manhattan(columns, out):
    """Fill ``out`` (n, n) from ``columns`` (dim, n)."""
    dim, n = columns.shape
    for a in range(n):
        row = out[a]
        row[:] = np.float32(0)
        for k in range(dim):
            x = columns[k, a]
            column = columns[k]
            for b in range(n):
                row[b] += abs(column[b] - x)


@njit(nogil=True, cache=True)
def chebyshev(columns, out):
    """Fill ``out`` (n, n) from ``columns`` (dim, n)."""
    dim, n = columns.shape
    for a in range(n):
        row = out[a]
        row[:] = np.float32(0)
        for k in range(dim):
            x = columns[k, a]
            column = columns[k]
            for b in range(n):
                row[b] = max(row[b], abs(column[b] - x))
