"""From what a caller passes to float32 points and distances, with every bit pinned.

Sums run over the coordinates in order, in float32, round to nearest, without fused
multiply-add and without the Gram form, so that every engine holds the same distances.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ConfigError, InvalidInputError
from .arrays import Float64Array, Rows, as_matrix
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
_INFINITY_BITS = 0x7F800000  # a larger bit pattern is negative, -0.0 or not a number
_BLOCK = 1 << 19  # entries of one row block
_TILE = 64  # a tile and its mirror image stay in the cache


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
    for start, stop in _blocks(*out.shape):
        _fill(out[start:stop], points[start:stop], columns, metric)
    return out


def angles(chords: Float32Array) -> Float32Array:
    """Turn chords between unit vectors into angles in radians, in place.

    The arc sine is taken in float64 and rounded once. Every engine calls this one function,
    for library arc sines differ in the last bit.
    """
    for start, stop in _blocks(*chords.shape):
        half = chords[start:stop].astype(np.float64)
        half /= 2
        np.minimum(half, 1.0, out=half)
        np.arcsin(half, out=half)
        half *= 2
        chords[start:stop] = half
    return chords


def as_dissimilarity(D: Any) -> Float32Array:
    """Validate a dissimilarity matrix and return it as float32.

    Parameters
    ----------
    D : array_like, shape (n, n)
        Symmetric after the cast to float32, zero diagonal, no NaN, no negative entry. ``inf``
        means that the two vertices never share an edge. The triangle inequality is not needed.

    Returns
    -------
    ndarray of float32, shape (n, n)
        C-contiguous; may share memory with ``D``.

    Raises
    ------
    InvalidInputError
        If one of these does not hold; names the row and the column.
    """
    given = as_matrix(D, "D")
    n, columns = given.shape
    if n != columns:
        raise InvalidInputError(f"D must be square, not of shape {given.shape}")
    out = np.asarray(given, np.float32) if _is_clean(given) else _clean(given)
    diagonal = np.diagonal(out)
    if diagonal.any():
        row = int(np.argmax(diagonal != 0))
        raise InvalidInputError(
            f"D[{row}, {row}] = {given[row, row]} but the diagonal must be zero", row
        )
    for start, stop in [] if _is_symmetric(out) else _blocks(n, n):
        mirrored = out[:, start:stop].T
        _refuse(
            out[start:stop] != mirrored, start, given[start:stop], "differs from its mirror image"
        )
    return out


def _is_clean(given: Rows) -> bool:
    """Tell in one pass whether a matrix can be used as it is."""
    if given.dtype != np.float32 or not given.flags.c_contiguous:
        return False
    return bool(given.view(np.uint32).max(initial=0) <= _INFINITY_BITS)


def _clean(given: Rows) -> Float32Array:
    """Cast to float32, turn -0.0 into 0.0, refuse entries that are no lengths."""
    out = np.empty(given.shape, np.float32)
    for start, stop in _blocks(*given.shape):
        block = given[start:stop]
        _refuse(np.isnan(block), start, block, "is not a number")
        _refuse(block < 0, start, block, "is negative")
        with np.errstate(over="ignore"):
            np.add(block, 0, out=out[start:stop], dtype=np.float32, casting="same_kind")
        lost = np.isinf(out[start:stop]) & np.isfinite(block)
        _refuse(lost, start, block, "overflows float32")
    return out


def _is_symmetric(matrix: Float32Array) -> bool:
    """Compare each tile above the diagonal with its mirror image."""
    starts = range(0, len(matrix), _TILE)
    return all(
        bool((matrix[i : i + _TILE, j : j + _TILE] == matrix[j : j + _TILE, i : i + _TILE].T).all())
        for i in starts
        for j in range(i, len(matrix), _TILE)
    )


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


def _blocks(rows: int, columns: int) -> list[tuple[int, int]]:
    """Cut rows into blocks of about `_BLOCK` entries."""
    step = max(1, _BLOCK // max(1, columns))
    return [(start, min(start + step, rows)) for start in range(0, rows, step)]


def _refuse(bad: npt.NDArray[np.bool_], start: int, block: Rows, what: str) -> None:
    """Raise for the first true entry of ``bad``, a mask over the rows from ``start``."""
    if bad.any():
        local, column = (int(i) for i in np.unravel_index(int(np.argmax(bad)), bad.shape))
        row = start + local
        raise InvalidInputError(f"D[{row}, {column}] = {block[local, column]} {what}", row)
