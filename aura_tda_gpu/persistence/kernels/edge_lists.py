"""Sorted lists of the few edges whose lune is not connected, kept up to date."""

from __future__ import annotations

import numpy as np
from numba import njit

from .certificates import marked_code
from .keys import edge_key, larger_vertex, smaller_vertex
from .recheck import EMPTY, LOOSE, SPLIT

INFINITE = np.uint32(0x7F800000)


@njit(nogil=True, cache=True)
def still_valid(edge_keys, first, alive, rows, out):
    """Tell which edges of some rows join survivors and were not marked.

    Parameters
    ----------
    edge_keys : (m,) uint64
    first : (N, N) uint16, codes before they are written anew
    alive : (N,) bool, slots that keep their point
    rows : (k,) int64, k > 0, ascending slots; the range they span is looked at
    out : (m,) bool, written where the larger end of the edge is in it
    """
    done = marked_code(first.shape[0])
    for i in range(edge_keys.shape[0]):
        a = larger_vertex(edge_keys[i])
        if a < rows[0] or a > rows[-1]:
            continue
        b = smaller_vertex(edge_keys[i])
        out[i] = alive[a] and alive[b] and first[a, b] != done


@njit(nogil=True, cache=True)
def merge_splits(old_keys, old_reps, keep, new_keys, new_reps, order):
    """Merge two ragged lists of split edges.

    Parameters
    ----------
    old_keys, new_keys : (s,), (t,) uint64, keys; the old ones are sorted
    old_reps, new_reps : int64, for each of them a count c and one vertex of each component
    keep : (s,) bool, which old ones stay
    order : (t,) int64, sorts the new ones

    Returns
    -------
    keys : (k,) uint64, sorted
    reps : int64
    sources : (k,) int64, position among the old ones, -1 for a new one
    """
    sources = np.full(old_keys.shape[0] + new_keys.shape[0], -1)
    starts = np.empty(new_keys.shape[0], np.int64)
    at = 0
    for i in range(new_keys.shape[0]):
        starts[i] = at
        at += 1 + new_reps[at]
    edge_keys = np.empty(old_keys.shape[0] + new_keys.shape[0], np.uint64)
    reps = np.empty(old_reps.shape[0] + new_reps.shape[0], np.int64)
    size, used, at, j = 0, 0, 0, 0
    for i in range(old_keys.shape[0] + 1):
        last = i == old_keys.shape[0]
        while j < order.shape[0] and (last or new_keys[order[j]] < old_keys[i]):
            start = starts[order[j]]
            edge_keys[size] = new_keys[order[j]]
            for k in range(1 + new_reps[start]):
                reps[used + k] = new_reps[start + k]
            size += 1
            used += 1 + new_reps[start]
            j += 1
        if last:
            break
        if keep[i]:
            sources[size] = i
            edge_keys[size] = old_keys[i]
            for k in range(1 + old_reps[at]):
                reps[used + k] = old_reps[at + k]
            size += 1
            used += 1 + old_reps[at]
        at += 1 + old_reps[at]
    return edge_keys[:size].copy(), reps[:used].copy(), sources[:size].copy()


@njit(nogil=True, cache=True)
def n_up_to(rng, splits, reps, end):
    """Count the keys below ``end`` in two sorted lists, and the entries of reps they have."""
    n_splits = np.searchsorted(splits, end)
    at = 0
    for _ in range(n_splits):
        at += 1 + reps[at]
    return np.searchsorted(rng, end), n_splits, at


