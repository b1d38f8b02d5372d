"""The launches of an update in place, each for all windows; written against (xp, kernels)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .cuda_launch import WARP, Device, Host, ceil_div, largest
from .cuda_stages import (
    COUNTS,
    LISTS,
    RESIDENT_WARPS,
    Classified,
    Codes,
    Stages,
    flood_warps,
    new_lists,
)
from .edge_keys import INFINITE
from .engine import Float32Array, Int64Array

__all__ = ["NONE_WRONG", "Again", "Changed", "Changes", "Updates", "rooms_of"]

THREADS = 256
ROW_WARPS = 8
FREE, STAYS, COMES = 0, 1, 2  # as in update.cu
NONE_WRONG = np.uint64(0xFFFFFFFFFFFFFFFF)
ALIGNED = 16  # bytes


@dataclass(frozen=True, slots=True)
class Changed:
    """What comes and goes, on the device or on its way there; lists are ended by -1.

    Attributes
    ----------
    enclosing : array of uint64, shape (windows,)
        All ones.
    budget : array of int32, shape (windows,)
        How many edges may be looked at.
    moved : array of uint32, shape (windows, n / 32)
        See `cuda_trails.WarmStart.words`.
    fresh : array of float32, shape (windows, room + 1, dim)
        Coordinates of new points.
    come, gone, freed : arrays of int32, shape (windows, room + 1)
        Slots of new points; slots whose point leaves; slots without a point from now on.
    holds : array of uint8, shape (windows, n)
        FREE, STAYS or COMES for each slot.
    leaves : array of uint8, shape (windows, n)
        Whether the point of a slot leaves.
    """

    enclosing: Any
    budget: Any
    moved: Any
    fresh: Any
    come: Any
    gone: Any
    freed: Any
    holds: Any
    leaves: Any


class Changes:
    """Room for one change of one window at a time, which goes to the device in one copy.

    Parameters
    ----------
    device : Device
        Where to.
    n, dim : int
        Slots, and coordinates of a point.
    room : int
        Points that may come, and as many that may go.

    Attributes
    ----------
    changed : Changed
        On the device; always the same arrays.
    """

    def __init__(self, device: Device, n: int, dim: int, room: int) -> None:
        self.room = room
        self._device = device
        parts = list(_parts(n, dim, room))
        n_bytes = sum(_padded(kind, shape) for kind, shape in parts)
        self._packed = device.xp.empty(n_bytes, np.uint8)
        self._bytes = device.pinned(n_bytes)
        self._host = Changed(*_pieces(self._bytes, parts))
        self.changed = Changed(*_pieces(self._packed, parts))

    @property
    def nbytes(self) -> int:
        """Bytes on the device; there are as many on the host."""
        return int(self._bytes.nbytes)

    def send(
        self,
        live: Int64Array,
        gone: Int64Array,
        new: Int64Array,
        points: Float32Array,
        moved: Host,
        budget: int,
    ) -> Int64Array:
        """Send a change, once the device is done with the last one; return slots with a point.

        Parameters
        ----------
        live : ndarray of int64
            Slots that held a point before.
        gone, new, points, budget
            As in `engine.WindowState.update`.
        moved : ndarray of uint32, shape (1, n_words)
            From `cuda_trails.WarmStart.words`.
        """
        host = self._host
        host.enclosing[:], host.budget[:] = NONE_WRONG, budget
        host.moved[:] = moved
        host.fresh[0, : len(new)] = points
        holds, leaves = host.holds[0], host.leaves[0]
        holds[:], leaves[:] = FREE, 0
        holds[live] = STAYS
        holds[gone] = FREE
        holds[new] = COMES
        leaves[gone] = 1
        freed = gone[holds[gone] == FREE]
        for slots, part in ((new, host.come), (gone, host.gone), (freed, host.freed)):
            part[0, : len(slots)] = slots
            part[0, len(slots) :] = -1
        self._device.send(self._packed, self._bytes)
        return np.flatnonzero(holds)


def _parts(n: int, dim: int, room: int) -> Iterator[tuple[Any, tuple[int, ...]]]:
    """Yield type and shape of each part of `Changed`."""
    yield np.uint64, (1,)
    yield np.int32, (1,)
    yield np.uint32, (1, ceil_div(n, 32))
    yield np.float32, (1, room + 1, dim)
    for _ in ("come", "gone", "freed"):
        yield np.int32, (1, room + 1)
    for _ in ("holds", "leaves"):
        yield np.uint8, (1, n)


def _padded(kind: Any, shape: tuple[int, ...]) -> int:
    """Return bytes that leave what follows aligned."""
    return ALIGNED * ceil_div(math.prod(shape) * np.dtype(kind).itemsize, ALIGNED)


def _pieces(packed: Any, parts: list[tuple[Any, tuple[int, ...]]]) -> Iterator[Any]:
    start = 0
    for kind, shape in parts:
        n_bytes = math.prod(shape) * np.dtype(kind).itemsize
        yield packed[start : start + n_bytes].view(kind).reshape(shape)
        start += _padded(kind, shape)


def rooms_of(lists: Classified) -> tuple[int, int, int]:
    """Return the rooms of lists: for RNG edges, split edges and their vertices."""
    rng, splits, reps = (int(part.shape[1]) for part in (lists.rng, lists.splits, lists.reps))
    return rng, splits, reps


@dataclass(frozen=True, slots=True)
class Again:
    """What an update looked at again, until the host is told what came of it.

    Attributes
    ----------
    listed : device array of uint64, shape (windows, any)
        Their keys.
    kept : device array of int32, shape (windows, COUNTS)
        Counters as they were before.
    budget : device array of int32, shape (windows,)
        How many may be looked at.
    """

    listed: Any
    kept: Any
    budget: Any


class Updates:
    """Marking, keeping, writing and looking again on one device.

    Parameters
    ----------
    stages : Stages
        Of the device.
    """

    def __init__(self, stages: Stages) -> None:
        self.stages = stages
        self.device = stages.device

    def enclosing(self, bits: Any, holds: Any, out: Any) -> None:
        """Write pattern << 32 | slot of the enclosing radius of each window into all ones."""
        windows, n, _ = bits.shape
        self.device.kernels["enclosing_slot"](
            (ceil_div(n, ROW_WARPS), windows), (ROW_WARPS * WARP,), (bits, holds, out, np.int32(n))
        )

    def rows(self, points: Any, changed: Changed, metric: str) -> Any:
        """Put new points into their slots; return their distances to all, (windows, n_come, n).

        float32, the last length to slots without a point; the row of the -1 that ends a list is
        not written. ``metric`` is one of those with a kernel.
        """
        windows, n, dim = points.shape
        n_come = changed.come.shape[1]
        self.device.kernels["place_points"](
            (ceil_div(n_come * dim, THREADS), windows),
            (THREADS,),
            (points, changed.fresh, changed.come, np.int32(n_come), np.int32(n), np.int32(dim)),
        )
        out = self.device.xp.empty((windows, n_come, n), np.float32)
        self.device.kernels[f"rows_{metric}"](
            (ceil_div(n, THREADS), n_come, windows),
            (THREADS,),
            (
                *(points, changed.holds, changed.come, out, np.int32(n_come), np.int32(n)),
                *(np.int32(dim), np.float32(np.inf)),
            ),
        )
        return out

    def mark(
        self,
        bits: Any,
        codes: Codes,
        longest: np.uint32,
        changed: Changed,
        rows: Any,
        listed: Any,
        counts: Any,
    ) -> None:
        """List the edges to be looked at, (windows, room) keys, and count them."""
        windows, n, _ = bits.shape
        self.device.kernels["mark_edges"](
            (ceil_div(n, THREADS), n, windows),
            (THREADS,),
            (
                *(bits, codes.first, codes.second, np.int32(n), longest, changed.holds),
                *(changed.leaves, changed.gone, np.int32(changed.gone.shape[1])),
                *(changed.come, rows, np.int32(changed.come.shape[1])),
                *(listed, np.int32(listed.shape[1]), counts),
            ),
        )

    def keep(
        self,
        codes: Codes,
        changed: Changed,
        old: Classified,
        rooms: tuple[int, int, int],
        counts: Any,
    ) -> Classified:
        """Begin new lists with the edges of the old ones that stay as they are.

        Parameters
        ----------
        codes, changed
            As marked.
        old : Classified
            In any order.
        rooms : tuple of int
            For RNG edges, split edges and their vertices, at least as many as there are.
        counts : device array of int32, shape (windows, COUNTS)
            From `mark`; of the new lists.
        """
        windows, n = changed.holds.shape
        lists = new_lists(self.device.xp, windows, *rooms, codes.first, counts)
        longest = max(lists.rng.shape[1], lists.splits.shape[1])
        self.device.kernels["keep_edges"](
            (ceil_div(longest, THREADS), windows),
            (THREADS,),
            (
                *(codes.first, np.int32(n), changed.holds),
                *(old.rng, np.int32(old.rng.shape[1]), lists.rng, np.int32(lists.rng.shape[1])),
                *(old.splits, old.spans, np.int32(old.splits.shape[1])),
                *(lists.splits, lists.spans, np.int32(lists.splits.shape[1])),
                *(old.reps, np.int32(old.reps.shape[1]), lists.reps),
                *(np.int32(lists.reps.shape[1]), old.counts, counts),
            ),
        )
        return lists

    def commit(self, bits: Any, changed: Changed, rows: Any) -> None:
        """Write the rows of the new points, and none for the slots that are free."""
        windows, n, _ = bits.shape
        n_come, n_freed = changed.come.shape[1], changed.freed.shape[1]
        self.device.kernels["commit_rows"](
            (ceil_div(n, THREADS), n_come + n_freed, windows),
            (THREADS,),
            (
                *(bits, np.int32(n), changed.come, rows, np.int32(n_come)),
                *(changed.freed, np.int32(n_freed), INFINITE),
            ),
        )

    def replaced(
        self,
        bits: Any,
        codes: Codes,
        longest: np.uint32,
        old: Classified,
        changed: Changed,
        rows: Any,
        rooms: tuple[int, int, int],
        listed: Any,
    ) -> tuple[Classified, Again]:
        """Launch all of an update but `rows`; return new lists, and what they were made of.

        Parameters
        ----------
        bits, codes, old
            As they are, ``codes`` with the enclosing radius of the change.
        longest : uint32
            Pattern of the longest edge that matters.
        changed, rooms
            As in `keep`.
        rows : device array of uint32, shape (windows, room + 1, n)
            Patterns of the distances of new points.
        listed : device array of uint64, shape (windows, n (n - 1) / 2)
            Room for the keys of edges that are looked at again.
        """
        counts = self.device.zeros((len(bits), COUNTS), np.int32)
        self.mark(bits, codes, longest, changed, rows, listed, counts)
        lists = self.keep(codes, changed, old, rooms, counts)
        self.commit(bits, changed, rows)
        self.enclosing(bits, changed.holds, changed.enclosing)
        kept = self.device.xp.empty(counts.shape, np.int32)
        self.device.copy(kept, counts)
        self.stages.noted_components(bits, codes, listed, lists, changed.budget)
        return lists, Again(listed, kept, changed.budget)

    def widen(
        self, bits: Any, codes: Codes, lists: Classified, again: Again, told: Host
    ) -> Classified:
        """Look at the listed edges a second time, with room for all that was counted."""
        rooms = rooms_of(lists)
        needed = (largest(told, name) for name in LISTS)
        rng, splits, reps = map(max, needed, rooms)
        wider = new_lists(self.device.xp, len(told), rng, splits, reps, lists.first, lists.counts)
        for name, room in zip(
            ("rng", "splits", "spans", "reps"), (*rooms[:2], *rooms[1:]), strict=True
        ):
            getattr(wider, name)[:, :room] = getattr(lists, name)
        self.device.copy(wider.counts, again.kept)
        self.stages.noted_components(bits, codes, again.listed, wider, again.budget)
        return wider

    def first_wrong(
        self, bits: Any, codes: Codes, longest: np.uint32, holds: Any, lists: Classified
    ) -> Any:
        """Return the key of the first edge of which something false is noted, or `NONE_WRONG`.

        uint64, shape (windows, 2): by its codes, and by the vertices kept of a split edge.
        """
        windows, n, _ = bits.shape
        out = self.device.xp.full((2, windows), NONE_WRONG, np.uint64)
        warps, n_bytes = flood_warps(n, 3)
        self.device.kernels["false_codes"](
            (n, windows),
            (warps * WARP,),
            (bits, codes.first, codes.second, np.int32(n), longest, holds, out[0]),
            shared_mem=n_bytes,
        )
        self.device.kernels["false_splits"](
            (ceil_div(min(RESIDENT_WARPS, max(1, lists.splits.shape[1])), warps), windows),
            (warps * WARP,),
            (
                *(bits, np.int32(n), lists.splits, lists.spans, np.int32(lists.splits.shape[1])),
                *(lists.reps, np.int32(lists.reps.shape[1]), lists.counts, out[1]),
            ),
            shared_mem=n_bytes,
        )
        return out.T
