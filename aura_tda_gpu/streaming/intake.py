"""From what a caller pushes to checked float64 rows and integer nanoseconds."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InvalidInputError
from ..persistence import distances
from ..persistence.arrays import Float64Array
from ..persistence.engine import Int64Array
from .event_times import NS_PER_S, as_nanoseconds

__all__ = [
    "as_batch",
    "as_plain_point",
    "check_dim",
    "rows_taken",
    "usable_rows",
]

_FLOAT32_MAX = float(np.finfo(np.float32).max)
_PLAIN_SECONDS = 9e9  # int64 nanoseconds hold a little more
_PLAIN_TYPES = (np.float64, np.float32)


def as_batch(
    points: Any, timestamps: Any, dim: int | None, slide_ns: int | None = None
) -> tuple[distances.Rows, Int64Array]:
    """Validate one push.

    Parameters
    ----------
    points : array_like, shape (m, dim), or (dim,) with a scalar timestamp
        Coordinates.
    timestamps : array_like, shape (m,), or scalar for one point
        Seconds, or numpy datetime64.
    dim : int or None
        Coordinates a point must have; None takes any.
    slide_ns : int, optional
        As in `as_nanoseconds`.

    Returns
    -------
    rows : ndarray of float32 or float64, shape (m, dim)
        The points as given.
    times : ndarray of int64, shape (m,)
        Event times in nanoseconds.

    Raises
    ------
    InvalidInputError
        If something is not a finite number, or shapes do not fit; names the first such row.
    """
    times = as_nanoseconds(timestamps, slide_ns)
    if times.ndim == 0:
        times = times[np.newaxis]
        if _is_one_point(points):
            points = points[np.newaxis] if hasattr(points, "ndim") else [points]
    if not times.size and _is_empty(points):
        return np.empty((0, dim or 0)), times
    rows = distances.as_rows(points, "points")
    if len(rows) != len(times):
        raise InvalidInputError(f"{len(rows)} points came with {len(times)} timestamps")
    check_dim(rows, dim)
    return rows, times


def check_dim(rows: distances.Rows, dim: int | None) -> None:
    """Refuse rows of another dimension than that of the stream; None takes any.

    Raises
    ------
    InvalidInputError
        If they do not fit.
    """
    if dim is not None and rows.shape[1] != dim:
        raise InvalidInputError(f"points have {rows.shape[1]} coordinates, the stream has {dim}", 0)


def as_plain_point(
    point: Any, timestamp: Any, first: Float64Array, metric: str
) -> tuple[list[float], int] | None:
    """Convert one point in the plainest form quickly, or return None for `as_batch` to judge.

    Parameters
    ----------
    point : object
        Anything; a float array of shape (dim,), or a list or tuple of floats, is converted.
    timestamp : object
        Anything; a finite float is converted.
    first : ndarray of float64, shape (dim,)
        First accepted row of the stream.
    metric : str
        Metric of the stream.

    Returns
    -------
    values : list of float
        The coordinates.
    t_ns : int
        Event time in nanoseconds.
    """
    if not isinstance(timestamp, float) or not abs(timestamp) < _PLAIN_SECONDS:
        return None
    if type(point) is np.ndarray:
        if point.ndim != 1 or point.dtype not in _PLAIN_TYPES:
            return None
        values: list[float] = point.tolist()
    elif type(point) in (list, tuple) and all(type(value) is float for value in point):
        values = list(point)
    else:
        return None
    if len(values) != len(first):
        return None
    if metric == "cosine":
        usable = any(values) and all(map(math.isfinite, values))
    else:
        usable = _is_near(values, first.tolist(), reach(len(values)))
    return (values, round(float(timestamp) * NS_PER_S)) if usable else None


def _is_near(values: list[float], origins: list[float], limit: float) -> bool:
    """Tell whether every coordinate is finite and within a limit of another point's."""
    for value, origin in zip(values, origins, strict=True):  # noqa: SIM110 - all() takes longer
        if not abs(value - origin) <= limit:
            return False
    return True


@cache
def reach(dim: int) -> float:
    """Return how far a coordinate may lie from the first row: half of what float32 takes."""
    return float(0.24 * np.sqrt(_FLOAT32_MAX / dim))  # the origin may move to any row


def usable_rows(
    rows: distances.Rows, keep: npt.NDArray[np.bool_], first: Float64Array, metric: str
) -> Float64Array:
    """Return the rows to keep as float64, one after the other in memory.

    Parameters
    ----------
    rows : ndarray, shape (m, dim)
        Finite values.
    keep : ndarray of bool, shape (m,)
        The rows to keep; the others are not looked at.
    first : ndarray of float64, shape (dim,)
        First accepted row of the stream.
    metric : str
        Metric of the stream.

    Raises
    ------
    InvalidInputError
        If float32 distances to such a row could overflow, or if it is zero under ``"cosine"``;
        the row is counted among all rows.
    """
    everything = bool(keep.all())
    if metric != "cosine" and everything and _are_near(rows, first):
        return rows.astype(np.float64, order="C")
    bad, reason = _unusable(rows, first, metric)
    bad &= keep
    if bad.any():
        row = int(np.argmax(bad))
        raise InvalidInputError(f"row {row} {reason}", row)
    if everything:
        return rows.astype(np.float64, order="C")
    return rows[keep].astype(np.float64, order="C", copy=False)


def rows_taken(rows: distances.Rows, metric: str) -> Float64Array:
    """Return the rows that a stream takes which begins with them, without those it refuses.

    Parameters
    ----------
    rows : ndarray, shape (m, dim)
        Finite values.
    metric : str
        Metric of the stream.

    Returns
    -------
    ndarray of float64, shape (n, dim)
        Where all are taken, too, these are a copy.
    """
    if not len(rows):
        return rows.astype(np.float64)
    bad, _ = _unusable(rows, rows[0].astype(np.float64), metric)
    return rows[~bad].astype(np.float64, order="C", copy=False)


def _unusable(
    rows: distances.Rows, first: Float64Array, metric: str
) -> tuple[npt.NDArray[np.bool_], str]:
    """Tell which rows a stream refuses, and why."""
    bad: npt.NDArray[np.bool_]
    if metric == "cosine":
        bad = np.asarray(~rows.any(axis=1))
        return bad, "is the zero vector: the cosine metric needs a direction"
    limit = reach(rows.shape[1])
    with np.errstate(over="ignore"):
        bad = np.asarray(~(np.abs(rows.astype(np.float64) - first) <= limit).all(axis=1))
    return bad, (
        f"is more than {limit:.2g} from the first row of the stream: "
        "float32 distances would overflow"
    )


def _are_near(rows: distances.Rows, first: Float64Array) -> bool:
    """Tell whether rows are certainly not too far from the first one; false proves nothing."""
    if not rows.size:
        return True
    far = max(float(rows.max()), -float(rows.min()))
    off = max(abs(value) for value in first.tolist())
    return bool(far + off <= 0.5 * reach(rows.shape[1]))


def _is_one_point(points: Any) -> bool:
    try:
        return np.ndim(points) == 1
    except (AttributeError, BufferError, RuntimeError, TypeError, ValueError):
        return False


def _is_empty(points: Any) -> bool:
    try:
        return len(points) == 0
    except TypeError:
        return False
