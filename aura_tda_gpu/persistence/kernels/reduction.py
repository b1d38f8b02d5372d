"""Relations of the split edges, written in birth edges and reduced over Z/2."""

from __future__ import annotations

import numpy as np
from numba import njit

from .keys import edge_key, larger_vertex, smaller_vertex

UNKNOWN = np.uint16(0)
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
def _expand(bits, apexes, births, heap, size, column):
    """Write the chain on the heap in birth edges: phi(ab) = phi(ar) + phi(rb), r in the lune."""
    while size > 0:
        size = _pop(heap, size)
        key = heap[size]
        if size > 0 and heap[0] == key:
            size = _pop(heap, size)
            continue
        a = larger_vertex(key)
        b = smaller_vertex(key)
        apex = apexes[a, b]
        if apex == UNKNOWN:
            apex = np.uint16(lune_vertex(bits, a, b) + 1)
            apexes[a, b] = apex
        if apex == IN_RNG:
            index = _birth_index(births, key)
            if index >= 0:
                column[index >> 6] ^= _ONE << np.uint64(index & 63)
            continue
        if size + 2 > heap.shape[0]:
            larger = np.empty(2 * heap.shape[0], np.uint64)
            larger[:size] = heap[:size]
            heap = larger
        r = np.int64(apex) - 1
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
def reduce_relations(bits, splits, reps, births, apexes):
    """Pair birth edges with split edges.

    Parameters
    ----------
    bits : (n, n) uint32, patterns of the dissimilarities
    splits : (s,) uint64, sorted keys of the split edges
    reps : (k,) int64, per split edge a count c and one vertex of each component of its lune
    births : (beta,) uint64, sorted keys of the birth edges
    apexes : (n, n) uint16, scratch, IN_RNG at RNG edges (`mark_rng`), else UNKNOWN

    Returns
    -------
    deaths : (beta,) uint64, key of the split edge that kills each birth, 0 when none does
    columns : (beta, words) uint64, row p is the reduced column whose pivot is birth edge p
    counts : (3,) int64, relations used, column additions, rows filled
    """
    beta = births.shape[0]
    words = (beta + 63) >> 6
    deaths = np.zeros(beta, np.uint64)
    columns = np.zeros((beta, words), np.uint64)
    owned = np.zeros(beta, np.bool_)
    column = np.empty(words, np.uint64)
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
            column[:] = _ZERO
            size = _push(heap, 0, edge_key(bits[a, first], a, first))
            size = _push(heap, size, edge_key(bits[b, first], b, first))
            size = _push(heap, size, edge_key(bits[b, other], b, other))
            size = _push(heap, size, edge_key(bits[a, other], a, other))
            heap = _expand(bits, apexes, births, heap, size, column)
            counts[0] += 1
            pivot = _youngest(column, words - 1)
            while pivot >= 0 and owned[pivot]:
                counts[1] += 1
                for word in range((pivot >> 6) + 1):
                    column[word] ^= columns[pivot, word]
                pivot = _youngest(column, pivot >> 6)
            if pivot >= 0:
                owned[pivot] = True
                columns[pivot] = column
                deaths[pivot] = key
                counts[2] += 1
        at += 1 + reps[at]
    return deaths, columns, counts


@njit(nogil=True, cache=True)
def column_members(columns, rows):
    """List the set bits of the given rows: offsets (len(rows) + 1,) and indices, int64."""
    offsets = np.zeros(rows.shape[0] + 1, np.int64)
    total = 0
    for k in range(rows.shape[0]):
        for value in columns[rows[k]]:
            while value != _ZERO:
                value &= value - _ONE
                total += 1
        offsets[k + 1] = total
    members = np.empty(total, np.int64)
    at = 0
    for row in rows:
        for word in range(columns.shape[1]):
            value = columns[row, word]
            for bit in range(64):
                if value >> np.uint64(bit) & _ONE != _ZERO:
                    members[at] = word * 64 + bit
                    at += 1
    return offsets, members
