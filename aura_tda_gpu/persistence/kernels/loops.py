"""Loops of bars: birth edges of a reduced column, closed by paths in the forest."""

from __future__ import annotations

import numpy as np

from .compiling import njit

__all__ = ["chain", "rooted", "vertices_of_chains"]


@njit(nogil=True, cache=True)
def rooted(merges, n):
    """Return parent and depth (2, n) of each vertex of a forest, rooted at smallest vertices.

    ``merges`` (m, 2) are its edges; the parent of a root is -1.
    """
    starts = np.zeros(n + 2, np.int64)
    for e in range(len(merges)):
        starts[merges[e, 0] + 2] += 1
        starts[merges[e, 1] + 2] += 1
    for v in range(2, n + 2):
        starts[v] += starts[v - 1]
    neighbours = np.empty(2 * len(merges), np.int64)
    for e in range(len(merges)):
        for k in range(2):
            a = merges[e, k]
            neighbours[starts[a + 1]] = merges[e, 1 - k]
            starts[a + 1] += 1
    tree = np.full((2, n), -1)
    stack = np.empty(n, np.int64)
    for root in range(n):
        if tree[1, root] >= 0:
            continue
        tree[1, root] = 0
        stack[0] = root
        size = 1
        while size > 0:
            size -= 1
            here = stack[size]
            for place in range(starts[here], starts[here + 1]):
                there = neighbours[place]
                if tree[1, there] < 0:
                    tree[0, there] = here
                    tree[1, there] = tree[1, here] + 1
                    stack[size] = there
                    size += 1
    return tree


@njit(nogil=True, cache=True)
def chain(births, tree):
    """Return births (b, 2), each followed by the path in the forest that closes it, (m, 2)."""
    n = len(births)
    for i in range(len(births)):
        a, b = births[i, 0], births[i, 1]
        while a != b:
            if tree[1, a] < tree[1, b]:
                a, b = b, a
            a = tree[0, a]
            n += 1
    edges = np.empty((n, 2), np.int64)
    n = 0
    for i in range(len(births)):
        a, b = births[i, 0], births[i, 1]
        edges[n, 0], edges[n, 1] = a, b
        n += 1
        while a != b:
            if tree[1, a] < tree[1, b]:
                a, b = b, a
            edges[n, 0], edges[n, 1] = a, tree[0, a]
            a = tree[0, a]
            n += 1
    return edges


@njit(nogil=True, cache=True)
def vertices_of_chains(births, ends, tree):
    """Return the vertices of some loops, ascending in each, and where those of each loop end.

    An edge of the forest that closes an even number of births of a loop is no edge of it.

    Parameters
    ----------
    births
        Birth edges of all loops (b, 2), different ones in each.
    ends
        Where those of each loop end (k,).
    tree
        From `rooted` (2, n).
    """
    n = tree.shape[1]
    is_odd = np.zeros(n, np.bool_)  # the edge to the parent
    is_met = np.zeros(n, np.bool_)
    met = np.empty(n, np.int64)
    stops = np.empty(len(ends), np.int64)
    vertices = np.empty(4 * len(births) + 16, np.int64)
    size, first = np.int64(0), np.int64(0)
    is_in = np.zeros(n, np.bool_)
    for loop in range(len(ends)):
        n_met = 0
        lowest, highest = n, -1
        for i in range(first, ends[loop]):
            a, b = births[i, 0], births[i, 1]
            for v in (a, b):
                is_in[v] = True
                lowest, highest = min(lowest, v), max(highest, v)
            while a != b:
                if tree[1, a] < tree[1, b]:
                    a, b = b, a
                is_odd[a] = not is_odd[a]
                if not is_met[a]:
                    is_met[a] = True
                    met[n_met] = a
                    n_met += 1
                a = tree[0, a]
        first = ends[loop]
        for k in range(n_met):
            a = met[k]
            is_met[a] = False
            if is_odd[a]:
                is_odd[a] = False
                for v in (a, tree[0, a]):
                    is_in[v] = True
                    lowest, highest = min(lowest, v), max(highest, v)
        if size + n > len(vertices):
            more = np.empty(2 * len(vertices) + n, np.int64)
            more[:size] = vertices[:size]
            vertices = more
        for v in range(lowest, highest + 1):
            if is_in[v]:
                is_in[v] = False
                vertices[size] = v
                size += 1
        stops[loop] = size
    return vertices[:size].copy(), stops
