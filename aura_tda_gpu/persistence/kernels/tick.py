"""One tick of the bars of one dimension, from names to what has become of them, as one call."""

from __future__ import annotations

import numpy as np
from numba import njit

from . import track_columns as c
from .carrying import (
    BORN,
    CHANGED,
    FADED,
    MIN_TICKS,
    MOST,
    RELEASE,
    REQUIRED,
    THRESHOLD,
    begin,
    begin_anew,
    carry_on,
)
from .evidence import loops_asked, parts_asked
from .matching import match

__all__ = ["ENDLESS", "LINKED_AT_ONCE", "MOST_READ", "follow"]

LINKED_AT_ONCE = 8  # longest loops of a scale
ENDLESS = 1e30  # stands for the death of a bar that never ends
_MOST_PARTS = 64  # closed bars of dimension 0: a part has a twentieth of the vertices at least
_READ = 16  # loops worked out at one tick of features that are born, longest first
MOST_READ = _READ + 2  # and of others, because they are outdated


@njit(nogil=True, cache=True)
def follow(
    before, bars, birth_edges, death_edges, ids, n_vertices, limit, least_weight,
    law, dimension, rules, timestamp, skipped, slack, bound, next_serial, old_age,
    rings, likenesses, asked, read,
):  # fmt: skip
    """Follow the tracks of one dimension through one tick; ``before`` (n,) is left as it is.

    Parameters
    ----------
    before
        Tracks after the tick before (n, WIDTH), see `track_columns`; int64.
    bars, birth_edges, death_edges
        Of the diagram, (n_bars, 2), by decreasing length; float32, int64, int64.
    ids
        Point ids of its vertices (at least n_vertices,).
    n_vertices, limit, least_weight
        Vertices of the diagram, ``max_edge_length`` or inf, what weights add to all lengths.
    law
        Of noise (5, k): numbers of bars, the thresholds of a `Calibration` at them, and the
        ``log log`` of those of the ratio.
    dimension
        Parts are asked in dimension 0, loops in others, both if ``rules`` ask for runs of ticks.
    rules
        Least length of a feature and of a bar that is seen, least ratio, ticks to birth, least
        change, ticks and level of the run-length rule (0 ticks: none), most tracks; float64.
    timestamp, skipped, slack, bound
        Event time, ticks left out, distance that says nothing, error bound.
    next_serial
        Number of the next feature.
    old_age
        Seconds after which a loop is to be worked out anew.
    rings
        Histories (n_rings, length + 1, 3), to which the bars of features are added.
    likenesses, asked
        See `matching.match`; the pairs are of rows of ``before`` and of bars.
    read
        Gets the rows of tracks whose loops are to be worked out, up to `MOST_READ`.

    Returns
    -------
    tracks
        Those of the bars seen, in their order, then the features that were not seen.
    dead
        The features that have ended.
    serials
        Number of the feature of each bar, -1 where it is none (n_bars,).
    counts
        Pairs asked for, where nothing else has been done; features born; features whose change is
        to be told; loops to be read.
    """
    n_before = len(before)
    was = before.view(np.float64)
    min_ticks = np.int64(rules[MIN_TICKS])
    is_asked = rules[REQUIRED] > 0
    m = _n_seen(bars, rules, dimension)
    names, seen, is_open = np.empty((m, 4), np.int64), np.empty((m, 2)), np.empty(m, np.bool_)
    for i in range(m):
        for k in range(2):
            a, b = birth_edges[i, k], death_edges[i, k]
            names[i, k] = ids[a] if a >= 0 else -1
            names[i, 2 + k] = ids[b] if b >= 0 else -1
        for k in (0, 2):
            if names[i, k] > names[i, k + 1]:
                names[i, k], names[i, k + 1] = names[i, k + 1], names[i, k]
        seen[i, 0], seen[i, 1] = bars[i, 0], bars[i, 1]
        is_open[i] = seen[i, 1] == np.inf
        if is_open[i]:
            seen[i, 1] = limit if limit < np.inf else ENDLESS
    alive, n_alive = np.empty(n_before, np.int64), np.int64(0)
    edges, places = np.empty((n_before, 4), np.int64), np.empty((n_before, 2))
    is_known = np.empty(n_before, np.bool_)
    for i in range(n_before):
        if skipped > 0 and (before[i, c.SERIAL] < 0 or before[i, c.MISSED] + skipped >= min_ticks):
            continue
        for k in range(4):
            edges[n_alive, k] = before[i, c.EDGES + k]
        places[n_alive, 0], places[n_alive, 1] = was[i, c.BAR], was[i, c.BAR + 1]
        is_known[n_alive] = was[i, c.LOOPED] > -np.inf
        alive[n_alive] = i
        n_alive += 1
    source = np.empty(m, np.int64)
    serials = np.full(len(bars), -1)
    n_asked = match(
        edges[:n_alive], places[:n_alive], is_known, names, seen, slack, rules[THRESHOLD],
        likenesses, asked, source,
    )  # fmt: skip
    if n_asked > 0:
        for k in range(n_asked):
            asked[k, 0] = alive[asked[k, 0]]
        return before, before, serials, (n_asked, 0, 0, 0)
    values, evidence = np.full(m, np.nan), np.full(m, np.nan)
    if is_asked and dimension == 0:
        parts_asked(bars, death_edges, n_vertices, evidence)
    elif is_asked:
        loops_asked(_as_asked(bars, limit, least_weight), law, values, evidence)
    is_taken = np.zeros(n_before, np.bool_)
    for i in range(m):
        if source[i] >= 0:
            source[i] = alive[source[i]]
            is_taken[source[i]] = True
    tracks, dead, n_dead = _unseen(before, is_taken, m, skipped, min_ticks)
    real = tracks.view(np.float64)
    for i in range(m):
        if source[i] >= 0:
            _copy(before, source[i], tracks, i)
        else:
            begin(tracks, real, i)
    carry_on(
        tracks, real, source, names, seen, is_open, values, evidence, timestamp, bound, slack, rules
    )
    n_born = n_changed = np.int64(0)  # not literals, for each of which numba compiles anew
    for i in range(m):
        outcome = tracks[i, c.OUTCOME]
        n_changed += outcome == CHANGED
        if outcome == FADED:
            _copy(before, source[i], dead, n_dead)
            dead[n_dead, c.ROW] = -1
            n_dead += 1
            begin_anew(tracks, real, i)
        elif outcome == BORN:
            tracks[i, c.SERIAL] = next_serial + n_born
            n_born += 1
        elif tracks[i, c.SERIAL] >= 0:
            ring, place = tracks[i, c.RING], tracks[i, c.KEPT] % rings.shape[1]
            rings[ring, place, 0], rings[ring, place, 1] = timestamp, seen[i, 0]
            rings[ring, place, 2] = np.inf if is_open[i] else seen[i, 1]
            tracks[i, c.KEPT] += 1
        serials[i] = tracks[i, c.SERIAL]
    n_read = 0
    if dimension == 1:
        n_read = _to_be_read(tracks, real, m, timestamp, old_age, read)
    return tracks, dead[:n_dead], serials, (0, n_born, n_changed, n_read)


