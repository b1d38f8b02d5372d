"""Event times as they are given, in integer nanoseconds."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InvalidInputError
from ..persistence.arrays import kind_of
from ..persistence.engine import Int64Array

__all__ = ["NS_PER_S", "as_instant", "as_nanoseconds", "coarse_times"]

NS_PER_S = 1e9
_FINER_THAN_NS = ("ps", "fs", "as")
_INT64_MAX = 2**63 - 1


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
        ns = np.rint(times.astype(np.result_type(times.dtype, np.float64)) * NS_PER_S)
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
    bad = steps > max(1.0, slide_ns / NS_PER_S)
    if not bad.any():
        return None
    row = int(np.argmax(bad))
    return row, (
        f"is {times.dtype.name}, of which the next is {steps[row]:g} s away: whole seconds are "
        f"not told apart, nor ticks of {slide_ns / NS_PER_S:g} s; give times as float64"
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
