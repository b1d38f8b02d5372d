"""From what a caller pushes to checked float64 rows and integer nanoseconds."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InvalidInputError
from ..persistence import distances
from ..persistence.arrays import Float64Array, kind_of
from ..persistence.engine import Int64Array

__all__ = [
    "as_batch",
    "as_instant",
    "as_nanoseconds",
    "as_plain_point",
    "check_dim",
    "coarse_times",
    "rows_taken",
    "usable_rows",
]

_NS_PER_S = 1e9
_FINER_THAN_NS = ("ps", "fs", "as")
_INT64_MAX = 2**63 - 1
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


def as_nanoseconds(timestamps: Any, slide_ns: int | None = None) -> Int64Array:
    """Convert times to integer nanoseconds, rounded to the nearest.

    Parameters
    ----------
    timestamps : array_like
        Scalar or one-dimensional; seconds of any real type, or numpy datetime64.
    slide_ns : int, optional
        Shortest distance of two ticks. Times of a type in which neither two ticks nor two whole
        seconds can be told apart are refused.

    Raises
    ------
    InvalidInputError
        If a time is not a finite number, is beyond 292 years from 0, or is of a type too coarse,
        as float32 is for seconds since 1970; names the first such row.
    """
    try:
        times = np.asarray(timestamps)
    except (AttributeError, BufferError, RuntimeError, TypeError, ValueError) as error:
        raise InvalidInputError(f"timestamps cannot be read as an array: {error}") from None
    if times.ndim > 1:
        raise InvalidInputError(f"timestamps must be one-dimensional, not of shape {times.shape}")
    if isinstance(timestamps, np.ma.MaskedArray):
        _refuse(np.ma.getmaskarray(timestamps), times, "is masked")
    if times.dtype.kind == "M":
        return _from_datetime64(times)
    if times.dtype.kind not in "fiu":
        row = _first_non_number(times)
        raise InvalidInputError(
            f"timestamps must be seconds or numpy datetime64, not {kind_of(times)}: "
            f"row {row} is {np.atleast_1d(times)[row : row + 1].tolist()[0]!r}",
            row,
        )
    with np.errstate(over="ignore"):
        ns = np.rint(times.astype(np.result_type(times.dtype, np.float64)) * _NS_PER_S)
    _refuse(~np.isfinite(times), times, "is not finite")
    _refuse(~(np.abs(ns) < 2.0**63), times, "is beyond 292 years from time 0, in seconds")
    if slide_ns is not None and (found := coarse_times(times, slide_ns)) is not None:
        row, what = found
        value = np.atleast_1d(times)[row]
        raise InvalidInputError(f"timestamp {value} in row {row} {what}", row)
    return ns.astype(np.int64)


def coarse_times(
    times: npt.NDArray[Any], slide_ns: int, per_second: float = 1.0
) -> tuple[int, str] | None:
    """Look for a time of a type in which neither two ticks nor two whole seconds differ.

    Parameters
    ----------
    times : ndarray, shape () or (m,)
        Of any real type; float16 and float32 may be too coarse.
    slide_ns : int
        Shortest distance of two ticks.
    per_second : float
        How many of the unit of the times make a second.

    Returns
    -------
    row : int
        Where the first such time is.
    reason : str
        What is wrong with it. None in place of both if there is none.
    """
    if times.dtype.kind != "f" or times.dtype.itemsize >= 8:
        return None
    with np.errstate(invalid="ignore"):  # nan and infinity have no next
        steps = np.spacing(np.abs(np.atleast_1d(times))).astype(np.float64) / per_second
    bad = steps > max(1.0, slide_ns / _NS_PER_S)
    if not bad.any():
        return None
    row = int(np.argmax(bad))
    return row, (
        f"is {times.dtype.name}, of which the next is {steps[row]:g} s away: whole seconds are "
        f"not told apart, nor ticks of {slide_ns / _NS_PER_S:g} s; give times as float64"
    )


def as_instant(now: Any, slide_ns: int | None = None) -> int:
    """Convert one time, seconds or datetime64, to integer nanoseconds.

    Parameters
    ----------
    now : float or datetime64
        The time.
    slide_ns : int, optional
        As in `as_nanoseconds`.

    Raises
    ------
    InvalidInputError
        As `as_nanoseconds`, or if it is not a single time.
    """
    ns = as_nanoseconds(now, slide_ns)
    if ns.ndim:
        raise InvalidInputError(f"one time is expected, not an array of shape {ns.shape}")
    return int(ns)


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
    return (values, round(float(timestamp) * _NS_PER_S)) if usable else None


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


def _from_datetime64(times: npt.NDArray[Any]) -> Int64Array:
    _refuse(np.isnat(times), times, "is not a time")
    if np.datetime_data(times.dtype)[0] not in ("ns", *_FINER_THAN_NS):
        # compared in the unit of the times: newer numpy refuses to convert what is beyond
        last = np.array(_INT64_MAX, "M8[ns]").astype(times.dtype).astype(np.int64)
        units = times.astype(np.int64)
        _refuse((units < -last) | (units > last), times, "is beyond 292 years from 1970")
    return times.astype("datetime64[ns]").astype(np.int64)


def _refuse(bad: npt.NDArray[np.bool_], times: Any, what: str) -> None:
    """Raise for the first true entry of ``bad``."""
    if bad.any():
        row = int(np.argmax(bad))
        value = times[row] if np.ndim(times) else times
        raise InvalidInputError(f"timestamp {value} in row {row} {what}", row)


def _first_non_number(times: npt.NDArray[Any]) -> int:
    values = np.atleast_1d(times).tolist()
    return next((row for row, value in enumerate(values) if not _is_number(value)), 0)


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (OverflowError, TypeError, ValueError):
        return False
    return True


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
