"""The lune of one edge from scratch: its components, and a certificate if it has but one."""

from __future__ import annotations

import numpy as np
from numba import njit

from .certificates import empty_code, loose_code, split_code
from .hubs import COUNT_SHIFT, COUNTED, central, list_far, missed_by, replaced_hub, two_hubs
from .keys import edge_key

EMPTY, CONNECTED, LOOSE, SPLIT = np.uint8(0), np.uint8(1), np.uint8(2), np.uint8(3)
_ONE = np.uint32(1)
_ZERO = np.uint32(0)
_TRIES = 3


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
        missed = missed_by(bits, a, b, length, h, g)
        if missed == _ZERO:
            first[a, b] = h
            second[a, b] = g
            continue
        if missed >> COUNT_SHIFT == _ONE:
            u = np.int64(missed) - np.int64(COUNTED)
            one, other = replaced_hub(bits, a, b, length, h, g, u)
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
                hub = central(row_a, row_b, members)
        tries = 1 if second[a, b] > empty_code(n_slots) else _TRIES
        n_far = list_far(bits[hub], hub, members, key, length, far)
        one, other = two_hubs(bits, hub, members, key, length, far, n_far, common, tries)
        if one >= 0:
            first[a, b] = one
            second[a, b] = other
            continue
        if tries > 1:
            n_far = list_far(bits[hub], hub, members, key, length, far)
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
