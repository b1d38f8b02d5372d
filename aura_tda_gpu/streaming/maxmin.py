"""Farthest-point landmarks, selected anew at every tick.

The selection is from Gonzalez, "Clustering to minimize the maximum intercluster distance"
(Theor. Comput. Sci. 1985), section 2. It looks at all rows of a window for each landmark.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..persistence.arrays import Float64Array
from ..persistence.distances import Rows as Coordinates
from ..persistence.distances import check_metric, unit_rows
from ..persistence.engine import Float32Array, Int64Array
from .frame import blocks, coordinates, origin_for
from .landmarks import Landmarks, cast_error, gap_kind, rounding
from .ring_buffer import RingBuffer, Rows

__all__ = ["FarthestPoints", "MaxMin", "farthest_points"]

_SMALL = np.float32(2.0**-50)  # two float32 numbers closer than 2**-74 are both smaller than this
_BLOCK = 1 << 10  # rows


@dataclass(frozen=True, slots=True)
class FarthestPoints:
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


class MaxMin:
    """Farthest-point landmarks of a window; a `LandmarkStrategy`.

    Parameters
    ----------
    max_landmarks : int
        A window of no more rows than this is its own landmarks.
    metric : str
        Name of the metric.

    Notes
    -----
    Rows that are equal in float32 are one point to it.
    """

    nbytes = 0

    def __init__(self, max_landmarks: int, metric: str) -> None:
        from ..persistence.cpu import warm_landmarks

        warm_landmarks()
        self._max_landmarks = max_landmarks
        self._metric = metric

    def take(self, rows: Rows, first: int, live: int) -> None:
        """Do nothing; see `LandmarkStrategy`."""

    def behind(self, ring: RingBuffer) -> int:
        """Return 0: no row has to be seen before `choose`."""
        return 0

    def catch_up(self, ring: RingBuffer) -> None:
        """Do nothing; see `LandmarkStrategy`."""

    def choose(self, ring: RingBuffer, n: int, t_ns: int, origin: Float64Array) -> Landmarks:
        """Return the landmarks of the ``n`` oldest rows; see `LandmarkStrategy`."""
        points: Coordinates
        if self._metric == "cosine":
            points = ring.points(0, n)
        else:
            if n:
                origin = origin_for(blocks(ring, n), ring.points(0, 1)[0], origin)
            points = coordinates(ring, n, origin)
        ids = ring.ids(0, n)
        if n <= self._max_landmarks:
            return Landmarks(points, ids, origin, 0.0, 0.0, 0.0)
        chosen = farthest_points(points, self._max_landmarks, self._metric)
        points, ids = points[chosen.indices], ids[chosen.indices]
        radius, error = chosen.radius, chosen.error_bound
        if error > 0.0:
            radius += rounding(radius, points.shape[1], self._metric)
            cast = cast_error(points.astype(np.float64), radius, self._metric)
            error = math.nextafter(error + 4 * cast, math.inf)
        return Landmarks(points, ids, origin, radius, chosen.radius, error)


def farthest_points(points: Coordinates, k: int, metric: str = "euclidean") -> FarthestPoints:
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
    FarthestPoints
        With ``error_bound = 2 (eps + rho)``: ``eps`` bounds the covering radius in exact
        arithmetic, ``rho`` the rounding of distances up to the enclosing radius.
    """
    check_metric(metric, precomputed=False, weighted=False)
    if not len(points):
        return FarthestPoints(np.empty(0, np.int64), 0.0, 0.0)
    columns = _columns(points, metric)
    chosen, farthest, reach = _select(columns, k, metric)
    radius = _distance(farthest, metric)
    indices = np.sort(chosen)
    if radius == 0.0 and _covers_exactly(columns, len(chosen), metric):
        return FarthestPoints(indices, 0.0, 0.0)
    eps = radius + rounding(radius, points.shape[1], metric)
    far = _distance(reach, metric)
    rho = rounding(far + rounding(far, points.shape[1], metric), points.shape[1], metric)
    return FarthestPoints(indices, radius, math.nextafter(2 * (eps + rho), math.inf))


def _columns(points: Coordinates, metric: str) -> Float32Array:
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

    chosen = np.empty(min(k, columns.shape[1]), np.int64)
    count, radius, reach = farthest.select(columns, gap_kind(metric), chosen)
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
