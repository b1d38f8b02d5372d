"""One stream of points, a sliding window for each time scale."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any

from ..config import Config
from ..config.hints import hint
from ..errors import ConfigError
from ..log import get_logger
from ..persistence import cuda_device
from ..persistence.device_stats import DeviceUse
from .event_times import as_instant
from .intake import as_batch
from .settings import DEFAULT_SCALES, StreamSettings, default
from .stats import StreamStats
from .stepwise import StepwiseStream, limited_by_memory
from .window_update import WindowUpdate
from .windows import TemporalWindow

__all__ = ["MultiScaleStream"]

_NS_PER_S = 1e9


class MultiScaleStream(StepwiseStream):
    """Persistence diagrams of a stream of points over sliding windows of several lengths.

    A window that ticks at ``T`` holds the points of ``[T - duration, T)`` and fires as soon as
    the watermark, the newest event time less the allowed lateness, reaches ``T``. Ticks are
    multiples of the slide, counted from time 0; the first one follows the first point. How the
    points are cut into pushes makes no difference.

    Parameters
    ----------
    scales : iterable of int, or Config
        Lengths of the windows in milliseconds, or all settings at once. Beside a `Config` only
        ``slide_intervals_ms``, ``dim`` and ``max_points`` may be given.
    slide_intervals_ms : sequence of float, optional
        Distance of two ticks, one value a scale; a tenth of the scale when left out.
    dim : int, optional
        Coordinates a point. When left out, the first push decides.
    max_points : int, optional
        Upper limit of the rows of each window.
    max_landmarks : int, optional
        A window of at most so many points is exact, a larger one is represented by landmarks
        and certified. When left out, ``landmark_ratio`` of its capacity, from 16 to 512.
    landmarks : str
        ``"cover"`` keeps landmarks while points come and go, which is quick and changes few of
        them; ``"maxmin"`` selects the farthest points anew at each tick.
    landmark_ratio : float
        See ``max_landmarks``.
    max_memory_mb : float
        What all buffers and engines together may take, in MB of 1024 x 1024 bytes. A window
        that is full drops its oldest rows early and says so.
    allowed_lateness_ms : float
        How far a point may lie behind the newest one and still be sorted in. Points younger
        than the watermark wait, and so do those that are as old as the watermark: as many as
        the largest window holds, else the push is refused.
    max_empty_ticks : int
        Ticks of a scale that a gap in the data gets before the clock jumps over it.
    metric : str
        ``"euclidean"``, ``"manhattan"``, ``"chebyshev"``, ``"cosine"`` (the angle) or ``"dtm"``
        (euclidean, with weights that hold outliers back; see `vietoris_rips`). The weights of
        ``"dtm"`` are those with respect to all rows of a window, also where landmarks stand for
        them: ``error_bound`` is then twice as large, and each tick is a rebuild.
    max_edge_length : float
        Longest edge of the filtration, inclusive. Where landmarks stand for a window and it is
        less than their enclosing radius plus the bound, ``error_bound`` is nan; see
        `WindowUpdate`.
    homology_dimensions : iterable of int
        0 and 1, or one of them.
    backend : str
        As in `vietoris_rips`, but ``"auto"`` takes the CPU.
    parallel_workers : int, optional
        Engine threads; None takes the usable cores.
    dtm_mass : float, optional
        With ``metric="dtm"``: the share of a window's rows that makes a weight, above 0 and at most
        1; 0.1 when left out.

    Raises
    ------
    ConfigError
        If a setting has an unknown name or a value outside its range.
    UnsupportedError, BackendUnavailable, MemoryLimitError
        As `StreamSettings`.

    Notes
    -----
    A refused call leaves the stream as it was: `InvalidInputError` for a bad row,
    `MemoryLimitError` for points that do not fit. If a tick is interrupted, by an engine that
    runs out of memory or by Ctrl-C, the points are taken all the same: the next call of
    ``push``, ``advance`` or ``flush``, an empty push among them, resumes at that tick and
    returns what was computed before it, too. It does so before anything else: if the tick
    fails again, the call has taken no points and moved no watermark. So what waits never
    grows. An interrupt before the ticks finds all points of a call taken or none:
    ``stats.accepted + stats.late`` tells how many have been.

    Points are kept in float64. Each window subtracts its origin before the cast to float32:
    the first accepted point, until its landmarks lie more than 256 times their extent away
    from it; then the oldest of them. The cosine metric has no origin. Squares of differences below
    1e-19 underflow, so scale data that small. A stream is used by one thread at a time.
    """

    def __init__(
        self,
        scales: Iterable[int] | Config = DEFAULT_SCALES,
        *,
        slide_intervals_ms: Sequence[float] | None = None,
        dim: int | None = None,
        max_points: int | None = None,
        max_landmarks: int | None = default("max_landmarks"),
        landmarks: str = default("landmarks"),
        landmark_ratio: float = default("landmark_ratio"),
        max_memory_mb: float = default("max_memory_mb"),
        allowed_lateness_ms: float = default("allowed_lateness_ms"),
        max_empty_ticks: int = default("max_empty_ticks"),
        metric: str = default("metric"),
        max_edge_length: float = default("max_edge_length"),
        homology_dimensions: Iterable[int] = default("homology_dimensions"),
        backend: str = default("backend"),
        parallel_workers: int | None = default("parallel_workers"),
        dtm_mass: float | None = default("dtm_mass"),
        **unknown: object,
    ) -> None:
        for name in unknown:
            known = {field.name: field.name for field in fields(StreamSettings)}
            raise ConfigError(f"unknown setting {name!r} of a stream{hint(name, known)}")
        settings = StreamSettings.of(
            scales,
            slide_intervals_ms=slide_intervals_ms,
            dim=dim,
            max_points=max_points,
            max_landmarks=max_landmarks,
            landmarks=landmarks,
            landmark_ratio=landmark_ratio,
            max_memory_mb=max_memory_mb,
            allowed_lateness_ms=allowed_lateness_ms,
            max_empty_ticks=max_empty_ticks,
            metric=metric,
            max_edge_length=max_edge_length,
            homology_dimensions=homology_dimensions,
            backend=backend,
            parallel_workers=parallel_workers,
            dtm_mass=dtm_mass,
        )
        device = cuda_device.cuda_engine().device if settings.backend == "cuda" else None
        super().__init__(settings, device)
        self._device_use = None if device is None else DeviceUse(device.xp)

    @property
    def stats(self) -> StreamStats:
        """The counters as they are now."""
        mark = self._watermark_ns
        n_seen, n_late = self._counts
        clocks = {scale.window_id: 0 for scale in self.settings.timeline}
        clocks.update({lane.scale.window_id: lane.clock.ticks for lane in self._lanes})
        return StreamStats(
            accepted=n_seen - n_late,
            late=n_late,
            overflowed=sum(lane.window.overflowed for lane in self._lanes),
            ticks=clocks,
            skipped_ticks=sum(lane.clock.skipped_ticks for lane in self._lanes),
            watermark=None if mark is None else mark / _NS_PER_S,
            pending=len(self._pending),
            device={
                **(self._device_use.told(n_seen) if self._device_use else {}),
                **self._downloads.told(),
            },
        )

    @property
    def windows(self) -> dict[str, TemporalWindow]:
        """The windows by id, finest first, with copies of the rows they hold now."""
        if not self._lanes:
            timeline = self.settings.timeline
            return {scale.window_id: TemporalWindow.of(scale, 0) for scale in timeline}
        return {lane.scale.window_id: lane.snapshot() for lane in self._lanes}

    def get_memory_usage(self) -> int:
        """Return the bytes of all arrays held between two calls.

        These are the rows of the windows and those that wait, the landmarks, and the state of
        the engines: what `estimate` calls ``buffer_bytes`` at most. 0 before the first point.
        """
        if not self._lanes:
            return 0
        held = self._pending.nbytes + self._ready.nbytes
        return held + sum(lane.window.nbytes for lane in self._lanes)

    def push(self, points: Any, timestamps: Any) -> list[WindowUpdate]:
        """Take points, and return the updates of all ticks they bring about.

        Parameters
        ----------
        points : array_like, shape (m, dim), or (dim,) with a scalar timestamp
            Coordinates. With ``backend="cuda"`` also an array on the GPU of the windows, of torch
            or CuPy: it is checked there and copied to the host once, where points are put into
            order; ``stats.device`` counts such rows.
        timestamps : array_like, shape (m,), or scalar for one point
            Event times, on the host: seconds as numbers of any real type, or numpy datetime64.
            float16 and float32 are refused where their numbers are farther apart than a second
            and than two ticks: float32 from 2^24 seconds on, so also since 1970.
            They need not be sorted; a point older than the watermark of those before it is dropped
            and counted in ``stats.late``; the first one of a stream is logged as a warning.

        Returns
        -------
        list of WindowUpdate
            By time, then finest scale first.

        Raises
        ------
        InvalidInputError
            If a row cannot be used; names the first one.
        MemoryLimitError
            If the windows of points of this dimension, or the points that have to wait for
            the watermark, do not fit into ``max_memory_mb`` or into the machine.

        Notes
        -----
        The call needs working memory of a few times the size of these points beside
        ``max_memory_mb``: cut a long recording into pushes.
        """
        if self._device is not None and not self._lanes:
            self._device = cuda_device.cuda_engine().device  # where the windows will be
        points = self.on_host(points)
        with limited_by_memory():
            given, times = as_batch(points, timestamps, self._dim, self.settings.shortest_slide_ns)
        none_late = not self.n_late
        self.take(given, times)
        if none_late and self.n_late:
            lateness_ms = self.settings.allowed_lateness_ms
            log = get_logger(__name__)
            log.warning("points_late", n_points=self.n_late, allowed_lateness_ms=lateness_ms)
        return self._drain()

    def advance(self, now: Any) -> list[WindowUpdate]:
        """Move the watermark of a silent source, and return the updates of the ticks it passes.

        Parameters
        ----------
        now : float or datetime64
            Event time in seconds: the caller vouches that no older point comes. A time before
            the watermark changes nothing.

        Returns
        -------
        list of WindowUpdate
            By time, then finest scale first.

        Raises
        ------
        InvalidInputError
            If ``now`` is not one finite time, or of a type too coarse, as in `push`.
        """
        self.move_to(as_instant(now, self.settings.shortest_slide_ns))
        return self._drain()

    def flush(self) -> list[WindowUpdate]:
        """End the stream: release all points and let every scale tick once past the last one.

        The watermark is then the last of these ticks, and the next tick of every scale the
        first one after it; ticks in between count as skipped.

        Returns
        -------
        list of WindowUpdate
            By time, then finest scale first. If it is interrupted, call it again.
        """
        self.end()
        return self._drain()

    def _drain(self) -> list[WindowUpdate]:
        """Fire all due ticks and hand over the updates."""
        self._drain_ticks()
        outbox, self._outbox = self._outbox, {}
        return list(outbox.values())
