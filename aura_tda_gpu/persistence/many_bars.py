"""Bars and loops of many windows of one size, in a few passes over all of them together."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from .bars import Loops
from .cuda_bars import Brought, Words
from .edge_keys import INFINITE, LENGTH_SHIFT, VERTEX_MASK, VERTEX_SHIFT, UInt64Array, key_after
from .engine import Bars, Float32Array, Int64Array, LoopEdges

__all__ = ["Columns", "bars_of_many", "cut"]

_BoolArray: TypeAlias = npt.NDArray[np.bool_]
Columns: TypeAlias = tuple[Float32Array, Int64Array, Int64Array, _BoolArray]
_LONGER = key_after(np.uint32(0))  # than zero
_LOW_HALF = np.uint64(0xFFFFFFFF)
_NEVER = np.uint64(INFINITE) << LENGTH_SHIFT | _LOW_HALF  # the death of what stays open


def bars_of_many(
    found: Brought, dimensions: tuple[int, ...]
) -> list[tuple[dict[int, Bars], LoopEdges | None]]:
    """Return what `bars.bars_of` returns for each window, in the order of a `Diagram`.

    In each window one component is essential, and open loops are truncated. The arrays of a window
    are parts of those of all windows.

    Parameters
    ----------
    found : Brought
        Pairs of all windows.
    dimensions : tuple of int
        0, 1 or both.
    """
    windows = len(found)
    bars: list[dict[int, Bars]] = [{} for _ in range(windows)]
    loops: list[LoopEdges | None] = [None] * windows
    merges, starts = found.all_merges()
    if 0 in dimensions:
        for mine, its_bars in zip(bars, _components(merges, starts, found.n), strict=True):
            mine[0] = its_bars
    if 1 in dimensions:
        columns, rows, words, bounds = _loops(found)
        births, begins = found.all_births()
        spans = zip(*map(pairwise, (starts.tolist(), begins.tolist(), bounds)), strict=True)
        for i, ((first, last), (begin, end), (start, stop)) in enumerate(spans):
            bars[i][1] = cut(columns, start, stop)
            members = Words(words[start:stop])
            parts = merges[first:last], births[begin:end], rows[start:stop]
            loops[i] = Loops(found.n, *parts, members)
    return list(zip(bars, loops, strict=True))


def _components(merges: UInt64Array, starts: Int64Array, n: int) -> list[Bars]:
    """Return the bars of dimension 0 of each window: open ones, then merges by falling length."""
    is_long = merges >= _LONGER
    before = np.concatenate([[0], np.cumsum(is_long)])
    n_closed = np.diff(before[starts])[::-1]  # from the last window to the first, as the keys now
    n_open = n - np.diff(starts)[::-1]
    closed = merges[is_long][::-1]
    ends = np.concatenate([[0], np.cumsum(n_closed)])
    tied = _windows_with(closed[1:] >> LENGTH_SHIFT == closed[:-1] >> LENGTH_SHIFT, ends)
    if len(tied):
        closed = closed.copy()
        for i in tied:
            part = closed[ends[i] : ends[i + 1]]
            part[:] = part[np.argsort(~part & ~_LOW_HALF | _by_smaller(part))]
    bounds = np.concatenate([[0], np.cumsum(n_open + n_closed)])
    deaths = np.full(bounds[-1], _NEVER)
    deaths[np.repeat(np.cumsum(n_open), n_closed) + np.arange(len(closed))] = closed
    values = np.zeros((len(deaths), 2), np.float32)
    values[:, 1] = _lengths(deaths)
    truncated = np.zeros(len(deaths), np.bool_)
    for i in np.flatnonzero(n_open > 1).tolist():
        truncated[bounds[i] + 1 : bounds[i] + n_open[i]] = True
    nowhere = np.full((len(deaths), 2), -1)
    columns = values, nowhere, _vertices(deaths), truncated
    return [cut(columns, start, stop) for start, stop in pairwise(bounds.tolist())][::-1]


def _loops(found: Brought) -> tuple[Columns, Int64Array, npt.NDArray[np.uint32], list[int]]:
    """Return the bars of dimension 1, their births' places and columns, and where windows begin."""
    n_columns = found.deaths.shape[1]
    births = found.births[:, :n_columns]
    deaths = np.where(found.deaths, found.deaths, _NEVER)
    lasts = deaths >> LENGTH_SHIFT > births >> LENGTH_SHIFT
    windows, rows = np.nonzero(lasts)
    births, deaths = births[lasts], deaths[lasts]
    bounds = np.concatenate([[0], np.cumsum(np.count_nonzero(lasts, axis=1))])
    order = _by_persistence(births, deaths, bounds)
    births, deaths, rows = births[order], deaths[order], rows[order]
    values = np.column_stack([_lengths(births), _lengths(deaths)])
    columns = values, _vertices(births), _vertices(deaths), deaths == _NEVER
    return columns, rows, found.columns[windows, rows], bounds.tolist()


def _by_persistence(births: UInt64Array, deaths: UInt64Array, bounds: Int64Array) -> Int64Array:
    """Order the bars of each window by falling persistence, ties by birth and its edge."""
    n_bars = np.diff(bounds)
    rising = _lengths(births) - _lengths(deaths).astype(np.float64)
    is_there = np.arange(n_bars.max(initial=0)) < n_bars[:, np.newaxis]
    padded = np.full(is_there.shape, np.inf)
    padded[is_there] = rising
    order: Int64Array = (np.argsort(padded, axis=1) + bounds[:-1, np.newaxis])[is_there]
    found = rising[order]
    for i in _windows_with(found[1:] == found[:-1], bounds):
        part = slice(bounds[i], bounds[i + 1])
        by_birth = births[part] & ~_LOW_HALF | _by_smaller(births[part])
        order[part] = bounds[i] + np.lexsort([by_birth, rising[part]])
    return order


def _windows_with(follows: _BoolArray, bounds: Int64Array) -> Sequence[int]:
    """Return the windows that have a marked entry."""
    places = np.flatnonzero(follows)
    found: list[int] = np.unique(np.searchsorted(bounds, places, side="right") - 1).tolist()
    return found


def _lengths(edge_keys: UInt64Array) -> Float32Array:
    """Return the lengths, a view; as `edge_keys.lengths_of`."""
    lengths: Float32Array = edge_keys.view(np.float32)[1::2]  # hosts of GPUs are little-endian
    return lengths


def _vertices(edge_keys: UInt64Array) -> Int64Array:
    """Return the two ends (m, 2), -1 of `_NEVER`, of fewer than 32768; as `vertices_of`."""
    vertices: Int64Array = edge_keys.view(np.int16).reshape(-1, 4)[:, :2].astype(np.int64)
    return vertices


def _by_smaller(edge_keys: UInt64Array) -> UInt64Array:
    """Return the vertices of edges in one number, the smaller one first."""
    smaller, larger = edge_keys & VERTEX_MASK, edge_keys >> VERTEX_SHIFT & VERTEX_MASK
    both: UInt64Array = smaller << VERTEX_SHIFT | larger
    return both


def cut(columns: Columns, start: int, stop: int) -> Bars:
    """Return the bars of one window."""
    values, birth_edges, death_edges, truncated = columns
    part = slice(start, stop)
    return Bars(
        values[part, 0],
        values[part, 1],
        birth_edges[part],
        death_edges[part],
        truncated[part],
        values[part],
    )
