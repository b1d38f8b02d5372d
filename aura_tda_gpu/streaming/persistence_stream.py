"""One sliding window: ring buffer, landmarks when it outgrows them, engine, diagram."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..persistence import cuda_device
from ..persistence.arrays import Float64Array
from ..persistence.cuda_launch import Device
from ..persistence.device_arrays import Downloads
from ..persistence.diagram import Diagram
from ..persistence.engine import Int64Array
from ..persistence.weights import base_metric
from .cover import GhostCover
from .device_cover import DeviceCover
from .device_intake import DeviceIntake
from .device_ring import DeviceRing
from .device_taking import Share, take_together
from .engine_window import EngineWindow
from .id_sets import n_different
from .intake import as_batch, usable_rows
from .landmarks import Landmarks, LandmarkStrategy
from .maxmin import MaxMin
from .memory import WindowPlan
from .overflow import Overflow
from .ring_buffer import RingBuffer, Rows
from .settings import Scale, StreamSettings
from .weighting import Weighting
from .window_update import WindowUpdate
from .windows import count_before

__all__ = ["BoundedPersistenceStream"]

_NS_PER_S = 1e9
_FEW = 128  # rows that the landmarks see together, at the tick at the latest


class BoundedPersistenceStream:
    """The persistence diagram of one sliding window, in bounded memory.

    Parameters
    ----------
    duration_ms : int
        Length of the window.
    dim : int
        Coordinates a point.
    slide_interval_ms : float, optional
        Distance of two ticks; a tenth of the duration when left out.
    max_points : int, optional
        Rows the window holds at most; when it is full, the oldest leave early and are counted.
        When left out, ``max_memory_mb`` decides.
    max_landmarks : int, optional
        Rows the engine sees at most; a window with more is represented by landmarks. When left
        out, a tenth of ``max_points``, from 16 to 512.
    landmarks, max_memory_mb, metric, max_edge_length, homology_dimensions, backend
        As in `MultiScaleStream`.
    parallel_workers, dtm_mass
        As in `MultiScaleStream`.

    Raises
    ------
    ConfigError, UnsupportedError, BackendUnavailable, MemoryLimitError
        As `StreamSettings`.

    Notes
    -----
    Rows are kept in float64. At a tick an origin is subtracted before the cast to float32: the
    first row ever, until a coordinate of the landmarks lies more than 256 times their extent away
    from it; then the oldest landmark takes its place (with ``"maxmin"`` all rows count instead).
    Under the cosine metric rows are scaled to length one instead.

    With ``"cover"`` the landmarks are brought up to date as rows arrive in a `MultiScaleStream`,
    the last 128 of them at the tick; in a window that is used by itself, all of them at the tick.
    """

    def __init__(
        self,
        duration_ms: int,
        dim: int,
        *,
        slide_interval_ms: float | None = None,
        max_points: int | None = None,
        max_landmarks: int | None = None,
        landmarks: str = "cover",
        max_memory_mb: float = 1024,
        metric: str = "euclidean",
        max_edge_length: float = math.inf,
        homology_dimensions: Iterable[int] = (0, 1),
        backend: str = "auto",
        parallel_workers: int | None = None,
        dtm_mass: float | None = None,
    ) -> None:
        settings = StreamSettings(
            scales=[duration_ms],
            slide_intervals_ms=None if slide_interval_ms is None else [slide_interval_ms],
            dim=dim,
            max_points=max_points,
            max_landmarks=max_landmarks,
            landmarks=landmarks,
            max_memory_mb=max_memory_mb,
            metric=metric,
            max_edge_length=max_edge_length,
            homology_dimensions=homology_dimensions,
            backend=backend,
            parallel_workers=parallel_workers,
            dtm_mass=dtm_mass,
        )
        self._intake = DeviceIntake()
        self._set_up(settings, settings.timeline[0], settings.memory_plan(dim).windows[0], dim)

    @classmethod
    def of(
        cls,
        settings: StreamSettings,
        scale: Scale,
        plan: WindowPlan,
        origin: Float64Array,
        intake: DeviceIntake,
    ) -> BoundedPersistenceStream:
        """Return the window of one scale of a stream whose settings are checked."""
        window = cls.__new__(cls)
        window._intake = intake
        window._set_up(settings, scale, plan, len(origin))
        window._first = window._origin = origin
        return window

    def _set_up(self, settings: StreamSettings, scale: Scale, plan: WindowPlan, dim: int) -> None:
        self.scale = scale
        self.dim = dim
        self.max_landmarks = plan.max_landmarks
        self._settings = settings
        self._downloads = Downloads()
        self.device: Device | None = (
            cuda_device.cuda_engine().device if settings.backend == "cuda" else None
        )
        self._ring = RingBuffer(plan.max_points, dim)
        self._landmarks = self._start_landmarks()
        self._overflow = Overflow(scale)
        self._first = np.zeros(dim)
        self._origin: Float64Array | None = None
        self._next_id = 0
        self._told_ids = np.empty(0, np.int64)
        weighted = settings.dtm_mass is not None
        self._weighting = (
            Weighting(settings.engine_options, plan.max_landmarks) if weighted else None
        )
        self._engine = None if weighted else EngineWindow(settings, plan.max_landmarks, dim)

    def __len__(self) -> int:
        """Return the number of rows held."""
        return len(self._ring)

    @property
    def overflowed(self) -> int:
        """Rows that left early, since the start."""
        return self._overflow.total

    @property
    def max_points(self) -> int:
        """Rows the window holds at most."""
        return self._ring.capacity

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays held now: rows, landmarks, ids, and what the engine keeps."""
        engine = 0 if self._engine is None else self._engine.nbytes
        origins = self._first.nbytes + (0 if self._origin is None else self._origin.nbytes)
        kept = self._told_ids.nbytes + origins
        return self._ring.nbytes + self._landmarks.nbytes + engine + kept

    @property
    def current_points(self) -> Float64Array:
        """A copy of the rows held, as they were pushed, in time order, shape (n, dim)."""
        return self._ring.points().copy()

    def add_points(self, points: Any, timestamps: Any) -> Int64Array:
        """Add rows in time order.

        Parameters
        ----------
        points : array_like, shape (m, dim), or (dim,) with a scalar timestamp
            Coordinates; on the GPU, too, as in `MultiScaleStream.push`.
        timestamps : array_like, shape (m,), or scalar for one point
            Seconds, or numpy datetime64; none older than the row before it.

        Returns
        -------
        ndarray of int64, shape (m,)
            The id of each row.

        Raises
        ------
        InvalidInputError
            If a row cannot be used; names the first one. The window is then unchanged.
        """
        points = self._downloads.brought(points, "points", self.device)
        given, times = as_batch(points, timestamps, self.dim, self.scale.slide_ns)
        ids = np.arange(self._next_id, self._next_id + len(times))
        if len(times):
            first = given[0].astype(np.float64) if self._origin is None else self._first
            kept = np.ones(len(times), np.bool_)
            rows = usable_rows(given, kept, first, self._settings.metric)
            self._append(Rows(rows, times, ids))
            if self._origin is None:
                self._first = self._origin = first
            self._next_id += len(times)
        return ids

    def fill(self, ready: Rows, t_ns: int, *, is_due: bool = True) -> int:
        """Take what the window of the coming tick needs.

        Parameters
        ----------
        ready : Rows
            In time order; rows taken before are recognised and left alone.
        t_ns : int
            The coming tick.
        is_due : bool
            It comes at once; otherwise landmarks may see a few rows together with later ones.

        Returns
        -------
        int
            Rows the window now holds.
        """
        rows = self._coming(ready, t_ns)
        if len(rows):
            # before the buffer takes them: an interrupted call then finds the same rows again
            if is_due or not self._may_wait(len(rows)):
                self._show(rows)
            self._append(rows)
        return len(self._ring)

    @staticmethod
    def fill_together(windows: Iterable[tuple[BoundedPersistenceStream, int]], ready: Rows) -> None:
        """Let windows of a stream take what their coming ticks need, as `fill`.

        Landmarks on a device see their rows by one set of launches for all windows.

        Parameters
        ----------
        windows : iterable of tuple
            Each with its coming tick.
        ready : Rows
            In time order.
        """
        coming = [(window, window._coming(ready, t_ns)) for window, t_ns in windows]
        coming = [(window, rows) for window, rows in coming if len(rows)]
        take_together([window._share(rows) for window, rows in coming])
        for window, rows in coming:
            window._append(rows)

    @property
    def takes_together(self) -> bool:
        """Whether landmarks are on a device, where those of other windows may take rows, too."""
        return self.device is not None and isinstance(self._landmarks, GhostCover)

    def tick(self, t_ns: int) -> WindowUpdate:
        """Return the diagram of ``[t_ns - duration, t_ns)`` and forget what is older.

        Parameters
        ----------
        t_ns : int
            Event time in nanoseconds, later than the newest row for ``n_overflowed`` to count.
        """
        started = time.perf_counter()
        self._ring.evict_before(t_ns - self.scale.duration_ns)
        self._overflow.forget_before(t_ns // self.scale.slide_ns)
        n_points = self._ring.count_before(t_ns)
        origin = self._first if self._origin is None else self._origin
        chosen = self._landmarks.choose(self._ring, n_points, t_ns, origin)
        if chosen.origin is not origin:
            self._origin = chosen.origin
        if self._engine is not None:
            diagram, vertex_ids, vertices = self._engine.diagram(chosen)
        else:
            assert self._weighting is not None
            diagram, chosen = self._weighting.diagram(self._ring, n_points, chosen)
            vertex_ids = chosen.ids.copy()  # they may be those of the buffer
            vertices = chosen.points + chosen.origin
        diagram.info = {**diagram.info, **self._told(chosen, n_points)}
        if n_points > self.max_landmarks:
            diagram.info["landmark_error"] = chosen.error_bound
            diagram.error_bound = _bound_of_all_bars(chosen.error_bound, diagram)
        bars = np.concatenate([diagram[k] for k in diagram.dimensions])
        self._told_ids = chosen.ids.copy()  # they may be those of the buffer
        return WindowUpdate(
            births=bars[:, 0].tolist(),
            deaths=bars[:, 1].tolist(),
            dimensions=[j for k in diagram.dimensions for j in len(diagram[k]) * [k]],
            timestamp=t_ns / _NS_PER_S,
            window_id=self.scale.window_id,
            diagram=diagram,
            error_bound=diagram.error_bound,
            n_points=n_points,
            n_vertices=len(chosen.ids),
            vertex_ids=vertex_ids,
            vertices=vertices,
            duration_seconds=self.scale.duration_ns / _NS_PER_S,
            slide_seconds=self.scale.slide_ns / _NS_PER_S,
            skipped_ticks=0,
            n_overflowed=self._overflow.wanted,
            latency_seconds=time.perf_counter() - started,
        )

    def _may_wait(self, n: int) -> bool:
        """Tell whether the landmarks may see ``n`` more rows later, in the buffer."""
        ring = self._ring
        return (
            self.device is None
            and len(ring) + n <= ring.capacity
            and self._landmarks.behind(ring) + n <= _FEW
        )

    def _coming(self, ready: Rows, t_ns: int) -> Rows:
        """Drop what the tick no longer needs; return the rows that it needs and are not here."""
        start_ns = t_ns - self.scale.duration_ns
        self._ring.evict_before(start_ns)
        newest = self._ring.newest_ns
        if newest is not None:
            start_ns = max(start_ns, newest + 1)
        first, last = count_before(ready.times, start_ns), count_before(ready.times, t_ns)
        return ready if last - first == len(ready) else ready[first : max(first, last)]

    def _show(self, rows: Rows) -> None:
        """Let the landmarks see rows that come, after those that wait for that."""
        self._catch_up()
        ring = self._ring
        self._landmarks.take(rows, ring.total, ring.total - len(ring))

    def _share(self, rows: Rows) -> Share:
        """Return what `_show` would have a cover on a device take."""
        self._catch_up()
        ring = self._ring
        assert isinstance(self._landmarks, GhostCover)
        assert isinstance(self._landmarks.state, DeviceCover)
        return Share(self._landmarks.state, rows, ring.total, ring.total - len(ring))

    def _catch_up(self) -> None:
        if self._landmarks.behind(self._ring) > 0:
            self._landmarks.catch_up(self._ring)

    def _append(self, rows: Rows) -> None:
        ring = self._ring
        # before the rows leave: an interrupted call finds the same ones again, and counts them once
        self._overflow.add(ring.pushed_out_by(rows), ring.total - len(ring))
        ring.append(rows)
        newest = self._ring.newest_ns
        if newest is not None:
            self._overflow.forget_before(newest // self.scale.slide_ns + 1)

    def _told(self, chosen: Landmarks, n_points: int) -> dict[str, Any]:
        """Return what the diagram says of its landmarks."""
        return {
            "n_points": n_points,
            "landmarks": self._settings.landmarks,
            "n_changed": n_different(chosen.ids, self._told_ids),
            "covering_radius": chosen.radius,
            "rho": chosen.rho,
        }

    def _start_landmarks(self) -> LandmarkStrategy:
        """Return landmarks that know no row."""
        k, metric = self.max_landmarks, base_metric(self._settings.metric)
        if self._settings.landmarks == "maxmin":
            return MaxMin(k, metric)
        slide, capacity = self.scale.slide_ns, self._ring.capacity
        if self.device is not None:
            rows = DeviceRing(self.device, capacity, self.dim, self._intake)
            return GhostCover(DeviceCover(rows, k, metric, slide), k, self.dim, metric, slide)
        return GhostCover.on_host(k, self.dim, metric, capacity, slide)


def _bound_of_all_bars(landmark_error: float, diagram: Diagram) -> float:
    """Return the landmark error, or nan where ``max_edge_length`` may cut one complex short."""
    # the centre of the landmarks reaches every row of the window within r_enc + landmark_error
    reach = diagram.info["r_enc"] + landmark_error
    if landmark_error == 0.0 or diagram.info["max_edge_length"] >= reach:
        return landmark_error
    return math.nan
