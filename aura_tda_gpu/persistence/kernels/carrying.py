"""What one tick makes of the bars that are followed, row by row."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["BORN", "CHANGED", "FADED", "carry_on"]

BORN, CHANGED, FADED = 1, 2, 3
_SHRUNK = 0.5  # of its longest persistence, below which a feature must be significant to live
_WEIGHT = 0.2  # of the newest ratio in a smoothed stability


@njit(nogil=True, cache=True)
def carry_on(now, source, seen, timestamp, bound, slack, rules, run_length, outcome):
    """Bring tracks up to date with the bars that continue them, and tell what they have become.

    ``now`` (m,) are tracks as in `tracking.tracks`, in the order of the bars; ``source`` (m,) is
    negative where a bar continues none. ``seen`` are names (m, 4), bars (m, 2), whether they are
    open, corrected p-values and evidence (m,); ``rules`` the least persistence and ratio, the
    ticks to birth, and the least change; ``run_length`` the ticks and the level of `RunLength`, 0
    ticks where nobody asks. ``outcome`` (m,) gets one of the constants above, or 0.
    """
    edges, bars, is_open, corrected, evidence = seen
    min_persistence, threshold, min_ticks, min_change = rules
    required, alpha = run_length
    for i in range(len(now)):
        track = now[i]
        bar, told = track.bar, track.told
        length, former = bars[i, 1] - bars[i, 0], bar[1] - bar[0]
        ratio = np.nan
        if source[i] < 0:
            track.first = timestamp
        elif max(length, former) > 0:
            ratio = min(length, former) / max(length, former)
        if np.isnan(track.stability):
            track.stability = ratio
        else:
            track.stability += _WEIGHT * (ratio - track.stability)
        track.ratio = ratio
        track.peak = max(track.peak, length)
        is_long = is_open[i] or length >= min_persistence
        is_strong = is_long and not track.stability <= threshold
        track.strong = track.strong + 1 if is_strong else 0
        track.last = timestamp
        track.ticks += 1
        track.missed = 0
        for k in range(4):
            track.edges[k] = edges[i, k]
        bar[0], bar[1] = bars[i, 0], bars[i, 1]
        track.open = is_open[i]
        track.bound = bound
        track.row = i
        track.p_value = corrected[i]
        track.significant = True
        if required > 0:
            p = evidence[i]
            step = 1 if p <= alpha else (-1 if p > alpha else 0)
            track.run = min(max(track.run + step, 0), required)  # as slow to end as to begin
            track.significant = track.run >= required or np.isnan(p)
        outcome[i] = 0
        death = np.inf if is_open[i] else bar[1]
        if track.serial < 0:
            if track.strong >= min_ticks and track.significant:
                outcome[i] = BORN
        elif required > 0 and length < _SHRUNK * track.peak and track.run == 0:
            outcome[i] = 0 if track.significant else FADED
        if track.serial >= 0 and outcome[i] != FADED:
            moved = abs(bar[0] - told[0])
            if death != told[1]:
                moved = max(moved, abs(death - told[1]))
            if moved > max(min_change * length, slack):
                outcome[i] = CHANGED
        if outcome[i] == BORN or outcome[i] == CHANGED:
            told[0], told[1] = bar[0], death
