"""What covers on a device take together: rows of several windows by one set of launches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np

from ..persistence.cuda_kernels import CONSTANTS
from ..persistence.cuda_launch import ceil_div
from ..persistence.engine import Int64Array
from .device_intake import Columns
from .ring_buffer import Rows

if TYPE_CHECKING:
    from .device_cover import DeviceCover

__all__ = ["Share", "by_block", "nearest", "table_of", "take_together"]

THREADS = 128


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
        groups: dict[int, tuple[Columns, list[tuple[Share, int]]]] = {}
        for part in parts:
            columns, place = _sent(part)
            groups.setdefault(id(columns[0]), (columns, []))[1].append((part, place))
        for columns, group in groups.values():
            _take_from(columns, group)


def _sent(part: Share) -> tuple[Columns, int]:
    """Return where the rows of a part were sent, and the first one's place; see `DeviceRing`."""
    ring = part.cover.ring
    if part.stop <= ring.end:
        return ring.columns, 0  # of which none is appended
    return ring.sent(part.rows, pushed=part.pushed)


def _take_from(columns: Columns, group: Sequence[tuple[Share, int]]) -> None:
    """Append rows of windows that were sent together, and let their covers take them."""
    rows, n = [], 0
    for part, place in group:
        cover, stop = part.cover, part.stop
        first = min(max(part.first, cover.seen), stop)
        appended = min(max(part.first, cover.ring.end), stop)
        place += appended - part.first
        live = part.live
        rows.append(cover.row(first, stop, live, appended=appended, place=place, scratch=n))
        n += stop - first
    cover, ring, windows = group[0][0].cover, group[0][0].cover.ring, len(group)
    most = max(len(part.rows) for part, _ in group)
    table = ring.intake.table(ring.device, table_of(rows))
    ring.device.kernels["append_rows"](
        (ceil_div(most, THREADS), windows), (THREADS,), (table, *columns, np.int32(ring.dim))
    )
    for part, _ in group:
        part.cover.ring.appended(part.first, part.stop)
    scratch = ring.intake.scratch(ring.device, n, ring.dim)
    nearest(cover, table, scratch, windows, most)
    by_block(cover, "cover_take", table, scratch, windows)
    for part, _ in group:
        part.cover.taken(part.stop)


def table_of(rows: Sequence[tuple[int, ...]]) -> Int64Array:
    """Return what a launch is told of windows, a row from `DeviceCover.row` each."""
    return np.array(rows, np.int64)


def nearest(
    cover: DeviceCover, table: Any, scratch: tuple[Any, ...], windows: int, most: int
) -> None:
    """Launch what finds the nearest landmark of each row, ``most`` of a window at most."""
    blocks = ceil_div(most * CONSTANTS["NEAREST_LANES"], THREADS)
    _launch(cover, "cover_nearest", (blocks, windows), THREADS, table, scratch)


def by_block(
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
    cover.ring.device.kernels[kernel](grid, (threads,), (table, *cover.sizes, *scratch))
