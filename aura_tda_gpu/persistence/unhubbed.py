"""The few edges whose lune no hub makes connected: all that the algebra needs to see."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .edge_keys import LENGTH_SHIFT, VERTEX_MASK, VERTEX_SHIFT, UInt64Array, key_after
from .edge_sweep import SweptEdges, UInt32Array
from .engine import Int64Array
from .kernels import certificates, edge_lists
from .rechecks import Found

__all__ = ["EdgeLists"]


@dataclass(slots=True)
class EdgeLists:
    """The edges whose lune is not connected by a noted certificate, by slot and sorted.

    Attributes
    ----------
    rng, splits, loose : ndarray of uint64
        Keys of the edges with an empty lune, with one of two or more components, and with one
        that is connected for no noted reason.
    reps : ndarray of int64
        For each split edge the number of components of its lune, then a vertex of each.
    """

    rng: UInt64Array
    splits: UInt64Array
    reps: Int64Array
    loose: UInt64Array

    @classmethod
    def none(cls) -> EdgeLists:
        """Return empty lists."""
        nothing = np.empty(0, np.uint64)
        return cls(nothing, nothing, np.empty(0, np.int64), nothing)

    @classmethod
    def of(cls, swept: SweptEdges, loose: UInt64Array, slots: Int64Array) -> EdgeLists:
        """Return what a sweep over vertices found, renamed to their slots.

        Parameters
        ----------
        swept : SweptEdges
            By vertex.
        loose : ndarray of uint64
            By slot, in any order.
        slots : ndarray of int64, shape (n,)
            Ascending slot of each vertex.
        """
        return cls(
            _in_slots(swept.rng, slots),
            _in_slots(swept.splits, slots),
            certificates.reps_in_slots(swept.reps, slots),
            np.sort(loose),
        )

    def merged(
        self, found: Found, bits: UInt32Array, sources: Int64Array, frayed: UInt64Array
    ) -> tuple[EdgeLists, Int64Array]:
        """Return the lists after an update.

        Parameters
        ----------
        found : Found
            What the update looked at again, and what it left as it was.
        bits : ndarray of uint32, shape (N, N)
            Patterns of the distances.
        sources : ndarray of int64
            What goes along with each split edge.
        frayed : ndarray of uint64, shape (words,)
            Bitset of slots; the ends of edges whose lune may be empty no longer are added.

        Returns
        -------
        lists : EdgeLists
        sources : ndarray of int64
            What went along with each split edge that is left, -1 for the others.
        """
        kept = (found.rng, found.splits, found.loose)
        lists = (self.rng, self.splits, self.loose, self.reps)
        rng, splits, loose, reps, sources = edge_lists.merge(
            lists, kept, found.listed, found.kinds, found.reps, bits, sources, frayed
        )
        return EdgeLists(rng, splits, reps, loose), sources

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return sum(a.nbytes for a in (self.rng, self.splits, self.reps, self.loose))

    def up_to(self, limit: np.uint32) -> SweptEdges:
        """Return the edges not longer than a pattern."""
        n_rng, n_splits, n_reps = edge_lists.n_up_to(
            self.rng, self.splits, self.reps, key_after(limit)
        )
        return SweptEdges(self.rng[:n_rng], self.splits[:n_splits], self.reps[:n_reps], 0)


def _in_slots(edge_keys: UInt64Array, slots: Int64Array) -> UInt64Array:
    """Rename the vertices of keys; the order stays, for slots ascend."""
    names = slots.astype(np.uint64)
    larger = names[(edge_keys >> VERTEX_SHIFT) & VERTEX_MASK]
    smaller = names[edge_keys & VERTEX_MASK]
    lengths = edge_keys >> LENGTH_SHIFT << LENGTH_SHIFT
    renamed: UInt64Array = lengths | (larger << VERTEX_SHIFT) | smaller
    return renamed
