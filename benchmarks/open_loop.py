"""One stream under an offered load: every point has its arrival time before the run begins.

The load does not wait for the stream. What has arrived while it was busy waits in a queue, and
the latency of an update counts from the arrival of the last point of its window, so a stream that
falls behind shows it at every tick (no coordinated omission).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from aura_tda_gpu import MultiScaleStream
from aura_tda_gpu.persistence import backends
from aura_tda_gpu.streaming.hooks import UpdateHook
from aura_tda_gpu.streaming.window_update import WindowUpdate

from .latencies import Latencies
from .offered import Source, event_times

__all__ = ["Clock", "Load", "Served", "fill", "serve"]

ROOM = 1.02  # rows a window may hold, against those that fall into it
_FILL_PUSH = 2000  # points


@dataclass(frozen=True)
class Load:
    """What is offered to one stream, and how it is set up.

    Attributes
    ----------
    rate_hz : float
        Points a second, of event time and of the clock on the wall.
    scales : tuple of int
        Lengths of the windows in milliseconds.
    source : str
        One of `offered.SOURCES`.
    dim : int
        Coordinates of a point.
    landmarks : int
        Of each window.
    backend : str
        Of the stream.
    duration_s : float
        How long points arrive.
    fill_s : float
        Event time pushed before, as fast as it goes, so that windows are full at the start.
    batch : int
        Points taken at once, at most.
    queue : int
        Points that may wait; when there are more, the oldest are dropped and counted.
    poll_s : float
        How long an idle stream sleeps before it looks for points again.
    follow : bool
        Whether features are followed, too.
    threads : int or None
        Engine threads; None takes the usable cores.
    seed : int
        Of the source.
    profile : bool
        Whether the time of each stage is taken.
    """

    rate_hz: float
    scales: tuple[int, ...] = (100, 1_000, 10_000, 60_000)
    source: str = "knot"
    dim: int = 3
    landmarks: int = 512
    backend: str = "auto"
    duration_s: float = 20.0
    fill_s: float = 60.0
    batch: int = 1000
    queue: int = 50_000
    poll_s: float = 0.001
    follow: bool = True
    threads: int | None = None
    seed: int = 0
    profile: bool = False

    @property
    def n_fill(self) -> int:
        """Points of the filling."""
        return round(self.fill_s * self.rate_hz)

    @property
    def n_offered(self) -> int:
        """Points that arrive in the run."""
        return round(self.duration_s * self.rate_hz)

    @property
    def on_gpu(self) -> bool:
        """Whether diagrams of that many landmarks are computed on a GPU."""
        return backends.resolve(self.backend, self.landmarks, (0, 1))[0].name == "cuda"

    def new_stream(self) -> MultiScaleStream:
        """Return the stream, with room for all points of its longest window."""
        rows = int(ROOM * self.rate_hz * max(self.scales) / 1000) + 8
        return MultiScaleStream(
            self.scales,
            dim=self.dim,
            max_points=rows,
            max_landmarks=self.landmarks,
            max_memory_mb=_enough_mb(rows, self.dim, self.landmarks, len(self.scales)),
            backend=self.backend,
            parallel_workers=self.threads,
        )


@dataclass
class Clock:
    """Seconds since the start of a run, and a way to wait; a test has one of its own."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass
class Served:
    """What a run told.

    Attributes
    ----------
    latencies : dict of str to Latencies
        By scale, seconds from the arrival of the last point of a tick to its delivery.
    depth : Latencies
        Points that waited, each time some were taken.
    taken, dropped : int
        Points.
    seconds : float
        From the start until the last point was worked off.
    last : dict of str to WindowUpdate
        The newest update of each scale.
    paths : dict of str to dict of str to int
        How often each scale was updated in place or rebuilt.
    seconds_of_points : list of float
        Points taken in each whole second.
    segments : list of (int, int)
        Point id, and number of the source's row, where the two go on in step.
    """

    latencies: dict[str, Latencies] = field(default_factory=dict)
    depth: Latencies = field(default_factory=Latencies)
    taken: int = 0
    dropped: int = 0
    seconds: float = 0.0
    last: dict[str, WindowUpdate] = field(default_factory=dict)
    paths: dict[str, dict[str, int]] = field(default_factory=dict)
    seconds_of_points: list[float] = field(default_factory=list)
    segments: list[tuple[int, int]] = field(default_factory=list)

    def row_of(self, ids: Any) -> Any:
        """Return the source's row of each point id."""
        starts = np.array(self.segments, np.int64).reshape(-1, 2)
        place = np.searchsorted(starts[:, 0], ids, side="right") - 1
        return starts[place, 1] + (ids - starts[place, 0])


