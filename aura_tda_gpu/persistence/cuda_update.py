"""The launches of an update in place, each for all windows; written against (xp, kernels)."""

from __future__ import annotations

from dataclasses import dataclass
from operator import le
from typing import Any

import numpy as np

from .cuda_launch import WARP, Device, Host, ceil_div, largest
from .cuda_stages import COUNTS, RESIDENT_WARPS, Classified, Codes, Stages, flood_warps, new_lists
from .edge_keys import INFINITE
from .engine import Int64Array

__all__ = ["NONE_WRONG", "Changed", "Updates", "room_after"]

THREADS = 256
ROW_WARPS = 8
MORE = 256  # edges that a list has room for beside half of those it had
FREE, STAYS, COMES = 0, 1, 2  # as in update.cu
LISTS = ("N_RNG", "N_SPLIT", "N_REPS")
NONE_WRONG = np.uint64(0xFFFFFFFFFFFFFFFF)


@dataclass(slots=True)
class Changed:
    """What comes and goes, on the device; lists are ended by -1.

    Attributes
    ----------
    holds : device array of uint8, shape (windows, n)
        FREE, STAYS or COMES for each slot.
    leaves : device array of uint8, shape (windows, n)
        Whether the point of a slot leaves.
    gone, come, freed : device arrays of int32, shape (windows, any)
        Slots whose point leaves; slots of new points; slots without a point from now on.
    """

    holds: Any
    leaves: Any
    gone: Any
    come: Any
    freed: Any

    @classmethod
    def of(cls, device: Device, live: Int64Array, gone: Int64Array, new: Int64Array, n: int) -> Any:
        """Send a change of one window, with the slots that held a point before, in one copy."""
        holds, leaves = np.zeros(n, np.uint8), np.zeros(n, np.uint8)
        holds[live] = STAYS
        holds[gone] = FREE
        holds[new] = COMES
        leaves[gone] = 1
        freed = gone[holds[gone] == FREE]
        lists = [np.append(slots, -1).astype(np.int32) for slots in (gone, new, freed)]
        parts: list[Host] = [*lists, holds, leaves]
        sent = device.xp.asarray(np.concatenate([part.view(np.uint8) for part in parts]))
        arrays, start = [], 0
        for part in parts:
            piece = sent[start : start + part.nbytes].view(part.dtype)
            arrays.append(piece.reshape(1, len(part)))
            start += part.nbytes
        return cls(arrays[3], arrays[4], *arrays[:3])


def room_after(known: int, n_listed: int) -> int:
    """Return the room of a list that held ``known`` edges once ``n_listed`` were looked at."""
    return known + min(n_listed, MORE + known // 2)


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

    def enclosing(self, bits: Any, holds: Any) -> Any:
        """Return pattern << 32 | slot of the enclosing radius of each window, uint64 (windows,)."""
        windows, n, _ = bits.shape
        out = self.device.xp.full(windows, NONE_WRONG, np.uint64)
        self.device.kernels["enclosing_slot"](
            (ceil_div(n, ROW_WARPS), windows), (ROW_WARPS * WARP,), (bits, holds, out, np.int32(n))
        )
        return out

    def rows(self, points: Any, changed: Changed, metric: str) -> Any:
        """Return the distances from the new points to all, float32 (windows, n_come, n).

        The last length to slots without a point. ``metric`` is one of those with a kernel.
        """
        windows, n, dim = points.shape
        n_come = changed.come.shape[1]
        out = self.device.xp.full((windows, n_come, n), np.float32(np.inf), np.float32)
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
        self, bits: Any, codes: Codes, longest: np.uint32, changed: Changed, rows: Any
    ) -> tuple[Any, Any]:
        """List the edges to be looked at: their keys (windows, room), and counters."""
        xp = self.device.xp
        windows, n, _ = bits.shape
        listed = xp.empty((windows, max(1, n * (n - 1) // 2)), np.uint64)
        counts = xp.zeros((windows, COUNTS), np.int32)
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
        return listed, counts

    def keep(
        self, codes: Codes, changed: Changed, old: Classified, n_listed: int, counts: Any
    ) -> Classified:
        """Begin new lists with the edges of the old ones that stay as they are.

        Parameters
        ----------
        codes, changed
            As marked.
        old : Classified
            In any order.
        n_listed : int
            Edges that will be looked at, in each window; few of them are RNG or split edges.
        counts : device array of int32, shape (windows, COUNTS)
            From `mark`; grows.
        """
        windows, n = changed.holds.shape
        told = old.host_counts
        n_rng, n_splits = largest(told, "N_RNG"), largest(told, "N_SPLIT")
        rng, splits, reps = (room_after(largest(told, name), n_listed) for name in LISTS)
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

    def look_again(self, bits: Any, codes: Codes, listed: Any, lists: Classified) -> Classified:
        """Note anew why the listed edges are as they are; return the lists with them.

        Where they find no room, they are looked at a second time.
        """
        kept = lists.counts.copy()
        self.stages.noted_components(bits, codes, listed, lists)
        told, codes.host_enclosing = self.device.bring(lists.counts, codes.enclosing)
        lists.host_counts = told
        rooms = tuple(int(part.shape[1]) for part in (lists.rng, lists.splits, lists.reps))
        needed = tuple(largest(told, name) for name in LISTS)
        if all(map(le, needed, rooms)):
            return lists
        rng, splits, reps = map(max, needed, rooms)
        wider = new_lists(
            self.device.xp, len(told), rng, splits, reps, lists.first, lists.counts
        )
        for name, room in zip(
            ("rng", "splits", "spans", "reps"), (*rooms[:2], *rooms[1:]), strict=True
        ):
            getattr(wider, name)[:, :room] = getattr(lists, name)
        wider.host_counts = told
        wider.counts[...] = kept
        self.stages.noted_components(bits, codes, listed, wider)
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
