"""Which bar of this tick is which bar of the tick before."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from scipy.optimize import linear_sum_assignment

from ...persistence.arrays import Float64Array
from ...persistence.engine import Int64Array
from ...persistence.vines import matched_codes

__all__ = ["Likeness", "match"]

Likeness: TypeAlias = Callable[[int, int], float]

_MIXERS = np.array(
    [0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 0xD6E8FEB86659FD93], np.uint64
)
_ASSIGNED = 64  # bars on either side of an assignment
_MOST_LIKENESSES = 64  # loops compared at one tick


def match(
    edges_before: Int64Array,
    bars_before: Float64Array,
    edges: Int64Array,
    bars: Float64Array,
    *,
    slack: float,
    ratio: float,
    likeness: Likeness,
) -> Int64Array:
    """Return for each bar the row of the former bar that it continues, -1 if there is none.

    Bars of equal names continue each other. Of the rest the 64 longest on either side are assigned
    so that the sum of distances is least, where a bar that is left alone counts its distance to
    the diagonal; distances in the maximum norm. Where several matches are as near as one tick
    moves a bar, likeness decides. What is then left continues where two bars are each other's
    nearest.

    Parameters
    ----------
    edges_before, edges : ndarray of int64, shape (n, 4) and (m, 4)
        Point ids of the birth edge and of the death edge, -1 where there is none.
    bars_before, bars : ndarray of float64, shape (n, 2) and (m, 2)
        Births and deaths, all finite.
    slack : float
        Distance that says nothing: two bars so near may be one whatever their persistence.
    ratio : float
        Smallest ratio of the persistences of two bars that are one.
    likeness : callable
        From 0 to 1, how much of their loops a former bar and a bar share.

    Returns
    -------
    ndarray of int64, shape (m,)
    """
    source = np.full(len(edges), -1)
    pairs = matched_codes(_code(edges_before), _code(edges))
    pairs = pairs[(edges_before[pairs[:, 0]] == edges[pairs[:, 1]]).all(axis=1)]
    source[pairs[:, 1]] = pairs[:, 0]
    rows_before = _others(pairs[:, 0], len(edges_before))
    rows = np.flatnonzero(source < 0)
    if not len(rows_before) or not len(rows):
        return source
    long_before = np.sort(rows_before[np.argsort(_lengths(bars_before[rows_before]))[:_ASSIGNED]])
    long = rows[:_ASSIGNED]
    gaps, costs = _costs(bars_before[long_before], bars[long], slack, ratio)
    _prefer(gaps, costs, slack, lambda u, v: likeness(int(long_before[u]), int(long[v])))
    u, v = linear_sum_assignment(costs)
    found = costs[u, v] < 0
    source[long[v[found]]] = long_before[u[found]]
    _continue_nearest(source, rows_before, bars_before, bars, slack, ratio)
    return source


def _continue_nearest(
    source: Int64Array,
    rows_before: Int64Array,
    bars_before: Float64Array,
    bars: Float64Array,
    slack: float,
    ratio: float,
) -> None:
    """Match what is left where two bars are each other's nearest."""
    from ...persistence.kernels.near_bars import mutual

    rows_before = np.setdiff1d(rows_before, source, assume_unique=False)
    rows = np.flatnonzero(source < 0)
    if len(rows_before) and len(rows):
        nearest = np.empty(len(rows), np.int64)
        mutual(bars_before[rows_before], bars[rows], slack, ratio, nearest)
        found = nearest >= 0
        source[rows[found]] = rows_before[nearest[found]]


def _others(rows: Int64Array, n: int) -> Int64Array:
    """Return the rows out of ``n`` that are not among these."""
    left = np.ones(n, np.bool_)
    left[rows] = False
    return np.flatnonzero(left)


def _lengths(bars: Float64Array) -> Float64Array:
    """Return persistences, negated, to sort the longest first."""
    return bars[:, 0] - bars[:, 1]


def _code(edges: Int64Array) -> Int64Array:
    """Return one number for each name; unequal names may have equal ones, if hardly ever."""
    mixed = (edges.astype(np.uint64) + np.uint64(1)) * _MIXERS
    mixed ^= mixed >> np.uint64(29)
    code: Int64Array = (mixed * _MIXERS[::-1]).sum(axis=1, dtype=np.uint64).view(np.int64)
    return code


def _costs(
    before: Float64Array, after: Float64Array, slack: float, ratio: float
) -> tuple[Float64Array, Float64Array]:
    """Return distances, inf where two bars may not be one, and what matching saves, at most 0."""
    gaps = np.abs(before[:, np.newaxis] - after).max(axis=2)
    length, other = -_lengths(before)[:, np.newaxis], -_lengths(after)
    longer = np.maximum(length, other)
    costs = gaps - (length + other) / 2
    may = (costs < 0) & (np.minimum(length, other) >= ratio * longer) | (gaps <= slack)
    return np.where(may, gaps, np.inf), np.where(may, np.minimum(costs, -1e-9 * longer), 0.0)


def _prefer(gaps: Float64Array, costs: Float64Array, slack: float, likeness: Likeness) -> None:
    """Make pairs cheaper whose loops are alike, where another pair is nearly as near."""
    nearest = np.minimum(gaps.min(axis=0), gaps.min(axis=1)[:, np.newaxis])
    with np.errstate(invalid="ignore"):
        close = np.isfinite(gaps) & (gaps <= 3 * nearest + slack)
    rivals = np.maximum(close.sum(axis=0), close.sum(axis=1)[:, np.newaxis])
    disputed = np.argwhere(close & (rivals > 1))
    longest_first = disputed[np.argsort(costs[disputed[:, 0], disputed[:, 1]], kind="stable")]
    for u, v in longest_first[:_MOST_LIKENESSES].tolist():
        costs[u, v] -= likeness(u, v) * (2 * nearest[u, v] + slack)
