"""The minimum spanning forest among the RNG edges."""

from __future__ import annotations

import numpy as np
from numba import njit

from .keys import larger_vertex, smaller_vertex


@njit(nogil=True, cache=True, inline="always")
def _root(parent, vertex):
    while parent[vertex] != vertex:
        parent[vertex] = parent[parent[vertex]]
        vertex = parent[vertex]
    return vertex


@njit(nogil=True, cache=True)
def parted(keys, n):
    """Part the sorted RNG edges into those that merge two components (Kruskal) and the others."""
    parent = np.arange(n)
    merges = np.empty(min(n, keys.shape[0]), np.uint64)
    others = np.empty(keys.shape[0], np.uint64)
    n_merges, n_others = 0, 0
    for key in keys:
        a = _root(parent, larger_vertex(key))
        b = _root(parent, smaller_vertex(key))
        if a != b:
            parent[max(a, b)] = min(a, b)
            merges[n_merges] = key
            n_merges += 1
        else:
            others[n_others] = key
            n_others += 1
    return merges[:n_merges].copy(), others[:n_others].copy()
