"""The launches of an update in place, each for all windows; written against (xp, kernels)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .cuda_changes import NONE_WRONG, Changed
from .cuda_launch import WARP, Host, ceil_div
from .cuda_rooms import Counted
from .cuda_stages import (
    COUNTS,
    RESIDENT_WARPS,
    Classified,
    Codes,
    Stages,
    flood_warps,
    new_lists,
)
from .edge_keys import INFINITE

__all__ = ["Again", "Updates"]

THREADS = 256
ROW_WARPS = 8


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
        lists = new_lists(self.device.xp, windows, rooms, codes.first, counts, in_one=True)
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
        rooms = lists.rooms
        rng, splits, reps = map(max, Counted.of(told).lists, rooms)
        wider = new_lists(
            self.device.xp, len(told), (rng, splits, reps), lists.first, lists.counts, in_one=True
        )
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
