"""Landmarks: a few points that stand for a large window, with a certificate.

Farthest-point selection is from Gonzalez, "Clustering to minimize the maximum intercluster
distance" (Theor. Comput. Sci. 1985), section 2. The bound on the diagram is from Chazal, de
Silva and Oudot, "Persistence stability for geometric complexes" (Geom. Dedicata 2014),
section 5: a correspondence of distortion 2 eps moves the Rips diagram by at most 2 eps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..persistence.distances import Rows, check_metric, unit_rows
from ..persistence.engine import Float32Array, Int64Array

__all__ = ["Cover", "cover", "maxmin"]

_UNIT = 2.0**-23
_TINY = 2.0**-74  # the square of a smaller difference is not a normal float32
_SMALL = np.float32(2.0**-50)  # two float32 numbers closer than _TINY are both smaller than this
_BLOCK = 1 << 10  # rows


@dataclass(frozen=True, slots=True)
class Cover:
    """Landmarks of a set of points.

    Attributes
    ----------
    indices : ndarray of int64, shape (k,)
        Rows that are landmarks, ascending.
    radius : float
        Largest float32 distance of a point to its nearest landmark.
    error_bound : float
        Upper bound of the bottleneck distance of the two Vietoris-Rips diagrams, the rounding
        of float32 distances included; 0.0 if every point equals a landmark.
    """

    indices: Int64Array
    radius: float
    error_bound: float


def maxmin(points: Rows, k: int, metric: str = "euclidean") -> tuple[Int64Array, float]:
    """Select landmarks, each the farthest point from those before it.

    Parameters
    ----------
    points : ndarray of float32, shape (n, dim)
        Finite rows, float64 too under ``"cosine"``; the first is the first landmark. Ties go
        to the lowest row.
    k : int
        Largest number of landmarks; fewer if they already coincide with all points.
    metric : str
        ``"euclidean"``, ``"manhattan"``, ``"chebyshev"`` or ``"cosine"`` (the angle).

    Returns
    -------
    indices : ndarray of int64, shape (at most k,)
        Rows of the landmarks, ascending.
    covering_radius : float
        Largest distance of a point to its nearest landmark, in float32 arithmetic.
    """
    chosen = cover(points, k, metric)
    return chosen.indices, chosen.radius


def cover(points: Rows, k: int, metric: str = "euclidean") -> Cover:
    """Select landmarks as `maxmin` does, with their certificate.

    Parameters
    ----------
    points, k, metric
        As in `maxmin`.

    Returns
    -------
    Cover
        With ``error_bound = 2 (eps + rho)``: ``eps`` bounds the covering radius in exact
        arithmetic, ``rho`` the rounding of distances up to the enclosing radius.
    """
    check_metric(metric, precomputed=False)
    if not len(points):
        return Cover(np.empty(0, np.int64), 0.0, 0.0)
    columns = _columns(points, metric)
    chosen, farthest, reach = _select(columns, k, metric)
    radius = _distance(farthest, metric)
    indices = np.sort(chosen)
    if radius == 0.0 and _covers_exactly(columns, len(chosen), metric):
        return Cover(indices, 0.0, 0.0)
    eps = radius + _rounding(radius, points.shape[1], metric)
    far = _distance(reach, metric)
    rho = _rounding(far + _rounding(far, points.shape[1], metric), points.shape[1], metric)
    return Cover(indices, radius, math.nextafter(2 * (eps + rho), math.inf))


def _columns(points: Rows, metric: str) -> Float32Array:
    """Return the coordinates by columns, shape (dim, n), of unit rows under ``"cosine"``."""
    if metric != "cosine":
        return np.ascontiguousarray(points.T, dtype=np.float32)
    columns = np.empty(points.shape[::-1], np.float32)
    for start in range(0, len(points), _BLOCK):
        columns[:, start : start + _BLOCK] = unit_rows(points[start : start + _BLOCK]).T
    return columns


def _select(columns: Float32Array, k: int, metric: str) -> tuple[Int64Array, float, float]:
    """Return the landmarks, the covering radius, and the farthest from the first, as compared."""
    from ..persistence.kernels import farthest

    kind = {"manhattan": farthest.SUM, "chebyshev": farthest.LARGEST}.get(metric, farthest.SQUARES)
    chosen = np.empty(min(k, columns.shape[1]), np.int64)
    count, radius, reach = farthest.select(columns, kind, chosen)
    return chosen[:count], float(radius), float(reach)


def _distance(gap: float, metric: str) -> float:
    """Turn a gap as it was compared into a distance."""
    if metric == "euclidean":
        return math.sqrt(gap)
    if metric == "cosine":
        return 2 * math.asin(min(1.0, math.sqrt(gap) / 2))
    return gap


def _covers_exactly(columns: Float32Array, n_landmarks: int, metric: str) -> bool:
    """Tell whether a radius of 0 means that every point equals a landmark, not underflow."""
    if metric in ("manhattan", "chebyshev"):
        return True
    if not any(((np.abs(column) < _SMALL) & (column != 0)).any() for column in columns):
        return True
    return len(np.unique(columns.T, axis=0)) == n_landmarks


def _rounding(distance: float, dim: int, metric: str) -> float:
    """Bound the error of a float32 distance, with room to spare for this arithmetic itself."""
    unit = (dim + 8) * _UNIT
    if metric in ("manhattan", "chebyshev"):
        return distance * unit
    if metric == "euclidean":
        return distance * unit + math.sqrt(dim) * _TINY
    # an angle is steep in its chord near pi, where only the root of the chord's error bounds it
    return unit / math.cos(distance / 2) if distance <= 3 else 3 * math.sqrt(unit)
