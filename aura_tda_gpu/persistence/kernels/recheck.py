"""The lune of one edge from scratch: its components, and a certificate if it has but one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from .certificates import empty_code, loose_code, split_code
from .keys import edge_key

EMPTY, CONNECTED, LOOSE, SPLIT = np.uint8(0), np.uint8(1), np.uint8(2), np.uint8(3)
_ONE = np.uint32(1)
_ZERO = np.uint32(0)
_NONE = np.uint32(0xFFFFFFFF)
_COUNT_SHIFT = np.uint32(16)
_COUNTED = np.uint32(1 << 16)
_TRIES = 3
_BLOCK = np.uint64(64)


@njit(nogil=True, cache=True)
def _enter_lune(row_a, row_b, length, lune):
    """Flag the slots nearer to both ends than ``length``; return how many are as far at most."""
    within = _ZERO
    for v in range(lune.shape[0]):
        longer = max(row_a[v], row_b[v])
        lune[v] = np.uint32(longer < length)
        within = np.uint32(within + np.uint32(longer <= length))
    return within


@njit(nogil=True, cache=True)
def _add_ties(row_a, row_b, a, b, key, length, lune):
    """Flag the slots that are as far as ``length`` and come before the edge in the order."""
    for v in range(lune.shape[0]):
        if max(row_a[v], row_b[v]) == length and v != a and v != b:
            before = edge_key(row_a[v], a, v) < key and edge_key(row_b[v], b, v) < key
            lune[v] = np.uint32(before)


@njit(nogil=True, cache=True)
def _list_members(lune, members):
    """List the flagged slots; return their number."""
    count = np.int64(0)
    for v in range(lune.shape[0]):
        members[count] = v
        count += np.int64(lune[v])
    return count


@njit(nogil=True, cache=True)
def _central(row_a, row_b, members):
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
        total = np.uint32(total + missed * np.uint32(_COUNTED + v))
    return total


@njit(nogil=True, cache=True)
def _missed(bits, a, b, length, h, g):
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
def _replaced_hub(bits, a, b, length, h, g, u):
    """Find a hub beside h or g, when u is the only vertex that neither is joined to; or -1, -1."""
    for kept in (h, g):
        v = _between(bits[a], bits[b], bits[kept], bits[u], length)
        if v >= 0 and _missed(bits, a, b, length, kept, v) == _ZERO:
            return kept, v
    return np.int64(-1), np.int64(-1)


@njit(nogil=True, cache=True)
def _list_far(row, hub, members, key, length, far):
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
def _two_hubs(bits, hub, members, key, length, far, n_far, common, tries):
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
        n_far = _list_far(bits[hub], hub, members, key, length, far)
    return np.int64(-1), np.int64(-1)


@njit(nogil=True, cache=True)
def _joined(bits, u, v, key):
    return edge_key(bits[u, v], u, v) < key


@njit(nogil=True, cache=True)
def _meets(bits, u, members, lune, key, length):
    """Tell whether u is joined to a member flagged with one."""
    for v in members:
        if lune[v] == _ONE and bits[u, v] <= length and _joined(bits, u, v, key):
            return True
    return False


@njit(nogil=True, cache=True)
def _components(bits, main, members, lune, key, length, far, n_far, reps):
    """Write one vertex of each component of the lune; return their number.

    ``far`` lists the vertices that ``main`` is not joined to. Its members are searched from, one
    after another, until they meet the component of ``main``.
    """
    pending, alone = np.uint32(2), np.uint32(3)
    for i in range(n_far):
        lune[far[i]] = pending
    reps[0] = main
    count = 1
    stack = np.empty(n_far, np.int64)
    for i in range(n_far):
        if lune[far[i]] != pending:
            continue
        # members of this search are on the stack, done ones included
        stack[0] = far[i]
        lune[far[i]] = alone
        size, at, met = 1, 0, False
        while at < size and not met:
            u = stack[at]
            at += 1
            met = _meets(bits, u, members, lune, key, length)
            if met:
                break
            for j in range(n_far):
                v = far[j]
                if lune[v] == pending and _joined(bits, u, v, key):
                    lune[v] = alone
                    stack[size] = v
                    size += 1
        if met:
            for j in range(size):
                lune[stack[j]] = _ONE
        else:
            for j in range(size):
                lune[stack[j]] = np.uint32(4 + count)
            reps[count] = far[i]
            count += 1
    return count


@njit(nogil=True, cache=True)
def recheck(bits, first, second, listed, stand_in, r_enc, centre, out):
    """Write the codes of some edges anew.

    Parameters
    ----------
    bits : (N, N) uint32, patterns of the dissimilarities; N is a multiple of 64
    first, second : (N, N) uint16, codes; ``second`` and the old code are hints
    listed : (m,) uint64, larger slot << 32 | smaller slot << 16 | old code of ``first``
    stand_in : (2N + 4,) int64, for each code of old what is to be tried in its place
    r_enc, centre : uint32, int64, the enclosing radius and the vertex that attains it
    out : (m,) uint8, written: EMPTY, CONNECTED, LOOSE or SPLIT

    Returns
    -------
    reps : (k,) int64, for each split edge in turn: the number of components of its lune, then
        one vertex of each
    """
    n_slots = bits.shape[0]
    lune = np.empty(n_slots, np.uint32)
    common = np.empty(n_slots, np.int64)
    found = np.empty(n_slots + 1, np.int64)
    far = np.empty(n_slots, np.int64)
    starts = np.empty(n_slots, np.int64)
    reps = np.empty(256, np.int64)
    used = 0
    for i in range(listed.shape[0]):
        a = np.int64(listed[i] >> np.uint64(32))
        b = np.int64((listed[i] >> np.uint64(16)) & np.uint64(0xFFFF))
        h = stand_in[np.int64(listed[i] & np.uint64(0xFFFF))]
        g = stand_in[second[a, b]]
        length = bits[a, b]
        out[i] = CONNECTED
        if length > r_enc:
            first[a, b] = centre
            second[a, b] = centre
            continue
        missed = _missed(bits, a, b, length, h, g)
        if missed == _ZERO:
            first[a, b] = h
            second[a, b] = g
            continue
        if missed >> _COUNT_SHIFT == _ONE:
            u = np.int64(missed) - np.int64(_COUNTED)
            one, other = _replaced_hub(bits, a, b, length, h, g, u)
            if one >= 0:
                first[a, b] = one
                second[a, b] = other
                continue
        row_a = bits[a]
        row_b = bits[b]
        key = edge_key(length, a, b)
        if _enter_lune(row_a, row_b, length, lune) > 2:
            _add_ties(row_a, row_b, a, b, key, length, lune)
        members = found[: _list_members(lune, found)]
        if members.shape[0] == 0:
            out[i] = EMPTY
            first[a, b] = empty_code(n_slots)
            second[a, b] = empty_code(n_slots)
            continue
        hub = h
        if hub >= n_slots or lune[hub] == _ZERO:
            hub = g
            if hub >= n_slots or lune[hub] == _ZERO:
                hub = _central(row_a, row_b, members)
        tries = 1 if second[a, b] > empty_code(n_slots) else _TRIES
        n_far = _list_far(bits[hub], hub, members, key, length, far)
        one, other = _two_hubs(bits, hub, members, key, length, far, n_far, common, tries)
        if one >= 0:
            first[a, b] = one
            second[a, b] = other
            continue
        if tries > 1:
            n_far = _list_far(bits[hub], hub, members, key, length, far)
        count = _components(bits, hub, members, lune, key, length, far, n_far, starts)
        first[a, b] = n_slots + starts[0]
        if count == 1:
            second[a, b] = loose_code(n_slots)
            out[i] = LOOSE
            continue
        second[a, b] = split_code(n_slots)
        out[i] = SPLIT
        if used + count + 1 > reps.shape[0]:
            larger = np.empty(2 * reps.shape[0] + count + 1, np.int64)
            larger[:used] = reps[:used]
            reps = larger
        reps[used] = count
        reps[used + 1 : used + 1 + count] = starts[:count]
        used += count + 1
    return reps[:used].copy()
