"""What is told before a stream runs, against the stream that runs."""

from __future__ import annotations

import math
import tracemalloc
from typing import Any

import numpy as np
import pytest

import aura_tda_gpu
from aura_tda_gpu import Config, MultiScaleStream, estimate
from aura_tda_gpu.errors import ConfigError, MemoryLimitError
from aura_tda_gpu.streaming.memory import MB, buffer_bytes
from tests.held import bytes_of

SETTINGS: dict[str, dict[str, Any]] = {
    "default landmarks": {},
    "few landmarks": {"max_landmarks": 24},
    "cosine": {"max_landmarks": 64, "metric": "cosine"},
    "late points": {"max_landmarks": 64, "allowed_lateness_ms": 20},
    "overflowing": {"max_landmarks": 64, "max_points": 100},
}


def run(rate: float, dim: int, n: int, **settings: Any) -> MultiScaleStream:
    """A stream that has seen ``n`` points at that rate, in pushes of a few."""
    stream = MultiScaleStream([100, 400], dim=dim, **settings)
    rng = np.random.default_rng(0)
    for start in range(0, n, 20):
        stream.push(rng.normal(size=(20, dim)), (start + np.arange(20)) / rate)
    return stream


def test_it_is_a_public_name() -> None:
    assert "estimate" in aura_tda_gpu.__all__
    assert aura_tda_gpu.estimate is estimate


def test_windows_at_a_rate() -> None:
    told = estimate(
        [1000, 100], 300, 3, slide_intervals_ms=[250, 20], max_landmarks=64, max_memory_mb=2
    )
    fine, coarse = told.windows
    assert (fine.window_id, coarse.window_id) == ("scale_100ms", "scale_1000ms")
    assert (fine.ticks_per_second, coarse.ticks_per_second) == (50, 4)
    assert (fine.points_needed, fine.n_vertices, fine.exact) == (30, 30, True)
    assert (coarse.points_needed, coarse.n_vertices, coarse.exact) == (300, 64, False)
    assert not fine.overflows
    assert not coarse.overflows


def test_what_a_rate_does_not_decide() -> None:
    known, unknown = (estimate([100, 1000], rate, 3, max_memory_mb=4) for rate in (50.0, None))
    assert unknown.rate is unknown.filled_bytes is unknown.points_waiting is None
    for window, other in zip(unknown.windows, known.windows, strict=True):
        assert window.points_needed is window.overflows is window.exact is None
        assert window.n_vertices is window.filled_bytes is None
        assert (window.max_points, window.nbytes) == (other.max_points, other.nbytes)
    assert unknown.total_bytes == known.total_bytes


@pytest.mark.parametrize("dim", [1, 3, 50])
@pytest.mark.parametrize("max_mb", [1, 8, 1024])
@pytest.mark.parametrize("rate", [1, 1e4, 1e9])
def test_the_parts_add_up_and_stay_within_the_limit(dim: int, max_mb: int, rate: float) -> None:
    settings: dict[str, Any] = {"max_memory_mb": max_mb, "allowed_lateness_ms": 3}
    told = estimate([10, 1000], rate, dim, **settings)
    plan = MultiScaleStream([10, 1000], dim=dim, **settings).settings.memory_plan(dim)
    parts = [w.ring_bytes + w.engine_bytes + w.cover_bytes for w in told.windows]
    assert [window.nbytes for window in told.windows] == parts
    assert told.buffer_bytes == sum(parts) + told.pending_bytes == buffer_bytes(plan, dim)
    assert told.working_bytes == plan.working
    assert told.total_bytes == told.buffer_bytes + told.working_bytes
    assert 0.9 * told.limit_bytes < told.total_bytes <= told.limit_bytes == max_mb * MB
    assert told.filled_bytes is not None
    assert 0 < told.filled_bytes <= told.buffer_bytes


@pytest.mark.parametrize("name", SETTINGS)
def test_a_stream_that_runs_stays_within_its_estimate(name: str) -> None:
    settings = {"max_memory_mb": 3, **SETTINGS[name]}
    run(1000, 3, 600, **settings)  # what the first tick imports is older
    tracemalloc.start()
    try:
        start = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        stream = run(1000, 3, 2000, **settings)
        peak = tracemalloc.get_traced_memory()[1] - start
    finally:
        tracemalloc.stop()
    told = estimate([100, 400], 1000, 3, **settings)
    assert stream.get_memory_usage() <= told.buffer_bytes
    assert 0.3 * told.total_bytes < peak <= told.total_bytes
    for window, lane in zip(told.windows, stream.windows.values(), strict=True):
        assert lane.max_points == window.max_points
        assert window.overflows == (name == "overflowing" and window.duration_ms == 400)
        assert window.points_needed == window.duration_ms
        assert len(lane.current_points) <= min(window.points_needed, window.max_points)
    assert stream.stats.pending <= told.points_waiting
    assert (stream.stats.overflowed > 0) == (name == "overflowing")


