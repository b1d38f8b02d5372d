"""A ghost cover on a device, where the rows of its window are; written against (xp, kernels)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..persistence.arrays import Float64Array
from ..persistence.cuda_kernels import CONSTANTS
from ..persistence.engine import Int64Array
from .device_intake import scratch_of
from .device_ring import DeviceRing
from .device_taking import Share, by_block, nearest, table_of, take_together
from .ring_buffer import RingBuffer, Rows

__all__ = ["DeviceCover"]

CHUNK = 1 << 13  # rows of a window that are taken by one launch
CHUNK_BYTES = 1 << 20  # of working memory for them
KINDS = {"manhattan": 1, "chebyshev": 2}  # else squares, as in cover.cuh
QUEUE = 256  # as many bounds as on the host
COUNTS = 7
SETTLED = 5
TOLD = CONSTANTS["COVER_TOLD"]
FREE = -1
NEVER = -(2**63)


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

    Attributes
    ----------
    seen : int
        Number of the row after the last one taken.
    sizes : tuple of int32
        What the kernels are told by value, the same for all windows of a stream.
    """

    def __init__(self, ring: DeviceRing, k: int, metric: str, slide_ns: int) -> None:
        self.ring = ring
        self.seen = 0
        self._k = k
        self._metric = metric
        self._slide_ns = slide_ns
        sizes = ring.dim, QUEUE, KINDS.get(metric, 0), metric == "cosine"
        self.sizes = tuple(np.int32(size) for size in sizes)
        raw = k if metric == "cosine" else 0
        reals = np.zeros(ring.dim * (k + raw) + 2 * k + QUEUE + 1)
        reals[: ring.dim * k] = np.inf
        numbers = np.zeros(3 * k + 2 * QUEUE + COUNTS, np.int64)
        numbers[k : 2 * k] = FREE
        numbers[len(numbers) - COUNTS + SETTLED] = NEVER
        self._n_numbers = len(numbers)
        with ring.at_work():
            device = ring.device
            whole = np.concatenate([numbers.view(np.float64), np.zeros(TOLD), reals])
            self._state = device.xp.asarray(whole)
            self._there = device.pinned(whole.nbytes)
            self.numbers, _, self.reals = self._parts(self._state)
        start = device.address(self._state)
        self._place = start + 8 * (len(numbers) + TOLD), start
        self._near = self._parts(self._there.view(np.float64))
        self._is_near = False  # whether that is the state
        self._told = np.zeros(TOLD)
        device.waits_for(self)

    @property
    def nbytes(self) -> int:
        """Bytes held on the host."""
        return self._there.nbytes

    @property
    def device_nbytes(self) -> int:
        """Bytes held on the device, those of the rows left out."""
        return int(self._state.nbytes)

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

    @property
    def room(self) -> int:
        """Rows that are taken by one launch."""
        return max(1, min(CHUNK, self.ring.capacity, CHUNK_BYTES // (8 * self.ring.dim + 20)))

    def fresh(self) -> DeviceCover:
        """Return a cover of the same rows that has seen none of them."""
        return DeviceCover(self.ring, self._k, self._metric, self._slide_ns)

    def take(self, rows: Rows, first: int, live: int) -> None:
        """Let rows, numbered from ``first``, join or open landmarks; ``live`` is the oldest."""
        take_together([Share(self, rows, first, live)])

    def catch_up(self, ring: RingBuffer, n: int) -> None:
        """Take those of the ``n`` oldest rows that were not seen as they came."""
        oldest = ring.total - len(ring)
        self.ring.keep_to(ring)
        first = max(oldest, min(self.seen, self.ring.end))
        for start in range(first, oldest + n, self.room):
            rows = ring.rows(start - oldest, min(start + self.room - oldest, n))
            take_together([Share(self, rows, start, oldest, pushed=False)])

    def settle(self, live: int, tick: int) -> float:
        """Free landmarks without a live row; return the covering radius."""
        with self.ring.at_work():
            table = self.ring.intake.table(
                self.ring.device, table_of([self.row(0, 0, live, tick=tick)])
            )
            by_block(self, "cover_settle", table, (), 1)
            self._fetch()
        return float(self._told[0])

    def measure(self, ring: RingBuffer, n: int) -> None:
        """Let the ``n`` oldest rows, all live ones that were seen, join the nearest landmarks."""
        first, device = ring.total - len(ring), self.ring.device
        self._is_near = False
        with self.ring.at_work():
            table = self.ring.intake.table(device, table_of([self.row(first, first + n, first)]))
            scratch = scratch_of(device, n, self.ring.dim)
            if n:
                nearest(self, table, scratch, 1, n)
            by_block(self, "cover_measure", table, scratch, 1)

    def landmarks(self) -> tuple[Int64Array, Float64Array, Float64Array]:
        """Return ids (m,), places (m, dim), and rows as they were before they were scaled."""
        k, dim = self._k, self.ring.dim
        if not self._is_near:
            with self.ring.at_work():
                self._fetch()
        numbers, _, reals = self._near
        ids, newest = numbers[: 2 * k].reshape(2, k)
        used = np.flatnonzero(newest != FREE)
        columns = reals[: dim * k].reshape(dim, k)
        raw = np.empty((0, dim))
        if self._metric == "cosine":
            raw = reals[dim * k : 2 * dim * k].reshape(k, dim)[used]
        return ids[used], columns[:, used].T, raw

    def row(
        self,
        first: int,
        stop: int,
        live: int,
        *,
        tick: int = 0,
        appended: int = 0,
        place: int = 0,
        scratch: int = 0,
    ) -> tuple[int, ...]:
        """Return what kernels are told of the window; see Window in kernels/windows.cuh."""
        *columns, capacity = self.ring.place
        fixed = *columns, *self._place, capacity, self._k, self._slide_ns
        return *fixed, first, stop, live, tick, appended, place, scratch

    def taken(self, stop: int) -> None:
        """Take into account that rows up to this number were taken."""
        self.seen = max(self.seen, stop)
        self._is_near = False

    def _fetch(self) -> None:
        """Copy the state to the host, and what settling has told of it."""
        device = self.ring.device
        device.fetch(self._there, self._state.view(np.uint8))
        device.wait()
        self._is_near, self._told = True, self._near[1].copy()

    def _parts(self, state: Any) -> tuple[Any, Any, Any]:
        """Return the numbers, what settling tells, and the reals of a state."""
        end = self._n_numbers
        return state[:end].view(np.int64), state[end : end + TOLD], state[end + TOLD :]
