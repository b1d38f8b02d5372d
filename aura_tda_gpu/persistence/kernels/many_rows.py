"""The bars of many windows of one size, written one after another into common arrays."""

from __future__ import annotations

import numpy as np
from numba import njit
from numba.cpython.unsafe.numbers import trailing_zeros

from .bar_rows import _length
from .keys import ends_first, larger_vertex, smaller_vertex
from .spread import most_persistent_first, sort_few

__all__ = ["copy_words", "list_members", "write_components", "write_loops"]

_INFINITE = np.uint32(0x7F800000)


@njit(nogil=True, cache=True, inline="always")
def _lasts(birth, death):
    return death == 0 or _length(death) > _length(birth)


@njit(nogil=True, cache=True, inline="always")
def _count(column):
    n_members = 0
    for word in column:
        rest = word
        while rest:
            rest &= rest - np.uint32(1)
            n_members += 1
    return n_members


@njit(nogil=True, cache=True, inline="always")
def _write(column, members, used):
    """Write the births in a column from a place on; return the place behind them."""
    for word in range(column.shape[0]):
        rest = column[word]
        while rest:
            bit = np.int64(trailing_zeros(rest))  # type: ignore[call-arg]
            members[used] = 32 * word + bit
            used += 1
            rest &= rest - np.uint32(1)
    return used


@njit(nogil=True, cache=True, inline="always")
def _reduced(columns, birth):
    """Return the words that hold a reduced column: its youngest birth is the one that it kills."""
    return columns[birth, : birth // 32 + 1]


@njit(nogil=True, cache=True)
def list_members(columns, rows):
    """List the births in some columns.

    Parameters
    ----------
    columns : (births, words) uint32
    rows : (k,) int64

    Returns
    -------
    offsets : (k + 1,) int64
    members : (any,) int32
    """
    offsets = np.zeros(rows.shape[0] + 1, np.int64)
    for k in range(rows.shape[0]):
        offsets[k + 1] = offsets[k] + _count(_reduced(columns, rows[k]))
    members = np.empty(offsets[-1], np.int32)
    for k in range(rows.shape[0]):
        _write(_reduced(columns, rows[k]), members, offsets[k])
    return offsets, members


@njit(nogil=True, cache=True)
def copy_words(first, last, columns, n_births, starts, words):
    """Copy the words that hold the reduced columns of some windows, one column after another.

    Parameters
    ----------
    first, last : int
        The windows.
    columns : (windows, any, words) uint32, the reduced column of each birth
    n_births, starts : (windows,) int64
        How many columns a window has, and where its words begin.
    words : (any,) uint32, written
    """
    for w in range(first, last):
        place = starts[w]
        for birth in range(n_births[w]):
            for word in range(birth // 32 + 1):
                words[place] = columns[w, birth, word]
                place += 1


@njit(nogil=True, cache=True)
def write_components(first, last, merges, n_merges, forest, values, death_edges, truncated, n_bars):
    """Write the bars of dimension 0 of some windows: open ones, then merges by falling length.

    Parameters
    ----------
    first, last : int
        The windows.
    merges : (windows, n) uint64, sorted keys; n_merges (windows,) int64 of them are used
    forest : (windows, n) uint64, written from the first merge on
        Keys of the merges, those of length 0 among them, at the places of their bars.
    values : (windows, n, 2) uint32, written, patterns of births and deaths
    death_edges : (windows, n, 2) int64, written, the smaller vertex first; -1 of open bars
    truncated : (windows, n) bool, written, all open bars but the first, which is essential
    n_bars : (windows,) int64, written, how many of them are longer than 0
    """
    n = forest.shape[1]
    for w in range(first, last):
        n_open = n - n_merges[w]
        n_bars[w] = n_open
        is_tied, before = False, np.uint32(0)
        for i in range(n_open, n):
            key = merges[w, n - 1 - i]
            length = _length(key)
            forest[w, i] = key
            if length > 0:
                n_bars[w] += 1
                is_tied |= length == before
            before = length
        if is_tied:
            _by_smaller_vertex(forest[w, n_open : n_bars[w]])
        for i in range(n_bars[w]):
            is_open = i < n_open
            key = forest[w, i]
            values[w, i, 0] = 0
            values[w, i, 1] = _INFINITE if is_open else _length(key)
            death_edges[w, i, 0] = -1 if is_open else smaller_vertex(key)
            death_edges[w, i, 1] = -1 if is_open else larger_vertex(key)
            truncated[w, i] = is_open and i > 0


@njit(nogil=True, cache=True)
def _by_smaller_vertex(edge_keys):
    """Put edges of one length, which stand together, in the order of their smaller vertices."""
    start = 0
    for i in range(1, edge_keys.shape[0] + 1):
        if i < edge_keys.shape[0] and _length(edge_keys[i]) == _length(edge_keys[start]):
            continue
        if i - start > 1:
            alike = edge_keys[start:i]
            for k in range(alike.shape[0]):
                alike[k] = ends_first(alike[k])
            sort_few(alike)
            for k in range(alike.shape[0]):
                alike[k] = ends_first(alike[k])  # changes them back
        start = i


@njit(nogil=True, cache=True)
def write_loops(
    first,
    last,
    births,
    deaths,
    n_births,
    starts,
    all_births,
    rows,
    values,
    birth_edges,
    death_edges,
    truncated,
    n_bars,
):
    """Write the bars of dimension 1 of some windows, the most persistent first.

    Parameters
    ----------
    first, last : int
        The windows.
    births, deaths : (windows, any) uint64, as in `bars.Paired`; n_births (windows,) int64 are used
    starts : (windows,) int64
        Where a window begins in what is written.
    all_births : (any,) uint64, written
    rows : (any,) int64, written, which birth each bar is
    values, birth_edges, death_edges, truncated : (any, 2) and (any,), written
        As in `write_components`; all open bars are truncated.
    n_bars : (windows,) int64, written
    """
    most = n_births[first:last].max()
    order, spare = np.empty(most, np.int64), np.empty((2, most), np.uint64)
    counts = np.empty(2 * most + 2, np.int64)
    ends = np.empty((most, 2), np.uint32)
    lengths, persistence = ends.view(np.float32), np.empty(most, np.float64)
    lasting = np.empty(most, np.int64)
    for w in range(first, last):
        start, size = starts[w], 0
        for i in range(n_births[w]):
            birth, death = births[w, i], deaths[w, i]
            all_births[start + i] = birth
            if _lasts(birth, death):
                lasting[size] = i
                ends[size, 0] = _length(birth)
                ends[size, 1] = _length(death) if death > 0 else _INFINITE
                size += 1
        n_bars[w] = size
        for k in range(size):
            persistence[k] = np.float64(lengths[k, 1]) - np.float64(lengths[k, 0])
        most_persistent_first(order[:size], persistence, births[w], lasting, spare, counts)
        for k in range(size):
            place = order[k]
            row = lasting[place]
            birth, death = births[w, row], deaths[w, row]
            bar, is_open = start + k, death == 0
            rows[bar] = row
            values[bar, 0] = ends[place, 0]
            values[bar, 1] = ends[place, 1]
            birth_edges[bar, 0] = smaller_vertex(birth)
            birth_edges[bar, 1] = larger_vertex(birth)
            death_edges[bar, 0] = -1 if is_open else smaller_vertex(death)
            death_edges[bar, 1] = -1 if is_open else larger_vertex(death)
            truncated[bar] = is_open
