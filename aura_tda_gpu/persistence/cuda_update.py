"""The launches of an update in place, each for all windows; written against (xp, kernels)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
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

__all__ = ["NONE_WRONG", "Again", "Changed", "Updates", "room_after"]

THREADS = 256
ROW_WARPS = 8
MORE = 256  # edges that a list has room for beside half of those it had
FREE, STAYS, COMES = 0, 1, 2  # as in update.cu
NONE_WRONG = np.uint64(0xFFFFFFFFFFFFFFFF)
NO_RADIUS = np.full(1, NONE_WRONG)
NO_COUNTS = np.zeros((1, COUNTS), np.int32)


@dataclass(frozen=True, slots=True)
class Changed:
    """What comes and goes, on the device; lists are ended by -1.

    Attributes
    ----------
    enclosing : device array of uint64, shape (windows,)
        All ones.
    counts : device array of int32, shape (windows, COUNTS)
        Zeros.
    moved : device array of uint32, shape (windows, n / 32)
        See `cuda_trails.WarmStart.words`.
    fresh : device array of float32, shape (windows, any, dim)
        Coordinates of new points.
    come, gone, freed : device arrays of int32, shape (windows, any)
        Slots of new points; slots whose point leaves; slots without a point from now on.
    holds : device array of uint8, shape (windows, n)
        FREE, STAYS or COMES for each slot.
    leaves : device array of uint8, shape (windows, n)
        Whether the point of a slot leaves.
    """

    enclosing: Any
    counts: Any
    moved: Any
    fresh: Any
    come: Any
    gone: Any
    freed: Any
    holds: Any
    leaves: Any

    @classmethod
    def of(
        cls,
        device: Device,
        live: Int64Array,
        gone: Int64Array,
        new: Int64Array,
        points: Float32Array,
        moved: Host,
        n: int,
    ) -> tuple[Changed, Int64Array]:
        """Send a change of one window in one copy; return it, and the slots that hold a point.

        Parameters
        ----------
        live : ndarray of int64
            Slots that held a point before.
        gone, new, points
            As in `engine.WindowState.update`.
        moved : ndarray of uint32, shape (1, n_words)
            From `cuda_trails.WarmStart.words`.
        n : int
            Slots.
        """
        marks = np.zeros((2, n), np.uint8)
        holds, leaves = marks
        holds[live] = STAYS
        holds[gone] = FREE
        holds[new] = COMES
        leaves[gone] = 1
        ended = np.full(2 * len(gone) + len(new) + 3, -1, np.int32)
        freed = gone[holds[gone] == FREE]
        bounds = 0, len(new) + 1, len(new) + len(gone) + 2, len(ended)
        for slots, start in zip((new, gone, freed), bounds[:-1], strict=True):
            ended[start : start + len(slots)] = slots
        lists: list[Host] = [ended[start:stop] for start, stop in pairwise(bounds)]
        fresh = np.ascontiguousarray(points, np.float32)
        parts: list[Host] = [NO_RADIUS, NO_COUNTS, moved, fresh[np.newaxis]]
        parts += [part[np.newaxis] for part in [*lists, holds, leaves]]
        bytes_of_all = [part.reshape(-1).view(np.uint8) for part in parts]
        sent = device.xp.asarray(np.concatenate(bytes_of_all))
        arrays, start = [], 0
        for part in parts:
            piece = sent[start : start + part.nbytes].view(part.dtype)
            arrays.append(piece.reshape(part.shape))
            start += part.nbytes
        return cls(*arrays), np.flatnonzero(holds)


def room_after(known: int) -> int:
    """Return the room of a list that held ``known`` edges before an update."""
    return known + MORE + known // 2


@dataclass(frozen=True, slots=True)
class Again:
    """What an update looked at again, until the host is told what came of it.

    Attributes
    ----------
    listed : device array of uint64, shape (windows, any)
        Their keys.
    kept : device array of int32, shape (windows, COUNTS)
        Counters as they were before.
    budget : int
        How many may be looked at.
    """

    listed: Any
    kept: Any
    budget: int


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

    def mark(self, bits: Any, codes: Codes, longest: np.uint32, changed: Changed, rows: Any) -> Any:
        """List the edges to be looked at: return their keys (windows, room), and count them."""
        xp = self.device.xp
        windows, n, _ = bits.shape
        listed = xp.empty((windows, max(1, n * (n - 1) // 2)), np.uint64)
        self.device.kernels["mark_edges"](
            (ceil_div(n, THREADS), n, windows),
            (THREADS,),
            (
                *(bits, codes.first, codes.second, np.int32(n), longest, changed.holds),
                *(changed.leaves, changed.gone, np.int32(changed.gone.shape[1])),
                *(changed.come, rows, np.int32(changed.come.shape[1])),
                *(listed, np.int32(listed.shape[1]), changed.counts),
            ),
        )
        return listed

    def keep(self, codes: Codes, changed: Changed, old: Classified) -> Classified:
        """Begin new lists with the edges of the old ones that stay as they are.

        Parameters
        ----------
        codes, changed
            As marked; the counters of the change grow.
        old : Classified
            In any order.
        """
        windows, n = changed.holds.shape
        told = old.host_counts
        n_rng, n_splits = largest(told, "N_RNG"), largest(told, "N_SPLIT")
        rng, splits, reps = (room_after(largest(told, name)) for name in LISTS)
        counts = changed.counts
        lists = new_lists(self.device.xp, windows, rng, splits, reps, codes.first, counts)
        self.device.kernels["keep_edges"](
            (max(1, ceil_div(max(n_rng, n_splits), THREADS)), windows),
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

    def look_again(
        self, bits: Any, codes: Codes, listed: Any, lists: Classified, budget: int
    ) -> Again:
        """Note anew why the listed edges are as they are, and append to the lists."""
        kept = self.device.xp.empty_like(lists.counts)
        self.device.copy(kept, lists.counts)
        self.stages.noted_components(bits, codes, listed, lists, budget)
        return Again(listed, kept, budget)

    def widen(
        self, bits: Any, codes: Codes, lists: Classified, again: Again, told: Host
    ) -> Classified:
        """Look at the listed edges a second time, with room for all that was counted."""
        rooms = tuple(int(part.shape[1]) for part in (lists.rng, lists.splits, lists.reps))
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
