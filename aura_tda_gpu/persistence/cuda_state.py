"""A window on a device: distances, certificates and lists of edges, kept up to date in place."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import StateCorruption
from .bars import bars_of, named_by_place
from .cuda_kernels import CONSTANTS
from .cuda_launch import Host, timed
from .cuda_stages import COUNTS, Codes, new_lists
from .cuda_trails import WarmStart
from .cuda_update import NONE_WRONG, STAYS, Changed, Updates
from .distances import angles
from .edge_keys import INFINITE, vertices_of
from .engine import EngineResult, Float32Array, Int64Array, TooManyEdges

if TYPE_CHECKING:
    from .cuda import CudaEngine

__all__ = ["CudaWindowState"]


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
        self._updates = Updates(engine.stages)
        self._metric = metric
        self._longest = longest
        self.live: Int64Array = np.empty(0, np.int64)
        self._warm = WarmStart(engine.device, capacity)
        with engine.memory(1, capacity):
            self.points = xp.zeros((1, capacity, dim), np.float32)
            self.bits = xp.full((1, capacity, capacity), INFINITE, np.uint32)
            codes = xp.zeros((2, 1, capacity, capacity), np.uint16)
            self.codes = Codes(codes[0], codes[1], xp.zeros(1, np.uint64), np.zeros(1, np.uint64))
            self.lists = new_lists(xp, 1, 1, 1, 1, codes[0], xp.zeros((1, COUNTS), np.int32))

    @property
    def n_slots(self) -> int:
        """Number of slots."""
        return int(self.bits.shape[1])

    @property
    def nbytes(self) -> int:
        """Bytes held on the host."""
        return self.live.nbytes + self.lists.host_counts.nbytes + self._warm.nbytes

    @property
    def device_nbytes(self) -> int:
        """Bytes held on the device."""
        codes, lists = self.codes, self.lists
        held = (self.points, self.bits, codes.first, codes.second, codes.enclosing, lists.rng)
        lists_held = (lists.splits, lists.spans, lists.reps, lists.counts)
        arrays = sum(int(array.nbytes) for array in (*held, *lists_held))
        return arrays + self._warm.held

    def build(
        self, matrix: Float32Array, points: Float32Array, slots: Int64Array
    ) -> dict[str, float]:
        """Start from scratch; see `WindowState.build`."""
        xp, seconds = self._engine.device.xp, {"lune": 0.0}
        with self._engine.memory(1, self.n_slots), timed(seconds, "lune"):
            self.live = slots
            self._warm.forget()
            places = xp.asarray(slots)
            self.points[0, places] = xp.asarray(points)
            self.bits[...] = INFINITE
            lengths = xp.ascontiguousarray(xp.asarray(matrix)).view(np.uint32)
            self.bits[0][places[:, np.newaxis], places] = lengths
            enclosing = self._updates.enclosing(self.bits, self._holds())
            centre = (enclosing & np.uint64(0xFFFF)).astype(np.uint16)
            self.codes.first[...] = centre[:, np.newaxis, np.newaxis]
            self.codes.second[...] = centre[:, np.newaxis, np.newaxis]
            self.codes.enclosing = enclosing
            self.codes.host_enclosing = self._engine.device.to_host(enclosing)
            r_enc = (enclosing >> np.uint64(32)).astype(np.uint32)
            self.lists = self._engine.stages.look(self.bits, r_enc, self._longest, self.codes)
        return seconds

    def update(
        self, gone: Int64Array, new: Int64Array, points: Float32Array, budget: int
    ) -> dict[str, Any]:
        """Take points out and put others in; see `WindowState.update`."""
        seconds: dict[str, float] = {}
        with self._engine.memory(1, self.n_slots):
            started = time.perf_counter()
            xp, updates = self._engine.device.xp, self._updates
            self._warm.move(gone, new)
            changed = Changed.of(self._engine.device, self.live, gone, new, self.n_slots)
            if len(new):
                self.points[0, changed.come[0, : len(new)]] = xp.asarray(points, np.float32)
            stays = np.setdiff1d(self.live, gone, assume_unique=True)
            self.live = np.union1d(stays, new)
            rows = self._rows(changed)
            listed, counts = updates.mark(self.bits, self.codes, self._longest, changed, rows)
            told = self._engine.device.to_host(counts)
            n_listed = int(told[0, CONSTANTS["N_OPEN"]])
            seconds["mark"] = time.perf_counter() - started
            if n_listed > budget + len(new) * len(self.live):
                raise TooManyEdges
            started = time.perf_counter()
            lists = updates.keep(self.codes, changed, self.lists, n_listed, counts)
            updates.commit(self.bits, changed, rows)
            self.codes.enclosing = updates.enclosing(self.bits, changed.holds)
            self.lists = updates.look_again(self.bits, self.codes, listed, lists)
            seconds["recheck"] = time.perf_counter() - started
        return {"n_rechecked": n_listed, "seconds": seconds}

    def result(self, dimensions: tuple[int, ...]) -> EngineResult:
        """Return the bars; vertex ``i`` of their edges and loops is ``self.live[i]``."""
        seconds = {"forest": 0.0, "reduce": 0.0}
        n, n_slots = len(self.live), self.n_slots
        with self._engine.memory(1, n_slots):
            edges = self._engine.stages.in_order(self.lists)
            edges.counts = edges.counts.copy()
            (paired,) = self._engine.pairs.of(
                self.bits, edges, 1 in dimensions, seconds, self._warm
            )
        bars, loops = named_by_place(*bars_of(paired, dimensions, n, n_slots), self.live, n_slots)
        counts = {name: count for name, count in paired.counts.items() if name != "n_edges"}
        return EngineResult(bars, loops, {"r_enc": self._r_enc(), "seconds": seconds, **counts})

    def verify(self) -> None:
        """Compare what is kept with what the points say; see `WindowState.verify`."""
        with self._engine.memory(1, self.n_slots):
            self._verify_distances()
            holds = self._holds()
            found = self._updates.first_wrong(
                self.bits, self.codes, self._longest, holds, self.lists
            )
            by_codes, by_vertices = self._engine.device.to_host(found)[0]
            if by_codes != NONE_WRONG:
                raise _wrong("what is noted about the lune of", by_codes)
            kept = self._engine.stages.in_order(self.lists)
            everything = self._engine.device.xp.full(1, INFINITE, np.uint32)
            fresh = self._engine.stages.classify(self.bits, everything, self._longest)
            for name in ("rng", "splits"):
                mine, truth = (self._engine.device.to_host(getattr(x, name)) for x in (kept, fresh))
                if not np.array_equal(mine, truth):
                    raise _wrong(f"the list of {name} edges has, or lacks,", _odd(mine, truth))
            if by_vertices != NONE_WRONG:
                raise _wrong("the components of the lune of", by_vertices)

    def _rows(self, changed: Changed) -> Any:
        """Return the patterns of the distances from the new points to all slots."""
        if self._metric != "cosine":
            return self._updates.rows(self.points, changed, self._metric).view(np.uint32)
        device = self._engine.device
        chords = device.to_host(self._updates.rows(self.points, changed, "euclidean"))
        far = np.isinf(chords)
        rows = angles(chords.reshape(-1, self.n_slots).copy()).reshape(chords.shape)
        rows[far] = np.inf
        return device.xp.asarray(rows).view(np.uint32)

    def _holds(self) -> Any:
        """Return which slots hold a point, uint8 (1, n_slots) on the device."""
        holds = np.zeros((1, self.n_slots), np.uint8)
        holds[0, self.live] = STAYS
        return self._engine.device.xp.asarray(holds)

    def _r_enc(self) -> float:
        if not len(self.live):
            return 0.0
        (enclosing,) = self.codes.host_enclosing
        return float(np.uint32(enclosing >> np.uint64(32)).view(np.float32))

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


def _wrong(what: str, key: np.uint64) -> StateCorruption:
    ((smaller, larger),) = vertices_of(np.array([key], np.uint64)).tolist()
    return StateCorruption(f"{what} edge {smaller}-{larger} (slots) is not true", (smaller, larger))


def _odd(mine: Host, truth: Host) -> np.uint64:
    """Return a key that two lists do not hold equally often."""
    found, times = np.unique(np.concatenate([mine[0], truth[0]]), return_counts=True)
    odd: np.uint64 = found[times != 2][0]
    return odd