@njit(nogil=True, cache=True)
def _n_seen(bars, rules, dimension):
    """Return how many bars are followed, the longest."""
    n_open = m = 0
    for i in range(len(bars)):
        birth, death = np.float64(bars[i, 0]), np.float64(bars[i, 1])
        n_open += death == np.inf
        m += death - birth >= rules[RELEASE]
    most = int(rules[MOST])
    if dimension == 0 and rules[REQUIRED] > 0:
        most = min(most, max(_MOST_PARTS, n_open))
    return min(m, most)


@njit(nogil=True, cache=True)
def _as_asked(bars, limit, least_weight):
    """Return all bars as they are asked: cut off at the limit, less what weights add."""
    known = np.empty((len(bars), 2))
    for i in range(len(bars)):
        known[i, 0] = np.float64(bars[i, 0]) - least_weight
        known[i, 1] = min(np.float64(bars[i, 1]), limit) - least_weight
    return known


@njit(nogil=True, cache=True)
def _copy(some, i, others, j):
    for k in range(c.WIDTH):
        others[j, k] = some[i, k]


@njit(nogil=True, cache=True)
def _unseen(before, is_taken, m, skipped, min_ticks):
    """Return tracks whose first ``m`` rows are free, then the features that no bar continues.

    And the features that end because of that, with room for as many more as there were, and how
    many they are; other tracks end without a word.
    """
    n_gone = 0
    for i in range(len(before)):
        missed = before[i, c.MISSED] + skipped + 1
        n_gone += before[i, c.SERIAL] >= 0 and not is_taken[i] and missed < min_ticks
    tracks = np.empty((m + n_gone, c.WIDTH), np.int64)
    dead = np.empty((len(before), c.WIDTH), np.int64)
    n, n_dead = m, np.int64(0)
    for ended_by in range(2):  # those that end by the ticks left out come first
        for i in range(len(before)):
            missed = before[i, c.MISSED] + skipped
            if before[i, c.SERIAL] < 0 or is_taken[i]:
                continue
            if (ended_by == 0) != (skipped > 0 and missed >= min_ticks):
                continue
            if missed + 1 >= min_ticks:
                _copy(before, i, dead, n_dead)
                dead[n_dead, c.ROW] = -1
                n_dead += 1
            else:
                _copy(before, i, tracks, n)
                tracks[n, c.MISSED], tracks[n, c.ROW] = missed + 1, -1
                n += 1
    return tracks, dead, n_dead


@njit(nogil=True, cache=True)
def _to_be_read(tracks, real, m, timestamp, old_age, read):
    """Write the rows of the tracks whose loops are to be worked out, and return how many.

    Those of new features, and of the longest the two whose loop is oldest and too old.
    """
    n = n_longest = np.int64(0)
    first = second = -1
    for i in range(m):
        if tracks[i, c.SERIAL] < 0:
            continue
        if tracks[i, c.OUTCOME] == BORN and n < _READ:
            read[n] = i
            n += 1
        if n_longest < LINKED_AT_ONCE:
            n_longest += 1
            looped = real[i, c.LOOPED]
            if timestamp - looped > old_age:
                if first < 0 or looped < real[first, c.LOOPED]:
                    first, second = i, first
                elif second < 0 or looped < real[second, c.LOOPED]:
                    second = i
    for i in (first, second):
        if i >= 0 and not _is_among(read, n, i):
            read[n] = i
            n += 1
    return n


@njit(nogil=True, cache=True)
def _is_among(read, n, i):
    is_among = False
    for k in range(n):
        is_among |= read[k] == i
    return is_among
