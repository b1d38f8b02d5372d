"""p-values of the loops of one diagram, and what speaks for its bars beside their length."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from .assignment import stable_order
from .following import joined_sizes

__all__ = ["loops_asked", "parts_asked"]

_MIN_BARS = 3  # fewer have no middle to be compared with
_MEDIAN = math.log(math.log(2))  # of the left-skewed Gumbel law
_LEVELS = 0.05, 0.01
_LARGEST = float(np.finfo(np.float64).max)
_PART_SIZE, _PART_SHARE = 5, 0.05  # vertices that a part has at least
_PART_GAP = 3.0  # its distance to others over the ninth decile of such distances


@njit(nogil=True, cache=True)
def loops_asked(bars, law, values, evidence):
    """Fill ``values`` and ``evidence`` (m,) for the first loops of a diagram.

    ``bars`` (n, 2) are all of them; ``law`` (5, k) the numbers of bars, the thresholds of a
    `Calibration` and the logarithms of those of the ratio. ``values`` are those of
    `significance.p_values` with the median, corrected for their number by Holm; ``evidence`` is
    the same, and 1 for bars of no length.
    """
    n, m = len(bars), len(values)
    grown, rows, n_bars = np.empty(n), np.empty(n, np.int64), np.int64(0)
    for i in range(n):
        birth, death = bars[i, 0], bars[i, 1]
        if i < m:
            values[i] = np.nan
            evidence[i] = 1.0 if birth > 0 and death < np.inf else np.nan
        if birth > 0 and death < np.inf and death > birth:
            grown[n_bars] = math.log(math.log1p(min((death - birth) / birth, _LARGEST)))
            rows[n_bars] = i
            n_bars += 1
    if n_bars == 0:
        return
    order = np.empty(n_bars, np.int64)
    stable_order(grown, n_bars, order)
    middle = (grown[order[(n_bars - 1) // 2]] + grown[order[n_bars // 2]]) / 2
    right = 1
    while right < law.shape[1] - 1 and law[0, right] < n_bars:
        right += 1
    share = math.log(n_bars / law[0, right - 1]) / math.log(law[0, right] / law[0, right - 1])
    share = min(max(share, 0.0), 1.0)
    at = np.empty(4)
    for k in range(4):
        at[k] = law[k + 1, right - 1] + share * (law[k + 1, right] - law[k + 1, right - 1])
    high_5, high_1 = (
        math.log(math.log(n_bars / _LEVELS[0])),
        math.log(math.log(n_bars / _LEVELS[1])),
    )
    has_middle = n_bars >= _MIN_BARS
    is_on_grid = has_middle and _has_equal_births(bars)
    largest = 0.0
    for k in range(n_bars):  # longest first
        x = grown[order[n_bars - 1 - k]]
        p = 1.0
        if has_middle:
            z = x - middle
            if z > at[0]:
                noise = high_5 + (z - at[0]) * (high_1 - high_5) / (at[1] - at[0])
            else:
                noise = _MEDIAN + z * ((high_5 - _MEDIAN) / at[0] if z > 0 else 1.0)
            p = math.exp(-math.exp(noise))
        if not is_on_grid:
            noise = high_5 + (x - at[2]) * (high_1 - high_5) / (at[3] - at[2])
            p = min(min(2 * p, 1.0), math.exp(-math.exp(noise)))
        largest = max(largest, p * (n_bars - k))
        row = rows[order[n_bars - 1 - k]]
        if row < m:
            values[row] = evidence[row] = min(largest, 1.0)


@njit(nogil=True, cache=True)
def parts_asked(bars, edges, n_vertices, evidence):
    """Fill ``evidence`` (m,): 0 for the first parts that stand apart, 1 for others, nan if open.

    ``bars`` (n, 2) are all of dimension 0 by decreasing length; ``edges`` (n, 2) the
    vertices of the edges that end them.
    """
    n, m = len(bars), len(evidence)
    closed, deaths = np.empty(n, np.int64), np.empty(n)
    n_closed = np.int64(0)
    for i in range(n):
        if bars[i, 1] < np.inf:
            closed[n_closed], deaths[n_closed] = i, bars[i, 1]
            n_closed += 1
    for i in range(m):
        evidence[i] = np.nan
    if n_closed == 0:
        return
    order, smaller = np.empty(n_closed, np.int64), np.empty(n_closed, np.int64)
    stable_order(deaths, n_closed, order)
    forest = np.empty((n_closed, 2), np.int64)
    for i in range(n_closed):
        forest[i, 0], forest[i, 1] = edges[closed[order[i]], 0], edges[closed[order[i]], 1]
    joined_sizes(forest, n_vertices, smaller)
    decile = closed[n_closed - 1 - (9 * (n_closed - 1)) // 10]
    wide = _PART_GAP * (bars[decile, 1] - bars[decile, 0])
    large = max(float(_PART_SIZE), _PART_SHARE * n_vertices)
    for i in range(n_closed):
        row = closed[order[i]]
        if row < m:
            is_part = smaller[i] >= large and bars[row, 1] - bars[row, 0] >= wide
            evidence[row] = 0.0 if is_part else 1.0


@njit(nogil=True, cache=True)
def _has_equal_births(bars):
    """Tell whether two of the loops that are born and end are born at one length."""
    births, n = np.empty(len(bars)), np.int64(0)
    for i in range(len(bars)):
        if bars[i, 0] > 0 and bars[i, 1] < np.inf and bars[i, 1] > bars[i, 0]:
            births[n] = bars[i, 0]
            n += 1
    order = np.empty(n, np.int64)
    stable_order(births, n, order)
    has_equal = False
    for k in range(1, n):
        has_equal |= births[order[k]] == births[order[k - 1]]
    return has_equal
