"""What a ghost cover holds: landmarks in fixed slots, and bounds of its member distances."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

FREE = -1
SEEN, USED, HIGH, HEAD, SIZE, SETTLED, LOOSE = range(7)
NEVER = -(2**63)
_BUCKETS = 256  # more are merged, which keeps distances longer


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


@njit(nogil=True, cache=True)
def open_landmark(state, row, name, point, x):
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
def close_slot(state, slot):
    """Close a landmark."""
    state.columns[:, slot] = np.inf
    state.newest[slot] = FREE
    counts = state.counts
    counts[USED] -= 1
    while counts[HIGH] > 0 and state.newest[counts[HIGH] - 1] == FREE:
        counts[HIGH] -= 1


@njit(nogil=True, cache=True)
def expire(state, live):
    """Close the landmarks whose members are all older than row ``live``."""
    for slot in range(len(state.newest)):
        if state.newest[slot] != FREE and state.newest[slot] < live:
            close_slot(state, slot)


@njit(nogil=True, cache=True)
def note_distance(state, row, bucket, distance):
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
