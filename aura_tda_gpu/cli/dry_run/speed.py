"""How long ticks and rows take on this machine, measured on random points."""

from __future__ import annotations

import json
import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ...config import Config
from ...persistence.arrays import Float64Array
from ...streaming.memory import WindowPlan
from ...streaming.multi_scale_processor import MultiScaleStream
from ...streaming.persistence_stream import BoundedPersistenceStream, WindowUpdate
from ...streaming.settings import StreamSettings
from ..records import as_record

__all__ = ["Speed", "measure_speed"]

_LARGEST = 2048  # vertices; more are extrapolated
_EXPONENT = 2.5  # of the time over the vertices, between 1024 and 4096
_ROWS = 1 << 17  # rows of a window whose landmarks are timed; fewer would fit into a cache
_SMALL_WINDOW = 4096
_BATCH = 100
_SHORTEST = 1e-9  # seconds; a coarse clock may show none
_PATIENCE = 0.2  # seconds; what takes longer is timed once

Sampler = Callable[[int], Float64Array]


@dataclass(frozen=True)
class Speed:
    """What was measured.

    Attributes
    ----------
    vertices : tuple of int
        Sizes of the windows timed, ascending.
    ticks, records : tuple of float
        Seconds for a tick of such a window, and for its line of JSON.
    row_landmarks : dict of int to float
        Seconds that a row of a large window adds to a tick, by number of landmarks.
    row_push : float
        Seconds to push a row.
    """

    vertices: tuple[int, ...]
    ticks: tuple[float, ...]
    records: tuple[float, ...]
    row_landmarks: dict[int, float]
    row_push: float

    def tick(self, n_points: int, max_landmarks: int) -> float:
        """Return the seconds that a tick of a window takes."""
        seconds = self._curve(self.ticks, min(n_points, max_landmarks), _EXPONENT)
        if n_points > max_landmarks:
            seconds += n_points * self.row_landmarks[max_landmarks]
        return seconds

    def record(self, n_points: int, max_landmarks: int) -> float:
        """Return the seconds that the line of JSON of such a tick takes."""
        return self._curve(self.records, min(n_points, max_landmarks), 1)

    def _curve(self, seconds: Sequence[float], n: int, exponent: float) -> float:
        """Interpolate, or extrapolate by a power."""
        last = self.vertices[-1]
        if n > last:
            return seconds[-1] * math.pow(n / last, exponent)
        at = np.log(self.vertices)
        return math.exp(float(np.interp(math.log(max(1, n)), at, np.log(seconds))))


def measure_speed(
    config: Config, windows: Sequence[WindowPlan], mean: Float64Array, spread: Float64Array
) -> Speed:
    """Time single ticks and pushes; takes about a second.

    Parameters
    ----------
    config : Config
        Settings of the stream.
    windows : sequence of WindowPlan
        Sizes of its windows.
    mean, spread : ndarray of float64, shape (dim,)
        Where the random points lie, and their standard deviation: a largest edge length has
        the effect that it has on the data.
    """
    settings = StreamSettings.of(config)
    rng = np.random.default_rng(0)

    def sample(n: int) -> Float64Array:
        points: Float64Array = mean + spread * rng.standard_normal((n, len(mean)))
        return points

    largest = max(window.max_landmarks for window in windows)
    vertices = _ladder(min(largest, _LARGEST))
    timed = [_time_tick(settings, sample, n, n) for n in vertices]
    exact = Speed(
        vertices, tuple(tick for tick, _ in timed), tuple(record for _, record in timed), {}, 0.0
    )
    rows = {}
    for window in windows:
        k = window.max_landmarks
        if k not in rows and window.max_points > k:
            chosen = min(k, _LARGEST)
            n = min(window.max_points, max(_ROWS, 4 * chosen))
            seconds, _ = _time_tick(settings, sample, n, chosen)
            # what a row takes is linear in the landmarks, too
            rows[k] = max(0.0, seconds - exact.tick(chosen, chosen)) / n * (k / chosen)
    return Speed(vertices, exact.ticks, exact.records, rows, _time_push(config, sample))


def _ladder(largest: int) -> tuple[int, ...]:
    sizes = [1 << i for i in range(3, largest.bit_length()) if 1 << i < largest]
    return (*sizes, largest)


def _time_tick(
    settings: StreamSettings, sample: Sampler, n: int, max_landmarks: int
) -> tuple[float, float]:
    """Return the seconds of one tick of a window of ``n`` rows, and of its line of JSON."""
    ticks: list[float] = []
    records: list[float] = []
    for _ in range(3):
        update = _tick(settings, sample(n), max_landmarks)
        started = time.perf_counter()
        json.dumps(as_record(update))
        records.append(time.perf_counter() - started)
        ticks.append(update.latency_seconds)
        if ticks[0] > _PATIENCE:
            break
    # the fastest is the least disturbed by what else the machine does
    return max(min(ticks), _SHORTEST), max(min(records), _SHORTEST)


def _tick(settings: StreamSettings, points: Float64Array, max_landmarks: int) -> WindowUpdate:
    window = BoundedPersistenceStream(
        1000,
        points.shape[1],
        max_points=len(points),
        max_landmarks=max_landmarks,
        landmarks=settings.landmarks,
        max_memory_mb=settings.max_memory_mb,
        metric=settings.metric,
        max_edge_length=settings.max_edge_length,
        homology_dimensions=settings.homology_dimensions,
        backend=settings.backend,
        parallel_workers=settings.parallel_workers,
    )
    window.add_points(points, np.linspace(0, 1, len(points), endpoint=False))
    return window.tick(10**9)


def _time_push(config: Config, sample: Sampler) -> float:
    """Return the seconds that a row takes in pushes that bring about no tick."""
    points = sample(_BATCH)
    stream = MultiScaleStream(config, dim=points.shape[1], max_points=_SMALL_WINDOW)
    step = stream.settings.timeline[0].slide_ns * 1e-9 / _SMALL_WINDOW
    seconds = []
    for i in range(0, _SMALL_WINDOW // 2, _BATCH):
        times = step * np.arange(i, i + _BATCH)
        started = time.perf_counter()
        stream.push(points, times)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds) / _BATCH
