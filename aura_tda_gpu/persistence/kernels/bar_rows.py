"""The bars of paired edges, already in the order of a diagram."""

from __future__ import annotations

import numpy as np
from numba import njit

from .keys import ends_first, larger_vertex, smaller_vertex
from .spread import most_persistent_first, sort_few

_LENGTH = np.uint64(32)
_INFINITE = np.uint32(0x7F800000)


@njit(nogil=True, cache=True, inline="always")
def _length(key):
    return np.uint32(key >> _LENGTH)


@njit(nogil=True, cache=True)
def _longest_first(merges, skipped):
    """Return the merges behind the first few by decreasing length, then by their vertices."""
    size = merges.shape[0] - skipped
    ordered = np.empty(size, np.uint64)
    start = 0
    for i in range(size):
        ordered[i] = ends_first(merges[merges.shape[0] - 1 - i])
        if _length(ordered[i]) != _length(ordered[start]):
            sort_few(ordered[start:i])
            start = i
    sort_few(ordered[start:])
    for i in range(size):
        ordered[i] = ends_first(ordered[i])  # changes them back
    return ordered


@njit(nogil=True, cache=True)
def component_bars(merges, live, rank):
    """Return the bars of dimension 0, longest first.

    Parameters
    ----------
    merges : (m,) uint64, sorted keys of the minimum spanning forest
    live : (n,) int64, ascending slots that hold a point
    rank : (N,) int64, place of each of them among those

    Returns
    -------
    values : (k, 2) float32, birth and death; bars of zero length are left out
    truncated : (k,) bool, all open bars but the first, which is essential
    birth_edges, death_edges : (k, 2) int64, places, the smaller first; -1 where there is none
    """
    skipped = 0
    while skipped < merges.shape[0] and _length(merges[skipped]) == 0:
        skipped += 1
    n_open = live.shape[0] - merges.shape[0]
    closed = _longest_first(merges, skipped)
    size = n_open + closed.shape[0]
    bits = np.zeros((size, 2), np.uint32)
    truncated = np.zeros(size, np.bool_)
    birth_edges = np.full((size, 2), -1)
    death_edges = np.full((size, 2), -1)
    for i in range(n_open):
        bits[i, 1] = _INFINITE
        truncated[i] = i > 0
    for i in range(closed.shape[0]):
        key = closed[i]
        bits[n_open + i, 1] = _length(key)
        death_edges[n_open + i, 0] = rank[smaller_vertex(key)]
        death_edges[n_open + i, 1] = rank[larger_vertex(key)]
    return bits.view(np.float32), truncated, birth_edges, death_edges


@njit(nogil=True, cache=True)
def _in_order(births, deaths, rows):
    """Return some pairs in the order of a diagram, and their values."""
    size = rows.shape[0]
    bits = np.empty((size, 2), np.uint32)
    for i in range(size):
        killer = deaths[rows[i]]
        bits[i, 0] = _length(births[rows[i]])
        bits[i, 1] = _length(killer) if killer > 0 else _INFINITE
    values, persistence = bits.view(np.float32), np.empty(size, np.float64)
    for i in range(size):
        persistence[i] = np.float64(values[i, 1]) - np.float64(values[i, 0])
    order = np.empty(size, np.int64)
    spare, counts = np.empty((2, size), np.uint64), np.empty(2 * size + 2, np.int64)
    most_persistent_first(order, persistence, births, rows, spare, counts)
    return rows[order], values[order]


@njit(nogil=True, cache=True)
def loop_bars(births, deaths, rank):
    """Return the bars of dimension 1, longest first.

    Parameters
    ----------
    births : (beta,) uint64, sorted keys of the birth edges
    deaths : (beta,) uint64, key of the split edge that kills each birth, 0 when none does
    rank : (N,) int64, as in `component_bars`

    Returns
    -------
    rows : (k,) int64, which birth each bar is; bars of zero length are left out
    values, truncated, birth_edges, death_edges : as in `component_bars`; all open ones truncated
    """
    rows = np.empty(births.shape[0], np.int64)
    size = 0
    for i in range(births.shape[0]):
        if deaths[i] == 0 or _length(deaths[i]) > _length(births[i]):
            rows[size] = i
            size += 1
    rows, values = _in_order(births, deaths, rows[:size])
    truncated = np.zeros(size, np.bool_)
    birth_edges = np.empty((size, 2), np.int64)
    death_edges = np.full((size, 2), -1)
    for i in range(size):
        key = births[rows[i]]
        birth_edges[i, 0] = rank[smaller_vertex(key)]
        birth_edges[i, 1] = rank[larger_vertex(key)]
        key = deaths[rows[i]]
        truncated[i] = key == 0
        if key > 0:
            death_edges[i, 0] = rank[smaller_vertex(key)]
            death_edges[i, 1] = rank[larger_vertex(key)]
    return rows, values, truncated, birth_edges, death_edges


@njit(nogil=True, cache=True)
def all_bars(merges, births, deaths, live, rank):
    """Return what `component_bars` and `loop_bars` return, by one call."""
    return component_bars(merges, live, rank), loop_bars(births, deaths, rank)
