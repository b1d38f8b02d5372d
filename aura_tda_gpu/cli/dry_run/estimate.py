"""The dry run: what a stream will need, from the first rows of its source."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

import numpy as np
from rich.console import Console

from ...config import Config
from ...persistence import backends
from ...persistence.arrays import Float64Array
from ...streaming import estimate as streams
from ...streaming.intake import rows_taken
from ...streaming.settings import StreamSettings
from ..running import stderr_console
from ..sources.base import Chunk, Source
from ..sources.takens import DelayEmbedding
from ..warming import warm_up
from .speed import Speed, measure_speed
from .text import FEWEST_ROWS, lines_of, table_of

__all__ = ["Estimate", "WindowEstimate", "estimate_run", "show_estimate"]

_ROWS = 4000  # enough to slide a window of 2048 over
_LIVE_SECONDS = 1.0
_PATIENCE = 0.1  # seconds that a silent source is waited for at a time
_FEW_TIMED = 100  # rows; what fewer take to read is mostly that of opening
_LOWEST_RATE, _HIGHEST_RATE = 1e-3, 1e9
_COARSE = 1.5  # ratio of the rates tried first


@dataclass(frozen=True, slots=True)
class WindowEstimate:
    """What one window will do. What depends on the rate is None where that is unknown.

    Attributes
    ----------
    window_id : str
        The time scale.
    duration_ms : int
        Length of the window.
    points_needed : int or None
        Points that come while the window lasts.
    max_points : int
        Points it has room for.
    overflows : bool or None
        Whether it is too small, so that points leave it early.
    max_landmarks : int
        Largest number of points its engine sees.
    n_vertices : int or None
        Points its engine will see at most.
    exact : bool or None
        Whether these are all points that the window holds.
    seconds_per_tick : float or None
        Work for a tick.
    ticks_per_second : float
        Ticks in a second of event time.
    """

    window_id: str
    duration_ms: int
    points_needed: int | None
    max_points: int
    overflows: bool | None
    max_landmarks: int
    n_vertices: int | None
    exact: bool | None
    seconds_per_tick: float | None
    ticks_per_second: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run will need.

    Attributes
    ----------
    source : str
        Name of the source.
    rows_read : int
        Rows looked at.
    dimension : int
        Coordinates of a point.
    points_per_second : float or None
        Rate in event time; None if the rows do not tell.
    backend : str
        The engine.
    windows : tuple of WindowEstimate
        Finest first.
    memory_limit_bytes : int
        What the settings allow.
    buffer_bytes : int
        Size of all buffers, the state of the engines among them.
    filled_bytes : int or None
        How much of them will be used.
    engine_bytes : int
        Reserved for a tick at work: a rebuild and the landmark selection.
    busy_share : float or None
        Seconds of work for a second of event time; above 1 the run does not keep up.
    max_points_per_second : float or None
        Highest rate that this machine keeps up with, roughly; 0 if there is none; None, as is
        ``busy_share``, if there were too few rows to time their reading.
    overflow_points_per_second : float
        Rate above which a window overflows.
    """

    source: str
    rows_read: int
    dimension: int
    points_per_second: float | None
    backend: str
    windows: tuple[WindowEstimate, ...]
    memory_limit_bytes: int
    buffer_bytes: int
    filled_bytes: int | None
    engine_bytes: int
    busy_share: float | None
    max_points_per_second: float | None
    overflow_points_per_second: float


@dataclass(frozen=True, slots=True)
class _FirstRows:
    """The rows looked at: their times, the points made of them, and the seconds to read a row.

    The seconds are None where there are too few rows to tell.
    """

    times: Float64Array
    points: Float64Array
    read_seconds: float | None

    @property
    def rate(self) -> float | None:
        """Rows in a second of event time, None if they do not tell."""
        span = float(np.ptp(self.times)) if len(self.times) >= FEWEST_ROWS else 0.0
        return (len(self.times) - 1) / span if 0 < span < math.inf else None

    def place(self, dim: int) -> tuple[Float64Array, Float64Array]:
        """Return mean and standard deviation of the points, (dim,) each, 0 and 1 if unknown."""
        if not len(self.points):
            return np.zeros(dim), np.ones(dim)
        spread = self.points.std(axis=0)
        return self.points.mean(axis=0), np.where(spread > 0, spread, 1.0)


