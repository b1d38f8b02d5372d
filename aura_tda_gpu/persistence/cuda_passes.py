"""An update and its diagram as passes over arrays that stay, recorded once they come again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakValueDictionary

import numpy as np

from .cuda_bars import Begun, Pairs
from .cuda_changes import Changed, Changes
from .cuda_launch import Host
from .cuda_recording import NotRecorded, Recording, record
from .cuda_rooms import Counted, Outcome, Rooms
from .cuda_stages import Classified, Codes
from .cuda_trails import Trails, WarmStart
from .cuda_update import Again, Updates
from .distances import angles
from .engine import Float32Array, Int64Array, TooManyEdges

if TYPE_CHECKING:
    from .cuda import CudaEngine

__all__ = ["Listed", "ListedRooms", "Passes", "room_after"]

Found = TypeVar("Found")

LEAST_CHANGE = 8  # points that there is room for at once
SMALL_CHANGES = 16  # changes in a row after which a far too large room is left
MORE = 256  # edges that a list has room for beside half of those it had


class Listed:
    """Room for the keys of edges that are looked at again, shared by windows of one size.

    Attributes
    ----------
    keys : device array of uint64, shape (1, n (n - 1) / 2)
    lock : Lock
        Held from the first launch that writes keys to the last one that reads them: what is
        launched is done in this order.
    owner : object
        A mark of whose edges are in it, which keeps nothing else alive.
    """

    def __init__(self, keys: Any) -> None:
        self.keys = keys
        self.lock = Lock()
        self.owner: object = None


class ListedRooms:
    """One `Listed` for each size, as long as a window has it."""

    def __init__(self, xp: Any) -> None:
        self._xp = xp
        self._rooms: WeakValueDictionary[int, Listed] = WeakValueDictionary()

    def of(self, n: int) -> Listed:
        """Return that for windows of n slots."""
        found = self._rooms.get(n)
        if found is None:
            keys = self._xp.empty((1, max(1, n * (n - 1) // 2)), np.uint64)
            found = self._rooms[n] = Listed(keys)
        return found


@dataclass(frozen=True, slots=True)
class _Alike:
    """What a pass of pairs is made for, and what it writes over."""

    lists: Classified
    rooms: Rooms
    last: Trails | None


class Passes:
    """The launches of one window's updates and of the diagrams after them.

    Parameters
    ----------
    engine : CudaEngine
        Of the device.
    points, bits, codes
        Of the window; always the same arrays, but for the enclosing radius.
    metric, longest
        As in `cuda_state.CudaWindowState`.
    """

    def __init__(
        self,
        engine: CudaEngine,
        points: Any,
        bits: Any,
        codes: Codes,
        metric: str,
        longest: np.uint32,
    ) -> None:
        self._device = engine.device
        self._updates: Updates = engine.updates
        self._pairs: Pairs = engine.pairs
        self._points, self._bits, self._codes = points, bits, codes
        self._metric, self._longest = metric, longest
        self._listed = engine.listed.of(bits.shape[1])
        self._mark = object()
        self._changes: Changes | None = None
        self._lists: Classified | None = None  # which the recorded update reads and writes
        self._update: Recording[Again] | None = None
        self._alike: _Alike | None = None
        self._diagram: Recording[Outcome] | None = None
        self._n_updates = self._n_small = 0
        self._refused = False
        self._device.waits_for(self)

    @property
    def nbytes(self) -> int:
        """Bytes on the device for what comes and goes."""
        return 0 if self._changes is None else self._changes.nbytes

    @property
    def host_nbytes(self) -> int:
        """Bytes on the host for the same."""
        found = None if self._diagram is None else self._diagram.found
        return self.nbytes + (0 if found is None else 2 * int(found.packed.nbytes))

    def forget(self) -> None:
        """Begin anew, one by one."""
        self._update = self._diagram = self._lists = self._alike = None
        self._n_updates = 0

    def note(
        self,
        live: Int64Array,
        gone: Int64Array,
        new: Int64Array,
        points: Float32Array,
        moved: Host,
        budget: int,
    ) -> tuple[Changed, Int64Array]:
        """Note a change as `Changes.note`; return where it will be, and the slots with a point."""
        most = max(len(gone), len(new), LEAST_CHANGE)
        room = 1 << (most - 1).bit_length()
        held = 0 if self._changes is None else self._changes.room
        self._n_small = self._n_small + 1 if 4 * room < held else 0
        if self._changes is None or held < room or self._n_small > SMALL_CHANGES:
            self.forget()
            self._n_small = 0
            _, n, dim = self._points.shape
            self._changes = Changes(self._device, n, dim, room)
        slots = self._changes.note(live, gone, new, points, moved, budget)
        self._codes.enclosing = self._changes.changed.enclosing
        return self._changes.changed, slots

    def update(self, changed: Changed, lists: Classified, n_new: int) -> tuple[Classified, Again]:
        """Send what was noted and launch an update; return the lists from now on, and of what."""
        self._n_updates += 1
        if self._update is None or self._lists is not lists:
            self._update, self._lists = None, lists
            if self._may_record() and _has_room(lists):
                self._update = self._recorded(lambda: self._in_place(changed, lists))
        rows = None
        if self._update is None:
            self._send()
            rows = self._rows(changed, n_new)
        with self._listed.lock:
            self._listed.owner = self._mark
            if self._update is not None:
                return lists, self._update.launch()
            return self._launched(changed, lists, _rooms_after(lists), rows)

    def diagram(self, lists: Classified, rooms: Rooms, warm: WarmStart) -> Begun | None:
        """Launch the pairs of an update; None where it has to be done one by one."""
        if not self._may_record() or not self._pairs.stages.compares(rooms):
            return None
        now, before = _Alike(lists, rooms, warm.last), self._alike
        self._alike = now
        if before is None or before.lists is not lists or before.rooms != rooms:
            self._diagram = None
            return None
        if self._diagram is None or before.last is not now.last:
            self._diagram = None
            try:
                self._diagram = self._recorded(lambda: self._paired(now, warm))
            except _Unlike:
                return None
            if self._diagram is None:
                return None
        return self._diagram.launch(), now.last

    def widen(self, lists: Classified, again: Again, told: Host) -> Classified:
        """Do the last part of an update again, with room for all that was counted.

        Raises
        ------
        TooManyEdges
            If another window has listed its edges since.
        """
        with self._listed.lock:
            if self._listed.owner is not self._mark:
                raise TooManyEdges
            return self._updates.widen(self._bits, self._codes, lists, again, told)

    def _recorded(self, work: Callable[[], Found]) -> Recording[Found] | None:
        """Record; None where that cannot be, and all goes on one by one from now on."""
        try:
            return record(self._device, work)
        except (MemoryError, NotRecorded):
            self._refused = True
            return None

    def _may_record(self) -> bool:
        """Tell whether an update came before, all of which is done by kernels."""
        may = self._device.records and not self._refused
        return may and self._n_updates > 1 and self._metric != "cosine"

    def _send(self) -> None:
        assert self._changes is not None
        self._changes.send()

    def _rows(self, changed: Changed, n_new: int) -> Any:
        """Return the patterns of the distances from the new points to all slots."""
        if self._metric != "cosine":
            return self._updates.rows(self._points, changed, self._metric).view(np.uint32)
        rows = self._updates.rows(self._points, changed, "euclidean")
        chords = self._device.to_host(rows[:, :n_new])
        far = np.isinf(chords)
        arcs = angles(chords.reshape(-1, chords.shape[2]).copy()).reshape(chords.shape)
        arcs[far] = np.inf
        rows[:, :n_new] = self._device.xp.asarray(arcs)
        return rows.view(np.uint32)

    def _launched(
        self, changed: Changed, lists: Classified, rooms: tuple[int, int, int], rows: Any
    ) -> tuple[Classified, Again]:
        return self._updates.replaced(
            *(self._bits, self._codes, self._longest, lists, changed, rows, rooms),
            self._listed.keys,
        )

    def _in_place(self, changed: Changed, lists: Classified) -> Again:
        """Update lists by lists that are copied over them."""
        self._send()
        rows = self._rows(changed, 0)
        fresh, again = self._launched(changed, lists, lists.rooms, rows)
        fresh.copy_to(lists, self._device)
        return again

    def _paired(self, alike: _Alike, warm: WarmStart) -> Outcome:
        """Find pairs, copy the trails over those of the last diagram, and the pairs to the host."""
        outcome, trails = self._pairs.launched(
            self._bits, alike.lists, alike.rooms, True, self._codes.enclosing, warm
        )
        if trails is None or alike.last is None or not trails.is_like(alike.last):
            if trails is not alike.last:
                raise _Unlike
        else:
            trails.copy_to(alike.last, self._device)
        return outcome.fetched(self._device)


class _Unlike(Exception):
    """The trails of a diagram have other rooms than those of the last one."""


def room_after(known: int) -> int:
    """Return the room of a list that held ``known`` edges before an update."""
    return known + MORE + known // 2


def _rooms_after(lists: Classified) -> tuple[int, int, int]:
    """Return rooms for what will mostly be there after an update."""
    rng, splits, reps = map(room_after, Counted.of(lists.host_counts).lists)
    return rng, splits, reps


def _has_room(lists: Classified) -> bool:
    """Tell whether lists have room for some more than they hold."""
    counted = Counted.of(lists.host_counts).lists
    return all(room > known for known, room in zip(counted, lists.rooms, strict=True))
