"""Bars and loops of many windows of one size, in a few passes over all of them together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from .bars import Loops, Members
from .cuda_bars import Brought, Words
from .edge_keys import INFINITE, LENGTH_SHIFT, VERTEX_MASK, VERTEX_SHIFT, UInt64Array, key_after
from .engine import Bars, Float32Array, Int64Array

__all__ = ["BarsOfMany", "Births", "Rows", "Spans", "bars_of_many"]

_BoolArray: TypeAlias = npt.NDArray[np.bool_]
_LONGER = key_after(np.uint32(0))  # than zero
_LOW_HALF = np.uint64(0xFFFFFFFF)
_NEVER = np.uint64(INFINITE) << LENGTH_SHIFT | _LOW_HALF  # the death of what stays open


@dataclass(frozen=True, slots=True)
class Spans:
    """Where each window begins and ends in arrays of all of them."""

    starts: Sequence[int]
    stops: Sequence[int]

    @classmethod
    def after_another(cls, bounds: Int64Array) -> Spans:
        """Return spans without gaps between them."""
        places = bounds.tolist()
        return cls(places[:-1], places[1:])

    def of(self, window: int) -> slice:
        """Return the places of one window."""
        return slice(self.starts[window], self.stops[window])


@dataclass(frozen=True, slots=True)
class Rows:
    """Bars of one dimension of all windows, in the order of a `Diagram`.

    Attributes
    ----------
    spans : Spans
    values : ndarray of float32, shape (any, 2)
        Births and deaths.
    birth_edges : ndarray of int64, shape (any, 2), or None
        None in dimension 0, where births have no edge.
    death_edges : ndarray of int64, shape (any, 2)
        -1 of open bars.
    truncated : ndarray of bool, shape (any,)
    """

    spans: Spans
    values: Float32Array
    birth_edges: Int64Array | None
    death_edges: Int64Array
    truncated: _BoolArray


@dataclass(frozen=True, slots=True)
class Births:
    """The births of loops of all windows.

    Attributes
    ----------
    spans : Spans
    keys : ndarray of uint64, shape (any,)
        Those of a window sorted.
    rows : ndarray of int64, shape (any,)
        Where `Rows` of dimension 1 has a bar: which birth of its window it is.
    members : callable
        Returns the `Members` of the bars of a window.
    """

    spans: Spans
    keys: UInt64Array
    rows: Int64Array
    members: Callable[[int], Members]


class BarsOfMany:
    """Bars and loops of windows of one size: what is asked for is read from arrays of them all.

    In each window one component is essential, and open loops are truncated. All arrays are
    read-only.

    Parameters
    ----------
    n : int
        Vertices of a window.
    rows : dict of int to Rows
        By dimension.
    merges : UInt64Array
        Keys of the forests of all windows.
    forests : Spans
        Where these are.
    births : Births or None
        With dimension 1.
    """

    def __init__(
        self,
        n: int,
        rows: dict[int, Rows],
        merges: UInt64Array,
        forests: Spans,
        births: Births | None,
    ) -> None:
        self._n = n
        self._rows = rows
        self._merges = merges
        self._forests = forests
        self._births = births
        self._nowhere = np.full((n, 2), -1)
        for some in rows.values():
            for column in (some.values, some.birth_edges, some.death_edges, some.truncated):
                if column is not None:
                    column.flags.writeable = False
        self._nowhere.flags.writeable = False

    def __len__(self) -> int:
        return len(self._forests.starts)

    def values(self, window: int) -> dict[int, Float32Array]:
        """Return births and deaths (n_bars, 2) by dimension."""
        return {k: rows.values[rows.spans.of(window)] for k, rows in self._rows.items()}

    def truncated(self, window: int) -> dict[int, _BoolArray]:
        """Return by dimension which bars are open because of a threshold."""
        return {k: rows.truncated[rows.spans.of(window)] for k, rows in self._rows.items()}

    def birth_edges(self, window: int) -> dict[int, Int64Array]:
        """Return edges (n_bars, 2) by dimension, -1 in dimension 0."""
        found: dict[int, Int64Array] = {}
        for k, rows in self._rows.items():
            here = rows.spans.of(window)
            edges = rows.birth_edges
            found[k] = self._nowhere[: here.stop - here.start] if edges is None else edges[here]
        return found

    def death_edges(self, window: int) -> dict[int, Int64Array]:
        """Return edges (n_bars, 2) by dimension, -1 of open bars."""
        return {k: rows.death_edges[rows.spans.of(window)] for k, rows in self._rows.items()}

    def loops(self, window: int) -> Loops | None:
        """Return the loops of the bars of dimension 1."""
        births = self._births
        if births is None:
            return None
        return Loops(
            self._n,
            self._merges[self._forests.of(window)],
            births.keys[births.spans.of(window)],
            births.rows[self._rows[1].spans.of(window)],
            births.members(window),
        )

    def of(self, window: int) -> tuple[dict[int, Bars], Loops | None]:
        """Return what `bars.bars_of` returns, in the order of a `Diagram`."""
        births, deaths = self.birth_edges(window), self.death_edges(window)
        truncated = self.truncated(window)
        bars = {
            k: Bars(values[:, 0], values[:, 1], births[k], deaths[k], truncated[k], values)
            for k, values in self.values(window).items()
        }
        return bars, self.loops(window)


def bars_of_many(found: Brought, dimensions: tuple[int, ...]) -> BarsOfMany:
    """Return bars and loops, and keep nothing that is lent.

    Parameters
    ----------
    found : Brought
        Pairs of all windows.
    dimensions : tuple of int
        0, 1 or both.
    """
    merges, starts = found.all_merges()
    rows: dict[int, Rows] = {}
    births = None
    if 0 in dimensions:
        rows[0] = _components(merges, starts, found.n)
    if 1 in dimensions:
        rows[1], births = _loops(found)
    return BarsOfMany(found.n, rows, merges, Spans.after_another(starts), births)


def _components(merges: UInt64Array, starts: Int64Array, n: int) -> Rows:
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
    places = bounds[::-1].tolist()
    return Rows(Spans(places[1:], places[:-1]), values, None, _vertices(deaths), truncated)


def _loops(found: Brought) -> tuple[Rows, Births]:
    """Return the bars of dimension 1, and the births."""
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
    spans = Spans.after_another(bounds)
    words = found.columns[windows, rows]
    every, starts = found.all_births()

    def members(window: int) -> Members:
        return Words(words[spans.of(window)])

    edges = _vertices(births), _vertices(deaths)
    its_births = Births(Spans.after_another(starts), every, rows, members)
    return Rows(spans, values, *edges, deaths == _NEVER), its_births


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
