"""Relations of the split edges, written in birth edges and reduced over Z/2."""

from __future__ import annotations

import numpy as np
from numba import njit
from numba.cpython.unsafe.numbers import trailing_zeros

from .keys import edge_key, larger_vertex, smaller_vertex

UNKNOWN = np.uint16(0xFFFE)
IN_RNG = np.uint16(0xFFFF)
BLOCK = 128
_ONE = np.uint64(1)
_ZERO = np.uint64(0)


@njit(nogil=True, cache=True)
def lune_vertex(bits, a, b):
    """Vertex of the lune of ab with the smallest larger side; the lune is not empty."""
    n = bits.shape[0]
    row_a = bits[a]
    row_b = bits[b]
    length = bits[a, b]
    best = length
    block = -1
    for start in range(0, n, BLOCK):
        nearest = np.uint32(0xFFFFFFFF)
        for v in range(start, min(n, start + BLOCK)):
            nearest = min(nearest, max(row_a[v], row_b[v]))
        if nearest < best:
            best = nearest
            block = start
    if block >= 0:
        for v in range(block, n):
            if max(row_a[v], row_b[v]) == best:
                return v
    key = edge_key(length, a, b)
    for v in range(n):
        if max(row_a[v], row_b[v]) != length or v in (a, b):
            continue
        if edge_key(row_a[v], a, v) < key and edge_key(row_b[v], b, v) < key:
            return v
    return -1


@njit(nogil=True, cache=True)
def mark_rng(apexes, edge_keys):
    """Note the edges with an empty lune, so that nobody looks for a vertex there."""
    for key in edge_keys:
        apexes[larger_vertex(key), smaller_vertex(key)] = IN_RNG


@njit(nogil=True, cache=True)
def _push(heap, size, key):
    at = size
    while at > 0:
        above = (at - 1) >> 1
        if heap[above] >= key:
            break
        heap[at] = heap[above]
        at = above
    heap[at] = key
    return size + 1


@njit(nogil=True, cache=True)
def _pop(heap, size):
    """Move the largest key behind the heap, where ``heap[size - 1]`` holds it."""
    top = heap[0]
    size -= 1
    last = heap[size]
    at = 0
    while True:
        below = 2 * at + 1
        if below >= size:
            break
        if below + 1 < size and heap[below + 1] > heap[below]:
            below += 1
        if heap[below] <= last:
            break
        heap[at] = heap[below]
        at = below
    heap[at] = last
    heap[size] = top
    return size


@njit(nogil=True, cache=True)
def _birth_index(births, key):
    """Position of ``key`` among the sorted birth edges, -1 for an edge of the forest."""
    at = np.searchsorted(births, key)
    if at < births.shape[0] and births[at] == key:
        return at
    return -1


@njit(nogil=True, cache=True)
def _expand(bits, apexes, empty, births, heap, size, column):
    """Write the chain on the heap in birth edges: phi(ab) = phi(ar) + phi(rb), r in the lune."""
    n_slots = bits.shape[0]
    while size > 0:
        size = _pop(heap, size)
        key = heap[size]
        if size > 0 and heap[0] == key:
            size = _pop(heap, size)
            continue
        a = larger_vertex(key)
        b = smaller_vertex(key)
        apex = np.int64(apexes[a, b])
        if apex == UNKNOWN:
            apex = lune_vertex(bits, a, b)
            apexes[a, b] = apex
        if apex >= empty:
            index = _birth_index(births, key)
            if index >= 0:
                column[index >> 6] ^= _ONE << np.uint64(index & 63)
            continue
        if size + 2 > heap.shape[0]:
            larger = np.empty(2 * heap.shape[0], np.uint64)
            larger[:size] = heap[:size]
            heap = larger
        r = apex if apex < n_slots else apex - n_slots
        size = _push(heap, size, edge_key(bits[a, r], a, r))
        size = _push(heap, size, edge_key(bits[b, r], b, r))
    return heap


@njit(nogil=True, cache=True, inline="always")
def _youngest(column, word):
    """Highest set bit at or below ``word``, -1 when there is none."""
    while word >= 0:
        value = column[word]
        if value != _ZERO:
            bit = 0
            for step in (32, 16, 8, 4, 2, 1):
                if value >> np.uint64(step) != _ZERO:
                    value >>= np.uint64(step)
                    bit += step
            return word * 64 + bit
        word -= 1
    return -1


