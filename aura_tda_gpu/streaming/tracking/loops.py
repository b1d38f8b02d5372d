"""The loops of features: point ids, places, and how much of them two loops share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from ...errors import NotComputedError
from ...persistence.arrays import Float64Array
from ...persistence.engine import Int64Array
from ..window_update import WindowUpdate

__all__ = ["Loop", "LoopReader", "nearby", "warm_up"]


@dataclass(frozen=True, slots=True, eq=False)
class Loop:
    """A cycle that represents a feature, as it was at one tick.

    Attributes
    ----------
    walks : tuple of tuple of int
        Point ids of its closed walks.
    ids : ndarray of int64, shape (k,)
        The same ids, ascending, each once.
    places : ndarray of float64, shape (k, dim)
        Where these points are.
    timestamp : float
        Event time in seconds.
    """

    walks: tuple[tuple[int, ...], ...]
    ids: Int64Array
    places: Float64Array
    timestamp: float

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays and of the walks, eight a point."""
        walks = 8 * sum(map(len, self.walks))
        return self.ids.nbytes + self.places.nbytes + walks

    def walked(self) -> list[list[list[float]]]:
        """Return the places of the points of each walk."""
        return [self.places[np.searchsorted(self.ids, walk)].tolist() for walk in self.walks]


class LoopReader:
    """The loops of one update, each worked out once.

    Parameters
    ----------
    update : WindowUpdate
        A tick of one window.
    """

    def __init__(self, update: WindowUpdate) -> None:
        self._update = update
        self._loops: dict[int, Loop] = {}

    def births(self, rows: Int64Array) -> Float64Array:
        """Return the births of bars, the lengths of the longest edges of their loops."""
        births: Float64Array = self._update.diagram[1][rows, 0].astype(np.float64)
        return births

    def likenesses(
        self, loops: Sequence[Loop], pairs: Int64Array, reach: Float64Array
    ) -> Float64Array:
        """Return, from 0 to 1, how alike former loops and those of bars are.

        It is the mean of two shares: points that are in both, and points near the other loop.

        Parameters
        ----------
        loops : sequence of Loop
            Former loops.
        pairs : ndarray of int64, shape (p, 2)
            Of one of them and a bar.
        reach : ndarray of float64, shape (p,)
            How near a point of each pair must be.
        """
        from ...persistence.kernels.likeness import likenesses

        rows, places = np.unique(pairs[:, 1], return_inverse=True)
        try:
            vertices, ends = self._update.diagram.cycle_vertices(1, rows.tolist())
        except NotComputedError:
            vertices, ends = np.empty(0, np.int64), np.zeros(len(rows), np.int64)
        found: Float64Array = likenesses(
            np.column_stack([pairs[:, 0], places]),
            np.concatenate([loop.ids for loop in loops]),
            np.concatenate([loop.places for loop in loops]),
            np.cumsum([len(loop.ids) for loop in loops], dtype=np.int64),
            self._update.vertex_ids[vertices],
            self._update.vertices[vertices],
            ends,
            reach,
        )
        return found

    def loop(self, row: int) -> Loop:
        """Return the loop of a bar; it has no points if the engine has no loops."""
        if row not in self._loops:
            self._loops[row] = self._read(row)
        return self._loops[row]

    def _read(self, row: int) -> Loop:
        try:
            walks = self._update.diagram.cycle(1, row)
        except NotComputedError:
            walks = []
        ids = self._update.vertex_ids
        vertices = np.unique(np.concatenate([np.empty(0, np.int64), *map(np.asarray, walks)]))
        vertices = vertices[np.argsort(ids[vertices])]
        return Loop(
            tuple(tuple(ids[walk].tolist()) for walk in walks),
            ids[vertices],
            self._update.vertices[vertices],
            self._update.timestamp,
        )


def nearby(one: Loop, other: Loop, reach: float) -> float:
    """Return the share of the points of two loops that have one of the other loop within reach."""
    from ...persistence.kernels.likeness import near_share

    return float(near_share(one.places, other.places, reach))


@cache
def warm_up() -> None:
    """Compile the kernels, or load them from numba's cache on disk, not when loops are compared."""
    from ...persistence.kernels.likeness import likenesses

    one, ids, places = np.ones(1, np.int64), np.zeros(1, np.int64), np.zeros((1, 1))
    pair = np.zeros((1, 2), np.int64)
    likenesses(pair, ids, places, one, ids, places, one, np.ones(1))
    nowhere = Loop((), ids, places, 0.0)
    nearby(nowhere, nowhere, 1.0)
