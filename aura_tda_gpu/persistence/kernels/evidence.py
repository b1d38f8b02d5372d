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
_FEW_BARS = 16  # among fewer, death over birth tells a loop
_LOOP, _LOOP_LEVEL = 2.0, 0.025  # and how often noise reaches it
_SURE_LOOP = 2.5
_PART_SIZE, _PART_SHARE = 5, 0.05  # vertices that a part has at least
_PART_GAP = 3.0  # its distance to others over the ninth decile of such distances


@njit(nogil=True, cache=True)
def loops_asked(bars, law, alpha, values, evidence):
    """Fill ``values`` and ``evidence`` (m,) for the first loops of a diagram.

    ``bars`` (n, 2) are all of them; ``law`` (3, k) the numbers of bars and the thresholds
    of a `Calibration`. ``values`` are those of `significance.p_values` with the median, corrected
    for their number by Bonferroni.
    """
    n, m = len(bars), len(values)
    grown, n_bars, n_finite = np.empty(n), np.int64(0), 0
    for i in range(n):
        birth, death = bars[i, 0], bars[i, 1]
        if birth > 0 and death < np.inf:
            n_finite += 1
            if death > birth:
                grown[n_bars] = math.log(math.log1p(min((death - birth) / birth, _LARGEST)))
                n_bars += 1
    middle = _median(grown, n_bars) if n_bars >= _MIN_BARS else 0.0
    right = 1  # thresholds as those of `Calibration`; with too few bars nobody asks for them
    while right < law.shape[1] - 1 and law[0, right] < n_bars:
        right += 1
    share = math.log(max(n_bars, 1) / law[0, right - 1])
    share = min(max(share / math.log(law[0, right] / law[0, right - 1]), 0.0), 1.0)
    at_5 = law[1, right - 1] + share * (law[1, right] - law[1, right - 1])
    at_1 = law[2, right - 1] + share * (law[2, right] - law[2, right - 1])
    high_5 = math.log(math.log((n_bars if n_bars > _MIN_BARS else _MIN_BARS) / _LEVELS[0]))
    high_1 = math.log(math.log((n_bars if n_bars > _MIN_BARS else _MIN_BARS) / _LEVELS[1]))
    row = 0
    for i in range(m):
        birth, death = bars[i, 0], bars[i, 1]
        values[i] = np.nan
        if not (birth > 0 and death < np.inf and death > birth):
            continue
        z = grown[row] - middle
        row += 1
        if n_bars < _MIN_BARS:
            continue
        if z > at_5:
            noise = high_5 + (z - at_5) * (high_1 - high_5) / (at_1 - at_5)
        else:
            noise = _MEDIAN + z * ((high_5 - _MEDIAN) / at_5 if z > 0 else 1.0)
        values[i] = min(math.exp(-math.exp(noise)) * n_bars, 1.0)
    if n_finite >= _FEW_BARS:
        for i in range(m):
            evidence[i] = values[i]
        return
    ratio = _LOOP if alpha >= _LOOP_LEVEL else _SURE_LOOP
    if n_finite > 2 and _has_equal_births(bars):
        ratio = np.inf
    for i in range(m):
        birth, death = bars[i, 0], bars[i, 1]
        if not (birth > 0 and death < np.inf):
            evidence[i] = np.nan
        elif death >= ratio * birth:
            evidence[i] = 0.0
        else:
            evidence[i] = 1.0 if np.isnan(values[i]) else min(2 * values[i], 1.0)


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
def _median(x, n):
    order = np.empty(n, np.int64)
    stable_order(x, n, order)
    return (x[order[(n - 1) // 2]] + x[order[n // 2]]) / 2


@njit(nogil=True, cache=True)
def _has_equal_births(bars):
    """Tell whether two of the loops that are born and end are born at one length."""
    for i in range(len(bars)):
        if bars[i, 0] > 0 and bars[i, 1] < np.inf:
            for j in range(i):
                if bars[j, 0] == bars[i, 0] and bars[j, 1] < np.inf:
                    return True
    return False
