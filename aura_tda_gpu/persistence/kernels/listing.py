"""What one thread lists of an update: its share of the edges to look at again."""

from __future__ import annotations

import numpy as np
from numba import njit

from .edge_lists import still_valid
from .mark import mark


@njit(nogil=True, cache=True)
def list_part(codes, rows, change, lists, kept, limit, most, star):
    """List edges of some rows, and tell which entries of the former lists still hold.

    A row belongs to one thread, for an edge may be listed once.

    Parameters
    ----------
    codes : bits, first, second, as `mark.mark` has them
    rows : (k,) int64, ascending slots that keep their point
    change : alive, gone, old_rows, new, new_rows, as `mark.mark` has them
    lists : rng, splits, reps, loose, as `unhubbed.EdgeLists` has them
    kept : three arrays of bool, written: which entries of rng, splits and loose are as they were
    limit : uint32, longest edge to look at
    most : int, largest number of edges between survivors
    star : (t,) uint64, edges of new points that are this thread's

    Returns
    -------
    listed : (m,) uint64, as `mark.mark` lists them, those of new points last
    fits : bool, False if there are too many; codes are then half marked
    """
    bits, first, second = codes
    alive, gone, old_rows, new, new_rows = change
    rng, splits, reps, loose = lists
    if rows.shape[0] == 0:
        return star.copy(), True
    out = np.empty(most + bits.shape[0], np.uint64)
    used = mark(
        bits, first, second, rows, alive, gone, old_rows, new, new_rows, splits, reps, loose,
        limit, out,
    )  # fmt: skip
    if used < 0:
        return out[:0].copy(), False
    still_valid(rng, first, alive, rows, kept[0])
    still_valid(splits, first, alive, rows, kept[1])
    still_valid(loose, first, alive, rows, kept[2])
    listed = np.empty(used + star.shape[0], np.uint64)
    listed[:used] = out[:used]
    listed[used:] = star
    return listed, True
