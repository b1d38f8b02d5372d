"""What one tick makes of the bars that are followed, row by row."""

from __future__ import annotations

import numpy as np
from numba import njit

from . import track_columns as c

__all__ = ["BORN", "CHANGED", "FADED", "begin", "begin_anew", "carry_on"]

BORN, CHANGED, FADED = 1, 2, 3
MIN_PERSISTENCE, RELEASE, THRESHOLD, MIN_TICKS, MIN_CHANGE, REQUIRED, ALPHA, MOST = range(8)
_FAR = 5  # times alpha speaks against a feature, as in `significance.RunLength`
_SHRUNK = 0.5  # of its longest persistence, below which a feature must be significant to live
_WEIGHT = 0.2  # of the newest ratio in a smoothed stability


@njit(nogil=True, cache=True)
def begin(whole, real, i):
    """Make a track one of no bar yet; ``whole`` and ``real`` are both the tracks, (n, WIDTH)."""
    for k in range(c.WIDTH):
        whole[i, k] = 0
    for k in range(c.EDGES, c.EDGES + 4):
        whole[i, k] = -1
    whole[i, c.SERIAL] = whole[i, c.ROW] = whole[i, c.RING] = -1
    real[i, c.RATIO] = real[i, c.STABILITY] = real[i, c.P_VALUE] = np.nan
    real[i, c.LOOPED] = -np.inf


@njit(nogil=True, cache=True)
def begin_anew(whole, real, i):
    """Let the bar of a feature that has ended begin anew."""
    for k in (c.STRONG, c.RUN, c.SIGNIFICANT, c.TOLD, c.TOLD + 1, c.KEPT):
        whole[i, k] = 0
    whole[i, c.SERIAL] = whole[i, c.RING] = -1
    whole[i, c.TICKS] = 1
    real[i, c.FIRST] = real[i, c.LAST]
    real[i, c.RATIO] = real[i, c.STABILITY] = np.nan
    real[i, c.PEAK] = real[i, c.BAR + 1] - real[i, c.BAR]
    real[i, c.LOOPED] = -np.inf


@njit(nogil=True, cache=True)
def carry_on(
    whole, real, source, names, bars, is_open, corrected, evidence, timestamp, bound, slack, rules
):
    """Bring tracks up to date with the bars that continue them, and tell what they have become.

    ``whole`` and ``real`` (n, WIDTH) are int64 and float64 views of the tracks, the first of them
    in the order of the bars; ``source`` (m,) is negative where a bar continues none. Of the bars
    these are names (m, 4), births and deaths (m, 2), whether they are open, corrected p-values and
    evidence (m,); ``rules`` as in `tick.follow`. The outcome is one of the constants above, or 0.
    """
    required, alpha = rules[REQUIRED], rules[ALPHA]
    far = max(alpha, min(_FAR * alpha, 0.5))
    for i in range(len(source)):
        birth, death = bars[i, 0], bars[i, 1]
        length, former = death - birth, real[i, c.BAR + 1] - real[i, c.BAR]
        ratio = np.nan
        if source[i] < 0:
            real[i, c.FIRST] = timestamp
        elif max(length, former) > 0:
            ratio = min(length, former) / max(length, former)
        stability = real[i, c.STABILITY]
        stability = ratio if np.isnan(stability) else stability + _WEIGHT * (ratio - stability)
        real[i, c.RATIO], real[i, c.STABILITY] = ratio, stability
        peak = max(real[i, c.PEAK], length)
        is_long = is_open[i] or length >= rules[MIN_PERSISTENCE]
        is_strong = is_long and not stability <= rules[THRESHOLD]
        strong = whole[i, c.STRONG] + 1 if is_strong else 0
        real[i, c.PEAK], whole[i, c.STRONG] = peak, strong
        real[i, c.LAST], real[i, c.BOUND], real[i, c.P_VALUE] = timestamp, bound, corrected[i]
        whole[i, c.TICKS] += 1
        whole[i, c.MISSED] = 0
        for k in range(4):
            whole[i, c.EDGES + k] = names[i, k]
        real[i, c.BAR], real[i, c.BAR + 1] = birth, death
        whole[i, c.OPEN], whole[i, c.ROW] = is_open[i], i
        run, is_significant = whole[i, c.RUN], True
        if required > 0:
            p = evidence[i]
            run += 1 if p <= alpha else (-1 if p > far else 0)
            run = min(max(run, 0), np.int64(required))  # as slow to end as to begin
            is_significant = run >= required or np.isnan(p)
        whole[i, c.RUN], whole[i, c.SIGNIFICANT] = run, is_significant
        outcome = 0
        told = np.inf if is_open[i] else death
        if whole[i, c.SERIAL] < 0:
            if strong >= rules[MIN_TICKS] and is_significant:
                outcome = BORN
        elif required > 0 and length < _SHRUNK * peak and run == 0 and not is_significant:
            outcome = FADED
        else:
            moved = abs(birth - real[i, c.TOLD])
            if told != real[i, c.TOLD + 1]:
                moved = max(moved, abs(told - real[i, c.TOLD + 1]))
            if moved > max(rules[MIN_CHANGE] * length, slack):
                outcome = CHANGED
        whole[i, c.OUTCOME] = outcome
        if outcome in (BORN, CHANGED):
            real[i, c.TOLD], real[i, c.TOLD + 1] = birth, told