def fill(
    load: Load,
    stream: MultiScaleStream,
    source: Source,
    hooks: Sequence[UpdateHook],
    told: Callable[[float], None] = lambda share: None,
) -> None:
    """Push what fills the windows, as fast as it goes.

    Hooks see the last tenth, in which each window ticks: it is they that take longest.
    """
    n = load.n_fill
    hooked_from = n - n // 10 - _FILL_PUSH
    for first in range(0, n, _FILL_PUSH):
        last = min(first + _FILL_PUSH, n)
        _take(stream, source, first, last, load.rate_hz)
        for instant in _instants(stream):
            for hook in hooks if first >= hooked_from else ():
                hook(instant)
        told(last / n)


def serve(
    load: Load,
    stream: MultiScaleStream,
    source: Source,
    hooks: Sequence[UpdateHook],
    clock: Clock,
    told: Callable[[float], None] = lambda share: None,
    emit: Callable[[WindowUpdate], None] = lambda update: None,
) -> Served:
    """Offer the load to a stream that `fill` has prepared, from the time 0 of the clock on.

    Parameters
    ----------
    load, stream, source, hooks
        As in `fill`.
    clock : Clock
        The time before 0 is waited for.
    told : callable
        Gets the share that is over.
    emit : callable
        The subscriber; an update is delivered when it returns.
    """
    served = Served(latencies={f"scale_{s}ms": Latencies() for s in sorted(load.scales)})
    served.segments.append((0, 0))
    first, end = load.n_fill, load.n_fill + load.n_offered
    at = first  # the next row
    while at < end:
        now = clock.now()
        arrived = min(end, first + math.floor(now * load.rate_hz + 1e-9) + 1) if now >= 0 else first
        waiting = arrived - at
        if waiting <= 0:
            clock.sleep(load.poll_s if now >= 0 else min(-now, 0.05))
            continue
        if waiting > load.queue:
            lost = waiting - load.queue
            served.dropped += lost
            at, waiting = at + lost, load.queue
            served.segments.append((stream.n_seen, at))
        served.depth.add(float(waiting))
        last = min(at + load.batch, arrived)
        _take(stream, source, at, last, load.rate_hz)
        served.taken += last - at
        at = last
        for instant in _instants(stream):
            for hook in hooks:
                hook(instant)
            for update in instant:
                emit(update)
                _delivered(served, update, load, clock.now())
        _count_second(served, clock.now())
        told((at - first) / (end - first))
    served.seconds = clock.now()
    return served


def _take(stream: MultiScaleStream, source: Source, first: int, last: int, rate_hz: float) -> None:
    points = source.block(first, last)
    stream.take(*stream.check(points, event_times(first, last, rate_hz)))


def _instants(stream: MultiScaleStream) -> Any:
    """Yield the updates of each instant that is due, as soon as they are computed."""
    instant: list[WindowUpdate] = []
    while (done := stream.tick()) is not None:
        t_ns, update = done
        instant.append(update)
        if stream.due_ns != t_ns:
            yield instant
            instant = []


def _delivered(served: Served, update: WindowUpdate, load: Load, now: float) -> None:
    # the last row before the tick, whether or not it was dropped
    row = math.ceil(update.timestamp * load.rate_hz - 1e-6) - 1
    if row < load.n_fill:
        return  # a tick of the filling, which the first points of the run only closed
    name = update.window_id
    served.latencies[name].add(now - (row - load.n_fill) / load.rate_hz)
    served.last[name] = update
    ways = served.paths.setdefault(name, {})
    way = update.diagram.info["path"]
    ways[way] = ways.get(way, 0) + 1


def _count_second(served: Served, now: float) -> None:
    """Note how many points have been taken by the end of each second."""
    while len(served.seconds_of_points) < int(now):
        served.seconds_of_points.append(float(served.taken))


def _enough_mb(rows: int, dim: int, landmarks: int, scales: int) -> float:
    """Return a limit that no window meets before it has ``rows`` rows."""
    per_row = 2 * (8 * dim + 16) * (scales + 2)
    return 64 + scales * 64 * (landmarks / 512) ** 2 + 2 * rows * per_row / (1 << 20)
