"""Bars and loops of many windows of one size, by compiled kernels on several threads."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from .backends import usable_cores
from .bars import ListedMembers, Loops
from .cuda_bars import Brought
from .engine import Bars, Int64Array, LoopEdges
from .kernels import many_rows
from .many_bars import Columns, cut
from .threads import in_parts

__all__ = ["bars_of_windows"]

MOST_PARTS = 16
LEAST_PART = 16  # windows that are worth a thread


def bars_of_windows(
    found: Brought, dimensions: tuple[int, ...]
) -> list[tuple[dict[int, Bars], LoopEdges | None]]:
    """Return what `many_bars.bars_of_many` returns; the births of a loop are listed.

    Parameters
    ----------
    found, dimensions
        See there.
    """
    windows, n = len(found), found.n
    n_merges, n_births = found.n_merges, found.n_births
    sizes = np.empty((windows, 3), np.int64)
    pairs = found.births, found.deaths, n_births
    parts = _parts(windows)
    in_parts(
        lambda i: many_rows.count_rows(
            *parts[i], n, found.merges, n_merges, *pairs, found.columns, sizes
        ),
        len(parts),
    )
    bars: list[dict[int, Bars]] = [{} for _ in range(windows)]
    loops: list[LoopEdges | None] = [None] * windows
    if 0 in dimensions:
        starts = _starts(sizes[:, 0])
        columns = _columns(int(starts[-1]))
        in_parts(
            lambda i: many_rows.write_components(
                *parts[i], n, found.merges, n_merges, starts, *columns
            ),
            len(parts),
        )
        for mine, (start, stop) in zip(bars, pairwise(starts.tolist()), strict=True):
            mine[0] = cut(columns, start, stop)
    if 1 in dimensions:
        bounds = (_starts(n_merges), _starts(n_births), _starts(sizes[:, 1]), _starts(sizes[:, 2]))
        n_all_merges, n_all_births, n_bars, n_members = (int(part[-1]) for part in bounds)
        merges, births = np.empty(n_all_merges, np.uint64), np.empty(n_all_births, np.uint64)
        columns, rows = _columns(n_bars), np.empty(n_bars, np.int64)
        offsets, members = np.empty(n_bars + windows, np.int64), np.empty(n_members, np.int32)
        given = (n, found.merges, n_merges, *pairs, found.columns, *bounds)
        written = (merges, births, rows, *columns, offsets, members)
        in_parts(lambda i: many_rows.write_loops(*parts[i], *given, *written), len(parts))
        spans = zip(*(pairwise(part.tolist()) for part in bounds), strict=True)
        for w, ((m, m_end), (b, b_end), (start, stop), (k, k_end)) in enumerate(spans):
            bars[w][1] = cut(columns, start, stop)
            listed = ListedMembers(offsets[start + w : stop + w + 1], members[k:k_end])
            loops[w] = Loops(n, merges[m:m_end], births[b:b_end], rows[start:stop], listed)
    return list(zip(bars, loops, strict=True))


def _parts(windows: int) -> list[tuple[int, int]]:
    """Return first and last windows of the parts for threads."""
    n_parts = max(1, min(MOST_PARTS, usable_cores(), windows // LEAST_PART))
    bounds = np.linspace(0, windows, n_parts + 1).astype(int).tolist()
    return list(pairwise(bounds))


def _starts(lengths: Int64Array) -> Int64Array:
    return np.concatenate([[0], np.cumsum(lengths)])


def _columns(size: int) -> Columns:
    edges = np.empty((2, size, 2), np.int64)
    return np.empty((size, 2), np.float32), edges[0], edges[1], np.empty(size, np.bool_)
