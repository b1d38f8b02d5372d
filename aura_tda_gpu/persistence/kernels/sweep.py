"""The lune of every edge in order of entry, on adjacency bitsets."""

from __future__ import annotations

import numpy as np
from numba import njit
from numba.cpython.unsafe.numbers import trailing_zeros

from .keys import larger_vertex, smaller_vertex

NO_RELATION = np.uint8(0)
RNG_EDGE = np.uint8(1)
SPLIT_EDGE = np.uint8(2)
NO_HUB = np.uint16(0xFFFF)
_TRIES = 3
_ONE = np.uint64(1)
_ZERO = np.uint64(0)


@njit(nogil=True, cache=True, inline="always")
def _bit(position):
    return _ONE << np.uint64(position & 63)


@njit(nogil=True, cache=True)
def _connect(adjacency, a, b):
    adjacency[a, b >> 6] |= _bit(b)
    adjacency[b, a >> 6] |= _bit(a)


@njit(nogil=True, cache=True)
def replay(keys, place, adjacency):
    """Enter edges without looking at their lunes."""
    for key in keys:
        _connect(adjacency, place[larger_vertex(key)], place[smaller_vertex(key)])


@njit(nogil=True, cache=True, inline="always")
def _lowest(bitset):
    """Position of the lowest set bit, -1 when there is none."""
    for word in range(bitset.shape[0]):
        if bitset[word] != _ZERO:
            return word * 64 + np.int64(trailing_zeros(bitset[word]))  # type: ignore[call-arg]  # numba intrinsic
    return -1


@njit(nogil=True, cache=True, inline="always")
def _flood(adjacency, remaining, frontier):
    """Move what the frontier reaches out of ``remaining``; tell whether all of it went."""
    words = remaining.shape[0]
    while True:
        vertex = _lowest(frontier)
        if vertex < 0:
            return False
        frontier[vertex >> 6] ^= _bit(vertex)
        row = adjacency[vertex]
        left = _ZERO
        for word in range(words):
            near = remaining[word] & row[word]
            frontier[word] |= near
            remaining[word] ^= near
            left |= remaining[word]
        if left == _ZERO:
            return True


@njit(nogil=True, cache=True)
def _components(adjacency, remaining, frontier, reps):
    """Write the lowest vertex of each component of the induced graph; return their number."""
    count = 0
    while True:
        first = _lowest(remaining)
        reps[count] = first
        count += 1
        remaining[first >> 6] ^= _bit(first)
        frontier[:] = _ZERO
        frontier[first >> 6] = _bit(first)
        if _flood(adjacency, remaining, frontier):
            return count


@njit(nogil=True, cache=True, inline="always")
def _missed(adjacency, far, vertex):
    """Position of a vertex of ``far`` that ``vertex`` is not joined to, -1 when there is none."""
    row = adjacency[vertex]
    for word in range(far.shape[0]):
        rest = far[word] & ~row[word]
        if rest != _ZERO:
            return word * 64 + np.int64(trailing_zeros(rest))  # type: ignore[call-arg]
    return -1


@njit(nogil=True, cache=True)
def _second_hub(adjacency, lune, far, hub, guess, common):
    """Find two vertices of the lune, joined to each other, such that all others are joined to one.

    ``far`` holds the lune vertices that ``hub`` is not joined to; it and ``common`` are
    overwritten. Returns the positions of both, or -1 and -1.
    """
    words = lune.shape[0]
    for attempt in range(_TRIES):
        row = adjacency[hub]
        for word in range(words):
            common[word] = lune[word] & row[word]
        other = guess
        if attempt > 0 or common[other >> 6] & _bit(other) == _ZERO:
            other = _lowest(common)
        last = np.int64(-1)
        while other >= 0:
            missed = _missed(adjacency, far, other)
            if missed < 0:
                return hub, other
            last = other
            row = adjacency[missed]
            for word in range(words):
                common[word] &= row[word]
            other = _lowest(common)
        if last < 0:
            break
        hub = last
        row = adjacency[hub]
        for word in range(words):
            far[word] = lune[word] & ~row[word]
        far[hub >> 6] ^= _bit(hub)
    return np.int64(-1), np.int64(-1)


