"""Components whose vertices have births: where two meet, the younger one dies.

The elder rule is from Edelsbrunner and Harer, "Computational Topology" (2010), section VII.1.
"""

from __future__ import annotations

import numpy as np

from .edge_keys import UInt64Array, lengths_of, vertices_of
from .engine import Bars, Float32Array, Int64Array

__all__ = ["bars_by_birth"]


def bars_by_birth(merges: UInt64Array, births: Float32Array, threshold: float) -> Bars:
    """Return the bars of dimension 0, zero-length ones left out.

    A component is as old as its oldest vertex; of two vertices that enter at once the smaller one
    is the older. The vertex is the birth edge of the bar, named twice.

    Parameters
    ----------
    merges : ndarray of uint64
        Sorted keys of the minimum spanning forest up to the threshold; the whole forest is a tree.
    births : ndarray of float32, shape (n,)
        When each vertex enters, no later than its edges.
    threshold : float
        Vertices that are born later never enter.
    """
    young = _younger(merges, births)
    deaths = lengths_of(merges)
    lasting = births[young] < deaths
    is_open = births <= threshold
    is_open[young] = False
    survivors = np.flatnonzero(is_open)
    born = np.concatenate([survivors, young[lasting]])
    n_open, n_bars = len(survivors), len(born)
    death_edges = np.full((n_bars, 2), -1, np.int64)
    death_edges[n_open:] = vertices_of(merges[lasting])
    truncated = np.zeros(n_bars, np.bool_)
    truncated[:n_open] = survivors != (np.argmin(births) if len(births) else -1)
    return Bars(
        births[born],
        np.concatenate([np.full(n_open, np.inf, np.float32), deaths[lasting]]),
        np.column_stack([born, born]),
        death_edges,
        truncated,
    )


def _younger(merges: UInt64Array, births: Float32Array) -> Int64Array:
    """Return the oldest vertex of the younger component of each merge, shape (n_merges,)."""
    older = list(range(len(births)))
    born = births.tolist()
    young = []
    for a, b in vertices_of(merges).tolist():
        while older[a] != a:
            older[a] = a = older[older[a]]
        while older[b] != b:
            older[b] = b = older[older[b]]
        if (born[b], b) < (born[a], a):
            a, b = b, a
        older[b] = a
        young.append(b)
    return np.array(young, np.int64)
