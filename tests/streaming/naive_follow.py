"""One tick of the tracker as numpy says it, with scipy's assignment: what the kernel is held to."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from aura_tda_gpu.persistence.calibration import Calibration
from aura_tda_gpu.persistence.kernels.following import equal_rows, joined_sizes, mutual
from aura_tda_gpu.persistence.kernels.track_columns import TRACK, WIDTH
from aura_tda_gpu.persistence.significance import RunLength, corrected, p_values

BORN, CHANGED, FADED = 1, 2, 3
ASSIGNED = MOST_ASKED = 64
NEW = np.zeros(1, TRACK)
NEW["serial"] = NEW["edges"] = NEW["row"] = NEW["ring"] = -1
NEW["ratio"] = NEW["stability"] = NEW["p_value"] = math.nan
NEW["looped"] = -math.inf


def follow(
    before, bars, birth_edges, death_edges, ids, n_vertices, limit, least_weight,
    law, dimension, rules, timestamp, skipped, slack, bound, next_serial, old_age,
    rings, likenesses, asked, read,
) -> Any:  # fmt: skip
    """See `kernels.tick.follow`."""
    _, release, threshold, min_ticks, _, required, _, most = rules
    before, bars = before.view(TRACK).reshape(-1), bars.astype(np.float64)
    is_open = np.isinf(bars[:, 1])
    matched = bars.copy()
    matched[is_open, 1] = limit if math.isfinite(limit) else 1e30
    long = is_open | (bars[:, 1] - bars[:, 0] >= release)
    if dimension == 0 and required:
        most = min(most, max(64, int(is_open.sum())))
    m = int(min(long.sum(), most))
    values = evidence = np.full(len(bars), np.nan)
    if required and dimension == 0:
        evidence = parts(bars, death_edges, n_vertices)
    elif required:
        known = matched if math.isfinite(limit) else bars
        values, evidence = loops(known - least_weight, law)
    ends = np.concatenate([birth_edges[:m], death_edges[:m]], axis=1)
    points = np.append(ids, -1)[ends]
    names = np.concatenate([np.sort(points[:, :2], axis=1), np.sort(points[:, 2:], axis=1)], axis=1)

    alive = np.arange(len(before))
    overdue = before[:0]
    if skipped:
        is_over = before["missed"] + skipped >= min_ticks
        overdue = before[(before["serial"] >= 0) & is_over]
        alive = np.flatnonzero((before["serial"] >= 0) & ~is_over)
    former = before[alive]
    former["missed"] += skipped
    source, pairs = match(former, names, matched[:m], slack, threshold, likenesses)
    serials = np.full(len(bars), -1)
    if len(pairs):
        asked[: len(pairs)] = np.column_stack([alive[pairs[:, 0]], pairs[:, 1]])
        return before, before, serials, (len(pairs), 0, 0, 0)
    now = np.concatenate([former, NEW])[source]
    for i in range(m):
        carry(now[i], source[i], names[i], matched[i], is_open[i], values[i], evidence[i], i,
              timestamp, bound, slack, rules)  # fmt: skip
    rows = np.flatnonzero(now["outcome"] == FADED)
    faded, anew = former[source[rows]], now[rows]
    now[rows] = NEW
    for name in ("edges", "bar", "open", "bound", "last", "p_value", "row", "outcome"):
        now[name][rows] = anew[name]
    now["first"][rows], now["ticks"][rows] = anew["last"], 1
    now["peak"][rows] = anew["bar"][:, 1] - anew["bar"][:, 0]
    born = np.flatnonzero(now["outcome"] == BORN)
    now["serial"][born] = next_serial + np.arange(len(born))
    is_unseen = former["serial"] >= 0
    is_unseen[source[source >= 0]] = False
    unseen = former[is_unseen]
    unseen["missed"] += 1
    unseen["row"] = -1
    is_dead = unseen["missed"] >= min_ticks
    tracks = np.concatenate([now, unseen[~is_dead]])
    dead = np.concatenate([overdue, unseen[is_dead], faded])
    dead["row"] = -1
    serials[:m] = now["serial"]
    for i in range(m):
        if now["serial"][i] >= 0 and i not in born:
            ring, place = now["ring"][i], now["kept"][i] % rings.shape[1]
            rings[ring, place] = timestamp, bars[i, 0], bars[i, 1]
            tracks["kept"][i] += 1
    to_read = set(born[:16].tolist()) if dimension == 1 else set()
    if dimension == 1:
        age = timestamp - tracks["looped"]
        longest = np.flatnonzero(now["serial"] >= 0)[:8]
        to_read |= {i for _, i in sorted((-age[i], i) for i in longest if age[i] > old_age)[:2]}
    read[: len(to_read)] = sorted(to_read)
    n_changed = int((now["outcome"] == CHANGED).sum())
    counts = 0, len(born), n_changed, len(to_read)
    whole = [table.view(np.int64).reshape(-1, WIDTH) for table in (tracks, dead)]
    return *whole, serials, counts


def carry(track, source, name, bar, is_open, value, p, row, timestamp, bound, slack, rules) -> None:
    """See `kernels.carrying.carry_on`, of one bar."""
    min_persistence, _, threshold, min_ticks, min_change, required, alpha, _ = rules
    length, former = bar[1] - bar[0], track["bar"][1] - track["bar"][0]
    ratio = math.nan
    if source < 0:
        track["first"] = timestamp
    elif max(length, former) > 0:
        ratio = min(length, former) / max(length, former)
    is_first = math.isnan(track["stability"])
    smoothed = track["stability"] + 0.2 * (ratio - track["stability"])
    track["stability"], track["ratio"] = ratio if is_first else smoothed, ratio
    track["peak"] = max(track["peak"], length)
    is_long = is_open or length >= min_persistence
    is_strong = is_long and not track["stability"] <= threshold
    track["strong"] = track["strong"] + 1 if is_strong else 0
    track["last"], track["bound"], track["row"] = timestamp, bound, row
    track["ticks"] += 1
    track["missed"], track["edges"], track["bar"], track["open"] = 0, name, bar, is_open
    track["p_value"], track["significant"] = value, True
    if required:
        run = RunLength(required, alpha).after(np.array([track["run"]]), np.array([p]))
        track["run"] = min(run[0], required)
        track["significant"] = track["run"] >= required or math.isnan(p)
    told = bar[0], math.inf if is_open else bar[1]
    has_shrunk = required and length < 0.5 * track["peak"] and track["run"] == 0
    outcome = 0
    if track["serial"] < 0:
        if track["strong"] >= min_ticks and track["significant"]:
            outcome = BORN
    elif has_shrunk and not track["significant"]:
        outcome = FADED
    else:
        moved = [0.0 if a == b else abs(a - b) for a, b in zip(told, track["told"], strict=True)]
        outcome = CHANGED if max(moved) > max(min_change * length, slack) else 0
    track["outcome"] = outcome
    if outcome in (BORN, CHANGED):
        track["told"] = told


def parts(bars, death_edges, n_vertices) -> np.ndarray:
    """Return 0 for the bars of parts that stand apart, 1 for others, nan for open ones."""
    closed = np.flatnonzero(np.isfinite(bars[:, 1]))
    evidence = np.full(len(bars), np.nan)
    if not len(closed):
        return evidence
    order = closed[np.argsort(bars[closed, 1], kind="stable")]
    smaller = np.empty(len(order), np.int64)
    joined_sizes(death_edges[order], n_vertices, smaller)
    length = bars[order, 1] - bars[order, 0]
    is_large = smaller >= max(5, 0.05 * n_vertices)
    is_apart = length >= 3.0 * np.sort(length)[(9 * (len(length) - 1)) // 10]
    evidence[order] = np.where(is_large & is_apart, 0.0, 1.0)
    return evidence


def loops(bars, law) -> tuple[np.ndarray, np.ndarray]:
    """Return corrected p-values of loops, and what the run-length rule is to go by."""
    n_bars, at_5, at_1, *logs = map(tuple, law.tolist())
    ratios = [tuple(math.exp(math.exp(x)) for x in column) for column in logs]
    calibration = Calibration("exact", 1.0, n_bars, at_5, at_1, *ratios)
    values = corrected(p_values(bars, calibration=calibration), "holm")
    is_short = (bars[:, 0] > 0) & (bars[:, 0] == bars[:, 1])
    return values, np.where(is_short, 1.0, values)


def match(former, names, bars, slack, ratio, likenesses) -> tuple[np.ndarray, np.ndarray]:
    """Return the former row of each bar, and the pairs whose likenesses are wanted first."""
    source = np.empty(len(bars), np.int64)
    places = former["bar"]
    equal_rows(former["edges"].copy(), names, source)
    old, new = left(source, len(former))
    is_many = max(len(old), len(new)) > ASSIGNED
    if is_many:
        nearest(source, places, bars, slack, ratio, clear=True)
        old, new = left(source, len(former))
        old = old[np.argsort(places[old, 0] - places[old, 1], kind="stable")[:ASSIGNED]]
        new = new[np.argsort(bars[new, 0] - bars[new, 1], kind="stable")[:ASSIGNED]]
    if not len(old) or not len(new):
        return source, np.empty((0, 2), np.int64)
    gap = np.abs(places[old, np.newaxis] - bars[new]).max(axis=2)
    length, other = np.diff(places[old]), np.diff(bars[new]).T
    saved, longer = gap - (length + other) / 2, np.maximum(length, other)
    may = ((saved < 0) & (np.minimum(length, other) >= ratio * longer)) | (gap <= slack)
    costs = np.where(may, np.minimum(saved, -1e-9 * longer), 0.0)
    reach = 0.5 * np.minimum(length, other) + slack
    close = may & (gap <= reach)
    rivals = np.maximum(close.sum(axis=0), close.sum(axis=1)[:, np.newaxis])
    is_known = former["looped"][old] > -math.inf
    disputed = np.argwhere(close & (rivals > 1) & is_known[:, np.newaxis])
    order = np.argsort(costs[disputed[:, 0], disputed[:, 1]], kind="stable")
    disputed = disputed[order[:MOST_ASKED]]
    if len(disputed) > len(likenesses):
        return source, np.column_stack([old[disputed[:, 0]], new[disputed[:, 1]]])
    for (u, v), likeness in zip(disputed.tolist(), likenesses, strict=True):
        costs[u, v] -= likeness * reach[u, v]
    u, v = linear_sum_assignment(costs)
    found = costs[u, v] < 0
    source[new[v[found]]] = old[u[found]]
    if is_many:
        old, new = left(source, len(former))
        equal = np.empty(len(new), np.int64)
        equal_rows(places[old].view(np.int64), bars[new].view(np.int64), equal)
        source[new[equal >= 0]] = old[equal[equal >= 0]]
        nearest(source, places, bars, slack, ratio, clear=False)
    return source, np.empty((0, 2), np.int64)


def nearest(source, places, bars, slack, ratio, *, clear) -> None:
    """Match what is left where two bars are each other's nearest."""
    old, new = left(source, len(places))
    found = np.empty(len(new), np.int64)
    mutual(places[old], bars[new], slack, ratio, clear, found)
    source[new[found >= 0]] = old[found[found >= 0]]


def left(source, n_before) -> tuple[np.ndarray, np.ndarray]:
    """Return the former bars and the bars that are not matched."""
    is_left = np.ones(n_before + 1, np.bool_)
    is_left[source] = False  # -1 is the one more
    return np.flatnonzero(is_left[:-1]), np.flatnonzero(source < 0)
