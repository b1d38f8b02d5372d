"""From paired edges to bars, and from reduced columns to loops."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .edge_sweep import UInt64Array
from .engine import Bars, Float32Array, Int64Array, LoopEdges
from .kernels import keys, reduction

__all__ = ["PairedEdges", "bars_of_components", "bars_of_loops"]

_ONE = np.uint64(1)


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
    edges = np.empty((len(edge_keys), 2), np.int64)
    edges[:, 0] = edge_keys & keys.VERTEX_MASK
    edges[:, 1] = (edge_keys >> keys.VERTEX_SHIFT) & keys.VERTEX_MASK
    return edges


def bars_of_components(merges: UInt64Array, n_open: int, n_components: int) -> Bars:
    """Return the bars of dimension 0: one for each merge, and the open ones.

    The first ``n_components`` of the ``n_open`` open bars are essential.
    """
    closed = merges[np.searchsorted(merges, _ONE << keys.LENGTH_SHIFT) :]
    n_bars = len(closed) + n_open
    deaths = np.full(n_bars, np.inf, np.float32)
    deaths[: len(closed)] = _lengths(closed)
    nowhere = np.full((n_bars, 2), -1, np.int64)
    death_edges = nowhere.copy()
    death_edges[: len(closed)] = _edges(closed)
    truncated = np.zeros(n_bars, np.bool_)
    truncated[len(closed) + n_components :] = True
    return Bars(np.zeros(n_bars, np.float32), deaths, nowhere, death_edges, truncated)


def bars_of_loops(paired: PairedEdges, truncated: UInt64Array, n: int) -> tuple[Bars, LoopEdges]:
    """Return the bars of dimension 1, zero-length ones left out, and their loops."""
    is_open = paired.deaths == 0
    longer = paired.deaths >> keys.LENGTH_SHIFT > paired.births >> keys.LENGTH_SHIFT
    rows = np.flatnonzero(longer | is_open)
    births, deaths, is_open = paired.births[rows], paired.deaths[rows], is_open[rows]
    death_lengths, death_edges = _lengths(deaths), _edges(deaths)
    death_lengths[is_open] = np.inf
    death_edges[is_open] = -1
    bars = Bars(
        _lengths(births), death_lengths, _edges(births), death_edges, _is_among(births, truncated)
    )
    offsets, members = reduction.column_members(paired.spans, paired.as_words, paired.pool, rows)
    return bars, _Loops(n, paired.merges, paired.births, rows, offsets, members)


def _is_among(edge_keys: UInt64Array, others: UInt64Array) -> npt.NDArray[np.bool_]:
    return np.isin(edge_keys, others) if len(others) else np.zeros(len(edge_keys), np.bool_)


@dataclass(frozen=True, slots=True)
class _Loops:
    """Loops of the bars: birth edges of a reduced column, closed by paths in the forest."""

    n: int
    merges: UInt64Array
    births: UInt64Array
    rows: Int64Array
    offsets: Int64Array
    members: Int64Array

    def __call__(self, index: int) -> Int64Array:
        row = self.rows[index]
        chosen = self.members[self.offsets[index] : self.offsets[index + 1]]
        if not len(chosen):
            chosen = np.array([row])
        parent, depth = _rooted(_edges(self.merges), self.n)
        edges = []
        for a, b in _edges(self.births[chosen]).tolist():
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
