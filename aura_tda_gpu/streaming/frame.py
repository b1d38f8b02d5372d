"""From the float64 rows of a window to the float32 coordinates of one tick."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..persistence.arrays import Float64Array
from ..persistence.engine import Float32Array
from .ring_buffer import RingBuffer

__all__ = ["coordinates", "origin_for"]

_FAR = 256  # extents; float32 then resolves 2**-16 of the extent
_BLOCK = 1 << 16  # rows


def origin_for(ring: RingBuffer, n: int, origin: Float64Array) -> Float64Array:
    """Return what is to be subtracted from the oldest rows.

    Parameters
    ----------
    ring : RingBuffer
        Rows of the window.
    n : int
        Number of the oldest rows that count, at least 1.
    origin : ndarray of float64, shape (dim,)
        What has been subtracted so far.

    Returns
    -------
    ndarray of float64, shape (dim,)
        The same origin, or the oldest row if a coordinate is more than 256 times the largest
        coordinate extent of the rows away from the origin.
    """
    low = np.full(len(origin), np.inf)
    high = -low
    for _, rows in _blocks(ring, n):
        np.minimum(low, rows.min(axis=0), out=low)
        np.maximum(high, rows.max(axis=0), out=high)
    extent = float((high - low).max())
    distance = float(np.maximum(high - origin, origin - low).max())
    if extent > 0 and distance > _FAR * extent:
        oldest: Float64Array = ring.points(0, 1)[0].copy()
        return oldest
    return origin


def coordinates(ring: RingBuffer, n: int, origin: Float64Array) -> Float32Array:
    """Return the ``n`` oldest rows less the origin, float32 of shape (n, dim)."""
    out = np.empty((n, len(origin)), np.float32)
    for start, rows in _blocks(ring, n):
        out[start : start + len(rows)] = rows - origin
    return out


def _blocks(ring: RingBuffer, n: int) -> Iterator[tuple[int, Float64Array]]:
    for start in range(0, n, _BLOCK):
        yield start, ring.points(start, min(start + _BLOCK, n))