@njit(nogil=True, cache=True)
def sweep(keys, place, vertex_at, adjacency, classes, hubs, noted):
    """Classify edges by the components of their lunes.

    Parameters
    ----------
    keys : (m,) uint64, sorted edge keys; all earlier edges are in ``adjacency`` already
    place, vertex_at : (n,) int64, bit position of a vertex and its inverse
    adjacency : (n, words) uint64, symmetric bitsets by position; the edges are entered
    classes : (m,) uint8, written: NO_RELATION, RNG_EDGE or SPLIT_EDGE
    hubs : (n,) int64, position of the last hub found at each position, any value to start
    noted : (m, 2) uint16, written unless of length 0: two vertices that every other vertex of
        the lune is joined to one of, one twice if it suffices; else a vertex and NO_HUB

    Returns
    -------
    reps : (k,) int64, for each split edge in order: the number of components of its lune,
        then one vertex of each
    """
    n, words = adjacency.shape
    lune = np.empty(words, np.uint64)
    frontier = np.empty(words, np.uint64)
    remaining = np.empty(words, np.uint64)
    common = np.empty(words, np.uint64)
    others = np.zeros(n, np.int64)
    noting = noted.shape[0] > 0
    starts = np.empty(n, np.int64)
    reps = np.empty(1024, np.int64)
    used = 0
    for i in range(keys.shape[0]):
        a = place[larger_vertex(keys[i])]
        b = place[smaller_vertex(keys[i])]
        row_a = adjacency[a]
        row_b = adjacency[b]
        some = _ZERO
        for word in range(words):
            both = row_a[word] & row_b[word]
            lune[word] = both
            some |= both
        _connect(adjacency, a, b)
        if some == _ZERO:
            classes[i] = RNG_EDGE
            continue
        hub = hubs[a]
        if lune[hub >> 6] & _bit(hub) == _ZERO:
            hub = hubs[b]
            if lune[hub >> 6] & _bit(hub) == _ZERO:
                hub = _lowest(lune)
        row_hub = adjacency[hub]
        apart = _ZERO
        hub_word = hub >> 6
        for word in range(words):
            far = lune[word] & ~row_hub[word]
            remaining[word] = far
            apart |= far & ~(_bit(hub) if word == hub_word else _ZERO)
        classes[i] = NO_RELATION
        if apart == _ZERO:
            hubs[a] = hub
            hubs[b] = hub
            if noting:
                noted[i] = vertex_at[hub]
            continue
        if noting:
            noted[i, 0] = vertex_at[hub]
            noted[i, 1] = NO_HUB
            for word in range(words):
                frontier[word] = remaining[word]
            frontier[hub_word] ^= _bit(hub)
            one, other = _second_hub(adjacency, lune, frontier, hub, others[a], common)
            if one >= 0:
                noted[i, 0] = vertex_at[one]
                noted[i, 1] = vertex_at[other]
                others[a] = other
                others[b] = other
                continue
        for word in range(words):
            frontier[word] = lune[word] ^ remaining[word]
        remaining[hub_word] ^= _bit(hub)
        if _flood(adjacency, remaining, frontier):
            continue
        count = _components(adjacency, lune, frontier, starts)
        classes[i] = SPLIT_EDGE
        if used + count + 1 > reps.shape[0]:
            larger = np.empty(2 * reps.shape[0] + count + 1, np.int64)
            larger[:used] = reps[:used]
            reps = larger
        reps[used] = count
        for j in range(count):
            reps[used + 1 + j] = vertex_at[starts[j]]
        used += count + 1
    return reps[:used].copy()
