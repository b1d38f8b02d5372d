"""A window on a device: distances, certificates and lists of edges, kept up to date in place."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ..errors import StateCorruption
from .bars import Paired, bars_of, named_by_place
from .cuda_bars import Begun, ListsTooShort, PairedOnDevice, only
from .cuda_changes import NONE_WRONG, STAYS
from .cuda_launch import Host, timed
from .cuda_passes import Passes
from .cuda_rooms import Counted, Rooms
from .cuda_stages import COUNTS, NO_BUDGET, Classified, Codes, Ordered, new_lists
from .cuda_trails import Trails, WarmStart
from .cuda_update import Again
from .edge_keys import INFINITE, vertices_of
from .engine import Bars, EngineResult, Float32Array, Int64Array, LoopEdges, TooManyEdges

if TYPE_CHECKING:
    from .cuda import CudaEngine

__all__ = ["CudaWindowState"]

_BarsOfSlots: TypeAlias = Callable[
    [Paired, tuple[int, ...], Int64Array, int], tuple[dict[int, Bars], LoopEdges | None]
]


class CudaWindowState:
    """What is known about every edge of a window; see `engine.WindowState`.

    Parameters
    ----------
    engine : CudaEngine
        Of the device.
    capacity, dim : int
        Slots, and coordinates of a point.
    metric : str
        As in `Engine.pairwise`.
    longest : uint32
        Pattern of the longest edge that matters.
    """

    def __init__(
        self, engine: CudaEngine, capacity: int, dim: int, metric: str, longest: np.uint32
    ) -> None:
        xp = engine.device.xp
        self._engine = engine
        self._metric = metric
        self._longest = longest
        self.live: Int64Array = np.empty(0, np.int64)
        self._warm = WarmStart(engine.device, capacity)
        self._rooms = Rooms(1, 1, 1, 0)  # what the next diagram will probably need
        self._again: Again | None = None  # of an update that the host was not told of yet
        self._budget = NO_BUDGET  # of that one
        self._begun: Begun | None = None  # the diagram after it
        self._has_loops = False  # whether the last one had them
        self._n_listed = 0  # edges that the last update looked at again
        with engine.memory(1, capacity):
            self.points = xp.zeros((1, capacity, dim), np.float32)
            self.bits = xp.full((1, capacity, capacity), INFINITE, np.uint32)
            codes = xp.zeros((2, 1, capacity, capacity), np.uint16)
            self.codes = Codes(codes[0], codes[1], xp.zeros(1, np.uint64), np.zeros(1, np.uint64))
            self.lists = new_lists(xp, 1, (1, 1, 1), codes[0], xp.zeros((1, COUNTS), np.int32))
            self._passes = Passes(engine, self.points, self.bits, self.codes, metric, longest)
        fixed = self.points, self.bits, codes, self.codes.enclosing
        self._fixed_nbytes = sum(int(array.nbytes) for array in fixed)
        self._sized: tuple[Classified, Trails | None, int] | None = None  # lists, trails, bytes

    @property
    def n_slots(self) -> int:
        """Number of slots."""
        return int(self.bits.shape[1])

    @property
    def nbytes(self) -> int:
        """Bytes held on the host."""
        held = self.live.nbytes + self.lists.host_counts.nbytes + self._warm.nbytes
        return held + self._passes.host_nbytes

    @property
    def device_nbytes(self) -> int:
        """Bytes held on the device, without what recordings hold."""
        lists, last = self.lists, self._warm.last
        if self._sized is None or self._sized[0] is not lists or self._sized[1] is not last:
            parts = lists.rng, lists.splits, lists.spans, lists.reps, lists.counts
            listed = sum(int(array.nbytes) for array in parts)
            self._sized = lists, last, listed + self._warm.held
        return self._fixed_nbytes + self._sized[2] + self._passes.nbytes

    def build(
        self, matrix: Float32Array, points: Float32Array, slots: Int64Array
    ) -> dict[str, float]:
        """Start from scratch; see `WindowState.build`."""
        xp, seconds = self._engine.device.xp, {"lune": 0.0}
        with self._engine.memory(1, self.n_slots), timed(seconds, "lune"):
            self.live = slots
            self._warm.forget()
            self._passes.forget()
            self._again = self._begun = None
            places = xp.asarray(slots)
            self.points[0, places] = xp.asarray(points)
            self.bits[...] = INFINITE
            lengths = xp.ascontiguousarray(xp.asarray(matrix)).view(np.uint32)
            self.bits[0][places[:, np.newaxis], places] = lengths
            del lengths, matrix  # the certificates need their room
            enclosing = xp.full(1, NONE_WRONG, np.uint64)
            self._engine.updates.enclosing(self.bits, self._holds(), enclosing)
            centre = (enclosing & np.uint64(0xFFFF)).astype(np.uint16)
            self.codes.first[...] = centre[:, np.newaxis, np.newaxis]
            self.codes.second[...] = centre[:, np.newaxis, np.newaxis]
            self.codes.enclosing = enclosing
            self.codes.host_enclosing = self._engine.device.to_host(enclosing)
            r_enc = (enclosing >> np.uint64(32)).astype(np.uint32)
            self.lists = self._engine.stages.look(self.bits, r_enc, self._longest, self.codes)
            self._rooms = Rooms.of(Counted.of(self.lists.host_counts), len(slots)).after()
        return seconds

    def update(
        self, gone: Int64Array, new: Int64Array, points: Float32Array, budget: int
    ) -> dict[str, Any]:
        """Take points out and put others in; see `WindowState.update`."""
        seconds = {"launch": 0.0}
        with self._engine.memory(1, self.n_slots), timed(seconds, "launch"):
            if self._again is not None:
                self._paired((0,))
            self._warm.move(gone, new)
            n_live = len(self.live) - len(gone) + len(new)
            budget = min(budget + len(new) * n_live, NO_BUDGET)
            changed, self.live = self._passes.note(
                self.live, gone, new, points, self._warm.words(), budget
            )
            self._warm.send(changed.moved)
            self.lists, self._again = self._passes.update(changed, self.lists, len(new))
            self._budget = budget
            if self._has_loops:
                self._begun = self._passes.diagram(self.lists, self._rooms, self._warm)
        return {"n_rechecked": None, "seconds": seconds}

    def result(self, dimensions: tuple[int, ...]) -> EngineResult:
        """Return the bars; vertex ``i`` of their edges and loops is ``self.live[i]``."""
        seconds = {"pairs": 0.0}
        n_slots = self.n_slots
        is_update = self._again is not None
        self._has_loops = 1 in dimensions
        with self._engine.memory(1, n_slots), timed(seconds, "pairs"):
            paired = self._paired(dimensions)
        bars, loops = _bars_of_slots()(paired, dimensions, self.live, n_slots)
        counts = {name: count for name, count in paired.counts.items() if name != "n_edges"}
        info = {"r_enc": self._r_enc(), "seconds": seconds, **counts}
        if is_update:
            info["n_rechecked"] = self._n_listed
        return EngineResult(bars, loops, info)

    def _paired(self, dimensions: tuple[int, ...]) -> PairedOnDevice:
        """Return the pairs; from now on the host knows what the last update came to.

        Raises
        ------
        TooManyEdges
            If that was more than its budget.
        """
        again, begun, self._begun = self._again, self._begun, None
        enclosing, with_loops = self.codes.enclosing, begun is not None or 1 in dimensions
        while True:
            pairing = self.bits, self.lists, self._rooms, with_loops, enclosing, self._warm
            try:
                found, is_whole = self._engine.pairs.of(*pairing, begun), True
            except ListsTooShort as short:
                (found,), is_whole = short.args, False
            told = Counted.of(found.counts)
            if again and told.listed > self._budget:
                raise TooManyEdges
            if is_whole:
                break
            assert again is not None
            begun = None
            self.lists = self._passes.widen(self.lists, again, found.counts)
        self.lists.host_counts = found.counts.copy()
        self.codes.host_enclosing = found.enclosing.copy()
        needed = Rooms.of(told, len(self.live))
        self._rooms, self._again = self._rooms.going_on(needed), None
        self._n_listed = told.listed
        return only(found, 1 in dimensions)

    def verify(self) -> None:
        """Compare what is kept with what the points say; see `WindowState.verify`."""
        with self._engine.memory(1, self.n_slots):
            if self._again is not None:
                self._paired((0,))
            self._verify_distances()
            holds = self._holds()
            found = self._engine.updates.first_wrong(
                self.bits, self.codes, self._longest, holds, self.lists
            )
            by_codes, by_vertices = self._engine.device.to_host(found)[0]
            if by_codes != NONE_WRONG:
                raise _wrong("what is noted about the lune of", by_codes)
            everything = self._engine.device.xp.full(1, INFINITE, np.uint32)
            fresh = self._engine.stages.look(self.bits, everything, self._longest)
            both = self._in_order(self.lists), self._in_order(fresh)
            for name in ("rng", "splits"):
                mine, truth = (self._engine.device.to_host(getattr(x, name)) for x in both)
                if not np.array_equal(mine, truth):
                    raise _wrong(f"the list of {name} edges has, or lacks,", _odd(mine, truth))
            if by_vertices != NONE_WRONG:
                raise _wrong("the components of the lune of", by_vertices)

    def _in_order(self, lists: Classified) -> Ordered:
        rooms = Rooms.of(Counted.of(lists.host_counts), len(self.live))
        return self._engine.stages.in_order(lists, rooms, lists.counts)

    def _holds(self) -> Any:
        """Return which slots hold a point, uint8 (1, n_slots) on the device."""
        holds = np.zeros((1, self.n_slots), np.uint8)
        holds[0, self.live] = STAYS
        return self._engine.device.xp.asarray(holds)

    def _r_enc(self) -> float:
        if not len(self.live):
            return 0.0
        pattern = int(self.codes.host_enclosing[0]) >> 32
        return float(np.uint32(pattern).view(np.float32))

    def _verify_distances(self) -> None:
        device = self._engine.device
        points = device.to_host(self.points)[0, self.live]
        fresh = device.to_host(self._engine.pairwise(points, self._metric)).view(np.uint32)
        expected = np.full((self.n_slots, self.n_slots), INFINITE)
        expected[np.ix_(self.live, self.live)] = fresh
        wrong = np.argwhere(device.to_host(self.bits)[0] != expected)
        if len(wrong):
            a, b = (int(slot) for slot in wrong[0])
            raise StateCorruption(f"the distance of slots {a} and {b} is not theirs", (a, b))
        r_enc = float(fresh.max(axis=1).min().view(np.float32)) if len(self.live) else 0.0
        if r_enc != self._r_enc():
            raise StateCorruption(f"the enclosing radius is {r_enc}, not {self._r_enc()}")


@cache
def _bars_of_slots() -> _BarsOfSlots:
    """Return the compiled way from pairs to bars, or the other one where numba is missing."""
    try:
        from .slot_bars import bars_of_slots
    except ImportError:
        return _bars_by_numpy
    return bars_of_slots


def _bars_by_numpy(
    paired: Paired, dimensions: tuple[int, ...], live: Int64Array, n_slots: int
) -> tuple[dict[int, Bars], LoopEdges | None]:
    """Return what `slot_bars.bars_of_slots` returns, not sorted."""
    bars, loops = bars_of(paired, dimensions, len(live), n_slots)
    return named_by_place(bars, loops, live, n_slots)


def _wrong(what: str, key: np.uint64) -> StateCorruption:
    ((smaller, larger),) = vertices_of(np.array([key], np.uint64)).tolist()
    return StateCorruption(f"{what} edge {smaller}-{larger} (slots) is not true", (smaller, larger))


def _odd(mine: Host, truth: Host) -> np.uint64:
    """Return a key that two lists do not hold equally often."""
    found, times = np.unique(np.concatenate([mine[0], truth[0]]), return_counts=True)
    odd: np.uint64 = found[times != 2][0]
    return odd