@pytest.mark.parametrize("strategy", ["cover", "maxmin"])
@pytest.mark.parametrize("name", SETTINGS)
def test_usage_is_the_size_of_the_arrays_held(name: str, strategy: str) -> None:
    settings = {"max_memory_mb": 5, "landmarks": strategy, **SETTINGS[name]}
    stream = run(1000, 3, 2000, **settings)
    held, used = bytes_of(stream), stream.get_memory_usage()
    assert 0.995 * held <= used
    # the windows share their origins
    assert used <= held + 16 * 3 * len(stream._lanes)
    assert used <= estimate([100, 400], 1000, 3, **settings).buffer_bytes


@pytest.mark.parametrize("points_dim", [2, 40])
def test_usage_of_a_stream_whose_windows_rebuild_counts_their_diagrams(
    points_dim: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aura_tda_gpu.persistence.cost_model.CostModel.builds", lambda *_: False)
    settings: dict[str, Any] = {"max_memory_mb": 8, "max_landmarks": 200, "max_points": 400}
    stream = MultiScaleStream([200, 400], dim=points_dim, **settings)
    rng = np.random.default_rng(0)
    for start in range(0, 1000, 100):
        stream.push(rng.normal(size=(100, points_dim)), (start + np.arange(100)) / 1000)
    assert all(lane.window._engine._window._updates.state_nbytes == 0 for lane in stream._lanes)
    diagrams = [lane.window._engine._window._held[1].nbytes for lane in stream._lanes]
    rows = sum(lane.window._ring.nbytes for lane in stream._lanes)
    assert min(diagrams) > 200 * 100
    assert stream.get_memory_usage() > rows + sum(diagrams)
    assert 0.99 * bytes_of(stream) <= stream.get_memory_usage()


@pytest.mark.parametrize("rate", [0, -1.0, math.inf, math.nan, True, "10"])
def test_a_rate_that_is_none(rate: Any) -> None:
    with pytest.raises(ConfigError, match=r"rate must be a positive number of points a second"):
        estimate([100], rate, 3)


def test_other_settings_are_checked_as_those_of_a_stream() -> None:
    with pytest.raises(ConfigError, match="unknown setting 'max_landmark'"):
        estimate([100], 1, 3, max_landmark=5)
    with pytest.raises(ConfigError, match="dim must be an integer from 1 on"):
        estimate([100], 1, 0)
    with pytest.raises(MemoryLimitError, match=r"max_memory_mb is 0\.1"):
        estimate([100], 1, 3, max_memory_mb=0.1)


def test_settings_may_come_as_a_config() -> None:
    config = Config(scales=(100, 400), memory={"max_mb": 3, "max_landmarks": 64})
    told = estimate([100, 400], 50, 2, max_memory_mb=3, max_landmarks=64)
    assert estimate(config, 50, 2) == told


def test_rows_that_wait_for_the_watermark() -> None:
    told = estimate([100], 1000, 1, allowed_lateness_ms=50, max_points=40, max_memory_mb=2)
    assert (told.points_waiting, told.max_waiting, told.pending_bytes) == (51, 40, 40 * 24)
    assert estimate([100], 1000, 1, max_memory_mb=2).points_waiting == 1


def test_a_window_overflows_above_its_rate() -> None:
    room = estimate([100, 1000], None, 3, max_memory_mb=1).overflow_rate
    for rate, overflows in ((room * 0.99, False), (room * 1.01 + 20, True)):
        windows = estimate([100, 1000], rate, 3, max_memory_mb=1).windows
        assert any(window.overflows for window in windows) == overflows


@pytest.mark.parametrize("rate", [None, 0.01, 1000.0, 1e12])
@pytest.mark.parametrize("max_mb", [2, 1 << 20])
def test_in_words(rate: float | None, max_mb: int) -> None:
    scales = [100, 60_000, 3_153_600_000_000]
    lines = str(estimate(scales, rate, 1, max_memory_mb=max_mb)).splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) == 1 + 1 + 3 + 3


def test_the_table() -> None:
    text = str(estimate([100, 1000], 2000, 3, max_memory_mb=64, max_landmarks=512))
    assert text.splitlines()[:2] == [
        "2,000 points/s of 3 coordinates",
        "window        points     room  vertices   memory  diagram",
    ]
    assert "scale_100ms      200 " in text
    assert text.count("exact") == text.count("landmarks") == 1
    assert "limit 64 MB" in text
    assert "2,000!" in str(estimate([100, 1000], 2000, 3, max_points=500, max_memory_mb=64))
