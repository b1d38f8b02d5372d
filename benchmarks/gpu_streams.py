"""A stream on a device: its rate, its latencies by scale, its memory and its energy."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np

from aura_tda_gpu import MultiScaleStream
from aura_tda_gpu.persistence.cuda_kernels import KERNELS
from aura_tda_gpu.streaming.device_cover import CHUNK
from aura_tda_gpu.streaming.window_update import WindowUpdate

from .comparison import assert_equal, bars_of
from .expected import Oracle
from .figures import Figure
from .gpu_floors import Work, against_floor
from .gpu_target import Target
from .streaming_run import ENOUGH_FOR_P99, Case, new_stream, run_here
from .streams import torus_knot, torus_knot_pushes

__all__ = ["FOUR_SCALES", "check_stream", "measure_memory", "measure_stream"]

FOUR_SCALES = [100, 1_000, 10_000, 60_000]
WANTED_POINTS_PER_S = 1e6
WANTED_LATENCY_MS = 20.0
WANTED_BYTES = 8e9  # of all windows of the stream
WANTED_WINDOW_BYTES = 2e9  # of one window of a million points
WANTED_WINDOW_POINTS = 1_000_000
CHECKED_LANDMARKS = 48
PROFILED_POINTS = 20 * CHUNK


def check_stream(oracle: Oracle, n: int = 600) -> str:
    """Stop unless a small stream gives the same updates as on the CPU, or right bars without it."""
    points, times = torus_knot(n, n / 1.5)
    updates = _updates(points, times, "cuda")
    if oracle.use_cpu:
        on_cpu = _updates(points, times, "cpu")
        if len(updates) != len(on_cpu):
            raise SystemExit(f"{len(updates)} updates, not {len(on_cpu)}; nothing is timed")
        for mine, theirs in zip(updates, on_cpu, strict=True):
            _assert_same(mine, theirs)
        return f"the CPU's stream, {len(updates)} updates"
    newest = updates[-1]
    local = (points - points[0]).astype(np.float32)
    return oracle.check_points(local[newest.vertex_ids], bars_of(newest.diagram), str(newest))


def measure_stream(
    target: Target,
    scales: list[int],
    rate: float,
    seconds: float,
    landmarks: int,
    push: int,
    limit_s: float,
) -> tuple[dict[str, Any], list[Figure]]:
    """Run all scales at once, and measure from when the longest window is full.

    Parameters
    ----------
    scales : list of int
        Lengths of the windows in milliseconds.
    rate : float
        Points a second of event time.
    seconds : float
        Event time that is measured.
    landmarks, push : int
        Of each window; points of a push.
    limit_s : float
        Wall-clock time after which the run ends, whatever it has come to.
    """
    longest_s = max(scales) / 1000
    points = int(rate * longest_s)
    case = _case(scales, points, landmarks, push, seconds / longest_s, limit_s)
    row = _measured(target, case)
    row["kernels"] = _kernels(target, min(points, PROFILED_POINTS), landmarks, scales)
    late = f"{row['points_pushed']} points in {limit_s:g} s did not fill the longest window"
    note = late if row["points_per_s"] is None else ""
    at_target = rate == WANTED_POINTS_PER_S and scales == FOUR_SCALES
    wanted = WANTED_POINTS_PER_S if at_target else None
    figures = [
        Figure(
            f"{len(scales)} scales",
            row["points_per_s"],
            "points/s",
            wanted,
            at_least=True,
            note=note,
        )
    ]
    for name, scale in row["scales"].items():
        ms = None if scale["push_s"] is None else 1e3 * scale["push_s"]
        kind = "p99" if scale["ticks"] >= ENOUGH_FOR_P99 else f"longest of {scale['ticks']}"
        limit = WANTED_LATENCY_MS if at_target else None
        figures.append(Figure(f"update latency, {name}, {kind}", ms, "ms", limit))
    limit = WANTED_BYTES if at_target else None
    figures.append(_memory(f"device memory of {len(scales)} scales", row, limit))
    figures.append(_energy(row))
    return row, figures


def measure_memory(
    target: Target, points: int, landmarks: int, push: int, limit_s: float
) -> tuple[dict[str, Any], list[Figure]]:
    """Fill one window of 60 s and tell what it takes of the device."""
    row = _measured(target, _case([60_000], points, landmarks, push, 0.1, limit_s))
    row["kernels"] = _kernels(target, min(points, PROFILED_POINTS), landmarks, [60_000])
    wanted = WANTED_WINDOW_BYTES if points == WANTED_WINDOW_POINTS else None
    return row, [
        _memory(f"device memory of a window of {points} points", row, wanted),
        Figure(f"one window of {points} points", row["points_per_s"], "points/s"),
    ]


def _case(
    scales: list[int], points: int, landmarks: int, push: int, lengths: float, limit_s: float
) -> Case:
    return Case(
        scales=scales,
        points=points,
        landmarks=landmarks,
        push=push,
        lengths=lengths,
        max_memory_mb=max(1024.0, points * len(scales) * 64 / 2**20),
        backend="cuda",
        limit_s=limit_s,
    )


def _measured(target: Target, case: Case) -> dict[str, Any]:
    """Run a case; add what the device says."""
    target.forget_memory()
    before, meter = target.memory_bytes(), target.energy()
    gc.collect()
    gc.freeze()  # as `aura-tda run` does: a full collection walks all modules
    try:
        row = run_here(case)
    finally:
        gc.unfreeze()
    after = target.memory_bytes()
    row["device_bytes"] = None if before is None or after is None else after - before
    row["joules_per_million_points"] = (
        None if meter is None else meter.joules_per_million(row["points_pushed"])
    )
    row["device"] = {} if target.poller is None else target.poller.stats(fresh=True).as_info()
    row["rate_hz"], row["landmarks"] = case.rate_hz, case.landmarks
    return row


def _kernels(target: Target, points: int, landmarks: int, scales: list[int]) -> dict[str, Any]:
    """Return the median launch of each kernel that takes rows, for all scales, against its floor.

    The slides are as long as a push of `CHUNK` rows, so that all scales take all of them at once.
    """
    push = min(CHUNK, points // 4)
    slide_ms = 60_000 * push / points
    stream = MultiScaleStream(
        scales,
        slide_intervals_ms=len(scales) * [slide_ms],
        dim=3,
        max_points=points,
        max_landmarks=landmarks,
        max_memory_mb=1024,
        backend="cuda",
    )
    with target.timed_kernels() as kernels:
        for turn, (rows, times) in enumerate(torus_knot_pushes(points, points / 60, push)):
            stream.push(rows, times)
            if turn == 0:
                kernels.collect()
        found = kernels.collect()
    windows = len(scales)
    work = Work(landmarks, 3, windows=windows, changed=windows * push)
    peaks = target.peaks()
    return {
        name: {"launches": len(ms), **against_floor(name, float(np.median(ms)), work, peaks)}
        for name, ms in found.items()
        if KERNELS[name] in ("ring_buffer", "cover")
    }


def _memory(name: str, row: dict[str, Any], wanted: float | None) -> Figure:
    n_bytes = row["device_bytes"]
    note = "" if n_bytes is not None else "no device"
    if wanted is not None:
        wanted /= 1e9
    return Figure(name, None if n_bytes is None else n_bytes / 1e9, "GB", wanted, note=note)


def _energy(row: dict[str, Any]) -> Figure:
    joules = row["joules_per_million_points"]
    why = row["device"].get("unavailable", "the device does not tell")
    return Figure("energy of a million points", joules, "J", note="" if joules is not None else why)


def _updates(points: Any, times: Any, backend: str) -> list[WindowUpdate]:
    stream = new_stream([1000, 250], len(points), CHECKED_LANDMARKS, 256, backend)
    pushes = (slice(i, i + 50) for i in range(0, len(points), 50))
    return [update for part in pushes for update in stream.push(points[part], times[part])]


def _assert_same(mine: WindowUpdate, theirs: WindowUpdate) -> None:
    assert_equal(bars_of(theirs.diagram), bars_of(mine.diagram), str(mine))
    same = (mine.window_id, mine.timestamp, mine.n_points, mine.error_bound) == (
        theirs.window_id,
        theirs.timestamp,
        theirs.n_points,
        theirs.error_bound,
    )
    if not same or not np.array_equal(mine.vertex_ids, theirs.vertex_ids):
        raise SystemExit(f"{mine}: other landmarks than on the CPU; nothing is timed")
