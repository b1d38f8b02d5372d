"""From paired edges to bars, and from reduced columns to loops."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .edge_sweep import UInt64Array
from .engine import Bars, Float32Array, Int64Array, LoopEdges
from .kernels import keys, reduction

__all__ = ["PairedEdges", "bars_of_components", "bars_of_loops"]


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

    @property
    def unpaired(self) -> UInt64Array:
        """Births that nothing kills."""
        unpaired: UInt64Array = self.births[self.deaths == 0]
        return unpaired


def _lengths(edge_keys: UInt64Array) -> Float32Array:
    patterns = (edge_keys >> keys.LENGTH_SHIFT).astype(np.uint32)
    lengths: Float32Array = patterns.view(np.float32)
    return lengths


def _edges(edge_keys: UInt64Array) -> Int64Array:
    """Vertex pairs, smaller id first."""
    smaller = edge_keys & keys.VERTEX_MASK
    larger = (edge_keys >> keys.VERTEX_SHIFT) & keys.VERTEX_MASK
    return np.stack([smaller, larger], axis=1).astype(np.int64)


def bars_of_components(merges: UInt64Array, n_open: int, n_components: int) -> Bars:
    """Return the bars of dimension 0: one for each merge, and the open ones.

    The first ``n_components`` of the ``n_open`` open bars are essential.
    """
    lengths = _lengths(merges)
    closed = merges[lengths > 0]
    deaths = np.concatenate([_lengths(closed), np.full(n_open, np.inf, np.float32)])
    nowhere = np.full((len(deaths), 2), -1, np.int64)
    death_edges = nowhere.copy()
    death_edges[: len(closed)] = _edges(closed)
    truncated = np.zeros(len(deaths), np.bool_)
    truncated[len(closed) + n_components :] = True
    return Bars(np.zeros(len(deaths), np.float32), deaths, nowhere, death_edges, truncated)


def bars_of_loops(paired: PairedEdges, truncated: UInt64Array, n: int) -> tuple[Bars, LoopEdges]:
    """Return the bars of dimension 1, zero-length ones left out, and their loops."""
    is_open = paired.deaths == 0
    births = _lengths(paired.births)
    deaths = np.where(is_open, np.float32(np.inf), _lengths(paired.deaths))
    rows = np.flatnonzero(deaths > births)
    death_edges = np.where(is_open[:, np.newaxis], -1, _edges(paired.deaths))
    bars = Bars(
        births[rows],
        deaths[rows],
        _edges(paired.births)[rows],
        death_edges[rows],
        _is_among(paired.births[rows], truncated),
    )
    offsets, members = reduction.column_members(paired.spans, paired.as_words, paired.pool, rows)
    return bars, _Loops(n, _edges(paired.merges), _edges(paired.births), rows, offsets, members)


def _is_among(edge_keys: UInt64Array, others: UInt64Array) -> npt.NDArray[np.bool_]:
    return np.isin(edge_keys, others) if len(others) else np.zeros(len(edge_keys), np.bool_)


@dataclass(frozen=True, slots=True)
class _Loops:
    """Loops of the bars: birth edges of a reduced column, closed by paths in the forest."""

    n: int
    merges: Int64Array
    births: Int64Array
    rows: Int64Array
    offsets: Int64Array
    members: Int64Array

    def __call__(self, index: int) -> Int64Array:
        row = self.rows[index]
        chosen = self.members[self.offsets[index] : self.offsets[index + 1]]
        if not len(chosen):
            chosen = np.array([row])
        parent, depth = _rooted(self.merges, self.n)
        edges = []
        for a, b in self.births[chosen].tolist():
            edges.append((a, b))
            while a != b:
                if depth[a] < depth[b]:
                    a, b = b, a
                edges.append((a, parent[a]))
                a = parent[a]
        return np.array(edges, np.int64)


def _rooted(merges: Int64Array, n: int) -> tuple[list[int], list[int]]:
    """Parent and depth of every vertex of a forest, rooted at its smallest vertices."""
    neighbours: list[list[int]] = [[] for _ in range(n)]
    for a, b in merges.tolist():
        neighbours[a].append(b)
        neighbours[b].append(a)
    parent = [-1] * n
    depth = [-1] * n
    for root in range(n):
        if depth[root] >= 0:
            continue
        depth[root] = 0
        stack = [root]
        while stack:
            here = stack.pop()
            for there in neighbours[here]:
                if depth[there] < 0:
                    parent[there] = here
                    depth[there] = depth[here] + 1
                    stack.append(there)
    return parent, depth
