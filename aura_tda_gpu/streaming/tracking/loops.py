"""The loops of features: point ids, places, and how much of them two loops share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

from ...errors import NotComputedError
from ...persistence.arrays import Float64Array
from ...persistence.engine import Int64Array
from ..persistence_stream import WindowUpdate

__all__ = ["Loop", "LoopReader", "nearby"]


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

    def likeness(self, ids: Int64Array) -> float:
        """Return how many of the points of two loops are in both, as a share of their mean."""
        both = len(np.intersect1d(self.ids, ids, assume_unique=True))
        return 2 * both / max(len(self.ids) + len(ids), 1)

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

    def birth(self, row: int) -> float:
        """Return the birth of a bar, the length of the longest edge of its loop."""
        return float(self._update.diagram[1][row, 0])

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
    if not len(one.ids) or not len(other.ids):
        return 0.0
    near = cdist(one.places, other.places) <= reach
    mine, theirs = (np.count_nonzero(near.any(axis=axis)) for axis in (1, 0))
    return (mine / len(one.ids) + theirs / len(other.ids)) / 2
