"""The promised memory is split once and never exceeded."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from aura_tda_gpu.errors import MemoryLimitError
from aura_tda_gpu.persistence.vineyard_updates import RipsWindow
from aura_tda_gpu.streaming import cover, frame, host_cover, maxmin, memory
from aura_tda_gpu.streaming.memory import (
    MB,
    buffer_bytes,
    cover_bytes,
    engine_bytes,
    plan_memory,
    workspace,
)
from aura_tda_gpu.streaming.multi_scale_processor import MultiScaleStream
from aura_tda_gpu.streaming.persistence_stream import BoundedPersistenceStream


def choice(strategy: str, n: int, k: int, dim: int) -> int:
    """What choosing k of n rows takes: see docs/performance.md."""
    if strategy == "maxmin":
        return n * (12 * dim + 24) + 8 * dim * (min(n, 65_536) + min(n, 1024))
    read = min(n, max(16_384, 2**26 // (k * dim)))
    return read * (8 * dim + 16) + cover_bytes(k, dim)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("strategy", ["cover", "maxmin"])
@pytest.mark.parametrize("dim", [1, 3, 100])
@pytest.mark.parametrize("max_mb", [1.2, 10, 1024])
@pytest.mark.parametrize("durations", [[100], [100, 1000, 10000], [1, 3_600_000]])
def test_buffers_and_workspaces_fit(
    dim: int, max_mb: float, durations: list[int], strategy: str, late: bool
) -> None:
    plan = plan_memory(durations, dim, max_memory_mb=max_mb, landmarks=strategy, late=late)
    rows = sum(window.max_points for window in plan.windows) + plan.pending
    sizes = [window.max_landmarks for window in plan.windows]
    kept = sum(engine_bytes(k, dim) + cover_bytes(k, dim) for k in sizes)
    assert buffer_bytes(plan, dim) == rows * (8 * dim + 16) + kept
    working = workspace(max(sizes)) + late * plan.pending * (8 * dim + 16)
    working += max(choice(strategy, w.max_points, w.max_landmarks, dim) for w in plan.windows)
    assert plan.working == working
    assert 0.9 * max_mb * MB < buffer_bytes(plan, dim) + working <= max_mb * MB
    assert plan.pending == max(window.max_points for window in plan.windows)
    for window in plan.windows:
        assert window.max_points >= 16
        assert 16 <= window.max_landmarks <= min(512, max(16, window.max_points // 10))


def test_blocks_are_those_that_are_read() -> None:
    assert host_cover._BLOCK == memory.COVER_BLOCK
    assert cover._MEASURED == memory.COVER_MEASURED
    assert frame._BLOCK == memory.FRAME_BLOCK
    assert maxmin._BLOCK == memory.UNIT_BLOCK


def test_an_engine_keeps_nine_bytes_a_pair_and_each_landmark_its_record() -> None:
    assert engine_bytes(512, 3) == 9 * 512 * 512 + 512 * 1036 + 512 * 28 + 24
    assert engine_bytes(449, 3) == 9 * 512 * 512 + 512 * 1036 + 449 * 28 + 24
    assert cover_bytes(512, 3) == 512 * 120 + 48 + 8192


@pytest.mark.parametrize("strategy", ["cover", "maxmin"])
@pytest.mark.parametrize("dim", [1, 30, 2000])
@pytest.mark.parametrize("n_windows", [1, 2, 7])
def test_engines_take_at_most_half_unless_they_are_smallest(
    dim: int, n_windows: int, strategy: str
) -> None:
    for max_mb in (0.5, 2, 30, 300):
        try:
            plan = plan_memory(
                range(1, n_windows + 1), dim, max_memory_mb=max_mb, landmarks=strategy
            )
        except MemoryLimitError:
            # 16 landmarks and 16 rows of each window do not fit
            smallest = n_windows * (engine_bytes(16, dim) + cover_bytes(16, dim)) + workspace(16)
            smallest += 16 * (n_windows + 1) * (8 * dim + 16) + choice(strategy, 16, 16, dim)
            assert smallest > max_mb * MB
            continue
        sizes = [window.max_landmarks for window in plan.windows]
        kept = sum(engine_bytes(k, dim) + cover_bytes(k, dim) for k in sizes)
        working = workspace(max(sizes))
        assert kept + working <= max_mb * MB // 2 or max(sizes) == 16


@pytest.mark.parametrize("dim", [3, 10, 100])
def test_a_cover_leaves_about_twice_the_rows(dim: int) -> None:
    def rows(strategy: str, late: bool = False) -> int:
        plan = plan_memory([60_000], dim, max_memory_mb=1024, landmarks=strategy, late=late)
        return plan.windows[0].max_points

    assert rows("cover") > 1.7 * rows("maxmin")
    assert rows("cover", late=True) == pytest.approx(2 / 3 * rows("cover"), rel=0.01)
    assert rows("maxmin", late=True) < rows("maxmin")


def test_a_stream_passes_its_strategy_on() -> None:
    def rows(**settings: Any) -> int:
        stream = MultiScaleStream([1000], dim=3, max_memory_mb=1024, **settings)
        return stream.settings.memory_plan(3).pending

    assert rows(landmarks="cover") > 1.7 * rows(landmarks="maxmin")
    assert rows(allowed_lateness_ms=1) < rows()


def test_working_memory_is_needed_once() -> None:
    def rows(n_windows: int) -> int:
        plan = plan_memory([1] * n_windows, 3, max_memory_mb=100, max_landmarks=1024)
        assert plan.working == workspace(1024) + choice("cover", 2**22, 1024, 3)
        return sum(window.max_points for window in plan.windows) + plan.pending

    # a second window takes the state of its engine, but no second workspace
    lost = (rows(1) - rows(2)) * (8 * 3 + 16)
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
    with pytest.raises(MemoryLimitError, match=r"at least 103 MB, .* 2048 landmarks; .* is 10$"):
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


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("strategy", ["cover", "maxmin"])
@pytest.mark.parametrize(("dim", "max_mb"), [(3, 2), (200, 4)])
def test_real_memory_of_a_tick_stays_within_its_share(
    strategy: str, metric: str, dim: int, max_mb: int
) -> None:
    s = MultiScaleStream(
        [100], landmarks=strategy, metric=metric, max_landmarks=32, max_memory_mb=max_mb
    )
    rng = np.random.default_rng(0)
    n = s.settings.memory_plan(dim).pending
    points = rng.normal(size=(n // 20 + 1, dim))
    start = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    for batch in range(50):  # two and a half windows, so that rows wrap around
        s.push(points, (batch + np.arange(len(points)) / len(points)) / 200)
    peak = tracemalloc.get_traced_memory()[1] - start
    assert s.stats.overflowed > 0
    # beside what the push itself takes
    assert peak - 5 * points.nbytes <= max_mb * MB
    assert peak > buffer_bytes(s.settings.memory_plan(dim), dim) - 2**18


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("strategy", ["cover", "maxmin"])
def test_real_memory_stays_within_the_promise_when_all_that_waits_is_released(
    strategy: str,
) -> None:
    s = MultiScaleStream(
        [1000], landmarks=strategy, max_landmarks=32, max_memory_mb=4, allowed_lateness_ms=900
    )
    rng = np.random.default_rng(0)
    n = s.settings.memory_plan(3).pending
    start = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    points = rng.normal(size=(n // 20, 3))
    for batch in range(50):
        s.push(points, (batch + np.arange(len(points)) / len(points)) / 20)
    assert s.stats.pending > 0.8 * n
    s.flush()
    assert s.stats.pending == 0
    assert tracemalloc.get_traced_memory()[1] - start <= 4 * MB


def test_a_window_that_is_fed_but_never_ticks_forgets_what_it_lost() -> None:
    window = BoundedPersistenceStream(100, 1, max_points=8)
    for k in range(0, 100_000, 50):
        window.add_points([[0.0], [1.0]], [k / 1000, k / 1000])
        assert len(window._overflow._counted.last_wanted) <= 11
    assert window.overflowed == 2 * 2000 - 8
    window.add_points(np.zeros((20, 1)), np.full(20, 100.0))
    # of the 4 rows of the last 100 ms and these 20, 8 are left
    assert window.tick(100_001_000_000).n_overflowed == 16 - 2
