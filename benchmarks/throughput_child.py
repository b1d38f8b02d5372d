"""One stream of `benchmarks.throughput` in a process of its own; it prints lines of JSON."""

from __future__ import annotations

import gc
import json
import sys
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np

from aura_tda_gpu import Config, FeatureTracker, MultiScaleStream
from aura_tda_gpu.errors import AuraTDAError
from aura_tda_gpu.persistence.cpu import CpuEngine, warm_up
from aura_tda_gpu.persistence.rips import vietoris_rips
from aura_tda_gpu.streaming.hooks import BarTable, UpdateHook
from aura_tda_gpu.streaming.window_update import WindowUpdate

from .comparison import Bars, assert_equal, bars_of
from .offered import Source, source
from .open_loop import Clock, Load, Served, fill, serve
from .peak_memory import forget_peak, process_memory
from .peers import ripser_py
from .stage_times import StageTimes

__all__ = ["check", "main", "run"]

POLL_S = 1.0  # NVML's own samples are not younger
_TELL_S = 0.2  # between two lines about progress
_LAST = 64  # updates that the subscriber keeps
_CHECKED_ROWS = 200_000  # of a window whose covering radius is measured again


def main(arguments: list[str]) -> int:
    """Run the load of the first argument when told to go; 1 if it cannot be run."""
    told = json.loads(arguments[0])
    trace = told.pop("trace", None)
    load = Load(**{**told, "scales": tuple(told["scales"])})
    try:
        say(result=run(load, trace=None if trace is None else Path(trace)))
    except AuraTDAError as error:
        say(error=f"{error}")
        return 1
    return 0


def run(load: Load, *, trace: Path | None = None, begin: Any = None) -> dict[str, Any]:
    """Fill the windows, wait for the start, serve the load, hold the result against its oracle.

    Parameters
    ----------
    load : Load
    trace : Path, optional
        Where a profiled run writes its trace.
    begin : callable, optional
        Returns the `time.monotonic` to start at; by default it is read from standard input.
    """
    warm_up()
    seconds = load.fill_s + load.duration_s
    rows = source(load.source, load.rate_hz, seconds, load.dim, load.seed)
    stream = load.new_stream()
    baseline = process_memory("VmRSS")
    tracker = FeatureTracker.of(Config().stability) if load.follow else None
    bars = BarTable()
    hooks: list[UpdateHook] = [bars] if tracker is None else [tracker, bars]
    fill(load, stream, rows, hooks, _progress("fill"))
    gc.collect()
    gc.freeze()  # as `aura-tda run` does: a full collection looks through all that was imported
    forget_peak()
    kept: deque[WindowUpdate] = deque(maxlen=_LAST)
    emit: Any = kept.append
    start = _begin() if begin is None else begin()
    stages = None
    if load.profile:
        stages = StageTimes(start + time.perf_counter() - time.monotonic())
        stages.attach(stream)
        hooks = [stages.hook("vectorise" if hook is bars else "track", hook) for hook in hooks]
        emit = stages.emit(emit)
    watch = DeviceWatch(load.on_gpu)
    cpu = time.process_time()
    clock = Clock(now=lambda: time.monotonic() - start)
    served = serve(load, stream, rows, hooks, clock, _progress("run"), emit)
    cpu = time.process_time() - cpu
    device = watch.stop()
    checked = check(load, stream, rows, served)
    stats = stream.stats
    found: dict[str, Any] = {
        "latencies": {name: told.as_dict() for name, told in served.latencies.items()},
        "depth": served.depth.as_dict(),
        "taken": served.taken,
        "dropped": served.dropped,
        "late": stats.late,
        "overflowed": stats.overflowed,
        "skipped_ticks": stats.skipped_ticks,
        "seconds": served.seconds,
        "seconds_of_points": served.seconds_of_points,
        "cpu_s": cpu,
        "baseline_bytes": baseline,
        "peak_bytes": process_memory("VmHWM"),
        "held_bytes": stream.get_memory_usage(),
        "device": device,
        "paths": served.paths,
        "windows": {name: _window(update) for name, update in served.last.items()},
        "checked": checked,
    }
    if stages is not None:
        found["stages"], found["trace_cut"] = stages.table(), stages.cut
        if trace is not None:
            stages.write_trace(trace)
    return found


def say(**told: Any) -> None:
    """Print one line for the parent."""
    print(json.dumps(told), flush=True)


