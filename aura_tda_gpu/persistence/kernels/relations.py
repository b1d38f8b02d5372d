"""Relations of the split edges as chains of RNG edges, kept from one diagram to the next."""

from __future__ import annotations

import numpy as np
from numba import njit

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


@njit(nogil=True, cache=True, inline="always")
def _touch(touched, vertex):
    if touched.shape[0] > 0:
        touched[vertex >> 6] |= _ONE << np.uint64(vertex & 63)


@njit(nogil=True, cache=True)
def _expand(bits, apexes, empty, heap, size, chain, touched):
    """Write the edges on the heap in RNG edges: ab ~ ar + rb, r in the lune of ab.

    Returns the heap, the chain, which may be new arrays, and the length of the chain.
    """
    n_slots = bits.shape[0]
    used = 0
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
            if used == chain.shape[0]:
                longer = np.empty(2 * used, np.uint32)
                longer[:used] = chain
                chain = longer
            chain[used] = (np.uint32(a) << np.uint32(16)) | np.uint32(b)
            used += 1
            continue
        if size + 2 > heap.shape[0]:
            larger = np.empty(2 * heap.shape[0], np.uint64)
            larger[:size] = heap[:size]
            heap = larger
        r = apex if apex < n_slots else apex - n_slots
        _touch(touched, r)
        size = _push(heap, size, edge_key(bits[a, r], a, r))
        size = _push(heap, size, edge_key(bits[b, r], b, r))
    return heap, chain, used


@njit(nogil=True, cache=True)
def relation(bits, apexes, empty, key, r, s, heap, chain, touched):
    """Write the cycle a r b s of a split edge ab as a chain of RNG edges.

    Parameters
    ----------
    bits : (n, n) uint32, patterns of the dissimilarities
    apexes : (n, n) uint16, as in `reduction.reduce_relations`
    empty : int, as there
    key : uint64, of the edge ab
    r, s : int, vertices of two components of its lune
    heap : (any,) uint64, room
    chain : (any,) uint32, written: larger vertex << 16 | smaller vertex
    touched : (words,) uint64, every vertex that is used is added; of length 0 not to know

    Returns
    -------
    heap, chain : the same, or longer ones
    used : int, length of the chain
    """
    a = larger_vertex(key)
    b = smaller_vertex(key)
    size = 0
    for v in (r, s):
        _touch(touched, v)
        size = _push(heap, size, edge_key(bits[a, v], a, v))
        size = _push(heap, size, edge_key(bits[b, v], b, v))
    _touch(touched, a)
    _touch(touched, b)
    return _expand(bits, apexes, empty, heap, size, chain, touched)


@njit(nogil=True, cache=True)
def holds(chain, touched, gone, frayed, apexes, empty):
    """Tell whether a chain found before uses no vertex that left and still RNG edges only.

    An edge that is none any more has both ends in ``frayed``, and those of the chain in
    ``touched``; without such a vertex the chain need not be read.
    """
    some, ends = _ZERO, _ZERO
    for word in range(gone.shape[0]):
        some |= touched[word] & gone[word]
        ends |= touched[word] & frayed[word]
    if some != _ZERO or ends == _ZERO:
        return some == _ZERO
    for edge in chain:
        a = np.int64(edge >> np.uint32(16))
        b = np.int64(edge & np.uint32(0xFFFF))
        if apexes[a, b] != empty:
            return False
    return True


@njit(nogil=True, cache=True)
def birth_table(births, n):
    """Sort births by larger vertex: starts (n + 1,), smaller vertices and indices (beta,)."""
    starts = np.zeros(n + 1, np.int64)
    for key in births:
        starts[larger_vertex(key) + 1] += 1
    for v in range(n):
        starts[v + 1] += starts[v]
    at = starts.copy()
    smaller = np.empty(births.shape[0], np.int64)
    index = np.empty(births.shape[0], np.int64)
    for i in range(births.shape[0]):
        a = larger_vertex(births[i])
        smaller[at[a]] = smaller_vertex(births[i])
        index[at[a]] = i
        at[a] += 1
    return starts, smaller, index


@njit(nogil=True, cache=True)
def add_births(chain, starts, smaller, index, column):
    """Add the birth edges of a chain to a column over Z/2; the forest counts as nothing."""
    for edge in chain:
        a = np.int64(edge >> np.uint32(16))
        b = np.int64(edge & np.uint32(0xFFFF))
        for at in range(starts[a], starts[a + 1]):
            if smaller[at] == b:
                column[index[at] >> 6] ^= _ONE << np.uint64(index[at] & 63)
