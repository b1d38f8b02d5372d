"""Points of a window are replaced: the matrix, and what marking needs to know of the change."""

from __future__ import annotations

import numpy as np
from numba import njit

from .certificates import N_CODES
from .edge_lists import INFINITE, nearest_survivors
from .mark import NOWHERE


@njit(nogil=True, cache=True)
def replace(bits, farthest, stays, gone, new, rows):
    """Write the distances of new points, and none for the slots that are free from now on.

    Parameters
    ----------
    bits : (N, N) uint32, patterns of the dissimilarities, changed
    farthest : (N,) uint32, largest finite entry of each row that has a point, changed
    stays : (N,) bool, slots that hold the same point before and after
    gone, new : (g,), (m,) int64, slots whose point leaves, slots of the new points
    rows : (m, N) uint32, patterns from each new point to what the slots hold from now on

    Returns
    -------
    old_rows, new_rows : (g, N), (m, N) uint32, patterns from each point that leaves or comes to
        the slots that stay, NOWHERE elsewhere
    stand_in : (2N + 4,) int64, for each code what to try in its place: for a vertex that left,
        one near it
    nearest : (m,) int64, slot that stays nearest to each new point, -1 if none does
    live : (n,) int64, ascending slots that hold a point now
    r_enc, centre : uint32, int64, the enclosing radius and a slot that attains it, or -1
    """
    n_slots = bits.shape[0]
    old_rows = np.empty((gone.shape[0], n_slots), np.uint32)
    new_rows = np.empty((new.shape[0], n_slots), np.uint32)
    holds = stays.copy()
    holds[new] = True
    stand_in = np.arange(2 * n_slots + N_CODES)
    for i in range(gone.shape[0]):
        for v in range(n_slots):
            old_rows[i, v] = bits[gone[i], v] if stays[v] else NOWHERE
        if not holds[gone[i]]:
            bits[gone[i]] = INFINITE
            bits[:, gone[i]] = INFINITE
    near_gone = nearest_survivors(old_rows)
    for i in range(gone.shape[0]):
        stand_in[gone[i]] = near_gone[i] if near_gone[i] >= 0 else 2 * n_slots
    for i in range(new.shape[0]):
        for v in range(n_slots):
            new_rows[i, v] = rows[i, v] if stays[v] else NOWHERE
            length = rows[i, v] if holds[v] else INFINITE
            bits[new[i], v] = length
            bits[v, new[i]] = length
    live = np.flatnonzero(holds)
    r_enc, centre = refresh_farthest(bits, farthest, live, stays, new, old_rows)
    return old_rows, new_rows, stand_in, nearest_survivors(new_rows), live, r_enc, centre


@njit(nogil=True, cache=True)
def _farthest(row):
    best = np.uint32(0)
    for v in range(row.shape[0]):
        finite = row[v] if row[v] < INFINITE else np.uint32(0)
        best = max(best, finite)
    return best


@njit(nogil=True, cache=True)
def refresh_farthest(bits, farthest, live, stays, new, old_rows):
    """Bring the largest finite entry of each live row up to date.

    Arguments as in `replace`; rows of slots that do not stay are looked through.

    Returns
    -------
    r_enc, centre : uint32, int64, the smallest of them, and a slot that attains it, or -1
    """
    r_enc = np.uint32(0xFFFFFFFF)
    centre = np.int64(-1)
    for a in live:
        stale = not stays[a]
        for i in range(old_rows.shape[0]):
            stale = stale or old_rows[i, a] == farthest[a]
        if stale:
            farthest[a] = _farthest(bits[a])
        else:
            for x in new:
                farthest[a] = max(farthest[a], bits[a, x])
        if farthest[a] < r_enc:
            r_enc = farthest[a]
            centre = a
    return r_enc, centre
