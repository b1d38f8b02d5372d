"""Putting rows into time order: the watermark, late rows, and the rows that wait for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import MemoryLimitError
from ..persistence.engine import Int64Array
from .ring_buffer import RingBuffer, Rows, Span
from .windows import count_before

__all__ = ["Release", "is_late", "release", "watermark_after"]

_INT64 = np.iinfo(np.int64)
_BLOCK = 1 << 12  # rows that find their places at once


@dataclass(frozen=True, slots=True)
class Release:
    """What a new watermark does to the pending rows.

    Attributes
    ----------
    ready : Rows
        Rows older than the watermark, in time order.
    displaced : int
        Young pending rows that make room for `waiting`.
    released : int
        Old pending rows that are part of `ready`.
    waiting : Rows
        Rows to append to the pending ones.
    """

    ready: Rows
    displaced: int
    released: int
    waiting: Rows

    def apply(self, pending: RingBuffer, span: Span) -> None:
        """Carry it out, given the span of the pending rows before; the same again if repeated."""
        pending.exchange(span, self.displaced, self.released, self.waiting)


def is_late(times: Int64Array, watermark_ns: int | None, lateness_ns: int) -> npt.NDArray[np.bool_]:
    """Mark the rows that are older than the watermark of the rows before them.

    Parameters
    ----------
    times : ndarray of int64, shape (m,)
        Event times in order of arrival.
    watermark_ns : int or None
        Watermark before the first of them; None if there is none yet.
    lateness_ns : int
        How far the watermark stays behind the newest event time.
    """
    if _are_ascending(times) and (watermark_ns is None or watermark_ns <= times.item(0)):
        return np.zeros(len(times), np.bool_)
    newest = np.full(len(times), _INT64.min)
    np.maximum.accumulate(times[:-1], out=newest[1:])
    marks = np.maximum(newest, _INT64.min + lateness_ns) - lateness_ns
    if watermark_ns is not None:
        marks = np.maximum(marks, min(watermark_ns, _INT64.max))
    late: npt.NDArray[np.bool_] = times < marks
    return late


def _are_ascending(times: Int64Array) -> bool:
    n = len(times)
    return n > 0 and (n == 1 or bool((times[:-1] <= times[1:]).all()))


def watermark_after(times: Int64Array, watermark_ns: int | None, lateness_ns: int) -> int | None:
    """Return the watermark once rows with these event times have arrived."""
    if not len(times):
        return watermark_ns
    mark = int(times.max()) - lateness_ns
    return mark if watermark_ns is None else max(mark, watermark_ns)


def release(pending: RingBuffer, rows: Rows, watermark_ns: int, lateness_ns: int = 0) -> Release:
    """Sort new rows in among the pending ones and split all at the watermark.

    Every row is copied at most once, into what is ready or what waits.

    Parameters
    ----------
    pending : RingBuffer
        Rows in time order; not changed.
    rows : Rows
        New rows in order of arrival, none of them late.
    watermark_ns : int
        The new watermark.
    lateness_ns : int
        How far it stays behind the newest event time.

    Raises
    ------
    MemoryLimitError
        If more rows have to wait than fit.
    """
    rows = rows.in_time_order()
    kept = pending.count_before(int(rows.times[0]) + 1) if len(rows) else len(pending)
    released = min(kept, pending.count_before(watermark_ns))
    parts = pending.parts(kept) if kept < len(pending) else []
    cut = sum(count_before(part.times, watermark_ns) for part in (*parts, rows))
    n_waiting = len(pending) - released + len(rows) - cut
    if n_waiting > pending.capacity:
        raise MemoryLimitError(
            f"{n_waiting} points would wait for the watermark, {pending.capacity} fit: raise "
            "max_points or max_memory_mb"
            + (", or lower allowed_lateness_ms" if lateness_ns else "")
        )
    displaced = len(pending) - kept
    if not displaced:
        older = pending.parts(0, released) if released else []
        ready = Rows.concatenate([*older, rows[:cut]])
        return Release(ready, 0, released, rows[cut:])
    ready, waiting = _sorted_in(pending, released, parts, rows, cut)
    return Release(ready, displaced, released, waiting)


def _sorted_in(
    pending: RingBuffer, released: int, parts: list[Rows], rows: Rows, cut: int
) -> tuple[Rows, Rows]:
    """Return the released rows with the first ``cut`` of the merged ones, and the others."""
    ready, waiting = (
        Rows(np.empty((n, rows.points.shape[1])), np.empty(n, np.int64), np.empty(n, np.int64))
        for n in (released + cut, sum(map(len, (*parts, rows))) - cut)
    )
    done = 0
    for part in pending.parts(0, released):
        _put(part, ready, slice(done, done + len(part)))
        done += len(part)
    for piece, places in _merged(parts, rows):
        early = int(np.searchsorted(places, cut))
        _put(piece[:early], ready, released + places[:early])
        _put(piece[early:], waiting, places[early:] - cut)
    return ready, waiting


def _merged(parts: list[Rows], rows: Rows) -> Iterator[tuple[Rows, Int64Array]]:
    """Yield all rows by pieces, with their ascending places in time order; parts go before rows."""
    older = [np.searchsorted(part.times, rows.times, side="right") for part in parts]
    yield rows, np.sum(older, axis=0, dtype=np.int64) + np.arange(len(rows))
    done = 0
    for part in parts:
        for first in range(0, len(part), _BLOCK):
            piece = part[first : first + _BLOCK]
            yield piece, np.searchsorted(rows.times, piece.times) + done + np.arange(len(piece))
            done += len(piece)


def _put(rows: Rows, target: Rows, places: slice | Int64Array) -> None:
    """Copy rows into some places of others."""
    target.points[places] = rows.points
    target.times[places] = rows.times
    target.ids[places] = rows.ids
