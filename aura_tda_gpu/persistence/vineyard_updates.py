"""A window of points whose diagram is asked for again and again while points come and go."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable
from numbers import Integral
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ConfigError, InvalidInputError, MemoryLimitError, StateCorruption
from . import backends, distances
from .device_arrays import Downloads
from .diagram import Diagram
from .engine import Float32Array, Int64Array
from .footprint import state_bytes
from .history import History
from .rips import info_of, memory_error_told
from .rips_options import check_options
from .slots import FREE, SlotTable, WindowContent
from .vines import Changes, compare
from .window_points import prepared
from .window_snapshot import read, write
from .window_updates import WindowUpdates, check_updates

__all__ = ["RipsWindow"]


class RipsWindow:
    """At most ``capacity`` points in fixed slots, and their Vietoris-Rips diagram.

    A point takes the lowest free slot and keeps it until it is removed; the vertices of the
    diagram are the live slots in order. Ids count up from 0 and never come back. A refused
    call leaves the window as it was.

    The first insert fixes the frame of the window. If it is float32, coordinates are stored as
    they are given, whatever their type. Otherwise its first row is the origin, which is
    subtracted in float64 from every point, before the cast to float32. With the metric
    ``"cosine"`` there is no origin and rows are stored with length one.

    A window is used by one thread at a time; several windows may be used by several threads. A copy
    of a window, or a pickled one, is what `restore` makes of its `snapshot`.

    Parameters
    ----------
    capacity : int
        Number of slots.
    dim : int
        Number of coordinates of a point.
    metric, homology_dimensions, max_edge_length, backend, threads, dtm_mass
        As in `vietoris_rips`, but backend ``"auto"`` leaves the GPU alone, and ``"precomputed"`` is
        no metric here. With ``"dtm"`` each change is a rebuild, for one point changes the weights
        of many others.
    updates : str
        ``"auto"`` updates the diagram in place where that is expected to be faster than a
        rebuild, from the costs measured on this machine; ``"always"`` and ``"never"`` do not
        ask. The bars are the same.

    Raises
    ------
    ConfigError
        If a setting has an unknown name or a value outside its range.
    UnsupportedError, BackendUnavailable, MemoryLimitError
        If no engine here takes ``capacity`` points, or none updates so many, or the metric is
        ``"dtm"``, with ``updates="always"``.
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
        updates: str = "auto",
        dtm_mass: float | None = None,
    ) -> None:
        self.capacity = _positive("capacity", capacity)
        self.dim = _positive("dim", dim)
        distances.check_metric(metric, precomputed=False)
        self._options = check_options(
            metric, homology_dimensions, max_edge_length, backend, threads, dtm_mass
        )
        self._engine, self._reason = backends.resolve(
            backend, self.capacity, self._options.homology_dimensions, kept=True
        )
        try:
            points = np.zeros((self.capacity, self.dim), np.float32)
        except (MemoryError, ValueError) as error:
            raise MemoryLimitError(
                f"{self.capacity} points of {self.dim} coordinates do not fit into the memory"
            ) from error
        self._downloads = Downloads()
        # both change in one assignment
        self._held = WindowContent(SlotTable(self.capacity), points, None), History()
        self._updates = WindowUpdates(
            self.capacity, self.dim, self._options, self._engine, check_updates(updates)
        )

    @property
    def _content(self) -> WindowContent:
        return self._held[0]

    def __len__(self) -> int:
        """Return the number of points in the window."""
        return len(self._content.slots)

    def __repr__(self) -> str:
        return f"RipsWindow({len(self)} of {self.capacity} points, dim={self.dim})"

    @property
    def metric(self) -> str:
        """Name of the metric."""
        return self._options.metric

    @property
    def ids(self) -> Int64Array:
        """Id of each vertex of the diagram, int64 of shape (n_vertices,)."""
        slots = self._content.slots
        ids: Int64Array = slots.ids[slots.live]
        return ids

    @property
    def points(self) -> Float32Array:
        """Stored coordinates of each vertex, float32 of shape (n_vertices, dim)."""
        points: Float32Array = self._content.points[self._content.slots.live]
        return points

    @property
    def origin(self) -> npt.NDArray[np.float64] | None:
        """What is subtracted from every point; None before the first, and under ``"cosine"``."""
        return self._content.origin

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays held between two calls.

        Points and ids, the distances and certificates of updates in place, the bars of the last
        two diagrams and the loops of the newest one.
        """
        content, history = self._held
        return content.nbytes + self._updates.nbytes + history.nbytes

    def insert(self, points: Any) -> Int64Array:
        """Add points.

        Parameters
        ----------
        points : array_like, shape (m, dim)
            float32 preferred; see the class for other types. With ``backend="cuda"`` also an array
            on the GPU of the window, of torch or CuPy: it is checked there and copied to the host,
            where a window has its points.

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
        self.replace(ids, np.empty((0, self.dim), np.float32))

    def replace(self, ids: Any, points: Any) -> Int64Array:
        """Take points out and put others in, as one change.

        Parameters
        ----------
        ids : array_like of int, shape (k,)
            Ids of points in the window, each once.
        points : array_like, shape (m, dim)
            Points to add, as in `insert`; ``m`` need not be ``k``.

        Returns
        -------
        ndarray of int64, shape (m,)
            The id of each new point.

        Raises
        ------
        InvalidInputError
            As `insert` and `remove`; the window is then unchanged.
        """
        slots = self._content.slots.find(ids)
        points = self._downloads.brought(points, "points", getattr(self._engine, "device", None))
        rows, origin = prepared(points, self.dim, self.metric, self.origin)
        room = self.capacity - len(self) + len(slots)
        if len(rows) > room:
            raise InvalidInputError(
                f"{len(rows)} points do not fit: {room} of {self.capacity} slots are free", room
            )
        content, history = self._held
        content, new = content.replaced(slots, rows, origin)
        if len(slots) or len(rows):
            history = history.outdated()
        self._held = content, history
        return new

    def diagram(self) -> Diagram:
        """Return the persistence diagram of the points in the window.

        The diagram is kept until the window changes, unless it is too large (`state_bytes` in
        persistence/footprint.py): then it is computed again. ``info["path"]`` tells whether it was
        updated or rebuilt, ``info["n_rechecked"]`` how many edges an update looked at, new ones
        included; the bars are the same, the paths of loops may be others. Points that were given on
        the GPU are counted in ``info["rows_downloaded"]`` and ``info["bytes_downloaded"]``. Vertex
        ``i`` of its edges and cycles is the point ``self.ids[i]`` of this moment.
        """
        content, history = self._held
        diagram = history.diagram
        if diagram is None:
            diagram, history = self._computed(content, history)
            self._held = content, self._kept(history)
        return copy.copy(diagram)

    def changes(self) -> Changes:
        """Return what became of each bar since the diagram before.

        Compares the diagram of the points in the window with the last one that was asked for
        when other points were in it; with an empty one if there is none.

        Returns
        -------
        Changes
            Bars are named by the ids of the points that make their edges.
        """
        if not self._held[1].is_current:
            self.diagram()
        _, history = self._held
        before, now = history.before, history.now
        return compare(before, before.ids, now, now.ids)

    def verify(self) -> None:
        """Compare everything kept between diagrams with a rebuild.

        Distances, the number of components of the lune of every edge, each certificate, and the
        bars as multisets. A window that keeps nothing has nothing to fail.

        Raises
        ------
        StateCorruption
            Names the first edge that differs, by the ids of its points.
        """
        self.diagram()
        try:
            self._updates.verify(self._content.points)
        except StateCorruption as error:
            if error.edge is None:
                raise
            ids = self._content.slots.ids
            edge = [int(ids[slot]) if slot < len(ids) else FREE for slot in error.edge]
            raise StateCorruption(
                f"{error}; the ids of its points are {edge[0]} and {edge[1]} ({FREE}: no point)",
                (edge[0], edge[1]),
            ) from None

    def snapshot(self) -> bytes:
        """Return the window as bytes: points, ids, settings, and the bars of the last diagrams.

        Certificates are not among them: a restored window works them out again.
        """
        options = self._options
        meta = {
            "capacity": self.capacity,
            "dim": self.dim,
            "metric": self.metric,
            "homology_dimensions": list(options.homology_dimensions),
            "max_edge_length": options.max_edge_length,
            "backend": options.backend,
            "updates": self._updates.mode,
            "dtm_mass": options.dtm_mass,
        }
        return write(meta, *self._held)

    @classmethod
    def restore(
        cls, data: bytes, *, backend: str | None = None, threads: int | None = None
    ) -> RipsWindow:
        """Return the window that `snapshot` wrote.

        Parameters
        ----------
        data : bytes
            What `snapshot` returned.
        backend : str, optional
            Another backend than that of the window then.
        threads : int, optional
            Number of engine threads; None takes the usable cores.

        Raises
        ------
        SnapshotError
            If the bytes are no snapshot of a window, cut short, altered, or of another version.
        ConfigError
            If ``backend`` or ``threads`` has an unknown name or a value outside its range.
        UnsupportedError
            If the other backend does not take so many points, these homology dimensions, or
            ``updates="always"``.
        BackendUnavailable, MemoryLimitError
            If this machine cannot hold the window.
        """
        meta, content, history = read(data)
        window = cls(
            meta["capacity"],
            meta["dim"],
            meta["metric"],
            homology_dimensions=meta["homology_dimensions"],
            max_edge_length=meta["max_edge_length"],
            backend=meta["backend"] if backend is None else backend,
            threads=threads,
            updates=meta["updates"],
            dtm_mass=meta["dtm_mass"],
        )
        window._held = content, history
        return window

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle a window by its snapshot, so that two windows never share a state."""
        return _restored, (type(self), self.snapshot(), self._options.threads)

    def _kept(self, history: History) -> History:
        """Return what of a history there is room for, once its bars have theirs."""
        room = state_bytes(self.capacity, self.dim)
        if history.nbytes + self._updates.most_nbytes <= room:
            return history
        state = self._updates.keep_within(room - history.bars_nbytes)
        return history if history.nbytes + state <= room else history.without_diagram()

    def _computed(self, content: WindowContent, history: History) -> tuple[Diagram, History]:
        """Run the engine; return the diagram, and the history with it."""
        n = len(content.slots)
        with memory_error_told(f"{n} vertices"):
            finish = self._updates.begin(content.points, content.slots.ids, n)
            # what follows needs no result: a device may be at work meanwhile
            ids, history = self.ids, history.packed()
            info = info_of(self._options, self._engine, self._reason, n)
            result, told = finish()
        diagram = Diagram(result, info={**info, **told, **self._downloads.told()})
        return diagram, history.with_diagram(diagram, ids)


def _restored(window: type[RipsWindow], data: bytes, threads: int) -> RipsWindow:
    return window.restore(data, threads=threads)


def _positive(name: str, value: object) -> int:
    """Return a size of the window."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ConfigError(f"{name} must be a positive integer, not {value!r}")
    return int(value)
