"""A refused call raises one typed error and leaves no trace in the stream."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from aura_tda_gpu.errors import AuraTDAError, InvalidInputError, MemoryLimitError
from aura_tda_gpu.streaming.event_times import as_nanoseconds
from aura_tda_gpu.streaming.multi_scale_processor import MultiScaleStream
from aura_tda_gpu.streaming.window_update import WindowUpdate

NAN, INF = float("nan"), float("inf")


class Untouchable:
    """Like a tensor that requires a gradient."""

    def __array__(self, *args: Any, **settings: Any) -> Any:
        raise RuntimeError("detach me first")


# points, timestamps, row, words of the message; good rows are (k, k) at k hundredths
BAD_PUSHES: dict[str, tuple[Any, Any, int | None, str]] = {
    "NaN": ([[0, 0], [1, NAN]], [0.5, 0.6], 1, "not finite"),
    "infinity": ([[0, 0], [1, 1], [-INF, 2]], [0.5, 0.6, 0.7], 2, "not finite"),
    "text": ([["a", "b"]], [0.5], 0, "real numbers"),
    "text among numbers": ([[0, 1], [1, "x"]], [0.5, 0.6], 1, "real numbers"),
    "objects": ([[0, None]], [0.5], 0, "real numbers"),
    "booleans": ([[True, False]], [0.5], 0, "real numbers"),
    "complex": ([[1j, 0]], [0.5], 0, "real numbers"),
    "one-dimensional": ([1.0, 2.0], [0.5, 0.6], None, "two-dimensional"),
    "three-dimensional": (np.zeros((1, 2, 2)), [0.5], None, "two-dimensional"),
    "ragged": ([[0, 1], [2]], [0.5, 0.6], 1, "ragged"),
    "no coordinates": (np.zeros((2, 0)), [0.5, 0.6], None, "at least one coordinate"),
    "not an array": (object(), [0.5], None, "real numbers"),
    "overflow": ([[0, 0], [1e30, 0]], [0.5, 0.6], 1, "overflow"),
    "beyond float64": ([[0, 0], [1e308, -1e308]], [0.5, 0.6], 1, "overflow"),
    "too few timestamps": ([[0, 0], [1, 1]], [0.5], None, "2 points came with 1 timestamps"),
    "too many timestamps": ([[0, 0]], [0.5, 0.6], None, "1 points came with 2 timestamps"),
    "no timestamps": ([[0, 0]], [], None, "1 points came with 0 timestamps"),
    "no points": ([], [0.5], None, "two-dimensional"),
    "beyond any float": ([[0, 0], [1, 1]], [0.0, 10**400], 1, "row 1 is 1000"),
    "a scalar time for two": ([[0, 0], [1, 1]], 0.5, None, "2 points came with 1 timestamps"),
    "NaN time": ([[0, 0], [1, 1]], [0.5, NAN], 1, "not finite"),
    "infinite time": ([[0, 0], [1, 1]], [INF, 0.5], 0, "not finite"),
    "not a time": ([[0, 0]], np.array(["NaT"], "M8[s]"), 0, "not a time"),
    "text time": ([[0, 0], [1, 1]], [0.5, "noon"], 1, "not text: row 1 is 'noon'$"),
    "time as text": ([[0, 0]], ["0.5"], 0, "datetime64"),
    "boolean time": ([[0, 0]], [True], 0, "datetime64"),
    "complex time": ([[0, 0]], [1j], 0, "datetime64"),
    "duration": ([[0, 0]], np.array([5], "m8[s]"), 0, "datetime64"),
    "masked time": ([[0, 0], [1, 1]], np.ma.masked_greater([0.5, 9.0], 1), 1, "masked"),
    "column of times": ([[0, 0]], [[0.5]], None, "one-dimensional"),
    "ragged times": ([[0, 0]], [[0.5], [1, 2]], None, "cannot be read"),
    "time beyond int64": ([[0, 0], [1, 1]], [0.5, 1e10], 1, "292 years from time 0, in seconds"),
    "date beyond int64": ([[0, 0]], np.array(["3000-01-01"], "M8[D]"), 0, "292 years"),
    "a time that refuses to be an array": ([[0, 0]], Untouchable(), None, "cannot be read"),
    "a row that refuses to be an array": (Untouchable(), 0.5, None, "cannot be read"),
    "float32 seconds since 1970": (
        [[0, 0], [1, 1]],
        np.array([0.5, 1.7e9], np.float32),
        1,
        r"is float32, of which the next is 128 s away: whole .* ticks of 0\.01 s; .* float64$",
    ),
    "float32 times that grow": (
        [[0, 0], [1, 1], [2, 2]],
        np.array([0.5, 2**24, 1.7e9], np.float32),
        1,
        "timestamp 16777216.0 in row 1 is float32, of which the next is 2 s away",
    ),
    "float16 hours": ([[0, 0]], np.float16(7200), 0, "the next is 4 s away"),
    "a generator": ((row for row in [[0, 0]]), [0.5], None, "not generator; make a list of it"),
    "nothing": (None, [0.5], None, "must hold real numbers, not NoneType$"),
    "numbers as text": ([["0", "1"]], [0.5], 0, "real numbers, not text values in row 0"),
    "whole second beyond int64": ([[0, 0]], np.array([2**62]), 0, "292 years"),
}


def stream(**settings: Any) -> MultiScaleStream:
    return MultiScaleStream([100, 300], **{"max_memory_mb": 4, "max_landmarks": 64, **settings})


def push_some(s: MultiScaleStream, start: int, stop: int) -> list[WindowUpdate]:
    times = np.arange(start, stop)
    return s.push(np.column_stack([times, times % 3]), times / 100)


def told(updates: list[WindowUpdate]) -> list[Any]:
    return [
        (u.timestamp, u.window_id, u.vertex_ids.tolist(), u.births, u.deaths, u.skipped_ticks)
        for u in updates
    ]


@pytest.mark.parametrize("name", BAD_PUSHES)
def test_a_refused_push_names_the_row_and_leaves_no_trace(name: str) -> None:
    points, times, row, words = BAD_PUSHES[name]
    first, middle, untouched = stream(), stream(), stream()
    results = []
    for s in (first, middle, untouched):
        if s is first:
            check_refused(s, points, times, row, words)
            assert (s.dim, s.stats.watermark, s.get_memory_usage()) == (None, None, 0)
        updates = push_some(s, 0, 20)
        if s is middle:
            stats, memory = s.stats, s.get_memory_usage()
            check_refused(s, points, times, row, words)
            assert (s.stats, s.get_memory_usage()) == (stats, memory)
        updates += push_some(s, 20, 40) + s.advance(0.8) + s.flush()
        results.append((told(updates), s.stats))
    assert results[0] == results[2]
    assert results[1] == results[2]
    assert len(results[2][0]) > 40


def check_refused(
    s: MultiScaleStream, points: Any, times: Any, row: int | None, words: str
) -> None:
    with pytest.raises(InvalidInputError, match=words) as caught:
        s.push(points, times)
    assert caught.value.row == row
    assert isinstance(caught.value, AuraTDAError)


def test_coarse_times_that_tell_ticks_apart_are_taken() -> None:
    times = np.arange(30, dtype=np.float32) / 100
    fine, coarse = stream(), stream()
    points = np.column_stack([times, times])
    assert told(coarse.push(points, times.astype(np.float16).astype(np.float64))) == told(
        fine.push(points, times.astype(np.float16))
    )
    hours = MultiScaleStream([3_600_000], max_memory_mb=4, max_landmarks=64)
    assert hours.push([[0.0, 0.0]], np.array([1.7e9], np.float32)) == []
    seconds = np.array([131_072, 2**24 - 1], np.float32)  # a slide of 10 ms is finer than both
    assert stream().push([[0.0, 0.0]], seconds[:1]) == []
    assert stream().push([[0.0, 0.0]], seconds[1]) == []
    assert told(stream().advance(seconds[1])) == []
    ints = np.array([1_700_000_000], np.int32)
    assert stream().push([[0.0, 0.0]], ints) == []


def test_another_dimension() -> None:
    s = stream()
    push_some(s, 0, 3)
    with pytest.raises(InvalidInputError, match="3 coordinates, the stream has 2") as caught:
        s.push([[1, 2, 3]], [0.5])
    assert caught.value.row == 0
    with pytest.raises(InvalidInputError, match="2 coordinates, the stream has 5"):
        stream(dim=5).push([[1, 2]], [0.5])


def test_the_row_of_an_overflow_counts_late_rows() -> None:
    s = stream()
    with pytest.raises(InvalidInputError, match="row 2") as caught:
        s.push([[0, 0], [1, 1], [1e30, 0]], [0.5, 0.1, 0.6])
    assert caught.value.row == 2
    # a late row is dropped, so that its size does not matter
    s.push([[0, 0], [1e30, 0], [1, 1]], [0.5, 0.1, 0.6])
    assert (s.stats.accepted, s.stats.late) == (2, 1)


def test_only_late_points_fix_the_dimension_and_nothing_else() -> None:
    s = stream()
    s.advance(1.0)
    assert s.push([[9, 9]], [0.5]) == []
    assert (s.dim, s.stats.late, s.stats.accepted) == (2, 1, 0)
    s.push([[5, 5]], [1.0])
    assert s.flush()[0].vertex_ids.tolist() == [1]


@pytest.mark.parametrize(
    ("points", "times"),
    [([], []), (np.empty((0, 2)), np.empty(0)), (np.empty((0, 7)), []), ((), ())],
)
def test_an_empty_batch_does_nothing_and_fixes_nothing(points: Any, times: Any) -> None:
    s = stream()
    assert s.push(points, times) == []
    assert s.dim is None
    push_some(s, 0, 5)
    before = s.stats
    assert s.push(points, times) == []
    assert s.stats == before


def test_a_zero_vector_has_no_angle() -> None:
    s = stream(metric="cosine")
    with pytest.raises(InvalidInputError, match="zero vector") as caught:
        s.push([[1, 0], [0, 0]], [0.0, 0.1])
    assert caught.value.row == 1
    assert s.dim is None


@pytest.mark.parametrize(
    "now",
    [NAN, INF, "noon", None, [1.0, 2.0], True, 1e12, np.float32(1.7e9), np.datetime64("NaT", "s")],
)
def test_a_refused_advance(now: Any) -> None:
    s = stream()
    push_some(s, 0, 5)
    before = s.stats
    with pytest.raises(InvalidInputError):
        s.advance(now)
    assert s.stats == before


def test_too_many_points_waiting_for_the_watermark() -> None:
    s, untouched = (stream(max_points=20, allowed_lateness_ms=1000) for _ in range(2))
    results = []
    for one in (s, untouched):
        updates = push_some(one, 0, 20)
        if one is s:
            before = s.stats
            with pytest.raises(MemoryLimitError, match=r"21 points .* 20 fit.*allowed_lateness_ms"):
                push_some(s, 20, 21)
            assert s.stats == before
        updates += one.advance(0.15) + push_some(one, 20, 30) + one.flush()
        results.append((told(updates), one.stats))
    assert results[0] == results[1]


def test_too_many_points_of_one_time_without_lateness() -> None:
    s = stream(max_points=16)
    with pytest.raises(MemoryLimitError, match=r"20 points .* 16 fit.*max_points") as caught:
        s.push(np.zeros((20, 2)), np.zeros(20))
    assert "max_memory_mb" in str(caught.value)
    assert "lateness" not in str(caught.value)
    assert s.dim is None


def test_a_first_push_whose_points_cannot_wait_leaves_no_trace() -> None:
    s = stream(max_points=20, allowed_lateness_ms=1000)
    with pytest.raises(MemoryLimitError):
        push_some(s, 0, 21)
    assert (s.dim, s.stats.watermark, s.get_memory_usage()) == (None, None, 0)
    s.push([[1.0]], [5.0])
    assert s.dim == 1


def test_a_dimension_that_does_not_fit() -> None:
    s = stream(max_landmarks=16)
    with pytest.raises(
        MemoryLimitError, match=r"dimension 100000 need at least .* max_memory_mb is 4"
    ):
        s.push(np.zeros((1, 100_000)), [0.0])
    assert s.dim is None


def test_a_machine_without_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    s = stream()
    with monkeypatch.context() as patch:
        patch.setattr(np, "empty", no_memory)
        with pytest.raises(MemoryLimitError, match="push fewer at once"):
            push_some(s, 0, 5)
    assert (s.dim, s.stats.accepted) == (None, 0)
    assert len(push_some(s, 0, 5)) > 0


def no_memory(*args: Any, **settings: Any) -> None:
    raise MemoryError


@pytest.mark.parametrize(
    ("given", "ns"),
    [
        ([1, 2], [10**9, 2 * 10**9]),
        (np.array([1, 2], np.uint8), [10**9, 2 * 10**9]),
        (np.array([1.5], np.float16), [1_500_000_000]),
        (np.array([0.1], np.float32), [100_000_001]),
        ([0.1, -1.005, 1e-9, 4e-10], [100_000_000, -1_005_000_000, 1, 0]),
        ([1714564800.123456789], [1714564800123456768]),
        (np.array(["2024-05-01T12:00:00"], "M8[s]"), [1714564800 * 10**9]),
        (np.array([7999], "M8[ps]"), [7]),
        (np.datetime64(-3, "ns"), -3),
        (2.5, 2_500_000_000),
        (np.ma.masked_greater([0.5], 1), [500_000_000]),
    ],
)
def test_nanoseconds(given: Any, ns: Any) -> None:
    out = as_nanoseconds(given)
    assert out.dtype == np.int64
    assert out.tolist() == ns
