"""How long the tracker takes for a tick of five hundred bars, on one core."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from aura_tda_gpu import FeatureTracker, MultiScaleStream
from aura_tda_gpu.streaming.window_update import WindowUpdate

__all__ = ["BARS", "tracker_times"]

BARS = 500
_POINTS = 400  # uniform in a square: 400 bars in H0 and about 100 in H1
_WARM_UP = 20


@dataclass(frozen=True, slots=True)
class _Pace:
    """A stream by what is new at each tick."""

    name: str
    replaced: int  # points of a tick


_PACES = (_Pace("a tenth of the points replaced", _POINTS // 10), _Pace("quiet: one of them", 1))


def tracker_times(ticks: int, seed: int = 0) -> list[dict[str, Any]]:
    """Return seconds of the tracker for each tick, its settings being the defaults.

    Parameters
    ----------
    ticks : int
        That are timed, for each of the two paces.
    seed : int
        Of the points.
    """
    return [_time(pace, ticks, seed) for pace in _PACES]


def _time(pace: _Pace, ticks: int, seed: int) -> dict[str, Any]:
    updates = _updates(pace, ticks + _WARM_UP, seed)
    tracker = FeatureTracker()
    cpu, wall, events = [], [], []
    for update in updates:
        before = time.thread_time(), time.perf_counter()
        tracker([update])
        after = time.thread_time(), time.perf_counter()
        cpu.append(after[0] - before[0])
        wall.append(after[1] - before[1])
        events.append(len(update.events))
    cpu, wall, events = (samples[_WARM_UP:] for samples in (cpu, wall, events))
    return {
        "pace": pace.name,
        "ticks": len(cpu),
        "bars": float(np.median([len(u.deaths) for u in updates[_WARM_UP:]])),
        "events": float(np.mean(events)),
        "cpu_s": _median_and_p95(cpu),
        "wall_s": _median_and_p95(wall),
    }


def _updates(pace: _Pace, n: int, seed: int) -> list[WindowUpdate]:
    """Return updates of a full window of 1 s."""
    rng = np.random.default_rng(seed)
    total = _POINTS + pace.replaced * n
    points, times = rng.uniform(-1, 1, (total, 2)), np.arange(total) / _POINTS
    slide_ms = 1000 * pace.replaced / _POINTS
    stream = MultiScaleStream(
        [1000], slide_intervals_ms=[slide_ms], dim=2, max_points=_POINTS + 8, max_landmarks=512
    )
    updates = [
        u for i in range(0, total, 64) for u in stream.push(points[i : i + 64], times[i : i + 64])
    ]
    return [update for update in updates if update.n_points == _POINTS][-n:]


def _median_and_p95(seconds: list[float]) -> list[float]:
    return [float(np.median(seconds)), float(np.quantile(seconds, 0.95))]
