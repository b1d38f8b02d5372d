"""The bars of many windows of one size, written one after another into common arrays."""

from __future__ import annotations

import numpy as np
from numba import njit
from numba.cpython.unsafe.numbers import trailing_zeros

from .bar_rows import _ends_first, _length

__all__ = ["list_members", "sort_spread", "write_components", "write_loops"]

_INFINITE = np.uint32(0x7F800000)
_NEVER = np.uint64(0x7F800000FFFFFFFF)  # `many_bars.NEVER`
_ONE = np.uint64(1)
MANY_ALIKE = 16  # of which fewer are sorted by insertion


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
def write_components(first, last, merges, n_merges, deaths, values, n_bars):
    """Write the bars of dimension 0 of some windows: open ones, then merges by falling length.

    Parameters
    ----------
    first, last : int
        The windows.
    merges : (windows, n) uint64, sorted keys; n_merges (windows,) int64 of them are used
    deaths : (windows, n) uint64, written
        The last key for each open bar, then the merges, those of length 0 among them.
    values : (windows, n, 2) uint32, written, patterns of births and deaths
    n_bars : (windows,) int64, written, how many of them are longer than 0
    """
    n = deaths.shape[1]
    for w in range(first, last):
        n_open = n - n_merges[w]
        for i in range(n_open):
            deaths[w, i] = _NEVER
            values[w, i, 0] = 0
            values[w, i, 1] = _INFINITE
        n_bars[w] = n_open
        is_tied, before = False, np.uint32(0)
        for i in range(n_open, n):
            key = merges[w, n - 1 - i]
            length = _length(key)
            deaths[w, i] = key
            values[w, i, 0] = 0
            values[w, i, 1] = length
            if length > 0:
                n_bars[w] += 1
                is_tied |= length == before
            before = length
        if is_tied:
            _by_smaller_vertex(deaths[w, n_open : n_bars[w]])


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
                alike[k] = _ends_first(alike[k])
            alike.sort()
            for k in range(alike.shape[0]):
                alike[k] = _ends_first(alike[k])  # changes them back
        start = i


@njit(nogil=True, cache=True)
def write_loops(
    first, last, births, deaths, n_births, starts, all_births, rows, all_deaths, values, n_bars
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
    rows, all_deaths : (any,) int64 and uint64, written
        Which birth each bar is, and what kills it, the last key where nothing does.
    values : (any, 2) uint32, written, patterns of births and deaths
    n_bars : (windows,) int64, written
    """
    most = n_births[first:last].max()
    order, spare = np.empty(most, np.uint64), np.empty(most, np.uint64)
    counts = np.empty(2 * most + 2, np.int64)
    ends = np.empty((most, 2), np.uint32)
    lengths, persistence = ends.view(np.float32), np.empty(most, np.float64)
    patterns = persistence.view(np.uint64)
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
        shift = np.uint64(0)
        while size >> np.int64(shift) > 0:
            shift += _ONE
        for k in range(size):
            persistence[k] = np.float64(lengths[k, 1]) - np.float64(lengths[k, 0])
        for k in range(size):  # no persistence is negative, so its pattern sorts as it does
            order[k] = ~patterns[k] >> shift << shift | np.uint64(k)
        sort_spread(order[:size], spare, counts)
        _settle(order[:size], shift, persistence, births[w], lasting)
        for k in range(size):
            place = np.int64(order[k])
            row = lasting[place]
            death = deaths[w, row]
            rows[start + k] = row
            all_deaths[start + k] = death if death > 0 else _NEVER
            values[start + k, 0] = ends[place, 0]
            values[start + k, 1] = ends[place, 1]


@njit(nogil=True, cache=True)
def sort_spread(numbers, spare, counts):
    """Sort numbers in place: about one to a bucket, then each bucket by itself.

    Parameters
    ----------
    numbers : (k,) uint64
    spare : (k or more,) uint64, overwritten
    counts : (2 k + 2 or more,) int64, overwritten
    """
    size = numbers.shape[0]
    if size < 2:
        return
    least, largest = numbers.min(), numbers.max()
    shift = np.uint64(0)
    while (largest - least) >> shift >= np.uint64(2 * size):
        shift += _ONE
    n_buckets = np.int64((largest - least) >> shift) + 1
    counts[: n_buckets + 1] = 0
    for i in range(size):
        counts[np.int64((numbers[i] - least) >> shift) + 1] += 1
    for bucket in range(1, n_buckets):
        counts[bucket + 1] += counts[bucket]
    for i in range(size):
        mine = np.int64((numbers[i] - least) >> shift)
        spare[counts[mine]] = numbers[i]
        counts[mine] += 1
    start = 0
    for bucket in range(n_buckets):
        stop = counts[bucket]
        if stop - start > MANY_ALIKE:
            spare[start:stop].sort()
        start = stop
    for i in range(size):
        number, k = spare[i], i
        while k > 0 and numbers[k - 1] > number:
            numbers[k] = numbers[k - 1]
            k -= 1
        numbers[k] = number


@njit(nogil=True, cache=True)
def _settle(order, shift, persistence, births, lasting):
    """Order pairs that the upper bits of their persistence leave equal, and take these bits off."""
    size, places = order.shape[0], (_ONE << shift) - _ONE
    start = 0
    for i in range(1, size + 1):
        if i < size and order[i] >> shift == order[start] >> shift:
            continue
        if i - start > 1:
            _by_birth(order[start:i], places, persistence, births, lasting)
        start = i
    for i in range(size):
        order[i] &= places


@njit(nogil=True, cache=True)
def _by_birth(alike, places, persistence, births, lasting):
    """Order a few pairs by falling persistence, ties by birth and its edge."""
    size = alike.shape[0]
    falling, names = np.empty(size, np.float64), np.empty(size, np.uint64)
    for k in range(size):
        place = np.int64(alike[k] & places)
        falling[k] = -persistence[place]
        names[k] = _ends_first(births[lasting[place]])
    if size > MANY_ALIKE:
        by_name = np.argsort(names)
        alike[:] = alike[by_name][np.argsort(falling[by_name], kind="mergesort")]
        return
    for i in range(1, size):
        pair, far, name, k = alike[i], falling[i], names[i], i
        while k > 0 and (falling[k - 1] > far or (falling[k - 1] == far and names[k - 1] > name)):
            alike[k], falling[k], names[k] = alike[k - 1], falling[k - 1], names[k - 1]
            k -= 1
        alike[k], falling[k], names[k] = pair, far, name
