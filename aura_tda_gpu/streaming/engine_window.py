"""The landmarks of a window as the engine has them, and which point each of them is."""

from __future__ import annotations

import copy

import numpy as np

from ..persistence.arrays import Float64Array
from ..persistence.diagram import Diagram
from ..persistence.engine import Int64Array
from ..persistence.vineyard_updates import RipsWindow
from .id_sets import is_among
from .landmarks import Landmarks
from .settings import StreamSettings

__all__ = ["EngineWindow"]


class EngineWindow:
    """A `RipsWindow` that is brought up to date with the landmarks of each tick.

    Parameters
    ----------
    settings : StreamSettings
        Of the stream.
    max_landmarks, dim : int
        Largest number of landmarks, and coordinates of each.
    """

    def __init__(self, settings: StreamSettings, max_landmarks: int, dim: int) -> None:
        self._settings = settings
        self._sizes = max_landmarks, dim
        self._origin: Float64Array | None = None
        self._window_ids: Int64Array
        self._point_ids: Int64Array
        self._window: RipsWindow | None = self._start()

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        window = 0 if self._window is None else self._window.nbytes
        return window + self._window_ids.nbytes + self._point_ids.nbytes

    def diagram(self, chosen: Landmarks) -> tuple[Diagram, Int64Array, Float64Array]:
        """Take landmarks in place of those of the tick before; return what they are to show.

        Parameters
        ----------
        chosen : Landmarks
            Where the origin is another one than before, all of them are new.

        Returns
        -------
        diagram : Diagram
            Its vertex ``i`` is that of the other two.
        point_ids : ndarray of int64, shape (n_vertices,)
        places : ndarray of float64, shape (n_vertices, dim)
            As in `WindowUpdate.vertices`.
        """
        points, ids = chosen.points, chosen.ids
        is_same = self._origin is None or chosen.origin is self._origin
        window = self._window if is_same else None
        self._window = None  # what an interrupted change leaves behind is not used again
        window = self._start() if window is None else window
        stale = ~is_among(self._point_ids, ids)
        fresh = ~is_among(ids, self._point_ids)
        added = window.replace(self._window_ids[stale], points[fresh])
        self._window_ids = np.concatenate([self._window_ids[~stale], added])
        self._point_ids = np.concatenate([self._point_ids[~stale], ids[fresh]])
        diagram = copy.copy(window.diagram())
        order = np.argsort(self._window_ids)
        place = np.searchsorted(self._window_ids, window.ids, sorter=order)
        self._window, self._origin = window, chosen.origin
        places = window.points.astype(np.float64)
        if self._settings.metric != "cosine":
            places += chosen.origin
        return diagram, self._point_ids[order[place]], places

    def _start(self) -> RipsWindow:
        """Return a window without points."""
        self._window_ids = self._point_ids = np.empty(0, np.int64)
        settings = self._settings
        return RipsWindow(
            *self._sizes,
            settings.metric,
            homology_dimensions=settings.homology_dimensions,
            max_edge_length=settings.max_edge_length,
            backend=settings.backend,
            threads=settings.parallel_workers,
        )
