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
def spanning_forest(keys, n):
    """Tell which of the sorted RNG edges merge two components (Kruskal)."""
    parent = np.arange(n)
    merges = np.zeros(keys.shape[0], np.bool_)
    for i in range(keys.shape[0]):
        a = _root(parent, larger_vertex(keys[i]))
        b = _root(parent, smaller_vertex(keys[i]))
        if a != b:
            parent[max(a, b)] = min(a, b)
            merges[i] = True
    return merges
