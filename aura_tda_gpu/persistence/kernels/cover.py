"""The ghost cover: landmarks in fixed slots that take rows one after the other.

Distances are float64, coordinates in order, no FMA. Rows are counted from 0; a row is gone once
its number is below that of the oldest live row.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from .cover_state import (
    FREE,
    HEAD,
    HIGH,
    LOOSE,
    SEEN,
    SETTLED,
    SIZE,
    USED,
    State,
    close_slot,
    expire,
    new_state,
    note_distance,
    open_landmark,
)
from .farthest import SQUARES
from .nearest import (
    distance_of,
    gaps,
    is_equal,
    join_few,
    look_around,
    nearest,
    nothing_around,
    opened,
    place_of,
)

__all__ = [
    "FREE",
    "HEAD",
    "HIGH",
    "LOOSE",
    "SEEN",
    "SETTLED",
    "SIZE",
    "USED",
    "State",
    "measure",
    "new_state",
    "settle",
    "take",
    "warm_up",
]

_RUN = 1 << 12  # rows that are looked up in one call
_UP = 1 + 2.0**-50
_WIDER = 1.1  # fewer thinnings until a radius is found that lasts; eps is hardly larger


def warm_up() -> None:
    """Compile the kernels, or load them from numba's cache on disk."""
    points, times = np.zeros((2, 1)), np.arange(2)
    for array in (points, times):
        array.flags.writeable = False
    state = new_state(1, 1, scaled=False)
    take(state, points, times, times, 0, 0, 2, 1, SQUARES)
    settle(state, 0, 0)
    measure(state, points, times, 0, 1, SQUARES)


