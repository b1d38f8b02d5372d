"""Which bar of a tick is which bar of the tick before."""

from __future__ import annotations

import numpy as np
from numba import njit

from .assignment import assign, stable_order
from .following import equal_rows, gap_and_cost, mutual

__all__ = ["MOST_ASKED", "match"]

_ASSIGNED = 64  # bars on either side of an assignment
_MOVED = 0.5  # of its persistence, as far as one tick moves a bar whose loop has its points
MOST_ASKED = 64  # loops compared at one tick


@njit(nogil=True, cache=True)
def match(
    names_before, bars_before, is_known, names, bars, slack, ratio, likenesses, asked, source
):
    """Fill ``source`` (m,) with the former bar that a bar continues, -1 if there is none.

    Bars of equal names continue each other. The rest is assigned so that the sum of distances is
    least, where a bar that is left alone counts its distance to the diagonal; distances in the
    maximum norm. Where a bar has several partners within half of its persistence, likeness decides.

    Of more than 64 bars on a side, those continue first that are each other's nearest by far;
    then the 64 longest are assigned, and what is left continues where two bars are equal or each
    other's nearest.

    Parameters
    ----------
    names_before, names
        Point ids of the birth edge and of the death edge (n, 4) and (m, 4), -1 where there is none.
    bars_before, bars
        Births and deaths (n, 2) and (m, 2), all finite.
    is_known
        Which former bars have a loop that is known (n,).
    slack
        Distance that says nothing: two bars so near may be one whatever their persistence.
    ratio
        Smallest ratio of the persistences of two bars that are one.
    likenesses
        From 0 to 1, how much of their loops two bars share, for each pair that a call before this
        one has asked for; of no length at the first.
    asked
        Gets the pairs of a former bar and a bar that likeness decides on (64, 2).
    source
        Gets the rows.

    Returns
    -------
    n_asked
        Pairs whose likenesses must be known; then ``source`` is not what is wanted yet.
    """
    n, m = len(bars_before), len(bars)
    rows_before, rows = np.empty(n, np.int64), np.empty(m, np.int64)
    equal_rows(names_before, names, source)
    k, l = _left(source, rows_before, rows)  # noqa: E741 - k former bars, l bars
    is_many = max(k, l) > _ASSIGNED
    if is_many:
        _continue_nearest(source, bars_before, bars, slack, ratio, is_many)
        k, l = _left(source, rows_before, rows)  # noqa: E741
        k, l = _longest(rows_before, k, bars_before), _longest(rows, l, bars)  # noqa: E741
    if k == 0 or l == 0:
        return 0
    costs = np.empty((min(k, l), max(k, l)))
    is_close = np.zeros((k, l), np.bool_)
    rivals, former_rivals, any_known = np.zeros(l, np.int64), np.zeros(k, np.int64), False
    for u in range(k):
        i = rows_before[u]
        any_known |= is_known[i]
        for v in range(l):
            j = rows[v]
            gap, cost = gap_and_cost(bars_before, i, bars, j, slack, ratio)
            if k <= l:
                costs[u, v] = cost
            else:
                costs[v, u] = cost
            if gap < np.inf and gap <= _reach(bars_before, i, bars, j, slack):
                is_close[u, v] = True
                former_rivals[u] += 1
                rivals[v] += 1
    n_asked = np.int64(0)
    if any_known:
        for u in range(k):
            for v in range(l):
                is_rival = is_close[u, v] and max(former_rivals[u], rivals[v]) > 1
                if is_rival and is_known[rows_before[u]]:
                    n_asked = _ask(asked, n_asked, costs, k <= l, u, v)
        is_answered = n_asked == len(likenesses)
        for a in range(n_asked):
            u, v = asked[a, 0], asked[a, 1]
            i, j = rows_before[u], rows[v]
            asked[a, 0], asked[a, 1] = i, j
            if is_answered:
                saved = likenesses[a] * _reach(bars_before, i, bars, j, slack)
                costs[u if k <= l else v, v if k <= l else u] -= saved
        if not is_answered:
            return n_asked
    partner = np.empty(min(k, l), np.int64)
    assign(costs, partner)
    for a in range(len(partner)):
        if costs[a, partner[a]] < 0:
            if k <= l:
                source[rows[partner[a]]] = rows_before[a]
            else:
                source[rows[a]] = rows_before[partner[a]]
    if is_many:
        _continue_equal(source, bars_before, bars)
        _continue_nearest(source, bars_before, bars, slack, ratio, not is_many)
    return 0


