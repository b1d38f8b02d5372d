"""From paired edges to bars, and from reduced columns to loops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from .cycles import loop_vertices
from .edge_keys import LENGTH_SHIFT, UInt64Array, key_after, lengths_of, vertices_of
from .engine import Bars, Int64Array, LoopEdges
from .kernels import loops as kernel

__all__ = [
    "ListedMembers",
    "Loops",
    "Members",
    "Paired",
    "Renamed",
    "bars_of",
    "named_by_place",
    "unpaired",
]

_NOBODY = np.empty(0, np.int64)


class Members(Protocol):
    """The births in some reduced columns, read when they are asked for."""

    @property
    def nbytes(self) -> int:
        """Bytes held."""

    def __call__(self, index: int) -> Int64Array:
        """Return the places of the births in one of the columns, ascending."""


@dataclass(frozen=True, slots=True)
class ListedMembers:
    """Members of columns as one list of all; see `Members`.

    Attributes
    ----------
    offsets : ndarray of int64, shape (n_columns + 1,)
        Where those of each column begin and end.
    members : ndarray of int32 or int64
    """

    offsets: Int64Array
    members: npt.NDArray[np.signedinteger[Any]]

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self.offsets.nbytes + self.members.nbytes

    def __call__(self, index: int) -> Int64Array:
        """Return the births in a column; see `Members`."""
        part = self.members[self.offsets[index] : self.offsets[index + 1]]
        return part.astype(np.int64, copy=False)


class Paired(Protocol):
    """The RNG edges as forest and births, and what kills each birth.

    Attributes
    ----------
    merges, births : ndarray of uint64
        Sorted keys of the minimum spanning forest and of the other RNG edges.
    deaths : ndarray of uint64, shape (n_births,)
        Key of the split edge that kills each birth, 0 when none does.
    """

    @property
    def merges(self) -> UInt64Array:
        """See above."""

    @property
    def births(self) -> UInt64Array:
        """See above."""

    @property
    def deaths(self) -> UInt64Array:
        """See above."""

    def members_of(self, rows: Int64Array) -> Members:
        """Return the births in the reduced columns of some births."""


def unpaired(paired: Paired) -> UInt64Array:
    """Return the births that nothing kills."""
    open_births: UInt64Array = paired.births[paired.deaths == 0]
    return open_births


def bars_of(
    paired: Paired,
    dimensions: tuple[int, ...],
    n: int,
    n_names: int | None = None,
    complete: Paired | None = None,
) -> tuple[dict[int, Bars], LoopEdges | None]:
    """Return the bars and the loops of dimension 1.

    Parameters
    ----------
    paired : Paired
        The filtration up to its limit.
    dimensions : tuple of int
        0, 1 or both.
    n : int
        Number of vertices.
    n_names : int, optional
        Vertices are named by smaller numbers than this one, ``n`` by default.
    complete : Paired, optional
        The whole filtration, where it may have several components or loops that never end;
        without it only one component is essential, and open loops are truncated.
    """
    n_components, truncated = 1, unpaired(paired)
    if complete is not None:
        n_components = n - len(complete.merges)
        truncated = np.setdiff1d(truncated, unpaired(complete))
    bars: dict[int, Bars] = {}
    loops: LoopEdges | None = None
    if 0 in dimensions:
        bars[0] = _bars_of_components(paired.merges, n - len(paired.merges), n_components)
    if 1 in dimensions:
        bars[1], loops = _bars_of_loops(paired, truncated, n if n_names is None else n_names)
    return bars, loops


def named_by_place(
    bars: dict[int, Bars], slot_loops: LoopEdges | None, live: Int64Array, n_slots: int
) -> tuple[dict[int, Bars], LoopEdges | None]:
    """Name vertices by their place among the slots that hold a point.

    Parameters
    ----------
    bars, slot_loops
        From `bars_of`, by slot.
    live : ndarray of int64
        Ascending slots that hold a point.
    n_slots : int
        Number of slots.
    """
    if not len(live) or live[-1] < len(live):
        return bars, slot_loops
    rank = np.full(n_slots + 1, -1)
    rank[live] = np.arange(len(live))
    renamed = {
        k: replace(b, birth_edges=rank[b.birth_edges], death_edges=rank[b.death_edges])
        for k, b in bars.items()
    }
    return renamed, None if slot_loops is None else Renamed(slot_loops, rank)


def _bars_of_components(merges: UInt64Array, n_open: int, n_components: int) -> Bars:
    """Return the open bars, the first few of which are essential, and one for each merge."""
    closed = merges[: np.searchsorted(merges, key_after(np.uint32(0))) - len(merges) - 1 : -1]
    n_bars = n_open + len(closed)
    deaths = np.full(n_bars, np.inf, np.float32)
    deaths[n_open:] = lengths_of(closed)
    nowhere = np.full((n_bars, 2), -1, np.int64)
    death_edges = nowhere.copy()
    death_edges[n_open:] = vertices_of(closed)
    truncated = np.zeros(n_bars, np.bool_)
    truncated[n_components:n_open] = True
    return Bars(np.zeros(n_bars, np.float32), deaths, nowhere, death_edges, truncated)


def _bars_of_loops(paired: Paired, truncated: UInt64Array, n_names: int) -> tuple[Bars, LoopEdges]:
    """Return the bars of dimension 1, zero-length ones left out, and their loops."""
    is_open = paired.deaths == 0
    longer = paired.deaths >> LENGTH_SHIFT > paired.births >> LENGTH_SHIFT
    rows = np.flatnonzero(longer | is_open)
    births, deaths, is_open = paired.births[rows], paired.deaths[rows], is_open[rows]
    death_lengths, death_edges = lengths_of(deaths), vertices_of(deaths)
    death_lengths[is_open] = np.inf
    death_edges[is_open] = -1
    bars = Bars(
        lengths_of(births),
        death_lengths,
        vertices_of(births),
        death_edges,
        _is_among(births, truncated),
    )
    return bars, Loops(n_names, paired.merges, paired.births, rows, paired.members_of(rows))


def _is_among(edge_keys: UInt64Array, others: UInt64Array) -> npt.NDArray[np.bool_]:
    return np.isin(edge_keys, others) if len(others) else np.zeros(len(edge_keys), np.bool_)


@dataclass(frozen=True, slots=True)
class Loops:
    """Loops of the bars: birth edges of a reduced column, closed by paths in the forest."""

    n_names: int
    merges: UInt64Array
    births: UInt64Array
    rows: Int64Array
    members: Members
    _rooted: list[Int64Array] = field(default_factory=list, repr=False, compare=False)

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        held = self.merges.nbytes + self.births.nbytes + self.rows.nbytes
        return held + sum(tree.nbytes for tree in self._rooted) + self.members.nbytes

    def __call__(self, index: int) -> Int64Array:
        """Return the edges of a cycle; see `LoopEdges`."""
        edges: Int64Array = kernel.chain(vertices_of(self.births[self._column(index)]), self._tree)
        return edges

    def vertices(self, indices: Sequence[int]) -> tuple[Int64Array, Int64Array]:
        """Return the vertices of some cycles; see `LoopVertices`."""
        columns = [self._column(index) for index in indices]
        chosen = np.concatenate([_NOBODY, *columns])
        found: tuple[Int64Array, Int64Array] = kernel.vertices_of_chains(
            vertices_of(self.births[chosen]),
            np.cumsum(list(map(len, columns)), dtype=np.int64),
            self._tree,
        )
        return found

    @property
    def _tree(self) -> Int64Array:
        """The forest as the kernels take it, rooted once."""
        if not self._rooted:
            self._rooted[:] = [kernel.rooted(vertices_of(self.merges), self.n_names)]
        return self._rooted[0]

    def _column(self, index: int) -> Int64Array:
        """Return the places of the births in a cycle."""
        chosen = self.members(index)
        return chosen if len(chosen) else self.rows[index : index + 1]


@dataclass(frozen=True, slots=True)
class Renamed:
    """Loops whose vertices have other names."""

    loops: LoopEdges
    names: Int64Array

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self.loops.nbytes + self.names.nbytes

    def __call__(self, index: int) -> Int64Array:
        """Return the edges of a cycle; see `LoopEdges`."""
        renamed: Int64Array = self.names[self.loops(index)]
        return renamed

    def vertices(self, indices: Sequence[int]) -> tuple[Int64Array, Int64Array]:
        """Return the vertices of some cycles; see `LoopVertices`."""
        vertices, ends = loop_vertices(self.loops, indices)
        return self.names[vertices], ends
