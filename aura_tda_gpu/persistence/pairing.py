"""From classified edges to pairs: the forest, the births, and what kills each birth."""

from __future__ import annotations

import time

import numpy as np

from .edge_sweep import SweptEdges, UInt16Array, UInt32Array
from .kernels import forest, reduction
from .loops import PairedEdges

__all__ = ["counts", "pair_edges"]


def pair_edges(
    bits: UInt32Array,
    swept: SweptEdges,
    with_loops: bool,
    seconds: dict[str, float],
    noted: UInt16Array | None = None,
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
    noted : ndarray of uint16, shape (n, n), optional
        Codes of `kernels.certificates`, which name a vertex of each lune; without them one is
        looked for where it is needed.
    """
    start = time.perf_counter()
    n = len(bits)
    merging = forest.spanning_forest(swept.rng, n)
    merges, births = swept.rng[merging], swept.rng[~merging]
    middle = time.perf_counter()
    seconds["forest"] += middle - start
    if not with_loops:
        births = births[:0]
    if noted is None:
        apexes, empty = np.full((n, n), reduction.UNKNOWN), int(reduction.IN_RNG)
        reduction.mark_rng(apexes, swept.rng)
    else:
        apexes, empty = noted, 2 * n
    paired = reduction.reduce_relations(bits, swept.splits, swept.reps, births, apexes, empty)
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
        "column_additions": int(paired.counts[1]),
    }
