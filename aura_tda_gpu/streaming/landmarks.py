"""Landmarks: a few points that stand for a large window, with a certificate.

Two strategies: `GhostCover` keeps a cover up to date row by row, `MaxMin` selects anew at every
tick. The bound on the diagram is from Chazal, de Silva and Oudot, "Persistence stability for
geometric complexes" (Geom. Dedicata 2014), section 5: a correspondence of distortion 2 eps moves
the Rips diagram by at most 2 eps. Landmarks need not be rows of the window: it is enough that every
row is within eps of a landmark and every landmark within eps of a row.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..persistence.arrays import Float64Array
from ..persistence.distances import Rows as Coordinates
from ..persistence.engine import Int64Array
from .ring_buffer import RingBuffer, Rows

__all__ = ["LandmarkStrategy", "Landmarks", "cast_error", "gap_kind", "landmark_error", "rounding"]

_UNIT = 2.0**-23
_TINY = 2.0**-74  # the square of a smaller difference is not a normal float32
_CAST = 2.0**-24 * (1 + 2.0**-20)  # the subtraction of the origin rounds, too


@dataclass(frozen=True, slots=True)
class Landmarks:
    """What stands for a window at one tick.

    Attributes
    ----------
    points : ndarray, shape (m, dim)
        As the engine takes them: float32 less the origin, or float64 under ``"cosine"``.
    ids : ndarray of int64, shape (m,)
        Point ids, each once. A point with the same id and origin has the same coordinates.
    origin : ndarray of float64, shape (dim,)
        What was subtracted.
    radius : float
        Covering radius: every row is this near to a landmark and every landmark to a row.
    rho : float
        Radius within which a row joins a landmark; 0.0 where each row is its own.
    error_bound : float
        Upper bound of the bottleneck distance to the diagram of all rows; 0.0 if every row equals
        a landmark.
    """

    points: Coordinates
    ids: Int64Array
    origin: Float64Array
    radius: float
    rho: float
    error_bound: float


class LandmarkStrategy(Protocol):
    """How landmarks are found; one object a window."""

    @property
    def nbytes(self) -> int:
        """Bytes held, the same from the start."""

    def take(self, rows: Rows, first: int, live: int) -> None:
        """See rows that are about to enter the ring buffer.

        Parameters
        ----------
        rows : Rows
            In time order; those seen before are recognised and left alone.
        first : int
            Number of the first one among all rows that ever entered.
        live : int
            Number of the oldest row that the buffer holds.
        """

    def behind(self, ring: RingBuffer) -> int:
        """Return how many rows of the buffer have not been seen and will have to be."""

    def catch_up(self, ring: RingBuffer) -> None:
        """See these rows."""

    def choose(self, ring: RingBuffer, n: int, t_ns: int, origin: Float64Array) -> Landmarks:
        """Return the landmarks of the ``n`` oldest rows of the buffer.

        Parameters
        ----------
        ring : RingBuffer
            The window, older rows evicted.
        n : int
            Number of rows; exact if there are no more of them than landmarks.
        t_ns : int
            Time of the tick. Asked again for the same tick, the answer is the same.
        origin : ndarray of float64, shape (dim,)
            What has been subtracted so far.
        """


def gap_kind(metric: str) -> int:
    """Return what makes a gap of coordinate differences, as the kernels name it."""
    from ..persistence.kernels import farthest

    kinds = {"manhattan": farthest.SUM, "chebyshev": farthest.LARGEST}
    return kinds.get(metric, farthest.SQUARES)


def rounding(distance: float, dim: int, metric: str) -> float:
    """Bound the error of a float32 distance, with room to spare for this arithmetic itself."""
    unit = (dim + 8) * _UNIT
    if metric in ("manhattan", "chebyshev"):
        return distance * unit
    if metric == "euclidean":
        return distance * unit + math.sqrt(dim) * _TINY
    # an angle is steep in its chord near pi, where only the root of the chord's error bounds it
    return unit / math.cos(distance / 2) if distance <= 3 else 3 * math.sqrt(unit)


def cast_error(shifted: Float64Array, radius: float, metric: str) -> float:
    """Bound how far the cast to float32 moves landmarks and the rows near them.

    Parameters
    ----------
    shifted : ndarray, shape (m, dim)
        The landmarks less the origin, m at least 1; of length one under ``"cosine"``.
    radius : float
        Covering radius.
    metric : str
        Name of the metric.
    """
    if metric == "cosine":
        return _UNIT
    dim = shifted.shape[1]
    far = float(_lengths(shifted, metric).max())
    return (far + radius) * _CAST + float(dim * 2.0**-149)


def landmark_error(shifted: Float64Array, radius: float, metric: str) -> float:
    """Bound the bottleneck distance of the diagrams of landmarks and window.

    Parameters
    ----------
    shifted, radius, metric
        As in `cast_error`.

    Returns
    -------
    float
        ``2 (radius + 2 cast + rounding)``, the rounding that of distances up to the enclosing
        radius: it holds for the rows as they were pushed and for their float32 coordinates.
    """
    if radius == 0.0:
        return 0.0
    dim = shifted.shape[1]
    far = float(_lengths(shifted - shifted[0], metric).max()) + 2 * radius
    blur = rounding(far + rounding(far, dim, metric), dim, metric)
    error = radius + 2 * cast_error(shifted, radius, metric) + blur
    return math.nextafter(2 * error, math.inf)


def _lengths(vectors: Float64Array, metric: str) -> Float64Array:
    """Return the length of each row, as an angle under ``"cosine"``, shape (m,)."""
    size = np.abs(vectors)
    if metric == "manhattan":
        lengths: Float64Array = size.sum(axis=1)
    elif metric == "chebyshev":
        lengths = size.max(axis=1)
    else:
        lengths = np.sqrt((size * size).sum(axis=1))
    return 2 * np.arcsin(np.minimum(lengths / 2, 1)) if metric == "cosine" else lengths
