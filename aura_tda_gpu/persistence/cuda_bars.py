"""From classified edges on a device to pairs on the host."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from .bars import ListedMembers, Members
from .cuda_kernels import CONSTANTS
from .cuda_launch import Host, timed
from .cuda_reduction import FIRST_LIST, Reduction
from .cuda_rooms import Counted, Outcome, Rooms
from .cuda_stages import Classified, Stages
from .cuda_trails import Trails, WarmStart
from .edge_keys import UInt64Array
from .engine import Int64Array

__all__ = [
    "Begun",
    "Brought",
    "ListsTooShort",
    "PairedOnDevice",
    "Pairs",
    "Words",
    "nothing",
    "only",
    "told",
]

Begun: TypeAlias = "tuple[Outcome, Trails | None]"  # launched, and trails of it to come
_FEW_BYTES = 2**18  # of columns that are copied in less time than they are read
_N_LONG, _N_RNG, _N_SPLIT, _N_REPS, _N_BIRTHS, _REUSED, _ADDITIONS = (
    CONSTANTS[name]
    for name in ("N_LONG", "N_RNG", "N_SPLIT", "N_REPS", "N_BIRTHS", "REUSED", "ADDITIONS")
)


@dataclass(frozen=True, slots=True)
class PairedOnDevice:
    """The RNG edges as forest and births, and what kills each birth; see `bars.Paired`.

    Attributes
    ----------
    merges, births : ndarray of uint64
        Sorted keys of the minimum spanning forest and of the other RNG edges.
    deaths : ndarray of uint64, shape (n_births,)
        Key of the split edge that kills each birth, 0 when none does; memory that is lent.
    columns : ndarray of uint32, shape (n_births, words)
        The reduced column of each killed birth as a bitset over the births; memory that is lent.
    counts : dict
        How many edges there were of each kind, and the work of the reduction.
    """

    merges: UInt64Array
    births: UInt64Array
    deaths: UInt64Array
    columns: npt.NDArray[np.uint32]
    counts: dict[str, int]

    def members_of(self, rows: Int64Array) -> Members:
        """Return the births in some columns; see `bars.Paired`."""
        return _members()(self.columns, rows)


@cache
def _members() -> Callable[[npt.NDArray[np.uint32], Int64Array], Members]:
    """Return what lists births of large columns by a compiled kernel, if numba is there."""
    try:
        from .kernels.many_rows import list_members
    except ImportError:
        return lambda columns, rows: Words(columns[rows])

    def listed(columns: npt.NDArray[np.uint32], rows: Int64Array) -> Members:
        if columns.nbytes <= _FEW_BYTES:
            return Words(columns[rows])
        return ListedMembers(*list_members(columns, rows))

    return listed


@dataclass(frozen=True, slots=True)
class Words:
    """Columns as bitsets; see `bars.Members`."""

    words: npt.NDArray[np.uint32]

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self.words.nbytes

    def __call__(self, index: int) -> Int64Array:
        """Return the births in a column; see `bars.Members`."""
        bits = np.unpackbits(self.words[index].view(np.uint8), bitorder="little")
        return np.flatnonzero(bits).astype(np.int64, copy=False)


@dataclass(frozen=True, slots=True)
class Brought:
    """The pairs of all windows on the host, each row of an array padded, in memory that is lent.

    One by one by iteration.

    Attributes
    ----------
    n : int
        Vertices of a window.
    merges : ndarray of uint64, shape (windows, n)
        Sorted keys, of RNG edges that are no births.
    births, deaths : ndarray of uint64, shape (windows, any)
        The last key beyond those of a window.
    columns : ndarray of uint32, shape (windows, any, words)
        See `PairedOnDevice`.
    counts : ndarray of int32, shape (windows, COUNTS)
    with_loops : bool
        Whether births were looked at.
    """

    n: int
    merges: Host
    births: Host
    deaths: Host
    columns: Host
    counts: Host
    with_loops: bool

    @classmethod
    def of(cls, found: Outcome, with_loops: bool) -> Brought:
        """Return the pairs in an outcome on the host."""
        n = found.merges.shape[1]
        parts = found.merges, found.births, found.deaths, found.columns, found.counts
        return cls(n, *parts, with_loops)

    def __len__(self) -> int:
        return len(self.counts)

    def __iter__(self) -> Iterator[PairedOnDevice]:
        parts = self.merges, self.births, self.deaths, self.columns, self.counts.tolist()
        for of_window in zip(*parts, strict=True):
            yield _paired(*of_window, self.n, self.with_loops)

    @property
    def n_births(self) -> Int64Array:
        """Births of each window, int64 (windows,); 0 where they were not looked at."""
        return self.counts[:, CONSTANTS["N_BIRTHS"]].astype(np.int64) * self.with_loops

    @property
    def n_merges(self) -> Int64Array:
        """Merges of each window, int64 (windows,)."""
        counts = self.counts[:, CONSTANTS["N_RNG"]] - self.counts[:, CONSTANTS["N_BIRTHS"]]
        return counts.astype(np.int64)

    def all_merges(self) -> tuple[UInt64Array, Int64Array]:
        """Return the merges of one window after another, and where each window's begin."""
        return _one_after_another(self.merges, self.n_merges)

    def all_births(self) -> tuple[UInt64Array, Int64Array]:
        """Return the births of one window after another, and where each window's begin."""
        return _one_after_another(self.births, self.n_births)

    def told(self) -> list[dict[str, int]]:
        """Return how many edges of each kind a window had, and the work of the reduction."""
        return [told(row, self.n, self.with_loops) for row in self.counts.tolist()]


