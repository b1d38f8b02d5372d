"""Distances and certificates of a window of slots, kept up to date while points come and go."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from . import distances
from .edge_sweep import UInt16Array, UInt32Array, UInt64Array, sweep_edges
from .engine import Bars, EngineResult, Float32Array, Int64Array, LoopEdges, TooManyEdges
from .footprint import padded
from .kernels import certificates, edge_lists, keys, mark, recheck
from .loops import bars_of_components, bars_of_loops
from .pairing import Notes, counts, pair_edges
from .threads import in_parts
from .unhubbed import EdgeLists
from .verification import verify_state

__all__ = ["LuneState"]

INFINITE = np.uint32(0x7F800000)
_LANES = 64
_EDGES_PER_THREAD = 400
_MARKS_PER_THREAD = 200_000


class LuneState:
    """What is known about every edge of a window: its length, and why its lune is as it is.

    A hub of a lune is a vertex joined to all others, after Boissonnat and Pritam, "Edge collapse
    and persistence of flag complexes" (SoCG 2020), section 3, where such an edge is dominated.
    Two hubs that are joined to each other certify as well that a lune is connected.

    Parameters
    ----------
    capacity, dim : int
        Slots, and coordinates of a point.
    metric : str
        As in `distances.cross`.
    threshold : uint32
        Pattern of the longest edge that matters.
    threads : int
        Largest number of threads.

    Attributes
    ----------
    bits : ndarray of uint32, shape (N, N)
        Patterns of the float32 distances between slots, infinite where there is no point; N is
        the capacity rounded up to a multiple of 64.
    first, second : ndarray of uint16, shape (N, N)
        Codes of `kernels.certificates`, below the diagonal.
    live : ndarray of int64
        Ascending slots that hold a point.
    r_enc : uint32
        Pattern of the enclosing radius; longer edges have its centre as a hub.
    """

    def __init__(
        self, capacity: int, dim: int, metric: str, threshold: np.uint32, threads: int
    ) -> None:
        n_slots = padded(capacity)
        self.metric = metric
        self.threshold = threshold
        self.threads = threads
        self.points = np.zeros((n_slots, dim), np.float32)
        self.bits: UInt32Array = np.empty((n_slots, n_slots), np.uint32)
        self.first: UInt16Array = np.empty((n_slots, n_slots), np.uint16)
        self.second: UInt16Array = np.empty((n_slots, n_slots), np.uint16)
        self.farthest = np.zeros(n_slots, np.uint32)
        self.live: Int64Array = np.empty(0, np.int64)
        self.lists = EdgeLists.none()
        self.r_enc = np.uint32(0)
        self._sources: Int64Array = np.empty(0, np.int64)
        self._forget()

    @property
    def n_slots(self) -> int:
        """Number of slots, a multiple of 64."""
        return len(self.bits)

    @property
    def nbytes(self) -> int:
        """Bytes of the matrices and points held."""
        arrays = (self.bits, self.first, self.second, self.points, self.farthest, self.live)
        held = sum(array.nbytes for array in arrays)
        return held + self.lists.nbytes + self._notes.nbytes

    @property
    def limit(self) -> np.uint32:
        """Pattern of the longest edge the diagram looks at."""
        return min(self.r_enc, self.threshold)

    def build(
        self, matrix: Float32Array, points: Float32Array, slots: Int64Array
    ) -> dict[str, float]:
        """Start from scratch; see `WindowState.build`."""
        self.live = slots
        self.points[slots] = points
        self.bits.fill(INFINITE)
        self.bits[np.ix_(slots, slots)] = matrix.view(np.uint32)
        none = np.empty((0, self.n_slots), np.uint32)
        centre = self._find_centre(slots, none)
        for codes in (self.first, self.second):
            codes.fill(centre)

        def note(edge_keys: UInt64Array, classes: Any, hubs: Any) -> None:
            certificates.note(edge_keys, classes, hubs, slots, self.first, self.second)

        seconds = {"keys": 0.0, "sweep": 0.0}
        swept = sweep_edges(matrix.view(np.uint32), self.limit, self.threads, seconds, note)
        loose = certificates.loose_edges(self.bits, self.second, slots, self.limit)
        self.lists = EdgeLists.of(swept, loose, slots)
        self._forget()
        return seconds

    def update(
        self, gone: Int64Array, new: Int64Array, points: Float32Array, budget: int
    ) -> dict[str, Any]:
        """Take points out and put others in; see `WindowState.update`."""
        watch = _Watch()
        alive = np.zeros(self.n_slots, np.bool_)
        alive[self.live] = True
        alive[gone] = False
        survivors = np.flatnonzero(alive)
        rows = distances.cross(points, self.points, self.metric).view(np.uint32)
        watched = np.where(alive, rows, mark.NOWHERE)
        watch.lap("distance")
        listed = self._mark(survivors, alive, gone, watched, new, budget)
        watch.lap("mark")
        kept = self._kept(alive)
        lanes = (gone & (_LANES - 1)).astype(np.uint64)
        np.bitwise_or.at(self._notes.gone, gone // _LANES, np.uint64(1) << lanes)
        old_rows = self.bits[gone]
        stand_in = self._stand_ins(gone, np.where(alive, old_rows, mark.NOWHERE))
        self._commit(gone, new, points, np.where(alive, rows, INFINITE))
        alive[new] = True
        self.live = np.flatnonzero(alive)
        centre = self._find_centre(new, old_rows)
        star = np.empty(len(new) * len(self.live), np.uint64)
        nearest = edge_lists.nearest_survivors(watched)
        n_star = edge_lists.star(
            self.bits, self.first, self.second, new, self.live, nearest, self.threshold, star
        )
        watch.lap("commit")
        listed = np.concatenate([listed, star[:n_star]])
        self._recheck(listed, kept, stand_in, centre)
        watch.lap("recheck")
        return {"n_rechecked": len(listed), "seconds": watch.seconds}

    def result(self, dimensions: tuple[int, ...]) -> EngineResult:
        """Return the bars; vertex ``i`` of their edges and loops is ``self.live[i]``."""
        seconds = {"forest": 0.0, "reduce": 0.0}
        n_slots = self.n_slots
        swept = self.lists.up_to(self.limit)
        self._notes.sources = self._sources[: len(swept.splits)]
        paired = pair_edges(self.bits, swept, 1 in dimensions, seconds, self._notes)
        self._sources = np.arange(len(self.lists.splits))
        self._sources[len(swept.splits) :] = -1
        rank = np.full(n_slots + 1, -1)
        rank[self.live] = np.arange(len(self.live))
        info = {"r_enc": float(self.r_enc.view(np.float32)), "seconds": seconds}
        info.update(counts(swept, paired))
        bars: dict[int, Bars] = {}
        loops: LoopEdges | None = None
        if 0 in dimensions:
            bars[0] = bars_of_components(paired.merges, len(self.live) - len(paired.merges), 1)
        if 1 in dimensions:
            bars[1], slot_loops = bars_of_loops(paired, paired.unpaired, n_slots)

            def loops(index: int) -> Int64Array:
                renamed: Int64Array = rank[slot_loops(index)]
                return renamed

        renamed = {
            k: replace(b, birth_edges=rank[b.birth_edges], death_edges=rank[b.death_edges])
            for k, b in bars.items()
        }
        return EngineResult(renamed, loops, info)

    def verify(self) -> None:
        """Compare what is kept with what the points say; see `verification.verify_state`."""
        verify_state(self)

    def _mark(
        self,
        survivors: Int64Array,
        alive: npt.NDArray[np.bool_],
        gone: Int64Array,
        rows: UInt32Array,
        new: Int64Array,
        budget: int,
    ) -> UInt64Array:
        """List the edges between survivors that have to be looked at again."""
        state = (self.bits, self.first, self.second)
        unhubbed = np.concatenate([self.lists.splits, self.lists.loose])
        rows_of = ((unhubbed >> keys.VERTEX_SHIFT) & keys.VERTEX_MASK).astype(np.int64)
        limit = self.threshold

        def part(index: int) -> UInt64Array:
            mine = survivors[bounds[index] : bounds[index + 1]]
            if not len(mine):
                return np.empty(0, np.uint64)
            # a row belongs to one thread, for an edge may be listed once
            some = unhubbed[(rows_of >= mine[0]) & (rows_of <= mine[-1])]
            out = np.empty(budget + self.n_slots, np.uint64)
            used = mark.mark_lost(*state, mine, alive, gone, some, limit, out)
            if used >= 0:
                used = mark.mark_entered(*state, mine, alive, rows, new, limit, out, used)
            if used < 0:
                raise TooManyEdges
            return out[:used]

        changed = max(len(gone), len(new))
        workers = self._workers(changed * len(survivors) ** 2 // 2, _MARKS_PER_THREAD)
        bounds = np.sqrt(np.linspace(0.0, float(len(survivors)) ** 2, workers + 1)).round()
        bounds = bounds.astype(np.int64)
        return np.concatenate(in_parts(part, workers))

    def _kept(self, alive: npt.NDArray[np.bool_]) -> tuple[Any, Any, Any]:
        """Tell which listed edges are still as they were; call it before codes are rewritten."""
        lists = self.lists
        return tuple(
            edge_lists.still_valid(edge_keys, self.first, alive)
            for edge_keys in (lists.rng, lists.splits, lists.loose)
        )

    def _stand_ins(self, gone: Int64Array, rows: UInt32Array) -> Int64Array:
        """Return for each code what to try in its place: for a vertex that left, one near it."""
        stand_in = np.arange(2 * self.n_slots + certificates.N_CODES)
        stand_in[gone] = edge_lists.nearest_survivors(rows)
        stand_in[stand_in < 0] = 2 * self.n_slots
        return stand_in

    def _commit(
        self, gone: Int64Array, new: Int64Array, points: Float32Array, rows: UInt32Array
    ) -> None:
        """Write the distances of the new points, and none for the slots that are free."""
        self.points[new] = points
        self.bits[gone] = INFINITE
        self.bits[:, gone] = INFINITE
        self.bits[new] = rows
        self.bits[:, new] = rows.T
        among = distances.cross(points, points, self.metric)
        self.bits[np.ix_(new, new)] = among.view(np.uint32)

    def _forget(self) -> None:
        """Forget the relations of former diagrams."""
        words = np.zeros(self.n_slots // _LANES, np.uint64)
        self._notes = Notes(self.first, np.empty(0, np.int64), words)
        self._sources = np.full(len(self.lists.splits), -1)

    def _find_centre(self, new: Int64Array, old_rows: UInt32Array) -> int:
        """Bring the enclosing radius up to date; return the slot that attains it, 0 for none."""
        r_enc, centre = edge_lists.refresh_farthest(
            self.bits, self.farthest, self.live, new, old_rows
        )
        self.r_enc = np.uint32(r_enc if len(self.live) else 0)
        return max(int(centre), 0)

    def _recheck(
        self, listed: UInt64Array, kept: tuple[Any, Any, Any], stand_in: Int64Array, centre: int
    ) -> None:
        """Find out about the listed edges and bring the lists up to date."""

        def part(index: int) -> tuple[npt.NDArray[np.uint8], Int64Array]:
            mine = listed[bounds[index] : bounds[index + 1]]
            out = np.empty(len(mine), np.uint8)
            reps = recheck.recheck(
                self.bits, self.first, self.second, mine, stand_in, self.r_enc, centre, out
            )
            return out, reps

        workers = self._workers(len(listed), _EDGES_PER_THREAD)
        bounds = np.linspace(0, len(listed), workers + 1).astype(np.int64)
        done = in_parts(part, workers)
        found = np.concatenate([out for out, _ in done])
        edge_keys = edge_lists.keys_of(listed, self.bits)
        old = self.lists
        splits = edge_keys[found == recheck.SPLIT]
        all_splits, all_reps, sources = edge_lists.merge_splits(
            old.splits,
            old.reps,
            kept[1],
            splits,
            np.concatenate([reps for _, reps in done]),
            np.argsort(splits),
        )
        rng = np.concatenate([old.rng[kept[0]], edge_keys[found == recheck.EMPTY]])
        loose = np.concatenate([old.loose[kept[2]], edge_keys[found == recheck.LOOSE]])
        self.lists = EdgeLists(np.sort(rng), all_splits, all_reps, np.sort(loose))
        self._sources = np.where(sources < 0, -1, np.append(self._sources, -1)[sources])

    def _workers(self, work: int, share: int) -> int:
        return max(1, min(self.threads, work // share))


class _Watch:
    """Seconds of the phases of one update."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, phase: str) -> None:
        now = time.perf_counter()
        self.seconds[phase] = now - self._last
        self._last = now
