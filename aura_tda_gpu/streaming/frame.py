"""From the float64 rows of a window to the float32 coordinates of one tick."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from ..persistence.arrays import Float64Array
from ..persistence.engine import Float32Array
from .ring_buffer import RingBuffer

__all__ = ["blocks", "coordinates", "origin_for"]

_FAR = 256  # extents; float32 then resolves 2**-16 of the extent
_BLOCK = 1 << 16  # rows


def origin_for(
    parts: Iterable[Float64Array], oldest: Float64Array, origin: Float64Array
) -> Float64Array:
    """Return what is to be subtracted from points.

    Parameters
    ----------
    parts : iterable of ndarray of float64, shape (m, dim)
        The points, at least one in each part.
    oldest : ndarray of float64, shape (dim,)
        The oldest of them.
    origin : ndarray of float64, shape (dim,)
        What has been subtracted so far.

    Returns
    -------
    ndarray of float64, shape (dim,)
        The same origin, or a copy of the oldest point if a coordinate is more than 256 times the
        largest coordinate extent of the points away from the origin.
    """
    low = np.full(len(origin), np.inf)
    high = -low
    for points in parts:
        np.minimum(low, points.min(axis=0), out=low)
        np.maximum(high, points.max(axis=0), out=high)
    extent = float((high - low).max())
    distance = float(np.maximum(high - origin, origin - low).max())
    if extent > 0 and distance > _FAR * extent:
        return oldest.copy()
    return origin


def coordinates(ring: RingBuffer, n: int, origin: Float64Array) -> Float32Array:
    """Return the ``n`` oldest rows less the origin, float32 of shape (n, dim)."""
    out = np.empty((n, len(origin)), np.float32)
    start = 0
    for rows in blocks(ring, n):
        out[start : start + len(rows)] = rows - origin
        start += len(rows)
    return out


def blocks(ring: RingBuffer, n: int) -> Iterator[Float64Array]:
    """Yield the ``n`` oldest rows in parts of some megabytes, shape (m, dim)."""
    for start in range(0, n, _BLOCK):
        yield ring.points(start, min(start + _BLOCK, n))
