"""Hubs of one edge: a vertex of its lune, or two joined ones, that all others are joined to."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from .keys import edge_key

COUNT_SHIFT = np.uint32(16)
COUNTED = np.uint32(1 << 16)
_ZERO = np.uint32(0)
_NONE = np.uint32(0xFFFFFFFF)
_BLOCK = np.uint64(64)


@njit(nogil=True, cache=True)
def central(row_a, row_b, members):
    """Member nearest to both ends, the first of them."""
    nearest, centre = _NONE, np.int64(-1)
    for v in members:
        longer = max(row_a[v], row_b[v])
        if longer < nearest:
            nearest = longer
            centre = v
    return centre


@njit(nogil=True, cache=True)
def _uncovered(row_a, row_b, row_h, row_g, length):
    """Add up 65536 + v over the slots v that may be in the lune and joined to neither hub."""
    total = _ZERO
    for v in range(np.uint64(row_a.shape[0])):
        inside = max(row_a[v], row_b[v]) <= length
        missed = np.uint32(inside & (min(row_h[v], row_g[v]) >= length))
        total = np.uint32(total + missed * np.uint32(COUNTED + v))
    return total


@njit(nogil=True, cache=True)
def missed_by(bits, a, b, length, h, g):
    """Tell as `_uncovered` what two vertices miss, whatever ties there are; _NONE if no hubs."""
    n_slots = bits.shape[0]
    if h >= n_slots or g >= n_slots or max(bits[a, h], bits[b, h]) >= length:
        return _NONE
    if max(bits[a, g], bits[b, g]) >= length or (h != g and bits[h, g] >= length):
        return _NONE
    return _uncovered(bits[a], bits[b], bits[h], bits[g], length)


@njit(nogil=True, cache=True)
def _between(row_a, row_b, row_h, row_u, length):
    """Vertex nearest to four others, -1 if it is not nearer to all of them than ``length``."""
    nearest = length
    n_slots = np.uint64(row_a.shape[0])
    block: Any = n_slots
    for start in range(np.uint64(0), n_slots, _BLOCK):
        best = _NONE
        for v in range(start, start + _BLOCK):
            best = min(best, max(max(row_a[v], row_b[v]), max(row_h[v], row_u[v])))
        if best < nearest:
            nearest = best
            block = start
    if block < n_slots:
        for v in range(block, block + _BLOCK):
            if max(max(row_a[v], row_b[v]), max(row_h[v], row_u[v])) == nearest:
                return np.int64(v)
    return np.int64(-1)


@njit(nogil=True, cache=True)
def replaced_hub(bits, a, b, length, h, g, u):
    """Find a hub beside h or g, when u is the only vertex that neither is joined to; or -1, -1."""
    for kept in (h, g):
        v = _between(bits[a], bits[b], bits[kept], bits[u], length)
        if v >= 0 and missed_by(bits, a, b, length, kept, v) == _ZERO:
            return kept, v
    return np.int64(-1), np.int64(-1)


@njit(nogil=True, cache=True)
def list_far(row, hub, members, key, length, far):
    """List the members that ``hub`` is not joined to; return their number."""
    count = 0
    for v in members:
        if row[v] >= length and v != hub and edge_key(row[v], hub, v) > key:
            far[count] = v
            count += 1
    return count


@njit(nogil=True, cache=True)
def _first_missed(row, far, length):
    """First listed vertex that is not nearer than ``length``, -1 when there is none."""
    for v in far:
        if row[v] >= length:
            return v
    return np.int64(-1)


@njit(nogil=True, cache=True)
def _keep_near(row, vertices, size, length):
    """Keep the vertices nearer than ``length``; return their number."""
    count = np.int64(0)
    for i in range(size):
        v = vertices[i]
        vertices[count] = v
        count += np.int64(row[v] < length)
    return count


@njit(nogil=True, cache=True)
def two_hubs(bits, hub, members, key, length, far, n_far, common, tries):
    """Find two members, joined to each other, such that all others are joined to one.

    ``far`` lists the ``n_far`` vertices that ``hub`` is not joined to; overwritten. Returns
    both, the same vertex twice if it is joined to all, or -1 and -1 after so many ``tries``.
    """
    for attempt in range(tries):
        if n_far == 0:
            return hub, hub
        size = np.int64(0)
        for v in members:
            common[size] = v
            size += np.int64((bits[hub, v] < length) & (v != hub))
        last = np.int64(-1)
        while size > 0:
            other = common[0]
            missed = _first_missed(bits[other], far[:n_far], length)
            if missed < 0:
                return hub, other
            last = other
            size = _keep_near(bits[missed], common, size, length)
        if last < 0 or attempt + 1 == tries:
            break
        hub = last
        n_far = list_far(bits[hub], hub, members, key, length, far)
    return np.int64(-1), np.int64(-1)
