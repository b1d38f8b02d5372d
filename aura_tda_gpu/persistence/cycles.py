"""From a chain of edges over Z/2 to closed walks a person can follow, or to its vertices."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from .engine import Int64Array, LoopEdges, LoopVertices

__all__ = ["closed_walks", "loop_vertices"]


def closed_walks(edges: Int64Array) -> list[list[int]]:
    """Decompose a Z/2 cycle into simple closed walks.

    Parameters
    ----------
    edges : ndarray of int64, shape (n_edges, 2)
        Edges of the chain; an edge listed twice cancels.

    Returns
    -------
    list of list of int
        Vertices of each closed walk, the first one not repeated at the end, longest walk
        first. Together the walks use every edge of the chain once.

    Raises
    ------
    ValueError
        If a vertex has odd degree, so the chain is not a cycle.
    """
    neighbours: defaultdict[int, set[int]] = defaultdict(set)
    for a, b in edges.tolist():
        neighbours[a] ^= {b}
        neighbours[b] ^= {a}
    odd = sorted(v for v, around in neighbours.items() if len(around) % 2)
    if odd:
        raise ValueError(f"the chain is not a cycle: vertex {odd[0]} has odd degree")
    walks: list[list[int]] = []
    for start in sorted(neighbours):
        while neighbours[start]:
            walks.extend(_peel(neighbours, start))
    return sorted(walks, key=lambda walk: (-len(walk), walk))


def loop_vertices(loops: LoopEdges, indices: Sequence[int]) -> tuple[Int64Array, Int64Array]:
    """Return the vertices of some cycles; see `LoopVertices`.

    Of cycles that tell edges only, those that are listed an odd number of times count.
    """
    if isinstance(loops, LoopVertices):
        return loops.vertices(indices)
    found = []
    for index in indices:
        edges, counts = np.unique(np.sort(loops(index), axis=1), axis=0, return_counts=True)
        found.append(np.unique(edges[counts % 2 == 1]))
    ends = np.cumsum(list(map(len, found)), dtype=np.int64)
    return np.concatenate([np.empty(0, np.int64), *found]), ends


def _peel(neighbours: defaultdict[int, set[int]], start: int) -> list[list[int]]:
    """Walk from ``start`` until it closes, cutting off each loop as soon as it appears."""
    walks: list[list[int]] = []
    path = [start]
    position = {start: 0}
    while neighbours[path[-1]]:
        here = path[-1]
        step = min(neighbours[here])
        neighbours[here].remove(step)
        neighbours[step].remove(here)
        if step not in position:
            position[step] = len(path)
            path.append(step)
            continue
        cut = position[step]
        walks.append(path[cut:])
        for vertex in path[cut + 1 :]:
            del position[vertex]
        del path[cut + 1 :]
    return walks
