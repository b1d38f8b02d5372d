"""From classified edges to pairs: the forest, the births, and what kills each birth."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from .bars import ListedMembers
from .edge_keys import UInt64Array
from .edge_sweep import SweptEdges, UInt16Array, UInt32Array
from .engine import Int64Array
from .kernels import forest, reduction, relations

__all__ = ["Notes", "PairedEdges", "counts", "pair_edges"]

_NO_RELATIONS = (
    np.zeros(1, np.int64),
    np.empty((0, 2), np.int64),
    np.empty(0, np.uint32),
    np.empty((0, 0), np.uint64),
)


@dataclass(frozen=True, slots=True)
class PairedEdges:
    """The RNG edges as forest and births, and what kills each birth.

    Attributes
    ----------
    merges, births : ndarray of uint64
        Sorted keys of the minimum spanning forest and of the other RNG edges.
    deaths : ndarray of uint64, shape (n_births,)
        Key of the split edge that kills each birth, 0 when none does.
    spans : ndarray of int64, shape (n_births, 2)
        Where in ``pool`` the reduced column of each killed birth starts and ends.
    as_words : ndarray of bool, shape (n_births,)
        Whether that column is a bitset over the births, else a list of them.
    pool : ndarray of uint64
        The columns.
    counts : ndarray of int64, shape (4,)
        Relations used, column additions, births killed, relations known from before.
    """

    merges: UInt64Array
    births: UInt64Array
    deaths: UInt64Array
    spans: Int64Array
    as_words: npt.NDArray[np.bool_]
    pool: UInt64Array
    counts: Int64Array

    def members_of(self, rows: Int64Array) -> ListedMembers:
        """Return the births in some columns; see `bars.Paired`."""
        return ListedMembers(*reduction.column_members(self.spans, self.as_words, self.pool, rows))


@dataclass(slots=True)
class Notes:
    """What is known about lunes and relations from before.

    Attributes
    ----------
    codes : ndarray of uint16, shape (N, N)
        ``first`` of `kernels.certificates`, which names a vertex of each lune.
    sources : ndarray of int64, shape (s,)
        For each split edge its position among those of ``relations``, -1 for a new one.
    gone, frayed : ndarray of uint64, shape (words,)
        Bitsets of the slots whose point has left since, and of the ends of edges that have ceased
        to be RNG edges since.
    relations : tuple of ndarray
        What `reduction.reduce_relations` kept; replaced by `pair_edges`.
    """

    codes: UInt16Array
    sources: Int64Array
    gone: UInt64Array
    frayed: UInt64Array
    relations: tuple[Int64Array, Int64Array, UInt32Array, UInt64Array] = field(
        default=_NO_RELATIONS
    )

    @property
    def nbytes(self) -> int:
        """Bytes held beside the codes."""
        return sum(
            array.nbytes for array in (self.sources, self.gone, self.frayed, *self.relations)
        )


def pair_edges(
    bits: UInt32Array,
    swept: SweptEdges,
    with_loops: bool,
    seconds: dict[str, float],
    notes: Notes | None = None,
) -> PairedEdges:
    """Split the RNG edges into forest and births, and kill the births.

    Parameters
    ----------
    bits : ndarray of uint32, shape (n, n)
        Patterns of the dissimilarities.
    swept : SweptEdges
        The edges whose lune is not connected.
    with_loops : bool
        Whether to look at births and splits at all.
    seconds : dict
        Phase times ``forest`` and ``reduce``, added to.
    notes : Notes, optional
        Without them a vertex of a lune is looked for where one is needed.
    """
    start = time.perf_counter()
    n = len(bits)
    merges, births = forest.parted(swept.rng, n)
    middle = time.perf_counter()
    seconds["forest"] += middle - start
    if not with_loops:
        births = births[:0]
    if notes is None:
        apexes, empty = np.full((n, n), relations.UNKNOWN), int(relations.IN_RNG)
        relations.mark_rng(apexes, swept.rng)
        nobody = np.empty(0, np.uint64)
        known = (_NO_RELATIONS, np.empty(0, np.int64), nobody, nobody, False)
    else:
        apexes, empty = notes.codes, 2 * n
        known = (notes.relations, notes.sources, notes.gone, notes.frayed, True)
    *paired, kept = reduction.reduce_relations(
        bits, swept.splits, swept.reps, births, apexes, empty, *known
    )
    if notes is not None:
        notes.relations = kept
        notes.gone[:] = 0
        notes.frayed[:] = 0
    seconds["reduce"] += time.perf_counter() - middle
    return PairedEdges(merges, births, *paired)


def counts(swept: SweptEdges, paired: PairedEdges) -> dict[str, int]:
    """Return how many edges there were of each kind, and the work of the reduction."""
    return {
        "n_rng": len(swept.rng),
        "n_births": len(paired.births),
        "n_split": len(swept.splits),
        "n_relations": swept.n_relations,
        "relations_used": int(paired.counts[0]),
        "relations_reused": int(paired.counts[3]),
        "column_additions": int(paired.counts[1]),
    }
