"""Edge keys: one uint64 that sorts by the total order (length, larger vertex, smaller vertex)."""

from __future__ import annotations

import numpy as np
from numba import njit

from ..edge_keys import LENGTH_SHIFT, VERTEX_MASK, VERTEX_SHIFT

BUCKET_SHIFT = np.uint32(16)


@njit(nogil=True, cache=True, inline="always")
def larger_vertex(key):
    """Vertex with the larger id."""
    return np.int64((key >> VERTEX_SHIFT) & VERTEX_MASK)


@njit(nogil=True, cache=True, inline="always")
def smaller_vertex(key):
    """Vertex with the smaller id."""
    return np.int64(key & VERTEX_MASK)


@njit(nogil=True, cache=True, inline="always")
def edge_key(bits, a, b):
    """Key of edge ab; ``bits`` is the uint32 pattern of its non-negative float32 length."""
    low = min(a, b)
    high = max(a, b)
    return (np.uint64(bits) << LENGTH_SHIFT) | (np.uint64(high) << VERTEX_SHIFT) | np.uint64(low)


@njit(nogil=True, cache=True)
def enclosing_radius(bits):
    """Smallest over vertices of the largest entry of its row, as a uint32 pattern."""
    best = np.uint32(0xFFFFFFFF)
    for a in range(bits.shape[0]):
        farthest = np.uint32(0)
        for b in range(bits.shape[1]):
            farthest = max(farthest, bits[a, b])
        best = min(best, farthest)
    return best


@njit(nogil=True, cache=True)
def count_edges(bits, limit, first, last, bucket_of, counts):
    """Count the edges not longer than ``limit`` of rows ``first`` to ``last`` in each bucket.

    ``bucket_of`` (65536,) uint8 is indexed by the upper half of a length's pattern.
    """
    for a in range(first, last):
        for b in range(a):
            length = bits[a, b]
            if length <= limit:
                counts[bucket_of[length >> BUCKET_SHIFT]] += 1


@njit(nogil=True, cache=True)
def fill_keys(bits, limit, first, last, bucket_of, starts, edge_keys):
    """Write the keys of those edges, each at the next free place of its bucket."""
    for a in range(first, last):
        for b in range(a):
            length = bits[a, b]
            if length <= limit:
                bucket = bucket_of[length >> BUCKET_SHIFT]
                edge_keys[starts[bucket]] = edge_key(length, a, b)
                starts[bucket] += 1


@njit(nogil=True, cache=True)
def ends_first(key):
    """Return a key that sorts by length, then by the smaller vertex, then by the larger one."""
    low = np.uint64(smaller_vertex(key))
    return (
        (key >> LENGTH_SHIFT << LENGTH_SHIFT)
        | (low << VERTEX_SHIFT)
        | np.uint64(larger_vertex(key))
    )
