"""Which edges have to be looked at again when points come and go."""

from __future__ import annotations

import numpy as np
from numba import njit

from .certificates import N_CODES, loose_code, marked_code, split_code
from .keys import edge_key, larger_vertex, smaller_vertex

_BLOCK = np.uint64(256)
_ONE = np.uint32(1)
_LOST = np.uint32(0)
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
def _push(out, used, first, a, b):
    """List an edge and mark it."""
    code = np.uint64(first[a, b])
    out[used] = (np.uint64(a) << np.uint64(32)) | (np.uint64(b) << np.uint64(16)) | code
    first[a, b] = marked_code(first.shape[0])
    return used + 1


@njit(nogil=True, cache=True)
def _nearest_inside(bits, a, b, length, rows, i):
    """Vertex of the lune of ab, nearer to both than ``length``, that is nearest to a point."""
    nearest = NOWHERE
    for v in range(np.uint64(bits.shape[0])):
        outside = np.uint32(max(bits[a, v], bits[b, v]) < length) - _ONE
        nearest = min(nearest, rows[i, v] | outside)
    if nearest >= length:
        return np.int64(-1)
    for v in range(np.uint64(bits.shape[0])):
        if rows[i, v] == nearest and max(bits[a, v], bits[b, v]) < length:
            return np.int64(v)
    return np.int64(-1)


@njit(nogil=True, cache=True)
def _n_apart(bits, a, b, t, length, rows, i):
    """Count the slots that may be in the lune of ab and joined to a point but not to t."""
    count = np.uint32(0)
    for v in range(np.uint64(bits.shape[0])):
        joined = max(max(bits[a, v], bits[b, v]), rows[i, v]) <= length
        count = np.uint32(count + np.uint32(joined & (bits[t, v] >= length)))
    return count


@njit(nogil=True, cache=True)
def is_dominated(bits, a, b, rows, i):
    """Tell whether a lune vertex is surely joined to all others that a point is joined to.

    Then the components of the lune of ab are the same with and without that point.

    Parameters
    ----------
    bits : (N, N) uint32, patterns of the dissimilarities
    a, b : uint64, the edge
    rows : (m, N) uint32, patterns from each point to the survivors, NOWHERE elsewhere
    i : uint64, which point
    """
    length = bits[a, b]
    t = _nearest_inside(bits, a, b, length, rows, i)
    return t >= 0 and _n_apart(bits, a, b, np.uint64(t), length, rows, i) == np.uint32(0)


@njit(nogil=True, cache=True)
def _is_among(y, group):
    found = False
    for vertex in group:
        found = found or vertex == y
    return found


@njit(nogil=True, cache=True)
def _list_unhubbed(bits, first, rows, alive, gone, old_rows, edge_keys, reps, limit, out, used):
    """List the edges of some rows that have no hubs and a lune which a vertex leaves.

    ``reps`` is empty, or has vertices of each lune, which must not leave.
    """
    at = 0
    for key in edge_keys:
        begin = at + 1
        at += 1 + reps[at] if reps.shape[0] > 0 else 0
        a = np.uint64(larger_vertex(key))
        b = np.uint64(smaller_vertex(key))
        if a < rows[0] or a > rows[-1] or not alive[a] or not alive[b] or bits[a, b] > limit:
            continue
        n_lost = 0
        for i in range(np.uint64(gone.shape[0])):
            y = gone[i]
            if edge_key(old_rows[i, a], y, a) < key and edge_key(old_rows[i, b], y, b) < key:
                n_lost += 1
                named = first[a, b] == bits.shape[0] + y or _is_among(y, reps[begin:at])
                if n_lost > 1 or named or not is_dominated(bits, a, b, old_rows, i):
                    if used == out.shape[0]:
                        return -1
                    used = _push(out, used, first, a, b)
                    break
    return used


@njit(nogil=True, cache=True)
def _any_broken(bits, first, second, a, start, stop, new_rows, tables, i):
    """Tell whether an edge ab, start <= b < stop, may lose a hub or be entered; ties count."""
    to_a = new_rows[i, a]
    hits = np.uint32(0)
    for b in range(start, stop):
        length = bits[a, b]
        low = min(tables[i, first[a, b]], tables[i, second[a, b]])
        entered = (max(to_a, new_rows[i, b]) <= length) & (low > length)
        hits = np.uint32(hits | np.uint32(entered | (low == _LOST)))
    return hits != np.uint32(0)


