"""How long ticks and rows take on this machine, measured on the first rows or on random points."""

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
from ...streaming.feature_tracker import FeatureTracker
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
        Seconds for a tick of such a window, and to follow its features and write its line of JSON.
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
        """Return the seconds that the features and the line of JSON of such a tick take."""
        return self._curve(self.records, min(n_points, max_landmarks), 1)

    def _curve(self, seconds: Sequence[float], n: int, exponent: float) -> float:
        """Interpolate, or extrapolate by a power."""
        last = self.vertices[-1]
        if n > last:
            return seconds[-1] * math.pow(n / last, exponent)
        return _between(self.vertices, seconds, n)


class _Points:
    """What windows are filled with: rows of the source where they suffice, else random points.

    Parameters
    ----------
    mean, spread, first
        As in `measure_speed`.
    """

    def __init__(
        self, mean: Float64Array, spread: Float64Array, first: Float64Array | None = None
    ) -> None:
        self._mean = mean
        self._spread = spread
        self._rows = np.empty((0, len(mean))) if first is None or not len(first) else first
        if 2 * len(np.unique(self._rows, axis=0)) < len(self._rows):  # a sensor that is silent
            self._rows = self._rows[:0]

    def sampler(self, n: int) -> Sampler:
        """Return a source of as many points as a window of ``n`` takes while it is timed."""
        rng, used = np.random.default_rng(0), 0
        needed = -(-n * (_SLIDES + _STARTING + _TIMED - 1) // _SLIDES)

        def random(m: int) -> Float64Array:
            points: Float64Array = rng.standard_normal((m, len(self._mean)))
            return self._mean + self._spread * points

        def own(m: int) -> Float64Array:
            nonlocal used
            used += m
            return self._rows[used - m : used]

        return own if len(self._rows) >= needed else random


def measure_speed(
    config: Config,
    windows: Sequence[WindowPlan],
    mean: Float64Array,
    spread: Float64Array,
    first: Float64Array | None = None,
) -> Speed:
    """Time ticks and pushes; takes a second or two.

    Parameters
    ----------
    config : Config
        Settings of the stream.
    windows : sequence of WindowPlan
        Sizes of its windows.
    mean, spread : ndarray of float64, shape (dim,)
        Where random points lie, and their standard deviation: a largest edge length has the
        effect that it has on the data.
    first : ndarray of float64, shape (m, dim), optional
        Points of the data in their order, all such that a stream takes them (`rows_taken`); windows
        that they are too few for slide over random ones, and so do all if most of them are
        repeated.
    """
    settings = StreamSettings.of(config)
    points = _Points(mean, spread, first)

    def timed_of(n: int, chosen: int) -> tuple[float, float]:
        tracker = FeatureTracker.of(config.stability)
        return _time_ticks(settings, points.sampler(n), n, chosen, tracker)

    largest = max(window.max_landmarks for window in windows)
    vertices = _ladder(min(largest, _LARGEST))
    timed = [timed_of(n, n) for n in vertices]
    ticks, records = tuple(tick for tick, _ in timed), tuple(record for _, record in timed)
    exact = Speed(vertices, ticks, records, {}, {}, 0.0)
    covered: dict[int, tuple[tuple[int, ...], tuple[float, ...]]] = {}
    rows: dict[int, float] = {}
    for k in {plan.max_landmarks for plan in windows if plan.max_points > plan.max_landmarks}:
        most = max(plan.max_points for plan in windows if plan.max_landmarks == k)
        chosen = min(k, _LARGEST)
        if settings.landmarks == "cover" and settings.dtm_mass is None:
            sizes = tuple(sorted({min(most, factor * chosen) for factor in _CROWDS}))
            found = [timed_of(n, chosen)[0] for n in sizes]
            more = (k / chosen) ** _EXPONENT
            covered[k] = sizes, tuple(seconds * more for seconds in found)
        else:
            n = min(most, max(_ROWS, 4 * chosen))
            seconds, _ = timed_of(n, chosen)
            # what a row takes is linear in the landmarks
            rows[k] = max(0.0, seconds - exact.tick(chosen, chosen)) / n * (k / chosen)
    return Speed(
        vertices,
        ticks,
        records,
        covered,
        rows,
        _time_push(config, points.sampler(_SMALL_WINDOW)(_BATCH)),
    )


def _between(sizes: tuple[int, ...], seconds: Sequence[float], n: int) -> float:
    """Interpolate as a power of the size; beyond the sizes nothing changes."""
    at = math.log(max(1, n))
    return math.exp(float(np.interp(at, np.log(sizes), np.log(seconds))))


def _ladder(largest: int) -> tuple[int, ...]:
    sizes = [1 << i for i in range(3, largest.bit_length()) if 1 << i < largest]
    return (*sizes, largest)


def _time_ticks(
    settings: StreamSettings,
    sample: Sampler,
    n: int,
    max_landmarks: int,
    tracker: FeatureTracker,
) -> tuple[float, float]:
    """Return the seconds of a tick of a window of ``n`` rows, and of its features and line."""
    window = _window(settings, sample(0).shape[1], n, max_landmarks)
    ticks: list[float] = []
    records: list[float] = []
    for slide in range(_STARTING + _TIMED):
        t_ns = window.scale.duration_ns + slide * window.scale.slide_ns
        window.fill(_arrivals(sample, n, slide), t_ns)
        update = window.tick(t_ns)
        started = time.perf_counter()
        tracker.follow([update])
        json.dumps(as_record(update))
        records.append(time.perf_counter() - started)
        ticks.append(update.latency_seconds)
        if sum(ticks) > _PATIENCE:
            break
    # half of the ticks took no longer; the fastest line is the least disturbed
    settled = ticks[_STARTING:] or ticks[-1:]
    told = records[_STARTING:] or records[-1:]
    return max(statistics.median(settled), _SHORTEST), max(min(told), _SHORTEST)


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


def _time_push(config: Config, points: Float64Array) -> float:
    """Return the seconds that a row takes in pushes that bring about no tick."""
    stream = MultiScaleStream(config, dim=points.shape[1], max_points=_SMALL_WINDOW)
    step = stream.settings.timeline[0].slide_ns * 1e-9 / _SMALL_WINDOW
    seconds = []
    for i in range(0, _SMALL_WINDOW // 2, _BATCH):
        times = step * np.arange(i, i + _BATCH)
        started = time.perf_counter()
        stream.push(points, times)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds) / len(points)
