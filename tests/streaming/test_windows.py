"""When windows tick, and which points they hold."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from aura_tda_gpu.streaming.multi_scale_processor import MultiScaleStream
from aura_tda_gpu.streaming.window_update import WindowUpdate
from aura_tda_gpu.streaming.windows import (
    MultiScaleManager,
    TemporalWindow,
    boundary_after,
    count_before,
)

INT64 = np.iinfo(np.int64)


def stream(scales: list[int], **settings: object) -> MultiScaleStream:
    return MultiScaleStream(scales, **{"max_memory_mb": 4, "max_landmarks": 64, **settings})


def line(n: int) -> npt.NDArray[np.float64]:
    """Points on a line: the diagram of any of them is told by their number."""
    return np.arange(n, dtype=np.float64)[:, np.newaxis]


def told(updates: list[WindowUpdate]) -> list[tuple[float, list[int]]]:
    return [(u.timestamp, sorted(u.vertex_ids.tolist())) for u in updates]


@pytest.mark.parametrize(
    ("t", "after"), [(0, 10), (1, 10), (9, 10), (10, 20), (-1, 0), (-10, 0), (-11, -10)]
)
def test_boundaries_are_multiples_of_the_slide(t: int, after: int) -> None:
    assert boundary_after(t, 10) == after


def test_count_before_takes_times_beyond_int64() -> None:
    times = np.array([INT64.min, 0, 5, 5, INT64.max])
    limits = [-(2**70), INT64.min, 0, 5, 6, INT64.max, 2**63, 2**70]
    assert [count_before(times, t) for t in limits] == [0, 0, 1, 2, 4, 4, 5, 5]


def test_a_window_is_closed_at_its_start_and_open_at_its_end() -> None:
    s = stream([100])
    updates = s.push(line(4), [0.0, 0.1, 0.2, 0.21])
    by_time = dict(told(updates))
    assert by_time[0.1] == [0]
    assert by_time[0.11] == [1]
    assert by_time[0.2] == [1]
    assert by_time[0.21] == [2]


def test_a_tick_fires_at_the_first_watermark_that_reaches_it() -> None:
    s = stream([100])
    assert s.push([[0.0]], [0.095]) == []
    assert s.push([[1.0]], [0.099999999]) == []
    assert told(s.push([[2.0]], [0.1])) == [(0.1, [0, 1])]
    assert s.stats.watermark == 0.1
    assert s.stats.pending == 1


def test_the_first_tick_follows_the_first_point_in_time() -> None:
    s = stream([100], allowed_lateness_ms=50)
    s.push(line(2), [0.055, 0.031])
    assert told(s.flush()) == [(0.04, [1]), (0.05, [1]), (0.06, [0, 1])]


def test_all_scales_in_order_of_time_then_finest_first() -> None:
    s = stream([200, 100])
    updates = s.push(line(2), [0.0, 0.04])
    names = [(u.timestamp, u.window_id) for u in updates]
    fine, coarse = "scale_100ms", "scale_200ms"
    assert names == [
        (0.01, fine),
        (0.02, fine),
        (0.02, coarse),
        (0.03, fine),
        (0.04, fine),
        (0.04, coarse),
    ]


def test_negative_times() -> None:
    s = stream([100])
    updates = s.push(line(3), [-0.105, -0.1, 0.005])
    assert [u.timestamp for u in updates] == [pytest.approx(k / 100) for k in range(-10, 1)]
    assert told(updates)[0] == (-0.1, [0])
    assert told(updates)[1] == (-0.09, [0, 1])
    assert told(updates)[-1] == (0.0, [1])


def test_a_slide_of_a_fraction_of_a_millisecond() -> None:
    updates = stream([1]).push(line(2), [0.0, 0.0003])
    assert told(updates) == [(0.0001, [0]), (0.0002, [0]), (0.0003, [0])]


def test_a_slide_longer_than_the_window_leaves_points_out() -> None:
    s = stream([10], slide_intervals_ms=[30])
    updates = s.push(line(6), [0.0, 0.015, 0.025, 0.035, 0.055, 0.06])
    assert told(updates) == [(0.03, [2]), (0.06, [4])]
    assert s.stats.overflowed == 0


def test_datetime64_and_seconds_agree() -> None:
    seconds = [0.0, 0.25, 0.5, 1.75]
    start = np.datetime64("2024-05-01T12:00:00", "ms")
    stamps = start + (np.array(seconds) * 1000).astype("timedelta64[ms]")
    a = stream([1000]).push(line(4), seconds)
    b = stream([1000]).push(line(4), stamps)
    offset = start.astype(np.int64) / 1000
    assert [(u.timestamp + offset, u.n_points) for u in a] == [(u.timestamp, u.n_points) for u in b]


def test_a_117_hz_recording_in_float_seconds() -> None:
    times = np.arange(1000) / 117
    updates = stream([1000], max_landmarks=16).push(line(1000), times)
    in_ns = np.rint(times * 1e9).astype(np.int64)
    assert len(updates) == int(in_ns[-1] // 100_000_000)
    for update in updates:
        end = round(update.timestamp * 1e9)
        assert update.n_points == np.count_nonzero((in_ns >= end - 10**9) & (in_ns < end))
    assert {u.n_points for u in updates[10:]} == {117}


def test_one_point_with_a_scalar_time() -> None:
    s = stream([100])
    s.push([1.0, 2.0], 0.0)
    s.push(np.array([[3.0, 4.0]]), np.float32(0.5))
    s.push(np.array([[3, 4]]), [1])
    assert s.dim == 2
    assert s.stats.accepted == 3


def test_late_points_are_dropped_and_counted_pointwise() -> None:
    times = [1.0, 0.95, 0.94, 1.2, 1.15, 1.1, 1.3]
    for sizes in ([7], [1] * 7, [3, 4]):
        s = stream([100], allowed_lateness_ms=50)
        updates: list[WindowUpdate] = []
        start = 0
        for size in sizes:
            updates += s.push(line(7)[start : start + size], times[start : start + size])
            start += size
        updates += s.flush()
        assert s.stats.late == 2
        assert s.stats.accepted == 5
        assert sorted({i for _, ids in told(updates) for i in ids}) == [0, 1, 3, 4, 6]


def test_a_point_exactly_at_the_watermark_is_not_late() -> None:
    s = stream([100])
    s.push(line(2), [1.0, 1.0])
    s.advance(1.5)
    s.push(line(1), [1.5])
    assert s.stats.late == 0
    s.push(line(1), [1.499999999])
    assert s.stats.late == 1


def test_a_gap_ticks_a_few_times_and_then_jumps() -> None:
    s = stream([100], max_empty_ticks=3)
    updates = s.push(line(2), [0.005, 1e8]) + s.flush()
    first, last = updates[:-1], updates[-1]
    assert [u.n_points for u in first] == [1] * 10 + [0] * 3
    assert [u.timestamp for u in first] == [pytest.approx(k / 100) for k in range(1, 14)]
    assert all(u.skipped_ticks == 0 for u in first)
    assert told([last]) == [(1e8 + 0.01, [1])]
    assert last.skipped_ticks == s.stats.skipped_ticks == 10**10 + 1 - 14
    assert s.stats.ticks == {"scale_100ms": 14}


def test_empty_windows_have_empty_diagrams() -> None:
    s = stream([100])
    s.push(line(1), [0.0])
    update = s.advance(0.2)[-1]
    assert (update.n_points, update.n_vertices, update.births) == (0, 0, [])
    assert update.diagram[0].shape == update.diagram[1].shape == (0, 2)


def test_no_empty_tick_at_all() -> None:
    s = stream([100], max_empty_ticks=0)
    updates = s.push(line(2), [0.0, 0.5]) + s.flush()
    assert all(u.n_points == 1 for u in updates)
    assert [u.skipped_ticks for u in updates if u.skipped_ticks] == [40]


def test_advance_by_many_small_steps_or_one() -> None:
    results = []
    for steps in (range(1, 30), [29]):
        s = stream([1], slide_intervals_ms=[2e-6], max_empty_ticks=4)
        s.push(line(3), [0.0, 3e-9, 4e-9])
        updates = [u for step in steps for u in s.advance(np.datetime64(step, "ns"))]
        results.append([(u.timestamp, u.n_points, u.skipped_ticks) for u in updates])
    assert results[0] == results[1]
    assert len(results[0]) > 5


def test_advance_in_steps_over_a_gap_is_one_jump() -> None:
    results = []
    for steps in ([0.5, 1.0, 1.7, 2.3, 50.0], [50.0]):
        s = stream([100, 300], max_empty_ticks=2)
        s.push(line(2), [0.0, 0.02])
        updates = [u for step in steps for u in s.advance(step)]
        updates += s.push(line(1), [50.2]) + s.flush()
        results.append([(u.timestamp, u.window_id, u.n_points, u.skipped_ticks) for u in updates])
    assert results[0] == results[1]


def test_advance_backwards_changes_nothing() -> None:
    s = stream([100])
    s.push(line(1), [1.0])
    assert s.advance(0.5) == []
    assert s.stats.watermark == 1.0
    assert s.advance(-1e9) == []
    assert [u.timestamp for u in s.advance(1.01)] == [1.01]


def test_advance_does_not_subtract_the_lateness() -> None:
    s = stream([100], allowed_lateness_ms=1000)
    s.push(line(1), [1.0])
    assert s.stats.watermark == 0.0
    assert told(s.advance(1.01)) == [(1.01, [0])]


def test_advance_before_the_first_point_has_nothing_to_tick() -> None:
    s = stream([100])
    assert s.advance(5.0) == []
    assert s.push(line(2), [4.0, 5.0]) == []
    assert s.stats.late == 1
    assert told(s.flush()) == [(5.01, [1])]


def test_flush_ends_every_scale_after_the_last_point_and_is_idempotent() -> None:
    s = stream([100, 1000], allowed_lateness_ms=500)
    s.push(line(3), [0.0, 0.32, 0.314])
    updates = s.flush()
    fine = [u for u in updates if u.window_id == "scale_100ms"]
    coarse = [u for u in updates if u.window_id == "scale_1000ms"]
    assert told(fine)[-1] == (0.33, [1, 2])
    assert told(coarse)[-1] == (0.4, [0, 1, 2])
    assert s.stats.watermark == 0.4
    assert s.stats.pending == 0
    assert s.flush() == []
    assert s.stats.watermark == 0.4


def test_after_a_flush_the_stream_goes_on() -> None:
    s = stream([100, 1000])
    s.push(line(1), [0.32])
    s.flush()
    assert s.push(line(1), [0.39]) == []
    assert s.stats.late == 1
    updates = s.push(line(2) + 1, [0.41, 0.42])
    assert told(updates) == [(0.41, [0]), (0.42, [0, 2])]
    # 0.34 to 0.40 were left out
    assert [u.skipped_ticks for u in updates] == [7, 0]


def test_flush_without_points() -> None:
    s = stream([100])
    assert s.flush() == []
    s.advance(3.0)
    assert s.flush() == []
    assert s.stats.watermark == 3.0


def test_flush_far_behind_an_advanced_watermark() -> None:
    s = stream([100, 1000])
    s.push(line(1), [0.0])
    s.advance(30.0)
    assert s.flush() == []
    assert s.stats.watermark == 30.0


def test_times_at_the_end_of_int64() -> None:
    s = stream([100], allowed_lateness_ms=10)
    end = np.array([INT64.max - 5, INT64.max - 1]).astype("datetime64[ns]")
    s.push(line(2), end)
    assert [u.n_points for u in s.flush()] == [2]
    assert s.flush() == []
    start = np.array([INT64.min + 1, INT64.min + 2]).astype("datetime64[ns]")
    s = stream([100], allowed_lateness_ms=10)
    s.push(line(2), start)
    assert [u.n_points for u in s.flush()] == [2]


def test_manager_holds_the_windows_of_the_brief() -> None:
    manager = MultiScaleManager([1000, 100, 1])
    assert list(manager.windows) == ["scale_1ms", "scale_100ms", "scale_1000ms"]
    window = manager.windows["scale_100ms"]
    assert isinstance(window, TemporalWindow)
    assert (window.window_id, window.duration_ms, window.slide_interval_ms) == (
        "scale_100ms",
        100,
        10,
    )
    assert isinstance(window.slide_interval_ms, int)
    assert manager.windows["scale_1ms"].slide_interval_ms == 0.1
    assert 16 <= window.max_points < manager.windows["scale_1000ms"].max_points
    assert len(window.current_points) == 0


def test_the_windows_of_a_stream_show_its_live_rows() -> None:
    s = stream([100, 200])
    assert s.windows["scale_200ms"].max_points == 0
    s.push(line(6) + 1000, [0.0, 0.05, 0.1, 0.15, 0.2, 0.25])
    windows = s.windows
    # the next ticks are at 0.26 and 0.26; the last point still waits for the watermark
    assert windows["scale_100ms"].current_points.ravel().tolist() == [1004]
    assert windows["scale_200ms"].current_points.ravel().tolist() == [1002, 1003, 1004]
    assert windows["scale_100ms"].max_points >= 16