def estimate_run(source: Source, settings: Config, embedding: DelayEmbedding | None) -> Estimate:
    """Read the first rows, time this machine, and predict the run.

    Parameters
    ----------
    source : Source
        Opened; up to 4000 rows are taken, of a live one what comes within a second.
    settings : Config
        Settings of the stream.
    embedding : DelayEmbedding, optional
        Applied to the one column taken.

    Raises
    ------
    SourceError
        If one of these rows cannot be used and is not to be skipped.
    AuraTDAError
        As `StreamSettings`, and if the windows do not fit into the memory.
    """
    warm_up(settings, stderr_console().print)
    stream = StreamSettings.of(settings)
    dim = len(source.columns) if embedding is None else embedding.dim
    plan = stream.memory_plan(dim)
    first = _first_rows(source, embedding)
    first = replace(first, points=rows_taken(first.points, stream.metric))
    rate = source.options.rate or first.rate
    speed = measure_speed(settings, plan.windows, *first.place(dim), first.points)
    largest = max(window.max_landmarks for window in plan.windows)
    engine, _ = backends.resolve(
        stream.backend, largest, tuple(stream.homology_dimensions), kept=True
    )
    told = streams.estimate(settings, rate, dim)
    reading = first.read_seconds

    def busy(at: float, row_seconds: float) -> float:
        windows = streams.estimate(settings, at, dim).windows
        return sum(_work(speed, window) for window in windows) + at * row_seconds

    row = None if reading is None else speed.row_push + reading
    return Estimate(
        source=str(source.path),
        rows_read=len(first.times),
        dimension=dim,
        points_per_second=rate,
        backend=engine.name,
        windows=tuple(_window(speed, window) for window in told.windows),
        memory_limit_bytes=told.limit_bytes,
        buffer_bytes=told.buffer_bytes,
        filled_bytes=told.filled_bytes,
        engine_bytes=told.working_bytes,
        busy_share=None if rate is None or row is None else busy(rate, row),
        max_points_per_second=None if row is None else _highest_rate(lambda at: busy(at, row)),
        overflow_points_per_second=told.overflow_rate,
    )


def show_estimate(estimate: Estimate, *, as_json: bool) -> None:
    """Print an estimate on standard output, for a machine or for a person."""
    if as_json:
        Console(highlight=False, soft_wrap=True).print_json(json.dumps(asdict(estimate)))
        return
    console = Console(highlight=False, markup=False)
    console.print(table_of(estimate))
    for line in lines_of(estimate):
        console.print(line, soft_wrap=True)


def _first_rows(source: Source, embedding: DelayEmbedding | None) -> _FirstRows:
    """Read what comes first."""
    chunks: list[Chunk] = []
    points: list[Float64Array] = []
    n_rows = 0
    started = time.perf_counter()
    for more in source.chunks(_ROWS, _PATIENCE):
        chunk = more[: _ROWS - n_rows]
        chunks.append(chunk)
        points.append((chunk if embedding is None else embedding(chunk)).points)
        n_rows += len(more)
        seconds = time.perf_counter() - started
        if n_rows >= _ROWS or (source.live and seconds >= _LIVE_SECONDS):
            break
    times = np.concatenate([np.empty(0), *(chunk.times for chunk in chunks)])
    reading = seconds / n_rows if n_rows >= _FEW_TIMED else None
    return _FirstRows(
        times,
        np.concatenate(points) if points else np.empty((0, 0)),
        # a live source is waited for, and is read by a thread of its own
        0.0 if source.live else reading,
    )


def _work(speed: Speed, window: streams.WindowEstimate) -> float:
    """Return the seconds of work of one window for a second of event time."""
    assert window.points_needed is not None
    n = min(window.points_needed, window.max_points)
    seconds = speed.tick(n, window.max_landmarks) + speed.record(n, window.max_landmarks)
    return seconds * window.ticks_per_second


def _window(speed: Speed, window: streams.WindowEstimate) -> WindowEstimate:
    needed, seconds = window.points_needed, None
    if needed is not None:
        seconds = speed.tick(min(needed, window.max_points), window.max_landmarks)
    return WindowEstimate(
        window_id=window.window_id,
        duration_ms=window.duration_ms,
        points_needed=needed,
        max_points=window.max_points,
        overflows=window.overflows,
        max_landmarks=window.max_landmarks,
        n_vertices=window.n_vertices,
        exact=window.exact,
        seconds_per_tick=seconds,
        ticks_per_second=window.ticks_per_second,
    )


def _highest_rate(busy: Callable[[float], float]) -> float:
    """Return the highest rate whose second of data takes a second of work, 0 if there is none."""
    low = _HIGHEST_RATE
    # a window that outgrows its landmarks may take less than one that is just exact
    while busy(low) > 1:
        low /= _COARSE
        if low < _LOWEST_RATE:
            return 0.0
    high = _COARSE * low
    while high > 1.001 * low:
        middle = math.sqrt(low * high)
        low, high = (middle, high) if busy(middle) <= 1 else (low, middle)
    return low
