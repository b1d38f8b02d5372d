"""Weights that hold outliers back: the distance to a measure (DTM).

The weight of a place is the root mean square distance to the nearest points, a fixed share of all
of them: it is small where points are dense and large at an outlier. It is from Chazal,
Cohen-Steiner and Merigot, "Geometric inference for probability measures" (Found. Comput. Math.
2011), section 3; the filtration it makes is in `weighted`.

Weights are computed on the host, once for all backends, and every bit is pinned: squares are summed
over the coordinates in order in float64, without fused multiply-add; the smallest of them are
sorted and summed from the smallest on; mean and root are in float64, and the root is cast to
float32.
"""

from __future__ import annotations

import math
from numbers import Real

import numpy as np

from ..errors import ConfigError
from .arrays import Float64Array
from .engine import Float32Array

__all__ = [
    "BLOCK",
    "DEFAULT_MASS",
    "DTM",
    "base_metric",
    "check_mass",
    "distances_to_measure",
    "neighbours",
    "sums_of_smallest",
]

DTM = "dtm"
DEFAULT_MASS = 0.1
BLOCK = 1 << 15  # squares at a time, which stay in the cache

_SLACK = 1e-6  # points; a product such as 0.07 x 100 must not become one more


def base_metric(metric: str) -> str:
    """Return the metric that lies below a weighted one: ``"euclidean"`` for ``"dtm"``."""
    return "euclidean" if metric == DTM else metric


def check_mass(mass: object, metric: str) -> float | None:
    """Return the share of the points that makes a weight, None for a metric without weights.

    Parameters
    ----------
    mass : float, optional
        Above 0 and at most 1; None takes `DEFAULT_MASS` where the metric has weights.
    metric : str
        Name of the metric.

    Raises
    ------
    ConfigError
        If it is out of range, or given with a metric other than ``"dtm"``.
    """
    if metric != DTM:
        if mass is not None:
            raise ConfigError(f"dtm_mass is {mass!r}, and metric {metric!r} takes none: only 'dtm'")
        return None
    if mass is None:
        return DEFAULT_MASS
    number = isinstance(mass, Real) and not isinstance(mass, bool)
    if not number or not 0 < mass <= 1:  # type: ignore[operator]
        raise ConfigError(f"dtm_mass must be a number above 0 and at most 1, not {mass!r}")
    return float(mass)  # type: ignore[arg-type]


def neighbours(mass: float, n: int) -> int:
    """Return how many of ``n`` points make a weight: ``ceil(mass * n)``, at least one of them."""
    return min(n, max(1, math.ceil(mass * n - _SLACK)))


def distances_to_measure(places: Float32Array, points: Float32Array, mass: float) -> Float32Array:
    """Return the distance of each place to the measure that the points make.

    Parameters
    ----------
    places : ndarray of float32, shape (m, dim)
        A place that is one of the points has itself as its nearest one.
    points : ndarray of float32, shape (n, dim)
        Equal points count as often as they are there. At least one, if there is a place.
    mass : float
        From `check_mass`.

    Returns
    -------
    ndarray of float32, shape (m,)
        ``sqrt(mean(d_1^2, ..., d_k^2))`` over the distances to the k nearest points, with k from
        `neighbours`. It changes by no more than the place moves, nor than the points move.
    """
    m, n = len(places), len(points)
    out = np.empty(m, np.float32)
    k = neighbours(mass, n) if m else 0
    columns = np.ascontiguousarray(points.T)
    step = min(max(1, m), max(1, BLOCK // max(1, n)))
    squares, term = np.empty((step, n)), np.empty((step, n))
    for start in range(0, m, step):
        block = places[start : start + step].astype(np.float64)
        total, part = squares[: len(block)], term[: len(block)]
        total[...] = 0
        for axis, column in enumerate(columns):
            np.subtract(block[:, axis, None], column, out=part)
            total += np.multiply(part, part, out=part)
        out[start : start + step] = np.sqrt(sums_of_smallest(total, k, part) / k)
    return out


def sums_of_smallest(values: Float64Array, k: int, scratch: Float64Array) -> Float64Array:
    """Return the sum of the k smallest values of each row, from the smallest on, shape (m,).

    Both arrays, of shape (m, n), are overwritten.
    """
    values.partition(k - 1, axis=1)
    smallest, sums = values[:, :k], scratch[:, :k]
    smallest.sort(axis=1)
    np.add.accumulate(smallest, axis=1, out=sums)  # in order, as a plain sum need not be
    last: Float64Array = sums[:, -1]
    return last
