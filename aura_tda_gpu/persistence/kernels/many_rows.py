"""The bars of many windows of one size, written one after another into common arrays."""

from __future__ import annotations

import numpy as np
from numba import njit
from numba.cpython.unsafe.numbers import trailing_zeros

from .bar_rows import _length, component_bars, loop_bars

__all__ = ["count_rows", "list_members", "write_components", "write_loops"]


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
def count_rows(first, last, n, merges, n_merges, births, deaths, n_births, columns, sizes):
    """Count what the bars of some windows will take.

    Parameters
    ----------
    first, last : int
        The windows.
    n : int, vertices of a window
    merges, births, deaths : (windows, any) uint64, as in `bars.Paired`
    n_merges, n_births : (windows,) int64, how many of each are used
    columns : (windows, any, words) uint32, the reduced column of each birth
    sizes : (windows, 3) int64, written
        Bars of dimensions 0 and 1, and births in the columns of the latter.
    """
    for w in range(first, last):
        skipped = 0
        while skipped < n_merges[w] and _length(merges[w, skipped]) == 0:
            skipped += 1
        n_bars = n_members = 0
        for i in range(n_births[w]):
            if _lasts(births[w, i], deaths[w, i]):
                n_bars += 1
                n_members += _count(_reduced(columns[w], i))
        sizes[w, 0] = n - skipped
        sizes[w, 1] = n_bars
        sizes[w, 2] = n_members


@njit(nogil=True, cache=True)
def write_components(
    first, last, n, merges, n_merges, starts, values, birth_edges, death_edges, truncated
):
    """Write the bars of dimension 0 of some windows, each from its start on."""
    names = np.arange(n)
    for w in range(first, last):
        here = slice(starts[w], starts[w + 1])
        found = component_bars(merges[w, : n_merges[w]], names, names)
        values[here], truncated[here], birth_edges[here], death_edges[here] = found


@njit(nogil=True, cache=True)
def write_loops(
    first,
    last,
    n,
    merges,
    n_merges,
    births,
    deaths,
    n_births,
    columns,
    merge_starts,
    birth_starts,
    starts,
    member_starts,
    all_merges,
    all_births,
    rows,
    values,
    birth_edges,
    death_edges,
    truncated,
    offsets,
    members,
):
    """Write the bars of dimension 1 of some windows, and the births in their columns.

    Parameters
    ----------
    merge_starts, birth_starts, starts, member_starts : (windows + 1,) int64
        Where the merges, births and bars of each window begin, and the births in their columns.
    all_merges, all_births : (any,) uint64, written
    rows : (all,) int64, written, which birth each bar is
    offsets : (all + windows,) int64, written
        Where the births of each bar begin and end, behind the window's first; one more a window.
    members : (any,) int32, written
    """
    names = np.arange(n)
    for w in range(first, last):
        all_merges[merge_starts[w] : merge_starts[w + 1]] = merges[w, : n_merges[w]]
        all_births[birth_starts[w] : birth_starts[w + 1]] = births[w, : n_births[w]]
        here = slice(starts[w], starts[w + 1])
        found = loop_bars(births[w, : n_births[w]], deaths[w, : n_births[w]], names)
        rows[here], values[here], truncated[here], birth_edges[here], death_edges[here] = found
        begin, used = starts[w] + w, 0
        offsets[begin] = 0
        for k in range(starts[w + 1] - starts[w]):
            end = _write(_reduced(columns[w], found[0][k]), members, member_starts[w] + used)
            used = end - member_starts[w]
            offsets[begin + k + 1] = used