@njit(nogil=True, cache=True)
def _stays_connected(bits, second, a, b, new_rows, i):
    """Tell whether a point that enters a lune without hubs surely leaves its components alone."""
    n_slots = bits.shape[0]
    if second[a, b] == loose_code(n_slots):
        return _nearest_inside(bits, a, b, bits[a, b], new_rows, i) >= 0
    alone = new_rows.shape[0] == 1
    return alone and second[a, b] == split_code(n_slots) and is_dominated(bits, a, b, new_rows, i)


@njit(nogil=True, cache=True)
def _list_broken(bits, first, second, a, alive, new, new_rows, tables, i, limit, out, used):
    """List the edges ab, a > b, that lose a hub, or whose lune a point enters without joining one.

    Indices are unsigned, so that the loop over a block becomes vector instructions.
    """
    done = marked_code(bits.shape[0])
    to_a = new_rows[i, a]
    for start in range(np.uint64(0), a, _BLOCK):
        stop = min(a, start + _BLOCK)
        if not _any_broken(bits, first, second, a, start, stop, new_rows, tables, i):
            continue
        if used + np.int64(stop - start) > out.shape[0]:
            return -1
        for b in range(start, stop):
            length = bits[a, b]
            low = min(tables[i, first[a, b]], tables[i, second[a, b]])
            entered = max(to_a, new_rows[i, b]) <= length and low > length
            if not entered and low != _LOST:
                continue
            if first[a, b] == done or not alive[b] or length > limit:
                continue
            if low != _LOST:
                if not enters(new_rows[i], first, second, bits, a, b, new[i]):
                    continue
                if _stays_connected(bits, second, a, b, new_rows, i):
                    continue
            used = _push(out, used, first, a, b)
    return used


@njit(nogil=True, cache=True)
def _tables(new_rows, gone, n_slots):
    """Return what each code means to each new point: _LOST, or a hub's distance plus one.

    There is a row for no point at all if none comes.
    """
    tables = np.full((max(1, new_rows.shape[0]), 2 * n_slots + N_CODES), NOWHERE)
    for i in range(new_rows.shape[0]):
        for v in range(n_slots):
            tables[i, v] = min(new_rows[i, v], NOWHERE - _ONE) + _ONE
    for table in tables:
        table[marked_code(n_slots)] = _LOST
        for y in gone:
            table[y] = _LOST
    return tables


@njit(nogil=True, cache=True)
def mark(
    bits, first, second, rows, alive, gone, old_rows, new, new_rows, splits, reps, loose, limit, out
):
    """List the edges between survivors whose certificate a change may break.

    A hub leaves, or a point enters the lune without joining a hub. Where there are no hubs, a
    point leaves or enters the lune and is not seen to be dominated in it: removing a dominated
    vertex keeps the homotopy type (Boissonnat and Pritam, SoCG 2020, section 3).

    Parameters
    ----------
    bits : (N, N) uint32, patterns of the dissimilarities; N is a multiple of 64
    first, second : (N, N) uint16, codes; listed edges get `marked_code` in ``first``
    rows : (k,) int64, k > 0, ascending slots that keep their point: the larger ends to look at
    alive : (N,) bool, all slots that keep their point
    gone, new : (g,), (m,) int64, slots whose old point leaves, slots of the new points
    old_rows, new_rows : (g, N), (m, N) uint32, patterns from each point that leaves or comes to
        each survivor, NOWHERE elsewhere
    splits, loose : (s,), (t,) uint64, keys of the edges whose lune has vertices and no hubs
    reps : int64, for each split edge the number of components and a vertex of each
    limit : uint32, longest edge to look at
    out : (size,) uint64, written: larger slot << 32 | smaller slot << 16 | old code

    Returns
    -------
    int
        Number of edges listed; -1 when they do not fit, with the codes left half marked.
    """
    used = 0
    nobody = np.empty(0, np.int64)
    for edge_keys, vertices in ((splits, reps), (loose, nobody)):
        used = _list_unhubbed(
            bits, first, rows, alive, gone, old_rows, edge_keys, vertices, limit, out, used
        )
        if used < 0:
            return -1
    tables = _tables(new_rows, gone, bits.shape[0])
    if new.shape[0] == 0:
        new_rows = np.full((1, bits.shape[0]), NOWHERE)
    for slot in rows:
        for i in range(np.uint64(tables.shape[0])):
            used = _list_broken(
                bits,
                first,
                second,
                np.uint64(slot),
                alive,
                new,
                new_rows,
                tables,
                i,
                limit,
                out,
                used,
            )
            if used < 0:
                return -1
    return used
