"""Distances and certificates of a window of slots, kept up to date while points come and go."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import distances
from .edge_keys import INFINITE, UInt64Array
from .edge_sweep import UInt16Array, UInt32Array, sweep_edges
from .engine import EngineResult, Float32Array, Int64Array
from .footprint import padded
from .kernels import certificates, replacement
from .pairing import Notes, counts, pair_edges
from .rechecks import Change, Watch, look_again
from .slot_bars import bars_of_slots
from .unhubbed import EdgeLists
from .verification import verify_state

__all__ = ["LuneState"]

_LANES = 64


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
        return held + self.lists.nbytes + self._notes.nbytes + self._sources.nbytes

    @property
    def device_nbytes(self) -> int:
        """Bytes held on a device: none."""
        return 0

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
        nobody = np.zeros(self.n_slots, np.bool_), slots, np.empty((0, self.n_slots), np.uint32)
        r_enc, centre = replacement.refresh_farthest(self.bits, self.farthest, slots, *nobody)
        self._set_radius(r_enc)
        for codes in (self.first, self.second):
            codes.fill(max(int(centre), 0))

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
        watch = Watch()
        stays = np.zeros(self.n_slots, np.bool_)
        stays[self.live] = True
        stays[gone] = False
        self.points[new] = points
        rows = distances.cross(points, self.points, self.metric).view(np.uint32)
        watch.lap("distance")
        old_rows, new_rows, stand_in, nearest, self.live, r_enc, centre = replacement.replace(
            self.bits, self.farthest, stays, gone, new, rows
        )
        change = Change(gone, new, np.flatnonzero(stays), stays, old_rows, new_rows, nearest)
        self._set_radius(r_enc)
        for slot in gone.tolist():
            self._notes.gone[slot // _LANES] |= np.uint64(1 << slot % _LANES)
        watch.lap("commit")
        found = look_again(self, change, stand_in, max(int(centre), 0), budget, watch)
        self.lists, self._sources = self.lists.merged(
            found, self.bits, self._sources, self._notes.frayed
        )
        watch.lap("recheck")
        return {"n_rechecked": len(found.listed), "seconds": watch.seconds}

    def result(self, dimensions: tuple[int, ...]) -> EngineResult:
        """Return the bars; vertex ``i`` of their edges and loops is ``self.live[i]``."""
        seconds = {"forest": 0.0, "reduce": 0.0}
        swept = self.lists.up_to(self.limit)
        self._notes.sources = self._sources[: len(swept.splits)]
        paired = pair_edges(self.bits, swept, 1 in dimensions, seconds, self._notes)
        self._notes.sources = np.empty(0, np.int64)
        self._sources = np.arange(len(self.lists.splits))
        self._sources[len(swept.splits) :] = -1
        info = {"r_enc": float(self.r_enc.view(np.float32)), "seconds": seconds}
        info.update(counts(swept, paired))
        return EngineResult(*bars_of_slots(paired, dimensions, self.live, self.n_slots), info)

    def verify(self) -> None:
        """Compare what is kept with what the points say; see `verification.verify_state`."""
        verify_state(self)

    def _forget(self) -> None:
        """Forget the relations of former diagrams."""
        gone, frayed = np.zeros((2, self.n_slots // _LANES), np.uint64)
        self._notes = Notes(self.first, np.empty(0, np.int64), gone, frayed)
        self._sources = np.full(len(self.lists.splits), -1)

    def _set_radius(self, r_enc: int) -> None:
        self.r_enc = np.uint32(r_enc if len(self.live) else 0)
