"""From classified edges on a device to pairs on the host."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .cuda_kernels import CONSTANTS
from .cuda_launch import Host, largest, timed
from .cuda_reduction import FIRST_LIST, Reduction
from .cuda_rooms import Outcome, Rooms
from .cuda_stages import LISTS, Classified, Stages
from .cuda_trails import WarmStart
from .edge_keys import UInt64Array
from .engine import Int64Array

__all__ = ["Brought", "ListsTooShort", "PairedOnDevice", "Pairs", "Words", "nothing"]

_TOLD = ("N_LONG", "N_RNG", "N_SPLIT", "N_REPS", "REUSED", "ADDITIONS")


@dataclass(frozen=True, slots=True)
class PairedOnDevice:
    """The RNG edges as forest and births, and what kills each birth; see `bars.Paired`.

    Attributes
    ----------
    merges, births : ndarray of uint64
        Sorted keys of the minimum spanning forest and of the other RNG edges.
    deaths : ndarray of uint64, shape (n_births,)
        Key of the split edge that kills each birth, 0 when none does.
    columns : ndarray of uint32, shape (n_births, words)
        The reduced column of each killed birth as a bitset over the births.
    counts : dict
        How many edges there were of each kind, and the work of the reduction.
    """

    merges: UInt64Array
    births: UInt64Array
    deaths: UInt64Array
    columns: npt.NDArray[np.uint32]
    counts: dict[str, int]

    def members_of(self, rows: Int64Array) -> Words:
        """Return the births in some columns; see `bars.Paired`."""
        return Words(self.columns[rows])


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

    One by one, and to be kept, by iteration.

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
        parts = self.merges, self.births, self.deaths, self.columns, self.n_merges, self.n_births
        for merges, births, deaths, columns, n, m, told in zip(*parts, self.told(), strict=True):
            pairs = births[:m].copy(), deaths[:m].copy(), columns[:m].copy()
            yield PairedOnDevice(merges[:n].copy(), *pairs, told)

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
        told = {name: self.counts[:, place] for name, place in CONSTANTS.items() if name in _TOLD}
        n_relations = told["N_REPS"] - told["N_SPLIT"]
        any_births = self.n_births > 0
        columns = {
            "n_edges": self.n * (self.n - 1) // 2 - told["N_LONG"],
            "n_rng": told["N_RNG"],
            "n_births": self.n_births,
            "n_split": told["N_SPLIT"],
            "n_relations": n_relations,
            "relations_used": n_relations * any_births,
            "relations_reused": told["REUSED"] * any_births,
            "column_additions": told["ADDITIONS"],
        }
        rows = zip(*(column.tolist() for column in columns.values()), strict=True)
        return [dict(zip(columns, row, strict=True)) for row in rows]


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

        Raises
        ------
        ListsTooShort
            If ``lists`` do not hold all that was counted.
        """
        device, list_room = self.stages.device, FIRST_LIST
        windows, n, _ = bits.shape
        held = tuple(int(part.shape[1]) for part in (lists.rng, lists.splits, lists.reps))
        while True:
            words = rooms.words if with_loops else 0
            outcome = Outcome.empty(device.xp, windows, n, words)
            device.copy(outcome.counts, lists.counts)
            if enclosing is not None:
                device.copy(outcome.enclosing, enclosing)
            edges = self.stages.in_order(lists, rooms, outcome.counts)
            birth_rank = self.stages.forest(edges, outcome)
            trails = self.reduction.reduce(bits, edges, birth_rank, outcome, list_room, warm)
            found = outcome.on_host(device)
            if any(
                largest(found.counts, name) > room for name, room in zip(LISTS, held, strict=True)
            ):
                raise ListsTooShort(found)
            if not rooms.hold(found.counts):
                rooms = Rooms.of(found.counts, n)
            elif largest(found.counts, "LIST_FULL"):
                list_room *= 4
            else:
                if warm and with_loops:
                    warm.keep(trails)
                return found

    def brought(
        self, bits: Any, lists: Classified, with_loops: bool, seconds: dict[str, float]
    ) -> Brought:
        """Return the pairs of windows that have just been looked at; adds to phase ``pairs``."""
        n = bits.shape[1]
        with timed(seconds, "pairs"):
            rooms = Rooms.of(lists.host_counts, n)
            return Brought.of(self.of(bits, lists, rooms, with_loops), with_loops)


def nothing() -> PairedOnDevice:
    """Return what fewer than two vertices leave."""
    keys = np.empty(0, np.uint64)
    names = ("n_edges", "n_rng", "n_births", "n_split", "n_relations")
    counts = dict.fromkeys((*names, "relations_used", "relations_reused", "column_additions"), 0)
    return PairedOnDevice(keys, keys, keys, np.empty((0, 0), np.uint32), counts)
