"""A window of points whose diagram is asked for again and again while points come and go."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable
from numbers import Integral
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ConfigError, InvalidInputError, MemoryLimitError
from . import backends, distances
from .diagram import Diagram
from .engine import Float32Array, Int64Array
from .rips import check_options, compute_diagram

__all__ = ["RipsWindow"]

_FREE = -1


class RipsWindow:
    """At most ``capacity`` points in fixed slots, and their Vietoris-Rips diagram.

    A point takes the lowest free slot and keeps it until it is removed; the vertices of the
    diagram are the live slots in order. Ids count up from 0 and never come back. A refused
    call leaves the window as it was.

    The first insert fixes the frame of the window. If it is float32, coordinates are stored as
    they are given, whatever their type. Otherwise its first row is the origin, which is
    subtracted in float64 from every point, before the cast to float32. With the metric
    ``"cosine"`` there is no origin and rows are stored with length one.

    Parameters
    ----------
    capacity : int
        Number of slots.
    dim : int
        Number of coordinates of a point.
    metric, homology_dimensions, max_edge_length, backend, threads
        As in `vietoris_rips`; ``"precomputed"`` is not a metric here.

    Attributes
    ----------
    origin : ndarray of float64, shape (dim,), or None
        What is subtracted from every point; None until the first insert, or under ``"cosine"``.

    Raises
    ------
    ConfigError
        If a setting has an unknown name or a value outside its range.
    UnsupportedError, BackendUnavailable, MemoryLimitError
        If no engine here takes ``capacity`` points.
    """

    def __init__(
        self,
        capacity: int,
        dim: int,
        metric: str = "euclidean",
        *,
        homology_dimensions: Iterable[int] = (0, 1),
        max_edge_length: float = math.inf,
        backend: str = "auto",
        threads: int | None = None,
    ) -> None:
        self.capacity = _positive("capacity", capacity)
        self.dim = _positive("dim", dim)
        distances.check_metric(metric, precomputed=False)
        self._options = check_options(
            metric, homology_dimensions, max_edge_length, backend, threads
        )
        self._engine, self._reason = backends.resolve(
            backend, self.capacity, self._options.homology_dimensions
        )
        self.origin: npt.NDArray[np.float64] | None = None
        try:
            self._points = np.zeros((self.capacity, self.dim), np.float32)
        except (MemoryError, ValueError) as error:
            raise MemoryLimitError(
                f"{self.capacity} points of {self.dim} coordinates do not fit into the memory"
            ) from error
        self._slot_ids = np.full(self.capacity, _FREE, np.int64)
        self._slot_of: dict[int, int] = {}
        self._next_id = 0
        self._diagram: Diagram | None = None

    def __len__(self) -> int:
        """Return the number of points in the window."""
        return len(self._slot_of)

    def __repr__(self) -> str:
        return f"RipsWindow({len(self)} of {self.capacity} points, dim={self.dim})"

    @property
    def metric(self) -> str:
        """Name of the metric."""
        return self._options.metric

    @property
    def ids(self) -> Int64Array:
        """Id of each vertex of the diagram, int64 of shape (n_vertices,)."""
        ids: Int64Array = self._slot_ids[self._slot_ids != _FREE]
        return ids

    @property
    def points(self) -> Float32Array:
        """Stored coordinates of each vertex, float32 of shape (n_vertices, dim)."""
        points: Float32Array = self._points[self._slot_ids != _FREE]
        return points

    def insert(self, points: Any) -> Int64Array:
        """Add points.

        Parameters
        ----------
        points : array_like, shape (m, dim)
            float32 preferred; see the class for other types.

        Returns
        -------
        ndarray of int64, shape (m,)
            The id of each point.

        Raises
        ------
        InvalidInputError
            If a point cannot be used or does not fit into the window; names the first such row.
        """
        return self.replace([], points)

    def remove(self, ids: Any) -> None:
        """Take points out.

        Parameters
        ----------
        ids : array_like of int, shape (m,)
            Ids of points in the window, each once.

        Raises
        ------
        InvalidInputError
            If an id is not in the window or is named twice.
        """
        slots = self._slots(ids)
        self._take_out(slots)

    def replace(self, ids: Any, points: Any) -> Int64Array:
        """Take points out and put others in, as one change.

        Parameters
        ----------
        ids : array_like of int, shape (k,)
            Ids of points in the window, each once.
        points : array_like, shape (m, dim)
            Points to add; ``m`` need not be ``k``.

        Returns
        -------
        ndarray of int64, shape (m,)
            The id of each new point.

        Raises
        ------
        InvalidInputError
            As `insert` and `remove`; the window is then unchanged.
        """
        slots = self._slots(ids)
        prepared, origin = self._prepare(points)
        room = self.capacity - len(self) + len(slots)
        if len(prepared) > room:
            raise InvalidInputError(
                f"{len(prepared)} points do not fit: {room} of {self.capacity} slots are free", room
            )
        self._take_out(slots)
        self.origin = origin
        return self._put_in(prepared)

    def diagram(self) -> Diagram:
        """Return the persistence diagram of the points in the window.

        The diagram is kept until the window changes. Vertex ``i`` of its edges and cycles is
        the point ``self.ids[i]`` of this moment.
        """
        if self._diagram is None:
            self._diagram = compute_diagram(self.points, self._options, self._engine, self._reason)
        diagram = copy.copy(self._diagram)
        diagram.info = dict(diagram.info)
        return diagram

    def _prepare(self, points: Any) -> tuple[Float32Array, npt.NDArray[np.float64] | None]:
        """Return points as they are stored, and the origin that holds from then on."""
        rows = distances.as_rows(points)
        if rows.shape[1] != self.dim:
            raise InvalidInputError(
                f"points have {rows.shape[1]} coordinates, the window has {self.dim}",
                0 if len(rows) else None,
            )
        if self.metric == "cosine":
            return distances.unit_rows(rows), None
        origin = self.origin
        if origin is None and len(rows):
            wide = rows.dtype == np.float64
            origin = rows[0].astype(np.float64) if wide else np.zeros(self.dim)
        return distances.to_float32(rows, origin), origin

    def _slots(self, ids: Any) -> list[int]:
        """Return the slot of each id."""
        try:
            array = np.asarray(ids)
        except ValueError as error:
            raise InvalidInputError(f"ids must be a list of integers: {error}") from None
        if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
            raise InvalidInputError(f"ids must be a list of integers, not {ids!r}")
        slots: list[int] = []
        seen: set[int] = set()
        for row, name in enumerate(array.tolist()):
            if name in seen:
                raise InvalidInputError(f"id {name} is named twice", row)
            if name not in self._slot_of:
                raise InvalidInputError(f"id {name} is not in the window", row)
            seen.add(name)
            slots.append(self._slot_of[name])
        return slots

    def _take_out(self, slots: list[int]) -> None:
        for slot in slots:
            del self._slot_of[int(self._slot_ids[slot])]
            self._slot_ids[slot] = _FREE
            self._diagram = None

    def _put_in(self, prepared: Float32Array) -> Int64Array:
        slots = np.flatnonzero(self._slot_ids == _FREE)[: len(prepared)]
        ids = np.arange(self._next_id, self._next_id + len(prepared), dtype=np.int64)
        self._points[slots] = prepared
        self._slot_ids[slots] = ids
        self._slot_of.update(zip(ids.tolist(), slots.tolist(), strict=True))
        self._next_id += len(prepared)
        if len(prepared):
            self._diagram = None
        return ids


def _positive(name: str, value: object) -> int:
    """Return a size of the window."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ConfigError(f"{name} must be a positive integer, not {value!r}")
    return int(value)