@njit(nogil=True, cache=True)
def take(state, points, times, ids, first, live, capacity, slide, kind):
    """Let ``points`` (m, dim), numbered from ``first``, join or open landmarks in order.

    Rows seen before are left alone. Row s finds rows below ``live`` and s + 1 - ``capacity`` gone.
    ``times`` (m,) over ``slide`` give the bucket of a row.
    """
    counts, rho, columns, raw, gap = state.counts, state.rho, state.columns, state.raw, state.gap
    k, dim, is_plain = len(state.newest), points.shape[1], kind == SQUARES and len(raw) == 0
    x, around = np.empty(dim), nothing_around(k, dim)
    slots, distances = np.empty(_RUN, np.int64), np.empty(_RUN)
    i = max(0, counts[SEEN] - first)
    while i < len(points):
        if around.size[0] > 0:
            n = join_few(points[i : i + _RUN], rho[0], around, slots, distances)
            for j in range(n):
                row = first + i + j
                state.newest[slots[j]], state.back[slots[j]] = row, distances[j]
                note_distance(state, row, times[i + j] // slide, distances[j])
            if n > 0:
                i += n
                counts[SEEN] = first + i
                continue
        row, point = first + i, points[i]
        place_of(raw, point, x)
        slot, distance = nearest(columns, raw, counts[HIGH], gap, point, x, kind)
        if is_plain:
            look_around(columns, counts[HIGH], gap, rho[0], around, points, i, distance)
        if not distance <= rho[0] and counts[USED] == k:
            expire(state, max(live, row + 1 - capacity))
            if counts[USED] == k:
                _thin(state, row, times[i] // slide, kind)
                slot, distance = nearest(columns, raw, counts[HIGH], gap, point, x, kind)
                if counts[USED] == k:
                    rho[0] = max(rho[0], distance)
            if counts[USED] < k:
                around.size[0] = -1
        if distance <= rho[0]:
            state.newest[slot] = row
            state.back[slot] = distance
            note_distance(state, row, times[i] // slide, distance)
        else:
            opened(around, open_landmark(state, row, ids[i], point, x), x)
        i += 1
        counts[SEEN] = first + i


@njit(nogil=True, cache=True)
def settle(state, live, tick):
    """Free the landmarks without a row from ``live`` on, and return the covering radius.

    Once for each ``tick``, the radius rho becomes 0 where the cover is exact, and is lowered where
    less than half of the slots are used.
    """
    counts, rho = state.counts, state.rho
    expire(state, live)
    while counts[SIZE] > 0 and state.last[counts[HEAD]] < live:
        counts[HEAD] = (counts[HEAD] + 1) % len(state.last)
        counts[SIZE] -= 1
    eps = state.bound[counts[HEAD]] if counts[SIZE] > 0 else 0.0
    for slot in range(counts[HIGH]):
        if state.newest[slot] != FREE:
            eps = max(eps, state.back[slot])
    if tick > counts[SETTLED]:
        counts[SETTLED] = tick
        if eps == 0.0:
            rho[0] = 0.0
        elif 2 * counts[USED] < len(state.newest):
            rho[0] = min(rho[0] * _shrink(counts[USED] / len(state.newest)), eps)
    return eps


@njit(nogil=True, cache=True)
def measure(state, points, times, first, slide, kind):
    """Let ``points`` (m, dim), all live rows from number ``first`` on, join the nearest landmarks.

    All bounds are distances then; no landmark opens or closes.
    """
    counts, columns, raw, gap = state.counts, state.columns, state.raw, state.gap
    high, dim = counts[HIGH], points.shape[1]
    x, around = np.empty(dim), nothing_around(len(state.newest), dim)
    for slot in range(high):
        if state.newest[slot] != FREE:
            point = points[state.newest[slot] - first]
            place_of(raw, point, x)
            gaps(columns, x, slot + 1, kind, gap)
            same = gap[slot] == 0.0 and is_equal(columns, raw, slot, point, x)
            state.back[slot] = 0.0 if same else distance_of(gap[slot], kind)
    counts[SIZE] = 0
    slots, distances = np.empty(_RUN, np.int64), np.empty(_RUN)
    i = 0
    while i < len(points):
        n = 0
        if around.size[0] > 0:
            n = join_few(points[i : i + _RUN], np.inf, around, slots, distances)
        if n == 0:
            place_of(raw, points[i], x)
            slots[0], distances[0] = nearest(columns, raw, high, gap, points[i], x, kind)
            if kind == SQUARES and len(raw) == 0:
                look_around(columns, high, gap, state.rho[0], around, points, i, distances[0])
            n = 1
        for j in range(n):
            slot, row = slots[j], first + i + j
            if row >= state.newest[slot]:
                state.newest[slot], state.back[slot] = row, distances[j]
            note_distance(state, row, times[i + j] // slide, distances[j])
        i += n
    counts[LOOSE] = 0


@njit(nogil=True, cache=True)
def _shrink(share):
    """Return the factor by which rho is lowered while this share of the slots is used."""
    if share < 0.125:
        return 0.5
    if share < 0.25:
        return 0.75
    return 0.9


@njit(nogil=True, cache=True)
def _thin(state, row, bucket, kind):
    """Keep three quarters of the landmarks, each the farthest from those before it.

    The others pass their members to the nearest one kept. The bounds of the member distances grow
    by the largest distance to it, and rho becomes a little more than that.
    """
    keep = 3 * len(state.newest) // 4
    if keep == 0:
        return
    radius = _select(state, keep, kind)
    for slot in range(len(state.newest)):
        keeper = state.absorber[slot]
        if keeper == slot:
            continue
        if state.newest[slot] > state.newest[keeper]:
            state.newest[keeper] = state.newest[slot]
            away = distance_of(state.nearest[slot], kind)
            state.back[keeper] = (away + state.back[slot]) * _UP
        close_slot(state, slot)
    counts = state.counts
    for i in range(counts[SIZE]):
        at = (counts[HEAD] + i) % len(state.last)
        state.bound[at] = (state.bound[at] + radius) * _UP
    note_distance(state, row - 1, bucket, radius)
    state.rho[0] = max(state.rho[0], radius * _WIDER)
    counts[LOOSE] = 1


@njit(nogil=True, cache=True)
def _select(state, keep, kind):
    """Fill ``absorber`` and ``nearest`` by farthest-point selection; return the largest distance.

    All slots are used; the landmark of the newest member comes first.
    """
    nearest, absorber, gap = state.nearest, state.absorber, state.gap
    k = len(nearest)
    nearest[:] = np.inf
    chosen = np.argmax(state.newest)
    for _ in range(keep):
        gaps(state.columns, state.columns[:, chosen].copy(), k, kind, gap)
        for slot in range(k):
            if gap[slot] < nearest[slot]:
                nearest[slot] = gap[slot]
                absorber[slot] = chosen
        nearest[chosen] = FREE
        absorber[chosen] = chosen
        chosen = np.argmax(nearest)
    return distance_of(max(nearest[chosen], 0.0), kind)
