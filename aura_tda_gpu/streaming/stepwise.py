"""A stream that takes points and computes what they bring about one tick at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import MemoryLimitError
from ..persistence.arrays import Float64Array
from ..persistence.cuda_launch import Device
from ..persistence.device_arrays import Downloads
from ..persistence.engine import Int64Array
from .device_intake import DeviceIntake
from .intake import as_batch, as_plain_point, check_dim, usable_rows
from .lane import Lane
from .reorder import Release, is_late, release, watermark_after
from .ring_buffer import RingBuffer, Rows, Span
from .settings import StreamSettings
from .window_update import WindowUpdate
from .windows import boundary_after

__all__ = ["StepwiseStream", "limited_by_memory"]


@dataclass(frozen=True, slots=True)
class _Move:
    """A new watermark, and what it makes of the rows that wait.

    ``span`` is that of ``pending`` before ``change``; ``ready`` are all released rows then.
    """

    mark: int
    pending: RingBuffer
    span: Span
    change: Release
    ready: Rows
    flush_limits: list[int] | None


@dataclass(frozen=True, slots=True)
class _Taking:
    """What a call makes of a stream.

    ``counts`` are points taken and late ones, ``start`` lanes, first row and newest time.
    """

    counts: tuple[int, int]
    dim: int | None
    start: tuple[list[Lane], Float64Array, int] | None = None
    move: _Move | None = None


class StepwiseStream:
    """The windows of all scales between two ticks.

    `take`, `move_to` and `end` make ticks due, `tick` computes one of them. Interrupted at any
    point, the next call goes on where this one stopped.

    Parameters
    ----------
    settings : StreamSettings
        Checked settings.
    device : Device, optional
        Where windows made by the thread that makes this one would be, with backend ``"cuda"``.
    """

    def __init__(self, settings: StreamSettings, device: Device | None = None) -> None:
        self.settings = settings
        self._device = device
        self._downloads = Downloads()
        self._dim = settings.dim
        self._lanes: list[Lane] = []
        self._pending = RingBuffer(1, 1)
        self._ready = Rows.empty(1)
        self._watermark_ns: int | None = None
        self._flush_limits: list[int] | None = None
        self._newest_ns: int | None = None
        self._first: Float64Array | None = None
        self._n_seen = 0
        self._n_late = 0
        self._outbox: dict[tuple[int, int], WindowUpdate] = {}
        self._taking: _Taking | None = None
        self._settled = True  # nothing is due, and all released rows are filed

    @property
    def dim(self) -> int | None:
        """Coordinates a point; None until it is known."""
        return self._dim

    def on_host(self, points: Any) -> Any:
        """Return points that are on the GPU of the windows as an array of the host; count them.

        The thread that calls it is the one that has computed them. Everything else is returned as
        it is.

        Raises
        ------
        InvalidInputError
            If they are on another GPU, or have a row that is not finite.
        """
        device = self._lanes[0].window.device if self._lanes else self._device
        return self._downloads.brought(points, "points", device)

    def check(
        self, points: Any, timestamps: Any, watermark_ns: int | None = None
    ) -> tuple[npt.NDArray[Any], Int64Array]:
        """Validate points as `push` does, and change nothing.

        Parameters
        ----------
        points, timestamps
            As in `push`.
        watermark_ns : int, optional
            The watermark when they will be taken; rows that are late then are not looked at.

        Returns
        -------
        rows : ndarray of float32 or float64, shape (m, dim)
            A copy of the points.
        times : ndarray of int64, shape (m,)
            Event times in nanoseconds.

        Raises
        ------
        InvalidInputError
            If a row cannot be used; names the first one.
        """
        first, metric = self._first, self.settings.metric
        if first is not None:
            plain = as_plain_point(points, timestamps, first, metric)
            if plain is not None:
                values, t_ns = plain
                return np.array([values]), np.array([t_ns])
        with limited_by_memory():
            dim = None if first is None else len(first)
            given, times = as_batch(points, timestamps, dim, self.settings.shortest_slide_ns)
            if first is not None and len(times):
                keep = ~is_late(times, watermark_ns, self.settings.allowed_lateness_ns)
                usable_rows(given, keep, first, metric)
            return given.copy(), times

    def take(self, rows: npt.NDArray[Any], times: Int64Array) -> None:
        """Take checked points without computing what they bring about; `tick` does that.

        Parameters
        ----------
        rows : ndarray, shape (m, dim)
        times : ndarray of int64, shape (m,)
            As `check` returned them.

        Raises
        ------
        InvalidInputError, MemoryLimitError
            As `push`; nothing has been taken then.
        """
        self._drain_ticks()
        if len(times):
            check_dim(rows, self._dim)
            with limited_by_memory():
                self._take(rows, times)

    def tick(self) -> tuple[int, WindowUpdate] | None:
        """Compute one tick that is due.

        Returns
        -------
        t_ns : int
            Its event time in nanoseconds.
        update : WindowUpdate
            By time, then finest scale first. None in place of both when nothing is due.
        """
        while not self._outbox:
            if not self._step():
                return None
        key = next(iter(self._outbox))
        return key[0], self._outbox.pop(key)

    def move_to(self, now_ns: int) -> None:
        """Move the watermark to an event time in nanoseconds, without computing."""
        self._drain_ticks()
        if self._watermark_ns is None or now_ns > self._watermark_ns:
            self._move_watermark(now_ns)

    def end(self) -> None:
        """End the stream as `flush` does, without computing."""
        self._drain_ticks()
        if self._newest_ns is not None:
            newest_ns, mark = self._newest_ns, self._watermark_ns
            ends = [boundary_after(newest_ns, lane.scale.slide_ns) for lane in self._lanes]
            assert mark is not None
            if max(ends) > mark:
                self._move_watermark(max(ends), ends)

    @property
    def next_tick_ns(self) -> int | None:
        """Event time of the next tick of any scale; None before the first one is known."""
        times = [lane.clock.next_ns for lane in self._lanes]
        known = [t_ns for t_ns in times if t_ns is not None]
        return min(known) if known else None

    @property
    def due_ns(self) -> int | None:
        """Event time of the next tick that is due; None when nothing is."""
        if self._settled or self._watermark_ns is None:
            return None
        return min(self._due(), default=(None, 0))[0]

    @property
    def watermark_ns(self) -> int | None:
        """The watermark in nanoseconds; None before the first point."""
        return self._watermark_ns

    @property
    def n_seen(self) -> int:
        """Points taken so far, late ones included: the id of the next one."""
        return self._counts[0]

    @property
    def n_late(self) -> int:
        """Points dropped so far because they came after the watermark."""
        return self._counts[1]

    @property
    def _counts(self) -> tuple[int, int]:
        """Points taken, and how many of them were late, a batch on its way included."""
        taking = self._taking
        return (self._n_seen, self._n_late) if taking is None else taking.counts

    @property
    def room(self) -> int:
        """How many more points may wait for the watermark; 0 before the first one."""
        return self._pending.capacity - len(self._pending) if self._lanes else 0

    def _take(self, given: npt.NDArray[Any], times: Int64Array) -> None:
        """Commit one validated batch."""
        settings = self.settings
        lateness_ns = settings.allowed_lateness_ns
        late = is_late(times, self._watermark_ns, lateness_ns)
        keep = ~late
        n_kept = len(times) - int(np.count_nonzero(late))
        counts = self._n_seen + len(times), self._n_late + len(times) - n_kept
        if not n_kept:
            self._commit(_Taking(counts, dim=given.shape[1]))
            return
        first = self._first
        if first is None:
            first = given[np.argmax(keep)].astype(np.float64)
        # rows of one layout, so that kernels are compiled once
        points = np.ascontiguousarray(usable_rows(given, keep, first, settings.metric))
        if n_kept == len(times):
            kept_times, ids = times, np.arange(self._n_seen, self._n_seen + n_kept)
        else:
            kept_times, ids = times[keep], self._n_seen + np.flatnonzero(keep)
        lanes, pending = self._lanes, self._pending
        if not lanes:
            lanes, pending = self._build(first)
        mark = watermark_after(times, self._watermark_ns, lateness_ns)
        assert mark is not None
        change = release(pending, Rows(points, kept_times, ids), mark, lateness_ns)
        newest_ns = int(kept_times.max())
        if self._newest_ns is not None:
            newest_ns = max(newest_ns, self._newest_ns)
        move = self._moved(pending, change, mark)
        self._commit(_Taking(counts, given.shape[1], (lanes, first, newest_ns), move))

    def _build(self, first: Float64Array) -> tuple[list[Lane], RingBuffer]:
        """Allocate the buffers of all scales and the pending one."""
        settings = self.settings
        plan, intake = settings.memory_plan(len(first)), DeviceIntake()
        lanes = [
            Lane(settings, scale, sizes, first, intake)
            for scale, sizes in zip(settings.timeline, plan.windows, strict=True)
        ]
        return lanes, RingBuffer(plan.pending, len(first))

    def _move_watermark(self, mark: int, flush_limits: list[int] | None = None) -> None:
        """Set the watermark without new points."""
        if self._lanes:
            change = release(self._pending, Rows.empty(self._lanes[0].window.dim), mark)
            move = self._moved(self._pending, change, mark, flush_limits)
            self._commit(_Taking(self._counts, self._dim, move=move))
        else:
            self._watermark_ns = mark

    def _moved(
        self,
        pending: RingBuffer,
        change: Release,
        mark: int,
        flush_limits: list[int] | None = None,
    ) -> _Move:
        """Return what a new watermark makes of the rows, without a change."""
        ready = change.ready
        if len(self._ready):
            ready = Rows.concatenate([self._ready, ready])
        span = pending.before_exchange(change.displaced, len(change.waiting))
        return _Move(mark, pending, span, change, ready, flush_limits)

    def _commit(self, taking: _Taking) -> None:
        """Carry out a change; interrupted after its one assignment, the next call does."""
        self._settled = False
        self._taking = taking
        self._carry_out()

    def _carry_out(self) -> None:
        """Carry out what was taken; can be repeated from any point."""
        taking = self._taking
        if taking is None:
            return
        if taking.start is not None:
            self._lanes, self._first, self._newest_ns = taking.start
        move = taking.move
        if move is not None:
            move.change.apply(move.pending, move.span)
            self._pending, self._ready, self._watermark_ns = move.pending, move.ready, move.mark
            if move.flush_limits is not None:
                self._flush_limits = move.flush_limits
            if len(move.ready):
                for lane in self._lanes:
                    lane.clock = lane.clock.started(int(move.ready.times[0]))
        self._dim = taking.dim
        self._n_seen, self._n_late = taking.counts
        self._taking = None

    def _drain_ticks(self) -> None:
        """Fire all due ticks by time, then finest scale first; can be resumed at any point."""
        while self._step():
            pass

    def _step(self) -> bool:
        """Fire the next due tick; when there is none, file the released rows, return False."""
        self._carry_out()
        if self._settled or self._watermark_ns is None:
            return False
        due = self._due()
        if due:
            t_ns, index = min(due)
            ticking = [self._lanes[i] for other_ns, i in due if other_ns == t_ns]
            Lane.fill_together(ticking, self._ready, is_due=True)
            self._fire(t_ns, index)
            return True
        if self._flush_limits is not None:
            for lane in self._lanes:
                lane.clock = lane.clock.skipped_past(max(self._flush_limits))
            self._flush_limits = None
            return True
        Lane.fill_together(self._lanes, self._ready)
        self._ready = Rows.empty(self._ready.points.shape[1])
        self._settled = True
        return False

    def _due(self) -> list[tuple[int, int]]:
        """Return event time and lane of the next tick of every lane that has one due."""
        return [
            (t_ns, index)
            for index, lane in enumerate(self._lanes)
            if (t_ns := lane.clock.due(self._limit(index))) is not None
        ]

    def _limit(self, index: int) -> int:
        """Return the last time up to which ticks of a lane are due."""
        if self._flush_limits is not None:
            return self._flush_limits[index]
        assert self._watermark_ns is not None
        return self._watermark_ns

    def _fire(self, t_ns: int, index: int) -> None:
        """Let one lane tick, or jump over a gap."""
        lane = self._lanes[index]
        update, clock = lane.step(self._ready, self._limit(index))
        if update is not None:
            self._outbox[t_ns, index] = update
        lane.clock = clock


@contextmanager
def limited_by_memory() -> Iterator[None]:
    """Say what to do about points that the machine has no memory for."""
    try:
        yield
    except MemoryLimitError:
        raise
    except MemoryError as error:
        raise MemoryLimitError(
            "the machine has no memory for these points: push fewer at once, or lower max_memory_mb"
        ) from error
