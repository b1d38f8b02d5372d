"""A ghost cover on a device, where the rows of its window are; written against (xp, kernels)."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from ..persistence.arrays import Float64Array
from ..persistence.cuda_kernels import CONSTANTS
from ..persistence.cuda_launch import Device, ceil_div
from ..persistence.engine import Int64Array
from .ring_buffer import RingBuffer, Rows
from .sent_rows import SentRows

__all__ = ["DeviceCover", "DeviceRing"]

CHUNK = 1 << 13  # rows that are taken by one launch
THREADS = 128
KINDS = {"manhattan": 1, "chebyshev": 2}  # else squares, as in cover.cuh
QUEUE = 256  # as many bounds as on the host
COUNTS = 7
SETTLED = 5
FREE = -1
NEVER = -(2**63)


class DeviceRing:
    """The newest rows of a window by number, on a device.

    Parameters
    ----------
    device : Device
        Where they are.
    capacity, dim : int
        Rows, and coordinates of each.
    sent : SentRows, optional
        Where windows of one stream find rows of a push that another one has sent.
    """

    def __init__(
        self, device: Device, capacity: int, dim: int, sent: SentRows | None = None
    ) -> None:
        xp = device.xp
        self.device = device
        self._sent = sent
        self.capacity = capacity
        self.dim = dim
        self.end = 0  # number of the row after the newest one
        self._start = 0  # number of the oldest one since which none is missing
        with self.at_work():
            self.points = xp.zeros((1, capacity, dim), np.float64)
            self.times = xp.zeros((1, capacity), np.int64)
            self.ids = xp.zeros((1, capacity), np.int64)

    @property
    def device_nbytes(self) -> int:
        """Bytes held on the device."""
        return int(self.points.nbytes + self.times.nbytes + self.ids.nbytes)

    def at_work(self) -> AbstractContextManager[None]:
        """Work on the device; see `Device.at_work`."""
        held = self.capacity * (8 * self.dim + 16)
        needs = f"{self.capacity} rows of a window need {held} bytes, with room for landmarks,"
        return self.device.at_work(needs, "lower max_points or max_memory_mb")

    def append(self, rows: Rows, first: int, *, pushed: bool = False) -> None:
        """Send those rows, numbered from ``first``, that are not here yet; at most the capacity.

        Those that a push brought, ``pushed``, are looked for among what other windows have sent.
        """
        rows = rows[max(0, self.end - first) :]
        if not len(rows):
            return
        with self.at_work():
            found = self._sent.part(rows, self.device.xp) if pushed and self._sent else None
            self._append(self._sending(rows) if found is None else found, max(first, self.end))
        if first > self.end:
            self._start = first
        self.end = max(first, self.end) + len(rows)

    def keep_to(self, ring: RingBuffer) -> None:
        """Send a window's rows again where some are missing or younger ones lie over them."""
        oldest = ring.total - len(ring)
        if self.end > ring.total or self._start > oldest:
            self._start = self.end = oldest
            self.append(ring.rows(), oldest)

    def _sending(self, rows: Rows) -> tuple[Any, ...]:
        columns = rows.points, rows.times, rows.ids
        return tuple(self.device.xp.asarray(np.ascontiguousarray(column)) for column in columns)

    def _append(self, rows: tuple[Any, ...], first: int) -> None:
        xp, n = self.device.xp, len(rows[0])
        self.device.kernels["append_rows"](
            (ceil_div(n, THREADS), 1),
            (THREADS,),
            (
                *(*rows, np.int32(n), xp.asarray(np.array([first]))),
                *(xp.asarray(np.array([n], np.int32)), self.points, self.times, self.ids),
                *(np.int32(self.capacity), np.int32(self.dim)),
            ),
        )


