"""Which edges have to be looked at again when points come and go."""

from __future__ import annotations

import numpy as np
from numba import njit

from .certificates import N_CODES, marked_code
from .keys import edge_key, larger_vertex, smaller_vertex

_BLOCK = 128
_ONES = np.uint64(0x0001000100010001)
_HIGH = np.uint64(0x8000800080008000)
NOWHERE = np.uint32(0xFFFFFFFF)


@njit(nogil=True, cache=True)
def enters(row, first, second, bits, a, b, x):
    """Tell whether vertex x, with patterns ``row`` to all slots, breaks what is noted of ab."""
    key = edge_key(bits[a, b], a, b)
    if edge_key(row[a], x, a) >= key or edge_key(row[b], x, b) >= key:
        return False
    n_slots = row.shape[0]
    h = np.int64(first[a, b])
    g = np.int64(second[a, b])
    if h >= n_slots:
        return True
    return edge_key(row[h], x, h) >= key and edge_key(row[g], x, g) >= key


@njit(nogil=True, cache=True)
def contains(row, y):
    """Tell whether one of the codes, four to a word, is y."""
    pattern = _ONES * np.uint64(y)
    some = np.uint64(0)
    for word in range(row.shape[0]):
        x = row[word] ^ pattern
        some |= (x - _ONES) & ~x
    return some & _HIGH != np.uint64(0)


@njit(nogil=True, cache=True)
def _push(out, used, a, b, code):
    out[used] = (np.uint64(a) << np.uint64(32)) | (np.uint64(b) << np.uint64(16)) | np.uint64(code)
    return used + 1


@njit(nogil=True, cache=True)
def mark_lost(bits, first, second, survivors, alive, gone, unhubbed, limit, out):
    """List the edges between survivors whose certificate needs a vertex that goes.

    Parameters
    ----------
    bits : (N, N) uint32, patterns of the old dissimilarities; N is a multiple of 64
    first, second : (N, N) uint16, codes; listed edges get `marked_code` in ``first``
    survivors : (k,) int64, ascending slots that hold a point before and after
    alive : (N,) bool, the same
    gone : (g,) int64, slots whose old point leaves
    unhubbed : (u,) uint64, keys of the edges whose lune is not empty and has no hubs
    limit : uint32, longest edge to look at
    out : (size,) uint64, written: larger slot << 32 | smaller slot << 16 | old code

    Returns
    -------
    int
        Number of edges listed; -1 when they do not fit, with the codes left half marked.
    """
    n_slots = bits.shape[0]
    done = marked_code(n_slots)
    used = 0
    for key in unhubbed:
        a = larger_vertex(key)
        b = smaller_vertex(key)
        if not alive[a] or not alive[b] or bits[a, b] > limit:
            continue
        for y in gone:
            if edge_key(bits[y, a], y, a) < key and edge_key(bits[y, b], y, b) < key:
                if used == out.shape[0]:
                    return -1
                used = _push(out, used, a, b, first[a, b])
                first[a, b] = done
                break
    first_words = first.view(np.uint64)
    second_words = second.view(np.uint64)
    for a in survivors:
        width = (a + 3) >> 2
        f = first[a]
        s = second[a]
        for y in gone:
            some = contains(first_words[a, :width], y)
            if not some and not contains(second_words[a, :width], y):
                continue
            if used + a > out.shape[0]:
                return -1
            for b in range(a):
                if f[b] != y and s[b] != y:
                    continue
                if f[b] != done and alive[b] and bits[a, b] <= limit:
                    used = _push(out, used, a, b, f[b])
                    f[b] = done
    return used


@njit(nogil=True, cache=True)
def _n_entered(row, f, s, near, to_a, table):
    """Count the edges of a piece of a row that x may break; ties count as broken."""
    n_hits = 0
    for b in range(row.shape[0]):
        length = row[b]
        inside = max(to_a, near[b]) <= length
        n_hits += inside & (min(table[f[b]], table[s[b]]) >= length)
    return n_hits


@njit(nogil=True, cache=True)
def mark_entered(bits, first, second, survivors, alive, rows, new, limit, out, used):
    """List the edges between survivors whose lune a new point enters without joining a hub.

    Parameters
    ----------
    bits, first, second, survivors, alive, limit, out
        As in `mark_lost`, which comes first.
    rows : (m, N) uint32, patterns from each new point to each survivor, NOWHERE elsewhere
    new : (m,) int64, slots of the new points
    used : int, what is listed already

    Returns
    -------
    int
        As `mark_lost`.
    """
    n_slots = bits.shape[0]
    tables = np.empty((new.shape[0], 2 * n_slots + N_CODES), np.uint32)
    for i in range(new.shape[0]):
        tables[i, :n_slots] = rows[i]
        tables[i, n_slots:] = NOWHERE
        tables[i, marked_code(n_slots)] = np.uint32(0)
    done = marked_code(n_slots)
    for a in survivors:
        row = bits[a]
        f = first[a]
        s = second[a]
        for i in range(new.shape[0]):
            table = tables[i]
            near = rows[i]
            to_a = near[a]
            if to_a > limit:
                continue
            for start in range(0, a, _BLOCK):
                stop = min(a, start + _BLOCK)
                part = slice(start, stop)
                n_hits = _n_entered(row[part], f[part], s[part], near[part], to_a, table)
                if n_hits == 0:
                    continue
                if used + n_hits > out.shape[0]:
                    return -1
                for b in range(start, stop):
                    length = row[b]
                    if max(to_a, near[b]) > length or min(table[f[b]], table[s[b]]) < length:
                        continue
                    if f[b] == done or not alive[b] or length > limit:
                        continue
                    if enters(near, first, second, bits, a, b, new[i]):
                        used = _push(out, used, a, b, f[b])
                        f[b] = done
    return used