@njit(nogil=True, cache=True)
def _store(column, words, pool, used):
    """Move a column to the end of the pool: as a list if that is shorter than its words."""
    if used + words > pool.shape[0]:
        larger = np.empty(2 * pool.shape[0] + words, np.uint64)
        larger[:used] = pool[:used]
        pool = larger
    size = 0
    for word in range(words):
        value = column[word]
        while value != _ZERO and size < words:
            bit = np.uint64(trailing_zeros(value))  # type: ignore[call-arg]
            pool[used + size] = np.uint64(word * 64) + bit
            size += 1
            value &= value - _ONE
        if value != _ZERO:
            size = words
            break
    as_words = size == words
    for word in range(words):
        if as_words:
            pool[used + word] = column[word]
        column[word] = _ZERO
    return pool, used + size, as_words


@njit(nogil=True, cache=True)
def _add(column, stored, as_words):
    """Add a stored column over Z/2."""
    if as_words:
        for word in range(stored.shape[0]):
            column[word] ^= stored[word]
    else:
        for index in stored:
            column[np.int64(index >> np.uint64(6))] ^= _ONE << (index & np.uint64(63))


@njit(nogil=True, cache=True)
def column_members(spans, as_words, pool, rows):
    """List the births of some columns: offsets (len(rows) + 1,) and members, both int64."""
    offsets = np.zeros(rows.shape[0] + 1, np.int64)
    members = np.empty(1024, np.int64)
    used = 0
    for k in range(rows.shape[0]):
        stored = pool[spans[rows[k], 0] : spans[rows[k], 1]]
        most = stored.shape[0] * (64 if as_words[rows[k]] else 1)
        if used + most > members.shape[0]:
            larger = np.empty(2 * members.shape[0] + most, np.int64)
            larger[:used] = members[:used]
            members = larger
        if as_words[rows[k]]:
            for word in range(stored.shape[0]):
                value = stored[word]
                while value != _ZERO:
                    members[used] = word * 64 + np.int64(
                        trailing_zeros(value)  # type: ignore[call-arg]
                    )
                    used += 1
                    value &= value - _ONE
        else:
            for index in stored:
                members[used] = np.int64(index)
                used += 1
        offsets[k + 1] = used
    return offsets, members[:used].copy()


@njit(nogil=True, cache=True)
def reduce_relations(bits, splits, reps, births, apexes, empty):
    """Pair birth edges with split edges.

    Parameters
    ----------
    bits : (n, n) uint32, patterns of the dissimilarities
    splits : (s,) uint64, sorted keys of the split edges
    reps : (k,) int64, per split edge a count c and one vertex of each component of its lune
    births : (beta,) uint64, sorted keys of the birth edges
    apexes : (n, n) uint16, below the diagonal a vertex r of the lune of each edge, as r or n + r,
        or UNKNOWN, then written; ``empty`` or more at RNG edges
    empty : int, greater than every r or n + r that occurs

    Returns
    -------
    deaths : (beta,) uint64, key of the split edge that kills each birth, 0 when none does
    spans : (beta, 2) int64, where in ``pool`` the reduced column with that pivot starts and ends
    as_words : (beta,) bool, whether it is a bitset over the births there, else a list of them
    pool : (total,) uint64
    counts : (3,) int64, relations used, column additions, births killed
    """
    beta = births.shape[0]
    deaths = np.zeros(beta, np.uint64)
    spans = np.zeros((beta, 2), np.int64)
    as_words = np.zeros(beta, np.bool_)
    pool = np.empty(1024, np.uint64)
    used = 0
    words = (beta + 63) >> 6
    column = np.zeros(words, np.uint64)
    heap = np.empty(256, np.uint64)
    counts = np.zeros(3, np.int64)
    at = 0
    for key in splits:
        if counts[2] == beta:
            break
        a = larger_vertex(key)
        b = smaller_vertex(key)
        first = reps[at + 1]
        for j in range(at + 2, at + 1 + reps[at]):
            other = reps[j]
            size = _push(heap, 0, edge_key(bits[a, first], a, first))
            size = _push(heap, size, edge_key(bits[b, first], b, first))
            size = _push(heap, size, edge_key(bits[b, other], b, other))
            size = _push(heap, size, edge_key(bits[a, other], a, other))
            heap = _expand(bits, apexes, empty, births, heap, size, column)
            counts[0] += 1
            pivot = _youngest(column, words - 1)
            while pivot >= 0 and spans[pivot, 1] > 0:
                counts[1] += 1
                _add(column, pool[spans[pivot, 0] : spans[pivot, 1]], as_words[pivot])
                pivot = _youngest(column, pivot >> 6)
            if pivot >= 0:
                spans[pivot, 0] = used
                pool, used, as_words[pivot] = _store(column, (pivot >> 6) + 1, pool, used)
                spans[pivot, 1] = used
                deaths[pivot] = key
                counts[2] += 1
        at += 1 + reps[at]
    return deaths, spans, as_words, pool[:used].copy(), counts