class DeviceCover:
    """The cover of one window; a `cover.CoverState`.

    Parameters
    ----------
    ring : DeviceRing
        The rows of the window.
    k : int
        Number of slots.
    metric : str
        Name of the metric.
    slide_ns : int
        Distance of two ticks.
    """

    nbytes = 0  # on the host

    def __init__(self, ring: DeviceRing, k: int, metric: str, slide_ns: int) -> None:
        self._ring = ring
        self._device = ring.device
        self._k = k
        self._metric = metric
        self._slide_ns = slide_ns
        self._room = min(CHUNK, ring.capacity)
        raw = k if metric == "cosine" else 0
        reals = np.zeros(ring.dim * (k + raw) + 2 * k + QUEUE + 1)
        reals[: ring.dim * k] = np.inf
        numbers = np.zeros(3 * k + 2 * QUEUE + COUNTS, np.int64)
        numbers[k : 2 * k] = FREE
        numbers[len(numbers) - COUNTS + SETTLED] = NEVER
        with ring.at_work():
            self.reals = self._device.xp.asarray(reals)
            self.numbers = self._device.xp.asarray(numbers)
        self._scratch: Any = None
        self._taken = 0
        self._told = np.zeros(4)

    @property
    def device_nbytes(self) -> int:
        """Bytes held on the device, those of the rows left out."""
        scratch = 0 if self._scratch is None else sum(int(part.nbytes) for part in self._scratch)
        return int(self.reals.nbytes + self.numbers.nbytes) + scratch

    @property
    def seen(self) -> int:
        """Number of the row after the last one taken."""
        return self._taken

    @property
    def rho(self) -> float:
        """Radius within which a row joins a landmark, as it was settled."""
        return float(self._told[1])

    @property
    def used(self) -> int:
        """Slots that hold a landmark, as it was settled."""
        return int(self._told[2])

    @property
    def loose(self) -> bool:
        """Whether bounds of distances have grown since they were measured, as it was settled."""
        return bool(self._told[3])

    def fresh(self) -> DeviceCover:
        """Return a cover of the same rows that has seen none of them."""
        return DeviceCover(self._ring, self._k, self._metric, self._slide_ns)

    def take(self, rows: Rows, first: int, live: int) -> None:
        """Let rows, numbered from ``first``, join or open landmarks; ``live`` is the oldest."""
        for start in range(0, len(rows), self._room):
            part = rows[start : start + self._room]
            self._ring.append(part, first + start, pushed=True)
            self._take_until(first + start, first + start + len(part), live)

    def catch_up(self, ring: RingBuffer, n: int) -> None:
        """Take those of the ``n`` oldest rows that were not seen as they came."""
        first = ring.total - len(ring)
        self._ring.keep_to(ring)
        for start in range(max(first, self._taken), first + n, self._room):
            stop = min(start + self._room, first + n)
            if stop > self._ring.end:
                self._ring.append(ring.rows(start - first, stop - first), start)
            self._take_until(start, stop, first)

    def settle(self, live: int, tick: int) -> float:
        """Free landmarks without a live row; return the covering radius."""
        xp = self._device.xp
        with self._ring.at_work():
            told = xp.zeros(4, np.float64)
            self._device.kernels["cover_settle"](
                (1,),
                (CONSTANTS["COVER_THREADS"],),
                (*self._state(), xp.asarray(np.array([0, 0, live, tick])), told),
            )
            self._told = self._device.to_host(told)
        return float(self._told[0])

    def measure(self, ring: RingBuffer, n: int) -> None:
        """Let the ``n`` oldest rows, all live ones that were seen, join the nearest landmarks."""
        first = ring.total - len(ring)
        with self._ring.at_work():
            spans = self._device.xp.asarray(np.array([first, first + n, first, 0]))
            scratch = self._new_scratch(n)
            if n:
                self._nearest(spans, n, scratch)
            self._by_block("cover_measure", spans, scratch)

    def landmarks(self) -> tuple[Int64Array, Float64Array, Float64Array]:
        """Return ids (m,), places (m, dim), and rows as they were before they were scaled."""
        k, dim = self._k, self._ring.dim
        with self._ring.at_work():
            numbers, reals = self._device.bring(self.numbers[: 2 * k], self.reals)
        ids, newest = numbers.reshape(2, k)
        used = np.flatnonzero(newest != FREE)
        columns = reals[: dim * k].reshape(dim, k)
        raw = np.empty((0, dim))
        if self._metric == "cosine":
            raw = reals[dim * k : 2 * dim * k].reshape(k, dim)[used]
        return ids[used], columns[:, used].T, raw

    def _take_until(self, first: int, stop: int, live: int) -> None:
        """Take rows by number, those seen before left alone."""
        if stop <= self._taken:
            return
        first = max(first, self._taken)
        with self._ring.at_work():
            if self._scratch is None:
                self._scratch = self._new_scratch(self._room)
            spans = self._device.xp.asarray(np.array([first, stop, live, 0]))
            self._nearest(spans, stop - first, self._scratch)
            self._by_block("cover_take", spans, self._scratch)
        self._taken = stop

    def _new_scratch(self, room: int) -> tuple[Any, ...]:
        """Return working memory for so many rows: places, slots, gaps and distances."""
        xp = self._device.xp
        places = xp.empty((room, self._ring.dim), np.float64)
        return places, xp.empty(room, np.int32), *xp.empty((2, room), np.float64)

    def _nearest(self, spans: Any, m: int, scratch: tuple[Any, ...]) -> None:
        self._device.kernels["cover_nearest"](
            (ceil_div(m, THREADS), 1),
            (THREADS,),
            (*self._state(), *self._rows(), spans, *scratch, np.int32(len(scratch[0]))),
        )

    def _by_block(self, kernel: str, spans: Any, scratch: tuple[Any, ...]) -> None:
        """Launch a kernel in which a block has the window."""
        room = np.int32(len(scratch[0]))
        self._device.kernels[kernel](
            (1,),
            (CONSTANTS["COVER_THREADS"],),
            (*self._state(), *self._rows(), spans, *scratch, room, np.int64(self._slide_ns)),
        )

    def _state(self) -> tuple[Any, ...]:
        sizes = self._k, self._ring.dim, QUEUE, KINDS.get(self._metric, 0)
        scaled = np.int32(self._metric == "cosine")
        return self.reals, self.numbers, *(np.int32(size) for size in sizes), scaled

    def _rows(self) -> tuple[Any, ...]:
        ring = self._ring
        return ring.points, ring.times, ring.ids, np.int32(ring.capacity)
