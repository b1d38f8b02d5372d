"""From classified edges on a device to pairs on the host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .cuda_kernels import CONSTANTS
from .cuda_launch import Host, timed
from .cuda_reduction import Reduction
from .cuda_stages import Codes, Ordered, Stages
from .cuda_trails import WarmStart
from .edge_keys import UInt64Array
from .engine import Int64Array

__all__ = ["PairedOnDevice", "Pairs", "nothing"]


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

    def members_of(self, rows: Int64Array) -> _Words:
        """Return the births in some columns; see `bars.Paired`."""
        return _Words(self.columns[rows])


@dataclass(frozen=True, slots=True)
class _Words:
    """Columns as bitsets; see `bars.Members`."""

    words: npt.NDArray[np.uint32]

    @property
    def nbytes(self) -> int:
        return self.words.nbytes

    def __call__(self, index: int) -> Int64Array:
        bits = np.unpackbits(self.words[index].view(np.uint8), bitorder="little")
        return np.flatnonzero(bits).astype(np.int64, copy=False)


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
        codes: Codes | None = None,
        warm: WarmStart | None = None,
    ) -> list[PairedOnDevice]:
        """Return the pairs of each window.

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
        codes, warm
            See `Reduction.reduce`.
        """
        windows, n, _ = bits.shape
        with timed(seconds, "forest"):
            forest = self.stages.forest(edges, n)
        with timed(seconds, "reduce"):
            found, counts = [edges.rng, forest.birth_rank, forest.births], forest.host_counts
            if with_loops:
                reduced = self.reduction.reduce(bits, edges, forest, codes, warm)
                found += [reduced.deaths, reduced.columns]
                counts = reduced.host_counts
            parts = self.stages.device.bring(*found)
        if not with_loops:
            parts += [np.zeros((windows, 0), np.uint64), np.zeros((windows, 0, 0), np.uint32)]
        return [_window(n, with_loops, *part) for part in zip(*parts, counts, strict=True)]


def nothing() -> PairedOnDevice:
    """Return what fewer than two vertices leave."""
    keys = np.empty(0, np.uint64)
    names = ("n_edges", "n_rng", "n_births", "n_split", "n_relations")
    counts = dict.fromkeys((*names, "relations_used", "relations_reused", "column_additions"), 0)
    return PairedOnDevice(keys, keys, keys, np.empty((0, 0), np.uint32), counts)


def _window(
    n: int,
    with_loops: bool,
    rng: Host,
    birth_rank: Host,
    births: Host,
    deaths: Host,
    columns: Host,
    counts: Host,
) -> PairedOnDevice:
    """Cut one window's part out of the padded arrays."""
    told = {name: int(counts[place]) for name, place in CONSTANTS.items() if place < len(counts)}
    n_rng, n_births = told["N_RNG"], told["N_BIRTHS"] if with_loops else 0
    n_relations = told["N_REPS"] - told["N_SPLIT"]
    return PairedOnDevice(
        rng[:n_rng][birth_rank[:n_rng] < 0],
        births[:n_births],
        deaths[:n_births],
        columns[:n_births],
        {
            "n_edges": n * (n - 1) // 2 - told["N_LONG"],
            "n_rng": n_rng,
            "n_births": n_births,
            "n_split": told["N_SPLIT"],
            "n_relations": n_relations,
            "relations_used": n_relations if n_births else 0,
            "relations_reused": told["REUSED"] if n_births else 0,
            "column_additions": told["ADDITIONS"],
        },
    )
