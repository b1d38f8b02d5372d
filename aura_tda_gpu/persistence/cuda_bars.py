"""From what the device leaves, sorted edges and reduced columns, to bars and loops."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .engine import Bars, Float32Array, Int64Array, LoopEdges

__all__ = ["PairedOnDevice", "bars_of_components", "bars_of_loops"]

UInt64Array = npt.NDArray[np.uint64]
UInt32Array = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class PairedOnDevice:
    """The RNG edges of one window as forest and births, and what kills each birth.

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
    columns: UInt32Array
    counts: dict[str, int]

    @property
    def unpaired(self) -> UInt64Array:
        """Births that nothing kills."""
        unpaired: UInt64Array = self.births[self.deaths == 0]
        return unpaired


def bars_of_components(merges: UInt64Array, n_open: int, n_components: int) -> Bars:
    """Return the bars of dimension 0: one for each merge, and the open ones.

    The first ``n_components`` of the ``n_open`` open bars are essential.
    """
    closed = merges[_lengths(merges) > 0]
    deaths = np.concatenate([_lengths(closed), np.full(n_open, np.inf, np.float32)])
    nowhere = np.full((len(deaths), 2), -1, np.int64)
    death_edges = nowhere.copy()
    death_edges[: len(closed)] = _edges(closed)
    truncated = np.zeros(len(deaths), np.bool_)
    truncated[len(closed) + n_components :] = True
    return Bars(np.zeros(len(deaths), np.float32), deaths, nowhere, death_edges, truncated)


def bars_of_loops(paired: PairedOnDevice, truncated: UInt64Array, n: int) -> tuple[Bars, LoopEdges]:
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
        np.isin(paired.births[rows], truncated),
    )
    columns = paired.columns[rows]
    return bars, _Loops(n, _edges(paired.merges), _edges(paired.births), rows, columns)


def _lengths(keys: UInt64Array) -> Float32Array:
    lengths: Float32Array = (keys >> np.uint64(32)).astype(np.uint32).view(np.float32)
    return lengths


def _edges(keys: UInt64Array) -> Int64Array:
    """Vertex pairs, smaller id first."""
    mask = np.uint64(0xFFFF)
    return np.stack([keys & mask, keys >> np.uint64(16) & mask], axis=1).astype(np.int64)


@dataclass(frozen=True, slots=True)
class _Loops:
    """Loops of the bars: birth edges of a reduced column, closed by paths in the forest."""

    n: int
    merges: Int64Array
    births: Int64Array
    rows: Int64Array
    columns: UInt32Array

    def __call__(self, index: int) -> Int64Array:
        bits = np.unpackbits(self.columns[index].view(np.uint8), bitorder="little")
        chosen = np.flatnonzero(bits)
        if not len(chosen):
            chosen = self.rows[[index]]
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