def check(load: Load, stream: MultiScaleStream, rows: Source, served: Served) -> dict[str, Any]:
    """Hold the last window of each scale against an oracle: its bars, and its covering radius.

    Raises
    ------
    SystemExit
        If bars differ, or a row is farther from all landmarks than the bound allows; the cloud
        is then in a file.
    """
    found = {}
    for lane in stream._lanes:
        name = lane.scale.window_id
        update = served.last.get(name)
        if update is None:
            continue
        who = f"{load.source}, the window of {name} at {update.timestamp:g} s"
        origin = lane.window._origin
        places = rows_at(rows, served.row_of(update.vertex_ids))
        local = (places - origin).astype(np.float32)
        oracle, bars = _oracle(local)
        assert_equal(bars, bars_of(update.diagram), f"{who} against {oracle}", local)
        found[name] = {"bars": oracle, "n_points": update.n_points, **_reach(load, update, rows)}
        # vertices are told to float32 precision
        rounding = 2.0**-22 * float(np.abs(local).max(initial=0)) * load.dim
        allowed = update.error_bound / 2 + rounding
        if found[name].get("reach", 0.0) > allowed:
            reach = found[name]["reach"]
            sys.exit(f"{who}: a row is {reach:g} away from all landmarks, more than {allowed:g}")
    return found


def rows_at(rows: Source, numbers: Any) -> Any:
    """Return rows of a source by their numbers, in any order."""
    return np.concatenate([rows.block(int(i), int(i) + 1) for i in numbers])


def _oracle(points: Any) -> tuple[str, Bars]:
    if ripser_py.available():
        return ripser_py.NAME, ripser_py.bars(CpuEngine().pairwise(points, "euclidean"))
    return "a rebuild (ripser.py is not installed)", bars_of(vietoris_rips(points, backend="cpu"))


def _reach(load: Load, update: WindowUpdate, rows: Source) -> dict[str, Any]:
    """Measure how far the rows of a window are from its landmarks; nothing where rows are lost."""
    from scipy.spatial import cKDTree

    last = round(update.timestamp * load.rate_hz)
    first = last - update.n_points
    whole = abs(update.duration_seconds * load.rate_hz - update.n_points) < 1.5
    if not whole or first < 0 or update.n_points > _CHECKED_ROWS:
        return {}
    distance, _ = cKDTree(update.vertices).query(rows.block(first, last))
    return {"reach": float(distance.max()), "error_bound": update.error_bound}


def _window(update: WindowUpdate) -> dict[str, Any]:
    return {
        "n_points": update.n_points,
        "n_vertices": update.n_vertices,
        "error_bound": update.error_bound,
        "backend": update.diagram.info["backend"],
    }


def _begin() -> float:
    """Tell that the stream is ready, and return when it is to start."""
    say(ready=True)
    return float(sys.stdin.readline())


def _progress(phase: str) -> Any:
    last = -_TELL_S

    def told(share: float) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _TELL_S or share >= 1:
            last = now
            say(phase=phase, share=share)

    return told


class DeviceWatch:
    """The GPU of a stream while it runs: memory, how busy, energy; nothing on a CPU."""

    def __init__(self, on_gpu: bool) -> None:
        self._xp: Any = None
        if not on_gpu:
            return
        from aura_tda_gpu.persistence.cuda_device import cuda_engine
        from aura_tda_gpu.persistence.device_stats import EnergyMeter, poller_of_current_device

        self._xp = cuda_engine().device.xp
        self._poller = poller_of_current_device(self._xp)
        self._meter = EnergyMeter(self._poller)
        self._busy: list[float] = []
        self._memory = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._poll, daemon=True)
        self._thread.start()

    def stop(self) -> dict[str, Any] | None:
        """Return what was seen; None on a CPU."""
        if self._xp is None:
            return None
        self._over.set()
        self._thread.join()
        told, runtime = self._poller.stats(fresh=True), self._xp.cuda.runtime
        properties = runtime.getDeviceProperties(self._xp.cuda.Device().id)
        return {
            "name": properties["name"].decode(),
            "driver": runtime.driverGetVersion(),
            **told.as_info(),
            "busy_ratio": self._mean(self._busy),
            "memory_peak_bytes": self._memory or None,
            "memory_pool_bytes": int(self._xp.get_default_memory_pool().total_bytes()),
            "joules": self._meter.joules,
        }

    @staticmethod
    def _mean(values: list[float]) -> float | None:
        return sum(values) / len(values) if values else None

    def _poll(self) -> None:
        while not self._over.wait(POLL_S):
            told = self._poller.stats()
            if told.busy_ratio is not None:
                self._busy.append(told.busy_ratio)
            self._memory = max(self._memory, told.memory_used_bytes or 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
