"""One stream in a process of its own: its rate, its latencies and its peak memory as JSON."""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from aura_tda_gpu import MultiScaleStream
from aura_tda_gpu.streaming.window_update import WindowUpdate

from .peak_memory import MB, process_memory
from .record import ROOT
from .streams import torus_knot_pushes

__all__ = ["ENOUGH_FOR_P99", "Case", "measure", "new_stream", "run_here"]

ENOUGH_FOR_P99 = 200
ROOM = 1.02  # rows a window may hold, against those that fall into it


@dataclass
class ScaleSamples:
    """What the updates of one scale told."""

    push_seconds: list[float] = field(default_factory=list)
    own_seconds: list[float] = field(default_factory=list)
    changed: list[float] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    n_points: int = 0
    n_vertices: int = 0
    error_bound: float = 0.0

    def add(self, update: WindowUpdate, push_seconds: float) -> None:
        """Take an update and the time from the call of the push to its return."""
        info = update.diagram.info
        self.push_seconds.append(push_seconds)
        self.own_seconds.append(update.latency_seconds)
        self.paths.append(info["path"])
        if "n_changed" in info:
            self.changed.append(info["n_changed"] / max(1, update.n_vertices))
        self.n_points, self.n_vertices = update.n_points, update.n_vertices
        self.error_bound = update.error_bound

    def summary(self) -> dict[str, Any]:
        """Return the figures: p99 of the latencies, or the largest where ticks are few."""
        return {
            "ticks": len(self.push_seconds),
            "latency": "p99" if len(self.push_seconds) >= ENOUGH_FOR_P99 else "maximum",
            "push_s": _high(self.push_seconds),
            "push_median_s": _middle(self.push_seconds),
            "update_s": _high(self.own_seconds),
            "update_median_s": _middle(self.own_seconds),
            "changed_share_median": _middle(self.changed),
            "changed_share_largest": max(self.changed, default=None),
            "ways": {way: self.paths.count(way) for way in sorted(set(self.paths))},
            "n_points": self.n_points,
            "n_vertices": self.n_vertices,
            "error_bound": self.error_bound,
        }


@dataclass(frozen=True)
class Case:
    """Sizes of one run.

    Attributes
    ----------
    scales : list of int
        Lengths of the windows in milliseconds.
    points : int
        Points of the longest window.
    landmarks : int
        Of each window.
    push : int
        Points of a push.
    lengths : float
        How long is measured, in lengths of the longest window, once it is full.
    max_memory_mb : float
        What the stream may take.
    backend : str
        Of the stream.
    limit_s : float
        Wall-clock time after which no further push is made.
    """

    scales: list[int]
    points: int
    landmarks: int
    push: int
    lengths: float
    max_memory_mb: float
    backend: str = "auto"
    limit_s: float = math.inf

    @property
    def rate_hz(self) -> float:
        """Points a second of event time."""
        return self.points / (max(self.scales) / 1000)


def measure(case: Case) -> dict[str, Any]:
    """Run a case in a fresh process and return its figures."""
    command = [sys.executable, "-m", "benchmarks.streaming_run", json.dumps(asdict(case))]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def new_stream(
    scales: Iterable[int],
    points: int,
    landmarks: int,
    max_memory_mb: float,
    backend: str = "auto",
) -> MultiScaleStream:
    """Return a stream whose longest window holds ``points`` rows and a little more."""
    return MultiScaleStream(
        scales,
        dim=3,
        max_points=int(ROOM * points) + 1,
        max_landmarks=landmarks,
        max_memory_mb=max_memory_mb,
        backend=backend,
    )


def run_here(case: Case) -> dict[str, Any]:
    """Run a case in this process and return its figures; rates are None if time was up before."""
    stream = new_stream(case.scales, case.points, case.landmarks, case.max_memory_mb, case.backend)
    stop = time.monotonic() + case.limit_s
    samples = {f"scale_{scale}ms": ScaleSamples() for scale in sorted(case.scales)}
    total = case.points + int(case.lengths * case.points)
    n_seen, n_timed, seconds = 0, 0, 0.0
    for points, times in torus_knot_pushes(total, case.rate_hz, case.push):
        if time.monotonic() > stop:
            break
        start = time.perf_counter()
        updates = stream.push(points, times)
        taken = time.perf_counter() - start
        n_seen += len(points)
        if n_seen <= case.points:  # the longest window is not full yet
            continue
        n_timed += len(points)
        seconds += taken
        for update in updates:
            samples[update.window_id].add(update, taken)
    if stream.stats.overflowed or stream.stats.skipped_ticks:
        raise SystemExit(f"not every point or tick was kept ({stream.stats}): no figures")
    return {
        "points_per_s": n_timed / seconds if n_timed else None,
        "points_pushed": n_seen,
        "points_timed": n_timed,
        "seconds": seconds,
        "scales": {name: of_scale.summary() for name, of_scale in samples.items()},
        "held_mb": stream.get_memory_usage() / MB,
        "peak_mb": process_memory("VmHWM") / MB,
    }


def _high(seconds: list[float]) -> float | None:
    """Return the 99th percentile, or the largest of fewer than 200."""
    if not seconds:
        return None
    return float(np.quantile(seconds, 0.99 if len(seconds) >= ENOUGH_FOR_P99 else 1.0))


def _middle(values: list[float]) -> float | None:
    return float(np.median(values)) if values else None


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", help="the fields of a case, as JSON")
    print(json.dumps(run_here(Case(**json.loads(parser.parse_args().case)))))
