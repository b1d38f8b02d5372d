"""The promised memory is split once and never exceeded."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest

from aura_tda_gpu.errors import MemoryLimitError
from aura_tda_gpu.persistence.vineyard_updates import RipsWindow
from aura_tda_gpu.streaming.memory import (
    MB,
    buffer_bytes,
    cover_bytes,
    engine_bytes,
    plan_memory,
    working_bytes,
    workspace,
)
from aura_tda_gpu.streaming.multi_scale_processor import MultiScaleStream
from aura_tda_gpu.streaming.persistence_stream import BoundedPersistenceStream


@pytest.mark.parametrize("dim", [1, 3, 100])
@pytest.mark.parametrize("max_mb", [1, 10, 1024])
@pytest.mark.parametrize("durations", [[100], [100, 1000, 10000], [1, 3_600_000]])
def test_buffers_and_workspaces_fit(dim: int, max_mb: int, durations: list[int]) -> None:
    plan = plan_memory(durations, dim, max_memory_mb=max_mb)
    rows = sum(window.max_points for window in plan.windows) + plan.pending
    sizes = [window.max_landmarks for window in plan.windows]
    kept = sum(engine_bytes(k, dim) + cover_bytes(k, dim) for k in sizes)
    assert buffer_bytes(plan, dim) == rows * (8 * dim + 16) + kept
    working = workspace(max(sizes)) + plan.pending * (16 * dim + 24)
    assert working_bytes(plan, dim) == working
    assert buffer_bytes(plan, dim) + working <= max_mb * MB
    assert plan.pending == max(window.max_points for window in plan.windows)
    for window in plan.windows:
        assert window.max_points >= 16
        assert 16 <= window.max_landmarks <= min(512, max(16, window.max_points // 10))


def test_an_engine_keeps_nine_bytes_a_pair_and_each_landmark_its_record() -> None:
    assert engine_bytes(512, 3) == 9 * 512 * 512 + 512 * 524 + 512 * 28
    assert engine_bytes(449, 3) == 9 * 512 * 512 + 512 * 524 + 449 * 28
    assert cover_bytes(512, 3) == 512 * 96 + 8192


@pytest.mark.parametrize("dim", [1, 30, 2000])
@pytest.mark.parametrize("n_windows", [1, 2, 7])
def test_engines_take_at_most_half_unless_they_are_smallest(dim: int, n_windows: int) -> None:
    for max_mb in (0.5, 2, 30, 300):
        try:
            plan = plan_memory(range(1, n_windows + 1), dim, max_memory_mb=max_mb)
        except MemoryLimitError:
            # 16 landmarks and 16 rows of each window do not fit
            smallest = n_windows * (engine_bytes(16, dim) + cover_bytes(16, dim)) + workspace(16)
            smallest += 16 * ((n_windows + 1) * (8 * dim + 16) + 16 * dim + 24)
            assert smallest > max_mb * MB
            continue
        sizes = [window.max_landmarks for window in plan.windows]
        kept = sum(engine_bytes(k, dim) + cover_bytes(k, dim) for k in sizes)
        working = workspace(max(sizes))
        assert kept + working <= max_mb * MB // 2 or max(sizes) == 16


def test_working_memory_is_needed_once() -> None:
    def rows(n_windows: int) -> int:
        plan = plan_memory([1] * n_windows, 3, max_memory_mb=100, max_landmarks=1024)
        return sum(window.max_points for window in plan.windows) + plan.pending

    # a second window takes the state of its engine, but no second workspace
    lost = rows(1) * (8 * 3 + 16) + rows(1) // 2 * (16 * 3 + 24)
    lost -= rows(2) * (8 * 3 + 16) + rows(2) // 3 * (16 * 3 + 24)
    assert lost == pytest.approx(engine_bytes(1024, 3) + cover_bytes(1024, 3), rel=1e-3)


@pytest.mark.parametrize("cloud", ["gaussian", "sphere"])
@pytest.mark.parametrize("k", [16, 100, 400])
def test_a_rebuild_stays_within_engine_and_workspace(cloud: str, k: int) -> None:
    points = np.random.default_rng(0).normal(size=(k, 10)).astype(np.float32)
    if cloud == "sphere":  # nearly every edge is looked at
        points /= np.linalg.norm(points, axis=1)[:, np.newaxis]

    def build() -> None:
        window = RipsWindow(k, 10, threads=1)
        window.insert(points)
        window.diagram()

    build()  # what the first one imports is older
    tracemalloc.start()
    try:
        start = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        build()
        peak = tracemalloc.get_traced_memory()[1] - start
    finally:
        tracemalloc.stop()
    assert 6 * k * k < peak <= engine_bytes(k, 10) + workspace(k)


def test_rows_in_proportion_to_durations() -> None:
    fine, coarse = plan_memory([100, 1000], 3, max_memory_mb=100).windows
    assert (coarse.max_points - 16) / (fine.max_points - 16) == pytest.approx(10, rel=1e-3)


def test_memory_is_put_to_use() -> None:
    plan = plan_memory([1000, 10000], 3, max_memory_mb=100)
    rows = sum(window.max_points for window in plan.windows)
    assert rows * 40 > 25 * MB
    assert all(window.max_landmarks == 512 for window in plan.windows)


def test_landmarks_follow_the_ratio_and_their_limit() -> None:
    def landmarks(**settings: float) -> int:
        return plan_memory([1000], 3, max_memory_mb=100, **settings).windows[0].max_landmarks

    assert landmarks(max_points=1000) == 100
    assert landmarks(max_points=1000, landmark_ratio=0.5) == 500
    assert landmarks(max_points=50) == 16
    assert landmarks(max_points=9) == 9
    assert landmarks(landmark_limit=64) == 64
    assert landmarks(max_landmarks=700) == 700
    assert landmarks(max_landmarks=700, max_points=300) == 300


def test_too_little_memory_says_what_is_needed() -> None:
    with pytest.raises(MemoryLimitError, match=r"at least 101 MB, .* 2048 landmarks; .* is 10$"):
        plan_memory([1000], 3, max_memory_mb=10, max_landmarks=2048)
    with pytest.raises(MemoryLimitError, match=r"max_memory_mb is 0.05"):
        plan_memory([1000], 3, max_memory_mb=0.05)


@pytest.mark.parametrize("max_mb", [1, 2.5, 16])
def test_what_a_stream_holds_stays_within_its_plan_over_thousands_of_ticks(max_mb: float) -> None:
    s = MultiScaleStream([1, 20], max_landmarks=16, max_memory_mb=max_mb, allowed_lateness_ms=1)
    rng = np.random.default_rng(0)
    n_ticks, held = 0, set()
    for start in range(0, 4000, 20):
        times = (np.arange(start, start + 20) + rng.integers(0, 9, 20)) / 10_000
        n_ticks += len(s.push(rng.normal(size=(20, 3)), times))
        held.add(s.get_memory_usage())
    assert n_ticks > 4000
    assert max(held) <= buffer_bytes(s.settings.memory_plan(3), 3)
    assert 0.3 * max_mb * MB < held.pop() <= max_mb * MB


def test_nothing_is_held_before_the_dimension_is_known() -> None:
    assert MultiScaleStream([100], dim=2, max_memory_mb=4).get_memory_usage() == 0


def test_a_full_window_drops_its_oldest_rows_and_says_so() -> None:
    times = np.arange(100) / 1000
    points = times[:, np.newaxis]
    results = []
    for sizes in ([100], [1] * 100, [33, 60, 7]):
        s = MultiScaleStream([40], max_points=25, max_landmarks=25, max_memory_mb=4)
        updates, start = [], 0
        for size in sizes:
            updates += s.push(points[start : start + size], times[start : start + size])
            start += size
        updates += s.flush()
        results.append(
            [(u.timestamp, u.n_points, u.n_overflowed, u.vertex_ids.tolist()) for u in updates]
        )
        for u in updates:
            end = round(u.timestamp * 1000)
            wanted = range(max(0, end - 40), min(end, 100))
            assert u.n_points + u.n_overflowed == len(wanted)
            assert sorted(u.vertex_ids) == list(wanted)[-25:]
        assert s.stats.overflowed > 0
    assert results[0] == results[1] == results[2]


def test_overflow_counts_with_a_slide_that_does_not_divide_the_window() -> None:
    times = np.arange(-60, 60) / 1000
    s = MultiScaleStream(
        [50], slide_intervals_ms=[7], max_points=12, max_landmarks=12, max_memory_mb=4
    )
    updates = s.push(times[:, np.newaxis], times) + s.advance(0.2)
    assert any(u.n_overflowed for u in updates)
    for u in updates:
        end = round(u.timestamp * 1000)
        wanted = [i for i in range(-60, 60) if end - 50 <= i < end]
        kept = [i for i in wanted if i + 60 in u.vertex_ids]
        assert u.n_overflowed == len(wanted) - len(kept)
        assert u.n_points == len(kept)
    assert updates[-1].n_overflowed == 0


def test_a_gap_before_an_overflowing_burst_loses_nothing_of_it() -> None:
    s = MultiScaleStream([40], max_points=20, max_landmarks=20, max_memory_mb=4)
    early, late = np.arange(20) / 1000, 5 + np.arange(20) / 1000
    s.push(early[:, np.newaxis], early)
    updates = s.push(late[:, np.newaxis], late) + s.flush()
    assert updates[-1].n_points == 20
    assert s.stats.overflowed == 0


@pytest.fixture
def traced() -> Iterator[None]:
    """Trace allocations, those of numpy among them; what the first tick imports is older."""
    s = MultiScaleStream([10], max_landmarks=4, max_memory_mb=1)
    s.push(np.zeros((40, 3)), np.arange(40) / 1000)
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.usefixtures("traced")
def test_real_memory_of_a_long_stream_neither_grows_nor_exceeds_the_promise() -> None:
    rng = np.random.default_rng(0)
    points, offsets = rng.normal(size=(30, 3)), np.arange(30)
    s = MultiScaleStream([1], max_landmarks=2, max_memory_mb=1)
    start = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    n_ticks, n_certified, held = 0, 0, []
    for batch in range(1020):
        updates = s.push(points[:3], (3 * batch + offsets[:3]) / 3000)
        n_ticks += len(updates)
        n_certified += sum(u.error_bound > 0 for u in updates)
        if batch in (300, 1019):
            gc.collect()
            held.append(tracemalloc.get_traced_memory()[0])
    assert n_ticks > 10_000
    assert n_certified > 1000
    # numpy keeps small freed blocks for reuse; one object a tick would be 170 000 bytes
    assert held[1] <= held[0] + 60_000
    assert tracemalloc.get_traced_memory()[1] - start < MB


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_real_memory_of_full_windows_stays_below_the_promise(metric: str) -> None:
    rng = np.random.default_rng(0)
    points, offsets = rng.normal(size=(250, 3)), np.arange(250)
    s = MultiScaleStream([10, 100], metric=metric, max_landmarks=32, max_memory_mb=2)
    start = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    for batch in range(200):
        s.push(points, (250 * batch + offsets) / 500_000)
    assert s.stats.overflowed > 0
    assert MB < tracemalloc.get_traced_memory()[1] - start < 2 * MB


def test_a_window_that_is_fed_but_never_ticks_forgets_what_it_lost() -> None:
    window = BoundedPersistenceStream(100, 1, max_points=8)
    for k in range(0, 100_000, 50):
        window.add_points([[0.0], [1.0]], [k / 1000, k / 1000])
        assert len(window._overflow.last_wanted) <= 11
    assert window.overflowed == 2 * 2000 - 8
    window.add_points(np.zeros((20, 1)), np.full(20, 100.0))
    # of the 4 rows of the last 100 ms and these 20, 8 are left
    assert window.tick(100_001_000_000).n_overflowed == 16 - 2
