"""A tick that fails loses nothing: the next call takes up the work where it stopped."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import numpy as np
import pytest

from aura_tda_gpu.errors import MemoryLimitError
from aura_tda_gpu.persistence.vineyard_updates import RipsWindow
from aura_tda_gpu.streaming.cover import GhostCover
from aura_tda_gpu.streaming.multi_scale_processor import MultiScaleStream
from aura_tda_gpu.streaming.stepwise import StepwiseStream
from aura_tda_gpu.streaming.window_update import WindowUpdate


class Fuse:
    """Makes the engine, or another part, fail at given calls of one of its methods."""

    def __init__(
        self,
        patch: pytest.MonkeyPatch,
        method: str,
        *,
        after: bool = False,
        part: type[object] = RipsWindow,
    ) -> None:
        self.calls = 0
        self.blow_at: dict[int, BaseException] = {}
        original = getattr(part, method)

        def call(window: object, *args: Any) -> Any:
            self.calls += 1
            result = original(window, *args) if after else None
            if self.calls in self.blow_at:
                raise self.blow_at[self.calls]
            return result if after else original(window, *args)

        patch.setattr(part, method, call)


def told(updates: list[WindowUpdate]) -> list[Any]:
    return [
        (
            u.timestamp,
            u.window_id,
            sorted(u.vertex_ids.tolist()),
            u.births,
            u.deaths,
            u.error_bound,
            u.skipped_ticks,
            u.n_overflowed,
        )
        for u in updates
    ]


def run(resume: str = "push") -> tuple[list[WindowUpdate], MultiScaleStream]:
    """Push, flush, push on after a gap, flush; on a failure call ``resume`` until it works."""
    rng = np.random.default_rng(4)
    points, times = rng.normal(size=(90, 2)), np.arange(90) / 200
    stream = MultiScaleStream(
        [50, 200], allowed_lateness_ms=7, max_landmarks=16, max_points=30, max_memory_mb=4
    )
    again = {
        "push": lambda: stream.push([], []),
        "advance": lambda: stream.advance(-100.0),
        "flush": stream.flush,
    }
    steps = [
        lambda: stream.push(points[:40], times[:40]),
        stream.flush,
        lambda: stream.push(points[40:], times[40:] + 0.3),
        stream.flush,
    ]
    updates: list[WindowUpdate] = []
    for step in steps:
        try:
            updates += step()
            continue
        except (MemoryError, KeyboardInterrupt):
            pass
        while True:
            try:
                updates += again[resume]()
                break
            except (MemoryError, KeyboardInterrupt):
                pass
    return updates, stream


@pytest.mark.parametrize(
    ("method", "after", "error"),
    [
        ("diagram", False, MemoryError),
        ("replace", False, MemoryError),
        ("diagram", True, KeyboardInterrupt),
        ("replace", True, KeyboardInterrupt),
    ],
)
def test_one_failure_at_any_tick(
    monkeypatch: pytest.MonkeyPatch, method: str, after: bool, error: type[BaseException]
) -> None:
    expected, whole = run()
    assert len(expected) > 100
    fuse = Fuse(monkeypatch, method, after=after)
    for tick in range(1, len(expected) + 1, 5):
        fuse.calls, fuse.blow_at = 0, {tick: error()}
        updates, stream = run()
        assert told(updates) == told(expected)
        assert stream.stats == whole.stats


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("method", ["take", "choose"])
def test_one_failure_anywhere_in_the_cover(
    monkeypatch: pytest.MonkeyPatch, method: str, after: bool
) -> None:
    expected, whole = run()
    assert any(update.error_bound > 0 for update in expected)
    fuse = Fuse(monkeypatch, method, after=after, part=GhostCover)
    run()
    for call in range(1, fuse.calls + 1, 3):
        fuse.calls, fuse.blow_at = 0, {call: KeyboardInterrupt()}
        updates, stream = run()
        assert told(updates) == told(expected)
        assert stream.stats == whole.stats


@pytest.mark.parametrize("resume", ["push", "advance", "flush"])
def test_every_call_resumes_and_repeated_failures_are_survived(
    monkeypatch: pytest.MonkeyPatch, resume: str
) -> None:
    fuse = Fuse(monkeypatch, "diagram")
    expected, whole = run("push")
    fuse.blow_at = {fuse.calls + k: MemoryError() for k in (1, 2, 3, 10, 60, 100, len(expected))}
    updates, stream = run(resume)
    assert told(updates) == told(expected)
    assert stream.stats == whole.stats


def test_points_of_the_failing_call_are_taken_and_new_ones_may_follow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fuse = Fuse(monkeypatch, "diagram")
    times = np.arange(40) / 200
    points = np.column_stack([times, times**2])

    def stream() -> MultiScaleStream:
        return MultiScaleStream([50, 100], max_memory_mb=4)

    smooth = stream()
    expected = smooth.push(points, times) + smooth.flush()
    rough = stream()
    fuse.calls, fuse.blow_at = 0, {5: MemoryError(), 6: MemoryError()}
    with pytest.raises(MemoryError):
        rough.push(points[:20], times[:20])
    assert rough.stats.accepted == 20
    before = rough.stats
    with pytest.raises(MemoryError):
        rough.push(points[20:], times[20:])
    assert rough.stats == before
    updates = rough.push(points[20:], times[20:])
    assert rough.stats.accepted == 40
    assert told(updates + rough.flush()) == told(expected)


@pytest.mark.parametrize("resume", ["push", "flush"])
def test_a_flush_interrupted_and_followed_by_points(
    monkeypatch: pytest.MonkeyPatch, resume: str
) -> None:
    fuse = Fuse(monkeypatch, "diagram")
    results = []
    for fails in (False, True):
        stream = MultiScaleStream([50, 500], max_memory_mb=4)
        updates = stream.push([[0.0], [1.0]], [0.0, 0.012])
        fuse.calls = 0
        fuse.blow_at = {1: MemoryError(), 2: MemoryError()} if fails else {}
        steps = [
            stream.flush,
            lambda s=stream: s.push([[2.0]], [0.06]),
            lambda s=stream: s.push([], []) if resume == "push" else s.flush(),
            stream.flush,
        ]
        for step in steps:
            with contextlib.suppress(MemoryError):
                updates += step()
            if stream.stats.accepted == 2 and step is steps[1]:
                updates += step()
        results.append((told(updates), stream.stats))
    assert results[0] == results[1]
    assert fuse.calls > 4


def test_a_refused_call_in_between_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    fuse = Fuse(monkeypatch, "diagram")
    stream = MultiScaleStream([50], max_memory_mb=4)
    fuse.blow_at = {3: MemoryError()}
    times = np.arange(20) / 200
    with pytest.raises(MemoryError):
        stream.push(times[:, np.newaxis], times)
    with pytest.raises(ValueError, match="not finite"):
        stream.push([[np.nan]], [1.0])
    updates = stream.push([], [])
    assert [round(u.timestamp * 200) for u in updates] == list(range(1, 20))


@pytest.mark.parametrize("method", ["diagram", "replace"])
def test_an_engine_that_always_fails_lets_nothing_pile_up(
    monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    fuse = Fuse(monkeypatch, method)
    times = np.arange(30) / 200
    points = np.column_stack([times, times**2])
    smooth = MultiScaleStream([50], max_memory_mb=4)
    expected = smooth.push(points, times) + smooth.flush()
    stream = MultiScaleStream([50], max_memory_mb=4)
    fuse.calls, fuse.blow_at = 0, {call: MemoryLimitError() for call in range(1, 300)}
    with pytest.raises(MemoryError):
        stream.push(points[:10], times[:10])
    before, held = stream.stats, stream.get_memory_usage()
    assert before.accepted == 10
    for _ in range(50):
        for call in (
            lambda: stream.push(points[10:], times[10:]),
            lambda: stream.advance(0.15),
            stream.flush,
        ):
            with pytest.raises(MemoryError):
                call()
            assert (stream.stats, stream.get_memory_usage()) == (before, held)
    fuse.blow_at = {}
    assert told(stream.push(points[10:], times[10:]) + stream.flush()) == told(expected)


def interrupted_at(line: int, work: Callable[[], object], within: str) -> bool:
    """Do some work; an interrupt comes before the ``line``-th line that a method executes."""
    wanted = getattr(StepwiseStream, within).__code__
    inside: list[FrameType] = []
    seen = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal seen
        if frame.f_code is wanted and not inside:
            inside.append(frame)
        if not inside:
            return None
        if event == "return" and frame is inside[0]:
            inside.clear()
        elif event == "line":
            seen += 1
            if seen == line:
                sys.settrace(None)
                raise KeyboardInterrupt
        return trace

    former = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(former)
    return False


@pytest.mark.parametrize("disorder", [0.0, 0.02])
def test_an_interrupt_at_any_line_takes_all_points_of_a_call_or_none(disorder: float) -> None:
    rng = np.random.default_rng(3)
    points = rng.normal(size=(60, 2))
    times = np.arange(60) / 200 + disorder * rng.random(60)

    def started() -> MultiScaleStream:
        stream = MultiScaleStream([1000], allowed_lateness_ms=20, max_memory_mb=4)
        stream.push(points[:30], times[:30])
        return stream

    smooth = started()
    expected = smooth.push(points[30:], times[30:]) + smooth.flush()
    outcomes = set()
    for line in range(1, 1000, 2 if disorder else 3):
        stream = started()
        if not interrupted_at(line, lambda s=stream: s.push(points[30:], times[30:]), "_take"):
            break
        taken = stream.stats.accepted + stream.stats.late == 60
        outcomes.add(taken)
        again = slice(60, None) if taken else slice(30, None)
        updates = stream.push(points[again].reshape(-1, 2), times[again])
        assert told(updates + stream.flush()) == told(expected)
        assert stream.stats == smooth.stats
    assert line > 40
    assert outcomes == {False, True}