def only(found: Outcome, with_loops: bool) -> PairedOnDevice:
    """Return the pairs of the one window of an outcome on the host, as `Brought` does."""
    merges, births = found.merges[0], found.births[0]
    parts = merges, births, found.deaths[0], found.columns[0], found.counts[0].tolist()
    return _paired(*parts, len(merges), with_loops)


def _paired(
    merges: UInt64Array,
    births: UInt64Array,
    deaths: UInt64Array,
    columns: npt.NDArray[np.uint32],
    counts: Sequence[int],
    n: int,
    with_loops: bool,
) -> PairedOnDevice:
    """Return the pairs of a window of n vertices, whose rows are padded."""
    its = told(counts, n, with_loops)
    n_merges, m = counts[_N_RNG] - counts[_N_BIRTHS], its["n_births"]
    keys = merges[:n_merges].copy(), births[:m].copy()
    return PairedOnDevice(*keys, deaths[:m], columns[:m], its)


def told(counts: Sequence[int], n: int, with_loops: bool) -> dict[str, int]:
    """Return what `Brought.told` tells of a window, from its counts."""
    n_births = counts[_N_BIRTHS] if with_loops else 0
    n_relations = counts[_N_REPS] - counts[_N_SPLIT]
    return {
        "n_edges": n * (n - 1) // 2 - counts[_N_LONG],
        "n_rng": counts[_N_RNG],
        "n_births": n_births,
        "n_split": counts[_N_SPLIT],
        "n_relations": n_relations,
        "relations_used": n_relations if n_births else 0,
        "relations_reused": counts[_REUSED] if n_births else 0,
        "column_additions": counts[_ADDITIONS],
    }


def _one_after_another(rows: Host, lengths: Int64Array) -> tuple[UInt64Array, Int64Array]:
    used = np.arange(rows.shape[1]) < lengths[:, np.newaxis]
    return rows[used], np.concatenate([[0], np.cumsum(lengths)])


class ListsTooShort(Exception):
    """The lists of edges had no room for all; the argument is the outcome, good for its counts."""


class Pairs:
    """K4 to K6, and the copy to the host, for which alone the host waits.

    Parameters
    ----------
    stages : Stages
        Of the device.
    """

    def __init__(self, stages: Stages) -> None:
        self.stages = stages
        self.reduction = Reduction(stages.device)

    def of(
        self,
        bits: Any,
        lists: Classified,
        rooms: Rooms,
        with_loops: bool,
        enclosing: Any = None,
        warm: WarmStart | None = None,
        begun: Begun | None = None,
    ) -> Outcome:
        """Return what the windows' pairs are made of, on the host.

        Parameters
        ----------
        bits : device array of uint32, shape (windows, n, n)
            Patterns of the lengths.
        lists : Classified
            The edges whose lune is not connected; the host need not know yet how many.
        rooms : Rooms
            What will probably do; where it does not, all is done again with what is needed.
        with_loops : bool
            Whether to kill births at all.
        enclosing : device array of uint64, shape (windows,), optional
            To be told, too.
        warm : WarmStart, optional
            See `Reduction.reduce`.
        begun : tuple, optional
            What `launched` returned for the same. Where it does not do, ``warm`` is forgotten.

        Raises
        ------
        ListsTooShort
            If ``lists`` do not hold all that was counted.
        """
        device, list_room = self.stages.device, FIRST_LIST
        n = bits.shape[1]
        while True:
            outcome, trails = begun or self.launched(
                bits, lists, rooms, with_loops, enclosing, warm, list_room
            )
            found = outcome.on_host(device)
            told, room = Counted.of(found.counts), lists.rooms
            is_short = told.rng > room[0] or told.splits > room[1] or told.reps > room[2]
            if not is_short and rooms.hold(told) and not told.list_full:
                if warm and with_loops:
                    warm.keep(trails)
                return found
            if warm and begun:
                warm.forget()  # its trails were written over
            begun = None
            if is_short:
                raise ListsTooShort(found)
            if not rooms.hold(told):
                rooms = Rooms.of(told, n)
            else:
                list_room *= 4

    def launched(
        self,
        bits: Any,
        lists: Classified,
        rooms: Rooms,
        with_loops: bool,
        enclosing: Any = None,
        warm: WarmStart | None = None,
        list_room: int | None = None,
    ) -> tuple[Outcome, Trails | None]:
        """Launch all of it, as `of` does; return what there will be, on the device."""
        device = self.stages.device
        windows, n, _ = bits.shape
        outcome = Outcome.empty(device, windows, n, rooms.words if with_loops else 0)
        device.copy(outcome.counts, lists.counts)
        if enclosing is not None:
            device.copy(outcome.enclosing, enclosing)
        edges = self.stages.in_order(lists, rooms, outcome.counts, in_one=warm is not None)
        birth_rank = self.stages.forest(edges, outcome)
        room = FIRST_LIST if list_room is None else list_room
        trails = self.reduction.reduce(bits, edges, birth_rank, outcome, room, warm)
        return outcome, trails

    def brought(
        self, bits: Any, lists: Classified, with_loops: bool, seconds: dict[str, float]
    ) -> Brought:
        """Return the pairs of windows that have just been looked at; adds to phase ``pairs``."""
        n = bits.shape[1]
        with timed(seconds, "pairs"):
            rooms = Rooms.of(Counted.of(lists.host_counts), n)
            return Brought.of(self.of(bits, lists, rooms, with_loops), with_loops)


def nothing() -> PairedOnDevice:
    """Return what fewer than two vertices leave."""
    keys = np.empty(0, np.uint64)
    names = ("n_edges", "n_rng", "n_births", "n_split", "n_relations")
    counts = dict.fromkeys((*names, "relations_used", "relations_reused", "column_additions"), 0)
    return PairedOnDevice(keys, keys, keys, np.empty((0, 0), np.uint32), counts)
