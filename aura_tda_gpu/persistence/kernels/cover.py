"""The ghost cover: landmarks in fixed slots that take rows one after the other.

Distances are float64, coordinates in order, no FMA. Rows are counted from 0; a row is gone once
its number is below that of the oldest live row.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

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

FREE = -1
SEEN, USED, HIGH, HEAD, SIZE, SETTLED, LOOSE = range(7)
NEVER = -(2**63)
_RUN = 1 << 12  # rows that are looked up in one call
_BUCKETS = 256  # more are merged, which keeps distances longer
_UP = 1 + 2.0**-50
_WIDER = 1.1  # fewer thinnings until a radius is found that lasts; eps is hardly larger


class State(NamedTuple):
    """A cover of at most k landmarks; a free slot has coordinates inf and ``newest`` FREE.

    ``columns`` (dim, k) coordinates, ``raw`` (k or 0, dim) rows before they were scaled to length
    one, ``ids`` (k,) of the rows that opened the landmarks, ``newest`` (k,) number of the newest
    member and ``back`` (k,) a bound of its distance; ``gap``, ``nearest``, ``absorber`` (k,) are
    working memory. ``last``, ``bucket``, ``bound`` (q,) is a circular queue of bounds of the
    member distances, decreasing: each holds for rows up to ``last``. ``counts`` (7,): rows seen,
    slots used, 1 + highest used slot, head and size of the queue, the last tick settled, whether
    bounds have grown since they were measured. ``rho`` (1,): the radius.
    """

    columns: npt.NDArray[np.float64]
    raw: npt.NDArray[np.float64]
    ids: npt.NDArray[np.int64]
    newest: npt.NDArray[np.int64]
    back: npt.NDArray[np.float64]
    gap: npt.NDArray[np.float64]
    nearest: npt.NDArray[np.float64]
    absorber: npt.NDArray[np.int64]
    last: npt.NDArray[np.int64]
    bucket: npt.NDArray[np.int64]
    bound: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]
    rho: npt.NDArray[np.float64]


def new_state(k: int, dim: int, *, scaled: bool) -> State:
    """Return a cover of at most ``k`` landmarks that has seen no row, and scales rows if asked."""
    counts = np.zeros(7, np.int64)
    counts[SETTLED] = NEVER
    return State(
        columns=np.full((dim, k), np.inf),
        raw=np.empty((k if scaled else 0, dim)),
        ids=np.zeros(k, np.int64),
        newest=np.full(k, FREE),
        back=np.zeros(k),
        gap=np.zeros(k),
        nearest=np.zeros(k),
        absorber=np.zeros(k, np.int64),
        last=np.zeros(_BUCKETS, np.int64),
        bucket=np.zeros(_BUCKETS, np.int64),
        bound=np.zeros(_BUCKETS),
        counts=counts,
        rho=np.zeros(1),
    )


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
                _note(state, row, times[i + j] // slide, distances[j])
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
            _expire(state, max(live, row + 1 - capacity))
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
            _note(state, row, times[i] // slide, distance)
        else:
            opened(around, _open(state, row, ids[i], point, x), x)
        i += 1
        counts[SEEN] = first + i


@njit(nogil=True, cache=True)
def settle(state, live, tick):
    """Free the landmarks without a row from ``live`` on, and return the covering radius.

    Once for each ``tick``, the radius rho becomes 0 where the cover is exact, and is lowered where
    less than half of the slots are used.
    """
    counts, rho = state.counts, state.rho
    _expire(state, live)
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
            _note(state, row, times[i + j] // slide, distances[j])
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
def _open(state, row, name, point, x):
    """Open a landmark at ``x`` in the lowest free slot, and return that."""
    slot = 0
    while state.newest[slot] != FREE:
        slot += 1
    state.columns[:, slot] = x
    if len(state.raw) > 0:
        state.raw[slot] = point
    state.ids[slot] = name
    state.newest[slot] = row
    state.back[slot] = 0.0
    state.counts[USED] += 1
    state.counts[HIGH] = max(state.counts[HIGH], slot + 1)
    return slot


@njit(nogil=True, cache=True)
def _free(state, slot):
    """Close a landmark."""
    state.columns[:, slot] = np.inf
    state.newest[slot] = FREE
    counts = state.counts
    counts[USED] -= 1
    while counts[HIGH] > 0 and state.newest[counts[HIGH] - 1] == FREE:
        counts[HIGH] -= 1


@njit(nogil=True, cache=True)
def _expire(state, live):
    """Close the landmarks whose members are all older than row ``live``."""
    for slot in range(len(state.newest)):
        if state.newest[slot] != FREE and state.newest[slot] < live:
            _free(state, slot)


@njit(nogil=True, cache=True)
def _note(state, row, bucket, distance):
    """Enter a member distance of ``row`` into the queue, where it holds for rows up to that one."""
    if distance == 0.0:
        return
    counts = state.counts
    length = len(state.last)
    back = (counts[HEAD] + counts[SIZE] - 1) % length
    while counts[SIZE] > 0 and state.bound[back] <= distance:
        counts[SIZE] -= 1
        back = (back - 1) % length
    if counts[SIZE] > 0 and (state.bucket[back] == bucket or counts[SIZE] == length):
        state.last[back] = row
        return
    back = (back + 1) % length
    state.last[back], state.bucket[back], state.bound[back] = row, bucket, distance
    counts[SIZE] += 1


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
        _free(state, slot)
    counts = state.counts
    for i in range(counts[SIZE]):
        at = (counts[HEAD] + i) % len(state.last)
        state.bound[at] = (state.bound[at] + radius) * _UP
    _note(state, row - 1, bucket, radius)
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
