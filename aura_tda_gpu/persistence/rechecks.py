"""Finding the edges whose certificate a change may break, and writing it anew."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from .edge_keys import UInt64Array
from .edge_sweep import UInt32Array
from .engine import Int64Array, TooManyEdges
from .kernels import edge_lists, listing, recheck
from .threads import in_parts

if TYPE_CHECKING:
    from .lune_state import LuneState

__all__ = ["Change", "Found", "Watch", "look_again"]

_EDGES_PER_THREAD = 400
_MARKS_PER_THREAD = 200_000
_Part = tuple[UInt64Array, npt.NDArray[np.uint8], Int64Array]


@dataclass(frozen=True, slots=True)
class Change:
    """Points that leave a window of N slots, and points that come.

    Attributes
    ----------
    gone, new : ndarray of int64, shapes (g,) and (m,)
        Slots whose point leaves; slots that get one.
    survivors : ndarray of int64
        Ascending slots that hold the same point before and after.
    stays : ndarray of bool, shape (N,)
        The same.
    old_rows, new_rows : ndarray of uint32, shapes (g, N) and (m, N)
        Patterns of the distances from the points that leave, and from those that come, to the
        survivors, `mark.NOWHERE` elsewhere.
    nearest : ndarray of int64, shape (m,)
        The survivor nearest to each point that comes, -1 if there is none.
    """

    gone: Int64Array
    new: Int64Array
    survivors: Int64Array
    stays: npt.NDArray[np.bool_]
    old_rows: UInt32Array
    new_rows: UInt32Array
    nearest: Int64Array


@dataclass(frozen=True, slots=True)
class Found:
    """What was found about the edges that were looked at again.

    Attributes
    ----------
    listed : ndarray of uint64, shape (m,)
        The edges, as in `recheck.recheck`.
    kinds : ndarray of uint8, shape (m,)
        Kind of each lune, as `recheck.recheck` tells it.
    reps : ndarray of int64
        For each split edge in turn the number of components of its lune, and a vertex of each.
    rng, splits, loose : ndarray of bool
        Which entries of the former lists are still as they were.
    """

    listed: UInt64Array
    kinds: npt.NDArray[np.uint8]
    reps: Int64Array
    rng: npt.NDArray[np.bool_]
    splits: npt.NDArray[np.bool_]
    loose: npt.NDArray[np.bool_]


class Watch:
    """Seconds of the phases of one update."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, phase: str) -> None:
        """Note the time since the last lap."""
        now = time.perf_counter()
        self.seconds[phase] = now - self._last
        self._last = now


def look_again(
    state: LuneState, change: Change, stand_in: Int64Array, centre: int, budget: int, watch: Watch
) -> Found:
    """List the edges whose certificate may not hold any more, and write it anew.

    Parameters
    ----------
    state : LuneState
        With the new distances, and the codes and lists of before; codes are changed.
    change : Change
        What came and went.
    stand_in : ndarray of int64
        As `replacement.replace` returns it.
    centre : int
        Slot that attains the enclosing radius.
    budget : int
        Largest number of edges between survivors.
    watch : Watch
        Notes the phase ``mark``.

    Raises
    ------
    TooManyEdges
        If the budget does not suffice, with codes half written.
    """
    codes = (state.bits, state.first, state.second)
    star = edge_lists.star(*codes, change.new, state.live, change.nearest, state.threshold)
    edges = state.lists
    lists = (edges.rng, edges.splits, edges.reps, edges.loose)
    kept = (
        np.zeros(len(edges.rng), np.bool_),
        np.zeros(len(edges.splits), np.bool_),
        np.zeros(len(edges.loose), np.bool_),
    )
    points = (change.stays, change.gone, change.old_rows, change.new, change.new_rows)

    def part(index: int) -> _Part:
        listed, fits = listing.list_part(
            codes,
            change.survivors[bounds[index] : bounds[index + 1]],
            points,
            lists,
            kept,
            state.threshold,
            budget,
            star[shares[index] : shares[index + 1]],
        )
        if not fits:
            raise TooManyEdges
        if index == 0:
            watch.lap("mark")
        kinds = np.empty(len(listed), np.uint8)
        reps = recheck.recheck(*codes, listed, stand_in, state.r_enc, centre, kinds)
        return listed, kinds, reps

    n = len(change.survivors)
    marks = max(len(change.gone), len(change.new)) * n * n // 2
    workers = marks // _MARKS_PER_THREAD + len(star) // _EDGES_PER_THREAD
    workers = max(1, min(state.threads, workers))
    bounds = [round(n * math.sqrt(part / workers)) for part in range(workers + 1)]
    shares = [len(star) * part // workers for part in range(workers + 1)]
    parts = in_parts(part, workers)
    if workers == 1:
        return Found(*parts[0], *kept)
    listed, kinds, reps = (np.concatenate(found) for found in zip(*parts, strict=True))
    return Found(listed, kinds, reps, *kept)
