"""A ghost cover on a device, where the rows of its window are; written against (xp, kernels)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np

from ..persistence.arrays import Float64Array
from ..persistence.cuda_kernels import CONSTANTS
from ..persistence.cuda_launch import ceil_div
from ..persistence.engine import Int64Array
from .device_intake import Columns, scratch_of
from .device_ring import DeviceRing
from .ring_buffer import RingBuffer, Rows

__all__ = ["DeviceCover", "Share", "settle_together", "take_together"]

CHUNK = 1 << 13  # rows of a window that are taken by one launch
THREADS = 128
KINDS = {"manhattan": 1, "chebyshev": 2}  # else squares, as in cover.cuh
QUEUE = 256  # as many bounds as on the host
COUNTS = 7
SETTLED = 5
TOLD = 4
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
    """

    def __init__(self, ring: DeviceRing, k: int, metric: str, slide_ns: int) -> None:
        self.ring = ring
        self.seen = 0
        self._k = k
        self._metric = metric
        self._slide_ns = slide_ns
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
        self._near: tuple[Any, Any, Any] | None = None  # numbers, what was told, and reals
        self._told = np.zeros(TOLD)

    @property
    def nbytes(self) -> int:
        """Bytes held on the host."""
        return 2 * self._there.nbytes

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
        return min(CHUNK, self.ring.capacity)

    @property
    def sizes(self) -> tuple[Any, ...]:
        """What the kernels are told by value, the same for all windows of a stream."""
        numbers = self.ring.dim, QUEUE, KINDS.get(self._metric, 0), self._metric == "cosine"
        return tuple(np.int32(number) for number in numbers)

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
        (radius,) = settle_together([(self, live, tick)])
        return radius

    def measure(self, ring: RingBuffer, n: int) -> None:
        """Let the ``n`` oldest rows, all live ones that were seen, join the nearest landmarks."""
        first, device = ring.total - len(ring), self.ring.device
        self._near = None
        with self.ring.at_work():
            table = self.ring.intake.table(device, _table([self.row(first, first + n, first)]))
            scratch = scratch_of(device, 1, n, self.ring.dim)
            if n:
                _nearest(self, table, scratch, 1, n)
            _by_block(self, "cover_measure", table, scratch, 1)

    def landmarks(self) -> tuple[Int64Array, Float64Array, Float64Array]:
        """Return ids (m,), places (m, dim), and rows as they were before they were scaled."""
        k, dim = self._k, self.ring.dim
        if self._near is None:
            with self.ring.at_work():
                self.fetch()
                self.ring.device.wait()
                self.fetched()
        assert self._near is not None
        numbers, _, reals = self._near
        ids, newest = numbers[: 2 * k].reshape(2, k)
        used = np.flatnonzero(newest != FREE)
        columns = reals[: dim * k].reshape(dim, k)
        raw = np.empty((0, dim))
        if self._metric == "cosine":
            raw = reals[dim * k : 2 * dim * k].reshape(k, dim)[used]
        return ids[used], columns[:, used].T, raw

    def row(
        self, first: int, stop: int, live: int, *, tick: int = 0, appended: int = 0, place: int = 0
    ) -> tuple[int, ...]:
        """Return what kernels are told of the window; see Window in kernels/windows.cuh."""
        *columns, capacity = self.ring.place
        fixed = *columns, *self._place, capacity, self._k, self._slide_ns
        return *fixed, first, stop, live, tick, appended, place

    def taken(self, stop: int) -> None:
        """Take into account that rows up to this number were taken."""
        self.seen = max(self.seen, stop)
        self._near = None

    def fetch(self) -> None:
        """Begin to copy the state to the host."""
        self.ring.device.fetch(self._there, self._state.view(np.uint8))

    def fetched(self) -> float:
        """Keep what was copied, once that has been waited for; return the covering radius."""
        self._near = self._parts(self._there.view(np.float64).copy())
        self._told = self._near[1]
        return float(self._told[0])

    def _parts(self, state: Any) -> tuple[Any, Any, Any]:
        """Return the numbers, what settling tells, and the reals of a state."""
        end = self._n_numbers
        return state[:end].view(np.int64), state[end : end + TOLD], state[end + TOLD :]


@dataclass(frozen=True, slots=True)
class Share:
    """What the cover of a window is to take.

    Attributes
    ----------
    cover : DeviceCover
    rows : Rows
        In time order, numbered from ``first``; those that it has seen are left alone.
    first : int
        Number of the first one.
    live : int
        Number of the oldest row of the window.
    pushed : bool
        Whether a push brought them, which does not change; windows share what it sends.
    """

    cover: DeviceCover
    rows: Rows
    first: int
    live: int
    pushed: bool = True

    @property
    def stop(self) -> int:
        """Number of the row after the last one."""
        return self.first + len(self.rows)

    @property
    def is_new(self) -> bool:
        """Whether there is anything to do."""
        return self.stop > min(self.cover.seen, self.cover.ring.end)

    def cut(self) -> Iterator[Share]:
        """Yield what is taken by one launch each."""
        room = self.cover.room
        for start in range(0, len(self.rows), room):
            rows = self.rows[start : start + room]
            yield Share(self.cover, rows, self.first + start, self.live, self.pushed)


