"""Every certificate checked against the distances, without a shortcut."""

from __future__ import annotations

import numpy as np
from numba import njit

from .certificates import empty_code, loose_code, split_code
from .keys import edge_key, larger_vertex, smaller_vertex


@njit(nogil=True, cache=True)
def _label_lune(bits, a, b, labels):
    """Write the component of each lune vertex from 1 on, 0 elsewhere; return their number."""
    n_slots = bits.shape[0]
    key = edge_key(bits[a, b], a, b)
    for v in range(n_slots):
        inside = v != a and v != b
        inside = inside and edge_key(bits[a, v], a, v) < key and edge_key(bits[b, v], b, v) < key
        labels[v] = -1 if inside else 0
    stack = np.empty(n_slots, np.int64)
    count = 0
    for start in range(n_slots):
        if labels[start] != -1:
            continue
        count += 1
        labels[start] = count
        stack[0] = start
        size = 1
        while size > 0:
            size -= 1
            u = stack[size]
            for v in range(n_slots):
                if labels[v] == -1 and edge_key(bits[u, v], u, v) < key:
                    labels[v] = count
                    stack[size] = v
                    size += 1
    return count


@njit(nogil=True, cache=True)
def _are_hubs(bits, a, b, h, g):
    """Tell whether h and g are in the lune of ab, joined, and every other vertex to one of them."""
    n_slots = bits.shape[0]
    key = edge_key(bits[a, b], a, b)
    for hub in (h, g):
        if hub >= n_slots or hub in (a, b):
            return False
        if edge_key(bits[a, hub], a, hub) >= key or edge_key(bits[b, hub], b, hub) >= key:
            return False
    if h != g and edge_key(bits[h, g], h, g) >= key:
        return False
    for v in range(n_slots):
        if v in (a, b, h, g):
            continue
        if edge_key(bits[a, v], a, v) >= key or edge_key(bits[b, v], b, v) >= key:
            continue
        if edge_key(bits[h, v], h, v) >= key and edge_key(bits[g, v], g, v) >= key:
            return False
    return True


@njit(nogil=True, cache=True)
def first_false(bits, first, second, edge_keys):
    """Return the position of the first edge whose codes are not true, -1 when all are.

    Parameters
    ----------
    bits : (N, N) uint32, patterns of the dissimilarities
    first, second : (N, N) uint16, codes
    edge_keys : (m,) uint64, by slot
    """
    n_slots = bits.shape[0]
    labels = np.empty(n_slots, np.int64)
    for i in range(edge_keys.shape[0]):
        a = larger_vertex(edge_keys[i])
        b = smaller_vertex(edge_keys[i])
        h = np.int64(first[a, b])
        g = np.int64(second[a, b])
        if h < n_slots:
            if not _are_hubs(bits, a, b, h, g):
                return i
            continue
        count = _label_lune(bits, a, b, labels)
        if h == empty_code(n_slots):
            true = count == 0 and g == h
        elif h < empty_code(n_slots) and labels[h - n_slots] > 0:
            true = g == (loose_code(n_slots) if count == 1 else split_code(n_slots))
        else:
            true = False
        if not true:
            return i
    return -1


@njit(nogil=True, cache=True)
def first_false_split(bits, edge_keys, reps):
    """Return the position of the first split edge whose vertices are not one a component, or -1.

    Parameters
    ----------
    bits : (N, N) uint32, patterns of the dissimilarities
    edge_keys : (s,) uint64, by slot
    reps : int64, for each of them a count c and one vertex of each component
    """
    labels = np.empty(bits.shape[0], np.int64)
    at = 0
    for i in range(edge_keys.shape[0]):
        count = _label_lune(bits, larger_vertex(edge_keys[i]), smaller_vertex(edge_keys[i]), labels)
        seen = np.zeros(count + 1, np.bool_)
        seen[0] = True
        for j in range(at + 1, at + 1 + reps[at]):
            if seen[labels[reps[j]]]:
                return i
            seen[labels[reps[j]]] = True
        if not seen.all():
            return i
        at += 1 + reps[at]
    return -1