@njit(nogil=True, cache=True)
def _ask(asked, n_asked, costs, is_wide, u, v):
    """Put a pair among those asked for, cheapest first, and return how many there are."""
    place = min(n_asked, MOST_ASKED - 1)
    cost = costs[u, v] if is_wide else costs[v, u]
    if n_asked == MOST_ASKED:
        a, b = asked[place, 0], asked[place, 1]
        if not cost < (costs[a, b] if is_wide else costs[b, a]):
            return n_asked
    while place > 0:
        a, b = asked[place - 1, 0], asked[place - 1, 1]
        if not cost < (costs[a, b] if is_wide else costs[b, a]):
            break
        asked[place, 0], asked[place, 1] = a, b
        place -= 1
    asked[place, 0], asked[place, 1] = u, v
    return min(n_asked + 1, MOST_ASKED)


@njit(nogil=True, cache=True)
def _reach(bars_before, i, bars, j, slack):
    """Return how far a tick could have moved the shorter of two bars."""
    former, length = bars_before[i, 1] - bars_before[i, 0], bars[j, 1] - bars[j, 0]
    return _MOVED * min(former, length) + slack


@njit(nogil=True, cache=True)
def _continue_equal(source, bars_before, bars):
    """Match what is left where two bars are equal, in the order of their rows."""
    rows_before, rows = np.empty(len(bars_before), np.int64), np.empty(len(bars), np.int64)
    k, l = _left(source, rows_before, rows)  # noqa: E741
    found = np.empty(l, np.int64)
    former = _taken(bars_before, rows_before, k).view(np.int64)
    equal_rows(former, _taken(bars, rows, l).view(np.int64), found)
    for j in range(l):
        if found[j] >= 0:
            source[rows[j]] = rows_before[found[j]]


@njit(nogil=True, cache=True)
def _continue_nearest(source, bars_before, bars, slack, ratio, clear):
    """Match what is left where two bars are each other's nearest."""
    rows_before, rows = np.empty(len(bars_before), np.int64), np.empty(len(bars), np.int64)
    k, l = _left(source, rows_before, rows)  # noqa: E741
    nearest = np.empty(l, np.int64)
    former = _taken(bars_before, rows_before, k)
    mutual(former, _taken(bars, rows, l), slack, ratio, clear, nearest)
    for j in range(l):
        if nearest[j] >= 0:
            source[rows[j]] = rows_before[nearest[j]]


@njit(nogil=True, cache=True)
def _left(source, rows_before, rows):
    """Fill in the former bars and the bars that are not matched, and return how many there are."""
    is_left = np.ones(len(rows_before), np.bool_)
    k = n_rows = 0
    for j in range(len(source)):
        if source[j] >= 0:
            is_left[source[j]] = False
        else:
            rows[n_rows] = j
            n_rows += 1
    for i in range(len(rows_before)):
        if is_left[i]:
            rows_before[k] = i
            k += 1
    return k, n_rows


@njit(nogil=True, cache=True)
def _taken(bars, rows, n):
    taken = np.empty((n, 2))
    for k in range(n):
        taken[k, 0], taken[k, 1] = bars[rows[k], 0], bars[rows[k], 1]
    return taken


@njit(nogil=True, cache=True)
def _longest(rows, n, bars):
    """Let the longest bars come first, and return how many are assigned."""
    below, order, former = np.empty(n), np.empty(n, np.int64), rows.copy()
    for k in range(n):
        below[k] = bars[rows[k], 0] - bars[rows[k], 1]
    stable_order(below, n, order)
    for k in range(n):
        rows[k] = former[order[k]]
    return min(n, _ASSIGNED)
