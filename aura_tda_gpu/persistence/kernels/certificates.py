"""What is noted about each edge: why its lune has the components it has.

For a window of N slots the edge ab, a > b, has two codes, ``first[a, b]`` and ``second[a, b]``:

====================  ============  ============
lune                  first         second
====================  ============  ============
empty                 2N            2N
hub h                 h             h
hubs h, g             h             g
connected, no hubs    N + r         2N + 1
split                 N + r         2N + 2
====================  ============  ============

with r any vertex of the lune. 2N + 3 marks an edge that is to be looked at again.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from . import sweep
from .keys import edge_key, larger_vertex, smaller_vertex

MAX_SLOTS = 16384  # all codes fit into 16 bits
N_CODES = 4


@njit(nogil=True, cache=True, inline="always")
def empty_code(n_slots):
    """Code of an empty lune, and of an edge that is not there."""
    return np.uint16(2 * n_slots)


@njit(nogil=True, cache=True, inline="always")
def loose_code(n_slots):
    """Code of a lune that is connected for no noted reason."""
    return np.uint16(2 * n_slots + 1)


@njit(nogil=True, cache=True, inline="always")
def split_code(n_slots):
    """Code of a lune with two or more components."""
    return np.uint16(2 * n_slots + 2)


@njit(nogil=True, cache=True, inline="always")
def marked_code(n_slots):
    """Code of an edge that is to be looked at again."""
    return np.uint16(2 * n_slots + 3)


@njit(nogil=True, cache=True)
def note(edge_keys, classes, hubs, slots, first, second):
    """Write the codes of swept edges.

    Parameters
    ----------
    edge_keys : (m,) uint64, by vertex
    classes : (m,) uint8, as `sweep.sweep` wrote them
    hubs : (m, 2) uint16, as `sweep.sweep` wrote them
    slots : (n,) int64, ascending slot of each vertex
    first, second : (N, N) uint16, written below the diagonal
    """
    n_slots = first.shape[0]
    for i in range(edge_keys.shape[0]):
        a = slots[larger_vertex(edge_keys[i])]
        b = slots[smaller_vertex(edge_keys[i])]
        if classes[i] == sweep.RNG_EDGE:
            first[a, b] = empty_code(n_slots)
            second[a, b] = empty_code(n_slots)
            continue
        rep = slots[hubs[i, 0]]
        if classes[i] == sweep.SPLIT_EDGE:
            first[a, b] = np.uint16(n_slots + rep)
            second[a, b] = split_code(n_slots)
        elif hubs[i, 1] == sweep.NO_HUB:
            first[a, b] = np.uint16(n_slots + rep)
            second[a, b] = loose_code(n_slots)
        else:
            first[a, b] = np.uint16(rep)
            second[a, b] = np.uint16(slots[hubs[i, 1]])


@njit(nogil=True, cache=True)
def reps_in_slots(reps, slots):
    """Rename the vertices of a ragged list of counts and vertices."""
    out = reps.copy()
    at = 0
    while at < reps.shape[0]:
        for j in range(at + 1, at + 1 + reps[at]):
            out[j] = slots[reps[j]]
        at += 1 + reps[at]
    return out


@njit(nogil=True, cache=True)
def loose_edges(bits, second, slots, limit):
    """Keys of the edges not longer than ``limit`` that are connected for no noted reason."""
    loose = loose_code(second.shape[0])
    out = np.empty(256, np.uint64)
    used = 0
    for a in slots:
        for b in slots:
            if b >= a:
                break
            if second[a, b] == loose and bits[a, b] <= limit:
                if used == out.shape[0]:
                    larger = np.empty(2 * used, np.uint64)
                    larger[:used] = out
                    out = larger
                out[used] = edge_key(bits[a, b], a, b)
                used += 1
    return out[:used].copy()
