"""Which bar of this tick is which bar of the tick before."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from ...persistence.arrays import Float64Array
from ...persistence.engine import Int64Array

__all__ = ["Likeness", "match"]

Likeness: TypeAlias = Callable[[int, int], float]

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
    is_known: npt.NDArray[np.bool_],
    likeness: Likeness,
) -> Int64Array:
    """Return for each bar the row of the former bar that it continues, -1 if there is none.

    Bars of equal names continue each other. The rest is assigned so that the sum of distances is
    least, where a bar that is left alone counts its distance to the diagonal; distances in the
    maximum norm. Where several matches are as near as one tick moves a bar, likeness decides.

    Of more than 64 bars on a side, those continue first that are each other's nearest by far;
    then the 64 longest are assigned, and what is left continues where two bars are equal or each
    other's nearest.

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
    is_known : ndarray of bool, shape (n,)
        Which former bars have a loop that is known.
    likeness : callable
        From 0 to 1, how much of their loops such a former bar and a bar share.

    Returns
    -------
    ndarray of int64, shape (m,)
    """
    from ...persistence.kernels.following import distances, equal_rows

    source = np.empty(len(edges), np.int64)
    equal_rows(edges_before, edges, source)
    rows_before, rows = _left(source, len(edges_before))
    is_many = max(len(rows_before), len(rows)) > _ASSIGNED
    if is_many:
        _continue_nearest(source, bars_before, bars, slack, ratio, clear=True)
        rows_before, rows = _left(source, len(edges_before))
    if not len(rows_before) or not len(rows):
        return source
    if is_many:
        rows_before, rows = _longest(rows_before, bars_before), _longest(rows, bars)
    gaps = np.empty((len(rows_before), len(rows)))
    costs = np.empty_like(gaps)
    distances(bars_before[rows_before], bars[rows], slack, ratio, gaps, costs)
    has_loop = is_known[rows_before]
    if has_loop.any():
        _prefer(
            gaps, costs, slack, has_loop, lambda u, v: likeness(int(rows_before[u]), int(rows[v]))
        )
    u, v = linear_sum_assignment(costs)
    found = costs[u, v] < 0
    source[rows[v[found]]] = rows_before[u[found]]
    if is_many:
        _continue_equal(source, bars_before, bars)
        _continue_nearest(source, bars_before, bars, slack, ratio, clear=False)
    return source


def _continue_equal(source: Int64Array, bars_before: Float64Array, bars: Float64Array) -> None:
    """Match what is left where two bars are equal, in the order of their rows."""
    from ...persistence.kernels.following import equal_rows

    rows_before, rows = _left(source, len(bars_before))
    found = np.empty(len(rows), np.int64)
    equal_rows(bars_before[rows_before].view(np.int64), bars[rows].view(np.int64), found)
    source[rows[found >= 0]] = rows_before[found[found >= 0]]


def _continue_nearest(
    source: Int64Array,
    bars_before: Float64Array,
    bars: Float64Array,
    slack: float,
    ratio: float,
    *,
    clear: bool,
) -> None:
    """Match what is left where two bars are each other's nearest."""
    from ...persistence.kernels.following import mutual

    rows_before, rows = _left(source, len(bars_before))
    nearest = np.empty(len(rows), np.int64)
    mutual(bars_before[rows_before], bars[rows], slack, ratio, clear, nearest)
    source[rows[nearest >= 0]] = rows_before[nearest[nearest >= 0]]


def _left(source: Int64Array, n_before: int) -> tuple[Int64Array, Int64Array]:
    """Return the former bars and the bars that are not matched."""
    left = np.ones(n_before + 1, np.bool_)
    left[source] = False  # -1 is the one more
    return left[:-1].nonzero()[0], (source < 0).nonzero()[0]


def _longest(rows: Int64Array, bars: Float64Array) -> Int64Array:
    """Return the rows of the longest bars, as many as are assigned."""
    shortest_last = np.argsort(bars[rows, 0] - bars[rows, 1], kind="stable")
    return rows[shortest_last[:_ASSIGNED]]


def _prefer(
    gaps: Float64Array,
    costs: Float64Array,
    slack: float,
    has_loop: npt.NDArray[np.bool_],
    likeness: Likeness,
) -> None:
    """Make pairs cheaper whose loops are alike, where another pair is nearly as near."""
    nearest = np.minimum(gaps.min(axis=0), gaps.min(axis=1)[:, np.newaxis])
    close = np.isfinite(gaps) & (gaps <= 3 * nearest + slack)
    rivals = np.maximum(close.sum(axis=0), close.sum(axis=1)[:, np.newaxis])
    disputed = np.argwhere(close & (rivals > 1) & has_loop[:, np.newaxis])
    longest_first = disputed[np.argsort(costs[disputed[:, 0], disputed[:, 1]], kind="stable")]
    for u, v in longest_first[:_MOST_LIKENESSES].tolist():
        costs[u, v] -= likeness(u, v) * (2 * nearest[u, v] + slack)
