"""What becomes of each bar between two diagrams, by the pair of edges that makes it.

The pairing of simplices as the identity of a bar while points move is from Cohen-Steiner,
Edelsbrunner and Morozov, "Vines and vineyards by updating persistence in linear time"
(SoCG 2006), section 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .engine import Float32Array, Int64Array

__all__ = ["BarsAndEdges", "Changes", "compare"]

_CODES = 1 << 63


class BarsAndEdges(Protocol):
    """What `compare` reads of a `Diagram`."""

    @property
    def dimensions(self) -> tuple[int, ...]:
        """Homology dimensions."""

    def __getitem__(self, dimension: int) -> Float32Array:
        """Return births and deaths, shape (n_bars, 2)."""

    @property
    def birth_edges(self) -> Mapping[int, Int64Array]:
        """Vertices of the birth edges, shape (n_bars, 2), -1 where there is none."""

    @property
    def death_edges(self) -> Mapping[int, Int64Array]:
        """Vertices of the death edges, in the same way."""


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """The bars of two diagrams, before and after, matched by name.

    All attributes are indexed by homology dimension first; rows are those of the diagrams. The
    name of a bar is the pair of its birth edge and its death edge as point ids. Bars of one
    name, among them the components that never merge and have no edge, continue as often as
    both diagrams hold them, in the order of their rows. A bar that changes its name is one that
    died and one that was born, so that the two together may be more than the bars there are.

    Attributes
    ----------
    continued : dict of int to ndarray of int64, shape (m, 2)
        Row before and row after of each bar that is in both, by the row after.
    born : dict of int to ndarray of int64, shape (n_born,)
        Rows after of the bars that were not there before.
    died : dict of int to ndarray of int64, shape (n_died,)
        Rows before of the bars that are not there any more.
    before_edges, after_edges : dict of int to ndarray of int64, shape (n_bars, 4)
        The names: ids of the birth edge, then of the death edge, each ascending; -1 where
        there is none.
    before, after : dict of int to ndarray of float32, shape (n_bars, 2)
        Birth and death of the bars, as in the diagrams.
    """

    continued: dict[int, Int64Array]
    born: dict[int, Int64Array]
    died: dict[int, Int64Array]
    before_edges: dict[int, Int64Array]
    after_edges: dict[int, Int64Array]
    before: dict[int, Float32Array]
    after: dict[int, Float32Array]

    def __repr__(self) -> str:
        counts = ", ".join(
            f"H{k}: {len(self.continued[k])} continued, {len(self.born[k])} born, "
            f"{len(self.died[k])} died"
            for k in self.continued
        )
        return f"Changes({counts})"


def compare(
    before: BarsAndEdges | None,
    before_ids: Int64Array,
    after: BarsAndEdges,
    after_ids: Int64Array,
) -> Changes:
    """Match the bars of two diagrams by the points that make them.

    Parameters
    ----------
    before : Diagram, or its bars and edges, or None
        The earlier diagram; None where there is none, so that every bar is born.
    before_ids : ndarray of int64, shape (n_vertices,)
        Point id of each of its vertices, no id twice.
    after : Diagram, or its bars and edges
        The later one.
    after_ids : ndarray of int64, shape (n_vertices,)
        Point id of each of its vertices, no id twice.

    Returns
    -------
    Changes
        For the dimensions of either diagram.
    """
    known = () if before is None else before.dimensions
    changes = Changes({}, {}, {}, {}, {}, {}, {})
    ids = np.concatenate([before_ids, after_ids])
    n_before = len(before_ids)
    ranks = np.unique(ids, return_inverse=True)[1].astype(np.int64) + 1
    for k in sorted({*known, *after.dimensions}):
        changes.before[k], old = _bars(before, k)
        changes.after[k], new = _bars(after, k)
        changes.before_edges[k] = _named(old, before_ids, -1)
        changes.after_edges[k] = _named(new, after_ids, -1)
        names = [_named(old, ranks[:n_before], 0), _named(new, ranks[n_before:], 0)]
        codes = _codes(np.concatenate(names), len(ids) + 1)
        continued = _matched(codes[: len(old)], codes[len(old) :])
        changes.continued[k] = continued
        changes.died[k] = _others(continued[:, 0], len(old))
        changes.born[k] = _others(continued[:, 1], len(new))
    return changes


def _bars(diagram: BarsAndEdges | None, dimension: int) -> tuple[Float32Array, Int64Array]:
    """Return bars, shape (n_bars, 2), and vertices of their edges, shape (n_bars, 4)."""
    if diagram is None or dimension not in diagram.dimensions:
        return np.empty((0, 2), np.float32), np.empty((0, 4), np.int64)
    births, deaths = diagram.birth_edges[dimension], diagram.death_edges[dimension]
    return diagram[dimension], np.concatenate([births, deaths], axis=1)


def _named(vertices: Int64Array, ids: Int64Array, nothing: int) -> Int64Array:
    """Return the ids of the vertices, each edge ascending, and ``nothing`` where there is none."""
    found = np.append(ids, nothing)[vertices]  # vertex -1 is the one appended
    names = np.empty_like(found)
    np.minimum(found[:, ::2], found[:, 1::2], out=names[:, ::2])
    np.maximum(found[:, ::2], found[:, 1::2], out=names[:, 1::2])
    return names


def _codes(names: Int64Array, base: int) -> Int64Array:
    """Return one number for each name whose entries are below ``base``."""
    births = names[:, 0] * base + names[:, 1]
    deaths = names[:, 2] * base + names[:, 3]
    if base**4 > _CODES:
        births = np.unique(births, return_inverse=True)[1].astype(np.int64)
    codes: Int64Array = births * (base * base) + deaths
    return codes


def _matched(before: Int64Array, after: Int64Array) -> Int64Array:
    """Return the rows of equal codes, shape (m, 2), the i-th of a code with its i-th."""
    old, new = np.argsort(before, kind="stable"), np.argsort(after, kind="stable")
    before, after = before[old], after[new]
    place = np.arange(len(after)) - np.searchsorted(after, after)
    place += np.searchsorted(before, after)
    found = place < len(before)
    found[found] = before[place[found]] == after[found]
    pairs = np.stack([old[place[found]], new[found]], axis=1)
    return pairs[np.argsort(pairs[:, 1])]


def _others(rows: Int64Array, n: int) -> Int64Array:
    """Return the rows out of ``n`` that are not among these."""
    left = np.ones(n, np.bool_)
    left[rows] = False
    return np.flatnonzero(left)
