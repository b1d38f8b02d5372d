"""From what a caller passes to float32 points and distances, with every bit pinned.

Sums run over the coordinates in order, in float32, round to nearest, without fused
multiply-add and without the Gram form, so that every engine holds the same distances.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import ConfigError, InvalidInputError
from .arrays import Float64Array, Rows, as_matrix, row_blocks
from .dissimilarity import as_dissimilarity
from .engine import Float32Array

__all__ = [
    "METRICS",
    "PLAIN_METRICS",
    "Rows",
    "angles",
    "as_dissimilarity",
    "as_points",
    "as_rows",
    "check_metric",
    "cross",
    "limit_of",
    "not_finite",
    "pairwise",
    "to_float32",
    "unit_rows",
]

PLAIN_METRICS = ("euclidean", "manhattan", "chebyshev", "cosine")
METRICS = (*PLAIN_METRICS, "dtm", "precomputed")

_FLOAT32_MAX = float(np.finfo(np.float32).max)


def check_metric(metric: object, *, precomputed: bool = True, weighted: bool = True) -> str:
    """Return the metric's name.

    Raises
    ------
    ConfigError
        If the name is unknown, or is ``"precomputed"`` where points are needed, or ``"dtm"`` where
        the distance of two points does not depend on others.
    """
    known = METRICS if precomputed else METRICS[:-1] if weighted else PLAIN_METRICS
    if not isinstance(metric, str) or metric not in known:
        raise ConfigError(f"unknown metric {metric!r}; choose one of {', '.join(known)}")
    return metric


def as_points(X: Any, metric: str = "euclidean") -> Float32Array:
    """Validate a point cloud and return it as float32.

    float32 and float16 coordinates are used as they are. Anything else has its first row
    subtracted in float64 before the cast, so that a far-away cloud keeps its shape. With the
    metric ``"cosine"`` no origin is subtracted; rows are scaled to length one instead.

    Parameters
    ----------
    X : array_like, shape (n, dim)
        Lists, numpy arrays, or anything on the CPU with ``__array__`` or ``__dlpack__``.
    metric : str
        One of `METRICS` but ``"precomputed"``.

    Returns
    -------
    ndarray of float32, shape (n, dim)
        C-contiguous; may share memory with ``X``.

    Raises
    ------
    InvalidInputError
        If ``X`` is not a two-dimensional array of finite numbers, if it has no columns, if a
        value is too large for float32 distances, or if a row is zero under ``"cosine"``.
    ConfigError
        If the metric is unknown.
    """
    check_metric(metric, precomputed=False)
    rows = as_rows(X)
    if metric == "cosine":
        return unit_rows(rows)
    origin = rows[0].copy() if len(rows) and rows.dtype == np.float64 else None
    return to_float32(rows, origin)


def as_rows(X: Any, name: str = "X") -> Rows:
    """Validate a point cloud and return it unshifted: float32 if given 16 or 32 bits, else float64.

    Errors call it ``name``.

    Raises
    ------
    InvalidInputError
        As `as_points`, but for the size of the values.
    """
    rows = as_matrix(X, name)
    if rows.shape[1] == 0:
        raise InvalidInputError(
            f"{name} has shape {rows.shape}: points need at least one coordinate"
        )
    finite = np.isfinite(rows)
    if not finite.all():
        row = int(np.argmin(finite.all(axis=1)))
        column = int(np.argmin(np.isfinite(rows[row])))
        value = rows[row, column]
        raise InvalidInputError(not_finite(name, value, row), row)
    return rows


def not_finite(name: str, value: object, row: int) -> str:
    """Say that an array has a value that is not finite."""
    return f"{name} has a value that is not finite, {value}, in row {row}"


def limit_of(dim: int) -> float:
    """Return the largest coordinate whose squared distances cannot overflow float32."""
    return 0.49 * math.sqrt(_FLOAT32_MAX / dim)


def to_float32(rows: Rows, origin: Float64Array | None = None) -> Float32Array:
    """Subtract an origin in float64, then cast.

    Parameters
    ----------
    rows : ndarray, shape (n, dim)
        Finite float32 or float64 values.
    origin : ndarray of float64, shape (dim,), optional
        Without one, nothing is subtracted.

    Raises
    ------
    InvalidInputError
        If the squared distance of two such rows could overflow float32.
    """
    if origin is not None and (rows.dtype != np.float32 or origin.any()):
        with np.errstate(over="ignore"):
            rows = rows.astype(np.float64) - origin
    limit = limit_of(rows.shape[1])
    small = np.abs(rows) <= limit
    if not small.all():
        row = int(np.argmin(small.all(axis=1)))
        raise InvalidInputError(
            f"row {row} has a value beyond {limit:.2g}: float32 distances would overflow", row
        )
    return np.ascontiguousarray(rows, dtype=np.float32)


def unit_rows(rows: Rows) -> Float32Array:
    """Scale each row to length one in float64, then cast to float32.

    Raises
    ------
    InvalidInputError
        If a row is the zero vector, which makes no angle.
    """
    wide = rows.astype(np.float64)
    largest = np.abs(wide).max(axis=1, keepdims=True)
    if not largest.all():
        row = int(np.argmin(largest[:, 0] > 0))
        raise InvalidInputError(
            f"row {row} is the zero vector: the cosine metric needs a direction", row
        )
    wide /= largest
    wide /= np.sqrt((wide * wide).sum(axis=1, keepdims=True))
    return np.ascontiguousarray(wide, dtype=np.float32)


def pairwise(points: Float32Array, metric: str) -> Float32Array:
    """Return the distances of all pairs of prepared points.

    Parameters
    ----------
    points : ndarray of float32, shape (n, dim)
        From `as_points` with the same metric: rows of length one under ``"cosine"``.
    metric : str
        One of `PLAIN_METRICS`.

    Returns
    -------
    ndarray of float32, shape (n, n)
        Symmetric, zero diagonal.
    """
    return cross(points, points, metric)


def cross(points: Float32Array, others: Float32Array, metric: str) -> Float32Array:
    """Return the distances from each of ``points`` to each of ``others``.

    Parameters
    ----------
    points, others : ndarray of float32, shapes (m, dim) and (n, dim)
        Prepared points, see `pairwise`.
    metric : str
        One of `PLAIN_METRICS`.

    Returns
    -------
    ndarray of float32, shape (m, n)
        The same bits whichever way round a pair is asked for.
    """
    check_metric(metric, precomputed=False, weighted=False)
    columns = np.ascontiguousarray(others.T)
    out = np.empty((len(points), len(others)), np.float32)
    for start, stop in row_blocks(*out.shape):
        _fill(out[start:stop], points[start:stop], columns, metric)
    return out


def angles(chords: Float32Array) -> Float32Array:
    """Turn chords between unit vectors into angles in radians, in place.

    The arc sine is taken in float64 and rounded once. Every engine calls this one function,
    for library arc sines differ in the last bit.
    """
    for start, stop in row_blocks(*chords.shape):
        half = chords[start:stop].astype(np.float64)
        half /= 2
        np.minimum(half, 1.0, out=half)
        np.arcsin(half, out=half)
        half *= 2
        chords[start:stop] = half
    return chords


def _fill(out: Float32Array, points: Float32Array, columns: Float32Array, metric: str) -> None:
    """Fill one row block (m, n) from points (m, dim) and the other points transposed (dim, n)."""
    out[...] = 0
    step = np.empty_like(out)
    for axis in range(len(columns)):
        np.subtract(points[:, axis, None], columns[axis], out=step)
        if metric == "chebyshev":
            np.maximum(out, np.abs(step, out=step), out=out)
        elif metric == "manhattan":
            out += np.abs(step, out=step)
        else:
            out += np.multiply(step, step, out=step)
    if metric in ("euclidean", "cosine"):
        np.sqrt(out, out=out)
    if metric == "cosine":
        angles(out)
