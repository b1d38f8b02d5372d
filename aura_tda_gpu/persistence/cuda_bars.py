"""From classified edges on a device to pairs on the host."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .cuda_kernels import CONSTANTS
from .cuda_launch import Host, timed
from .cuda_reduction import Reduction
from .cuda_stages import Ordered, Stages
from .cuda_trails import WarmStart
from .edge_keys import UInt64Array
from .engine import Int64Array

__all__ = ["Brought", "PairedOnDevice", "Pairs", "Words", "nothing"]

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
    """The pairs of all windows on the host, each row of an array padded; one by one by iteration.

    Attributes
    ----------
    n : int
        Vertices of a window.
    rng : ndarray of uint64, shape (windows, any)
        Sorted keys.
    birth_rank : ndarray of int32, like ``rng``
        -1 for a merge.
    births : ndarray of uint64, shape (windows, any)
        `LAST_KEY` beyond those of a window.
    deaths : ndarray of uint64, shape (windows, most births)
    columns : ndarray of uint32, shape (windows, most births, words)
        See `PairedOnDevice`.
    counts : ndarray of int32, shape (windows, COUNTS)
    with_loops : bool
        Whether births were looked at.
    """

    n: int
    rng: Host
    birth_rank: Host
    births: Host
    deaths: Host
    columns: Host
    counts: Host
    with_loops: bool

    def __len__(self) -> int:
        return len(self.counts)

    def __iter__(self) -> Iterator[PairedOnDevice]:
        columns = self.rng, self.birth_rank, self.births, self.deaths, self.columns
        for parts in zip(*columns, self.n_births, self.told(), strict=True):
            yield _window(*parts)

    @property
    def n_births(self) -> Int64Array:
        """Births of each window, int64 (windows,); 0 where they were not looked at."""
        return self.counts[:, CONSTANTS["N_BIRTHS"]].astype(np.int64) * self.with_loops

    def merges(self) -> tuple[UInt64Array, Int64Array]:
        """Return the merges of one window after another, and where each window's begin."""
        used = np.arange(self.rng.shape[1]) < self.counts[:, CONSTANTS["N_RNG"], np.newaxis]
        used &= self.birth_rank < 0
        starts = np.concatenate([[0], np.cumsum(np.count_nonzero(used, axis=1))])
        return self.rng[used], starts

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


class Pairs:
    """K5 and K6, and the copy to the host.

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
        edges: Ordered,
        with_loops: bool,
        seconds: dict[str, float],
        warm: WarmStart | None = None,
    ) -> Brought:
        """Return the pairs of the windows.

        Parameters
        ----------
        bits : device array of uint32, shape (windows, n, n)
            Patterns of the lengths.
        edges : Ordered
            The edges whose lune is not connected.
        with_loops : bool
            Whether to look at births and splits at all.
        seconds : dict
            Phase times ``forest`` and ``reduce``, added to.
        warm : WarmStart, optional
            See `Reduction.reduce`.
        """
        windows, n, _ = bits.shape
        with timed(seconds, "forest"):
            forest = self.stages.forest(edges, n)
        with timed(seconds, "reduce"):
            found, counts = [edges.rng, forest.birth_rank, forest.births], forest.host_counts
            if with_loops:
                reduced = self.reduction.reduce(bits, edges, forest, warm)
                found += [reduced.deaths, reduced.columns]
                counts = reduced.host_counts
            parts = self.stages.device.bring(*found)
        if not with_loops:
            parts += [np.zeros((windows, 0), np.uint64), np.zeros((windows, 0, 0), np.uint32)]
        rng, birth_rank, births, deaths, columns = parts
        return Brought(n, rng, birth_rank, births, deaths, columns, counts, with_loops)


def nothing() -> PairedOnDevice:
    """Return what fewer than two vertices leave."""
    keys = np.empty(0, np.uint64)
    names = ("n_edges", "n_rng", "n_births", "n_split", "n_relations")
    counts = dict.fromkeys((*names, "relations_used", "relations_reused", "column_additions"), 0)
    return PairedOnDevice(keys, keys, keys, np.empty((0, 0), np.uint32), counts)


def _window(
    rng: Host,
    birth_rank: Host,
    births: Host,
    deaths: Host,
    columns: Host,
    n_births: int,
    told: dict[str, int],
) -> PairedOnDevice:
    """Cut one window's part out of the padded arrays."""
    n_rng = told["n_rng"]
    return PairedOnDevice(
        rng[:n_rng][birth_rank[:n_rng] < 0],
        births[:n_births],
        deaths[:n_births],
        columns[:n_births],
        told,
    )