@njit(nogil=True, cache=True)
def star(bits, first, second, new, live, near, limit):
    """List the edges of the new points, with the certificates of a near point's edges as hints.

    Parameters
    ----------
    bits : (N, N) uint32, patterns of the new dissimilarities
    first, second : (N, N) uint16; hints are left in ``second``
    new : (m,) int64, slots of the new points
    live : (n,) int64, ascending slots that hold a point
    near : (m,) int64, a survivor near each new point, -1 for none
    limit : uint32, longest edge to list

    Returns
    -------
    listed : (k,) uint64, larger slot << 32 | smaller slot << 16 | hint
    """
    n_slots = bits.shape[0]
    listed = np.empty(new.shape[0] * live.shape[0], np.uint64)
    is_new = np.zeros(n_slots, np.bool_)
    is_new[new] = True
    none = np.uint16(2 * n_slots)
    used = 0
    for i in range(new.shape[0]):
        x = new[i]
        p = near[i]
        for b in live:
            if b == x or (is_new[b] and b > x) or bits[x, b] > limit:
                continue
            high = max(b, x)
            low = min(b, x)
            hint = np.uint16(p) if p >= 0 else none
            other = none
            if p >= 0 and not is_new[b] and b != p and first[max(b, p), min(b, p)] < n_slots:
                hint = first[max(b, p), min(b, p)]
                other = second[max(b, p), min(b, p)]
            second[high, low] = other
            listed[used] = (
                (np.uint64(high) << np.uint64(32))
                | (np.uint64(low) << np.uint64(16))
                | np.uint64(hint)
            )
            used += 1
    return listed[:used]


@njit(nogil=True, cache=True)
def nearest_survivors(rows):
    """Column of the smallest entry of each row, -1 when all are infinite or more."""
    out = np.empty(rows.shape[0], np.int64)
    for i in range(rows.shape[0]):
        best = -1
        length = INFINITE
        for b in range(rows.shape[1]):
            if rows[i, b] < length:
                length = rows[i, b]
                best = b
        out[i] = best
    return out


@njit(nogil=True, cache=True)
def _of_kind(listed, kinds, kind, bits):
    """Return the keys of the listed edges of one kind, in their order."""
    out = np.empty(listed.shape[0], np.uint64)
    used = 0
    for i in range(listed.shape[0]):
        if kinds[i] == kind:
            a = np.int64(listed[i] >> np.uint64(32))
            b = np.int64((listed[i] >> np.uint64(16)) & np.uint64(0xFFFF))
            out[used] = edge_key(bits[a, b], a, b)
            used += 1
    return out[:used].copy()


@njit(nogil=True, cache=True)
def _merge(old, keep, new):
    """Merge the kept ones of a sorted list with others."""
    new = np.sort(new)
    out = np.empty(old.shape[0] + new.shape[0], np.uint64)
    used, j = 0, 0
    for i in range(old.shape[0]):
        if not keep[i]:
            continue
        while j < new.shape[0] and new[j] < old[i]:
            out[used] = new[j]
            used += 1
            j += 1
        out[used] = old[i]
        used += 1
    for rest in new[j:]:
        out[used] = rest
        used += 1
    return out[:used].copy()


@njit(nogil=True, cache=True)
def merge(lists, kept, listed, kinds, reps, bits, sources, frayed):
    """Bring the lists of edges up to date.

    Parameters
    ----------
    lists : rng, splits, loose, reps, as `unhubbed.EdgeLists` has them
    kept : three arrays of bool, which entries of rng, splits and loose are as they were
    listed, kinds, reps : as `recheck.recheck` has them
    bits : (N, N) uint32, patterns of the dissimilarities
    sources : (s,) int64, what is carried along with each split edge
    frayed : (words,) uint64, bitset of slots; the ends of edges that leave rng are added

    Returns
    -------
    rng, splits, loose, reps : sorted
    sources : (k,) int64, as before for split edges of before, -1 for others
    """
    splits = _of_kind(listed, kinds, SPLIT, bits)
    merged, all_reps, places = merge_splits(
        lists[1], lists[3], kept[1], splits, reps, np.argsort(splits)
    )
    for i in range(places.shape[0]):
        places[i] = sources[places[i]] if places[i] >= 0 else -1
    for i in range(kept[0].shape[0]):
        if not kept[0][i]:
            for v in (larger_vertex(lists[0][i]), smaller_vertex(lists[0][i])):
                frayed[v >> 6] |= np.uint64(1) << np.uint64(v & 63)
    rng = _merge(lists[0], kept[0], _of_kind(listed, kinds, EMPTY, bits))
    loose = _merge(lists[2], kept[2], _of_kind(listed, kinds, LOOSE, bits))
    return rng, merged, loose, all_reps, places