def take_together(shares: Sequence[Share]) -> None:
    """Let covers of a stream take rows, all of them by one set of launches.

    Parameters
    ----------
    shares : sequence of Share
        Each of another window.

    Raises
    ------
    MemoryLimitError
        If there is no memory for the rows on the device.
    """
    for parts in zip_longest(*(share.cut() for share in shares)):
        together = [part for part in parts if part is not None and part.is_new]
        if together:
            _take(together)


def _take(parts: Sequence[Share]) -> None:
    largest = max((part.cover.ring for part in parts), key=lambda ring: ring.capacity)
    with largest.at_work():
        groups: dict[int, tuple[Columns, list[tuple[Share, tuple[int, ...]]]]] = {}
        for part in parts:
            columns, row = _told_of(part)
            groups.setdefault(id(columns[0]), (columns, []))[1].append((part, row))
        for columns, group in groups.values():
            _take_from(columns, *zip(*group, strict=True))


def _told_of(part: Share) -> tuple[Columns, tuple[int, ...]]:
    """Return where the rows of a part were sent, and what kernels are told of its window."""
    cover, ring = part.cover, part.cover.ring
    first, stop = max(part.first, cover.seen), part.stop
    appended = min(max(part.first, ring.end), stop)
    columns, place = ring.columns, 0
    if appended < stop:
        columns, place = ring.sent(part.rows, pushed=part.pushed)
        place += appended - part.first
    return columns, cover.row(min(first, stop), stop, part.live, appended=appended, place=place)


def _take_from(columns: Columns, parts: Sequence[Share], rows: Sequence[tuple[int, ...]]) -> None:
    """Append rows of windows that were sent together, and let their covers take them."""
    cover, ring = parts[0].cover, parts[0].cover.ring
    windows, most = len(parts), max(len(part.rows) for part in parts)
    table = ring.intake.table(ring.device, _table(rows))
    ring.device.kernels["append_rows"](
        (ceil_div(most, THREADS), windows), (THREADS,), (table, *columns, np.int32(ring.dim))
    )
    for part in parts:
        part.cover.ring.appended(part.first, part.stop)
    room = max(part.cover.room for part in parts)
    scratch = ring.intake.scratch(ring.device, windows, room, ring.dim)
    _nearest(cover, table, scratch, windows, most)
    _by_block(cover, "cover_take", table, scratch, windows)
    for part in parts:
        part.cover.taken(part.stop)


def settle_together(wanted: Sequence[tuple[DeviceCover, int, int]]) -> list[float]:
    """Free landmarks without a live row; return the covering radii, all of them by one launch.

    Parameters
    ----------
    wanted : sequence of tuple
        Covers of a stream, each with the number of the oldest live row, and the tick.
    """
    covers = [cover for cover, _, _ in wanted]
    ring = covers[0].ring
    with ring.at_work():
        rows = [cover.row(0, 0, live, tick=tick) for cover, live, tick in wanted]
        table = ring.intake.table(ring.device, _table(rows))
        _launch(covers[0], "cover_settle", (len(covers),), CONSTANTS["COVER_THREADS"], table, ())
        for cover in covers:
            cover.fetch()
        ring.device.wait()
    return [cover.fetched() for cover in covers]


def _table(rows: Sequence[tuple[int, ...]]) -> Int64Array:
    return np.array(rows, np.int64)


def _nearest(
    cover: DeviceCover, table: Any, scratch: tuple[Any, ...], windows: int, most: int
) -> None:
    blocks = ceil_div(most * CONSTANTS["NEAREST_LANES"], THREADS)
    _launch(cover, "cover_nearest", (blocks, windows), THREADS, table, scratch)


def _by_block(
    cover: DeviceCover, kernel: str, table: Any, scratch: tuple[Any, ...], windows: int
) -> None:
    """Launch a kernel in which a block has a window."""
    _launch(cover, kernel, (windows,), CONSTANTS["COVER_THREADS"], table, scratch)


def _launch(
    cover: DeviceCover,
    kernel: str,
    grid: tuple[int, ...],
    threads: int,
    table: Any,
    scratch: tuple[Any, ...],
) -> None:
    room = (np.int32(scratch[0].shape[1]),) if scratch else ()
    cover.ring.device.kernels[kernel](grid, (threads,), (table, *cover.sizes, *scratch, *room))
