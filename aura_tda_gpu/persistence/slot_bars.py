"""Bars and loops of a window of slots, in the order of a diagram."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from .bars import Loops, Paired, Renamed
from .engine import Bars, Float32Array, Int64Array, LoopEdges
from .kernels import bar_rows

__all__ = ["bars_of_slots"]


def bars_of_slots(
    paired: Paired, dimensions: tuple[int, ...], live: Int64Array, n_slots: int
) -> tuple[dict[int, Bars], LoopEdges | None]:
    """Return what `bars.bars_of` and `bars.named_by_place` return, sorted, by compiled kernels.

    Parameters
    ----------
    paired : Paired
        By slot. All points are in one component, and no loop is essential.
    dimensions : tuple of int
        0, 1 or both.
    live : ndarray of int64
        Ascending slots that hold a point: the vertices.
    n_slots : int
        Number of slots.
    """
    rank = _places(n_slots)
    renamed = bool(len(live)) and int(live[-1]) >= len(live)
    if renamed:
        rank = rank.copy()
        rank[live] = rank[: len(live)].copy()
        rank.flags.writeable = False  # one type for the kernels, which are compiled for each
    if dimensions == (0, 1):
        given = paired.merges, paired.births, paired.deaths, live, rank
        components, (rows, *of_loops) = bar_rows.all_bars(*given)
    elif 0 in dimensions:
        components = bar_rows.component_bars(paired.merges, live, rank)
    else:
        rows, *of_loops = bar_rows.loop_bars(paired.births, paired.deaths, rank)
    bars: dict[int, Bars] = {}
    loops: LoopEdges | None = None
    if 0 in dimensions:
        bars[0] = _bars(*components)
    if 1 in dimensions:
        bars[1] = _bars(*of_loops)
        members = paired.members_of(rows)
        loops = Loops(n_slots, paired.merges, paired.births, rows, members)
        if renamed:
            loops = Renamed(loops, rank)
    return bars, loops


@lru_cache(maxsize=16)
def _places(n_slots: int) -> Int64Array:
    places = np.arange(n_slots)
    places.flags.writeable = False
    return places


def _bars(
    values: Float32Array,
    truncated: npt.NDArray[np.bool_],
    birth_edges: Int64Array,
    death_edges: Int64Array,
) -> Bars:
    return Bars(values[:, 0], values[:, 1], birth_edges, death_edges, truncated, values)
