"""The order of edges in numbers: lengths as bit patterns, edges as keys.

The pattern of a non-negative float32 sorts as the number does. A key is a uint64 that sorts by
the total order (length, larger vertex, smaller vertex).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .engine import Float32Array, Int64Array

__all__ = [
    "INFINITE",
    "LARGEST",
    "LENGTH_SHIFT",
    "VERTEX_MASK",
    "VERTEX_SHIFT",
    "UInt64Array",
    "key_after",
    "lengths_of",
    "pattern_of",
    "vertices_of",
]

UInt64Array = npt.NDArray[np.uint64]

LENGTH_SHIFT = np.uint64(32)
VERTEX_SHIFT = np.uint64(16)
VERTEX_MASK = np.uint64(0xFFFF)
INFINITE = np.float32(np.inf).view(np.uint32)
LARGEST = INFINITE - np.uint32(1)


def pattern_of(length: float) -> np.uint32:
    """Return the pattern of the largest float32 that does not exceed ``length``."""
    with np.errstate(over="ignore"):
        rounded = np.float32(length)
    if float(rounded) > length:
        rounded = np.nextafter(rounded, np.float32(0))
    pattern: np.uint32 = rounded.view(np.uint32)
    return pattern


def key_after(limit: np.uint32) -> np.uint64:
    """Return the least key of an edge that is longer than a pattern."""
    return (np.uint64(limit) + np.uint64(1)) << LENGTH_SHIFT


def lengths_of(edge_keys: UInt64Array) -> Float32Array:
    """Return the lengths."""
    patterns = (edge_keys >> LENGTH_SHIFT).astype(np.uint32)
    lengths: Float32Array = patterns.view(np.float32)
    return lengths


def vertices_of(edge_keys: UInt64Array) -> Int64Array:
    """Return the two ends (m, 2) of each edge, the smaller first."""
    edges = np.empty((len(edge_keys), 2), np.int64)
    edges[:, 0] = edge_keys & VERTEX_MASK
    edges[:, 1] = (edge_keys >> VERTEX_SHIFT) & VERTEX_MASK
    return edges
