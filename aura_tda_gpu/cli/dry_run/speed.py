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
from ...streaming.persistence_stream import BoundedPersistenceStream
from ...streaming.ring_buffer import Rows
from ...streaming.settings import StreamSettings
from ..records import as_record

__all__ = ["Speed", "measure_speed"]

_LARGEST = 2048  # vertices; more are extrapolated
_EXPONENT = 2.5  # of the time over the vertices, between 1024 and 4096
_CROWDS = (2, 8, 64)  # rows a landmark; the more, the fewer landmarks change
_ROWS = 1 << 17  # rows that landmarks are selected from; fewer would fit into a cache
_SLIDES = 10  # slides of a window, as of any scale of a Config
_STARTING, _TIMED = 3, 5  # ticks; in the first ones the engine makes up its mind about updates
_SMALL_WINDOW = 8192
_BATCH = 100
_SHORTEST = 1e-9  # seconds; a coarse clock may show none
_PATIENCE = 0.2  # seconds; ticks that take longer together are few

Sampler = Callable[[int], Float64Array]


@dataclass(frozen=True)
class Speed:
    """What was measured.

    Attributes
    ----------
    vertices : tuple of int
        Sizes of the exact windows timed, ascending.
    ticks, records : tuple of float
        Seconds for a tick of such a window, and for its line of JSON.
    covered : dict of int to tuple of (tuple of int, tuple of float)
        By the number of landmarks, where they are kept up to date: rows of the windows timed,
        ascending, and seconds for a tick.
    row_landmarks : dict of int to float
        Seconds that each row of a window adds to a tick at which landmarks are selected anew, or
        weighed.
    row_push : float
        Seconds to push a row, the landmarks of all windows brought up to date.
    """

    vertices: tuple[int, ...]
    ticks: tuple[float, ...]
    records: tuple[float, ...]
    covered: dict[int, tuple[tuple[int, ...], tuple[float, ...]]]
    row_landmarks: dict[int, float]
    row_push: float

    def tick(self, n_points: int, max_landmarks: int) -> float:
        """Return the seconds that a tick of a window takes."""
        k = max_landmarks
        if n_points > k and k in self.covered:
            return _between(*self.covered[k], n_points)
        seconds = self._curve(self.ticks, min(n_points, k), _EXPONENT)
        return seconds + (n_points * self.row_landmarks[k] if n_points > k else 0.0)

    def record(self, n_points: int, max_landmarks: int) -> float:
        """Return the seconds that the line of JSON of such a tick takes."""
        return self._curve(self.records, min(n_points, max_landmarks), 1)

    def _curve(self, seconds: Sequence[float], n: int, exponent: float) -> float:
        """Interpolate, or extrapolate by a power."""
        last = self.vertices[-1]
        if n > last:
            return seconds[-1] * math.pow(n / last, exponent)
        return _between(self.vertices, seconds, n)


def measure_speed(
    config: Config, windows: Sequence[WindowPlan], mean: Float64Array, spread: Float64Array
) -> Speed:
    """Time ticks and pushes; takes a second or two.

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
    timed = [_time_ticks(settings, sample, n, n) for n in vertices]
    ticks, records = tuple(tick for tick, _ in timed), tuple(record for _, record in timed)
    exact = Speed(vertices, ticks, records, {}, {}, 0.0)
    covered: dict[int, tuple[tuple[int, ...], tuple[float, ...]]] = {}
    rows: dict[int, float] = {}
    for k in {plan.max_landmarks for plan in windows if plan.max_points > plan.max_landmarks}:
        most = max(plan.max_points for plan in windows if plan.max_landmarks == k)
        chosen = min(k, _LARGEST)
        if settings.landmarks == "cover" and settings.dtm_mass is None:
            sizes = tuple(sorted({min(most, factor * chosen) for factor in _CROWDS}))
            found = [_time_ticks(settings, sample, n, chosen)[0] for n in sizes]
            more = (k / chosen) ** _EXPONENT
            covered[k] = sizes, tuple(seconds * more for seconds in found)
        else:
            n = min(most, max(_ROWS, 4 * chosen))
            seconds, _ = _time_ticks(settings, sample, n, chosen)
            # what a row takes is linear in the landmarks
            rows[k] = max(0.0, seconds - exact.tick(chosen, chosen)) / n * (k / chosen)
    return Speed(vertices, ticks, records, covered, rows, _time_push(config, sample))


def _between(sizes: tuple[int, ...], seconds: Sequence[float], n: int) -> float:
    """Interpolate as a power of the size; beyond the sizes nothing changes."""
    at = math.log(max(1, n))
    return math.exp(float(np.interp(at, np.log(sizes), np.log(seconds))))


def _ladder(largest: int) -> tuple[int, ...]:
    sizes = [1 << i for i in range(3, largest.bit_length()) if 1 << i < largest]
    return (*sizes, largest)


def _time_ticks(
    settings: StreamSettings, sample: Sampler, n: int, max_landmarks: int
) -> tuple[float, float]:
    """Return the seconds of a tick of a window of ``n`` rows, and of its line of JSON."""
    window = _window(settings, len(sample(1)[0]), n, max_landmarks)
    ticks: list[float] = []
    records: list[float] = []
    for slide in range(_STARTING + _TIMED):
        t_ns = window.scale.duration_ns + slide * window.scale.slide_ns
        window.fill(_arrivals(sample, n, slide), t_ns)
        update = window.tick(t_ns)
        started = time.perf_counter()
        json.dumps(as_record(update))
        records.append(time.perf_counter() - started)
        ticks.append(update.latency_seconds)
        if sum(ticks) > _PATIENCE:
            break
    # half of the ticks took no longer; the fastest line is the least disturbed
    settled = ticks[_STARTING:] or ticks[-1:]
    return max(statistics.median(settled), _SHORTEST), max(min(records), _SHORTEST)


def _window(
    settings: StreamSettings, dim: int, n: int, max_landmarks: int
) -> BoundedPersistenceStream:
    return BoundedPersistenceStream(
        1000,
        dim,
        max_points=n,
        max_landmarks=max_landmarks,
        landmarks=settings.landmarks,
        max_memory_mb=settings.max_memory_mb,
        metric=settings.metric,
        max_edge_length=settings.max_edge_length,
        homology_dimensions=settings.homology_dimensions,
        backend=settings.backend,
        parallel_workers=settings.parallel_workers,
        dtm_mass=settings.dtm_mass,
    )


def _arrivals(sample: Sampler, n: int, slide: int) -> Rows:
    """Return the rows that come before a slide; ``n`` of them fall into any second."""
    first, last = (-(-n * (_SLIDES + i) // _SLIDES) for i in (slide - 1, slide))
    ids = np.arange(first if slide else 0, last)
    return Rows(sample(len(ids)), ids * 10**9 // n, ids)


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
