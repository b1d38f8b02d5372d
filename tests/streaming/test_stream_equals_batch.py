"""Whatever way a stream is cut into pushes, every tick is the batch result of its points."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aura_tda_gpu.streaming.multi_scale_processor import MultiScaleStream
from aura_tda_gpu.streaming.window_update import WindowUpdate

from .naive_stream import Tick, naive_ticks, same_bars

MS = 1_000_000


def cut(times: list[int], points: npt.NDArray[Any], sizes: list[int]) -> list[slice]:
    """Cut a stream into pushes of these sizes, again and again."""
    cuts, start, i = [], 0, 0
    while start < len(times):
        cuts.append(slice(start, start + sizes[i % len(sizes)]))
        start, i = cuts[-1].stop, i + 1
    return cuts


def run(
    stream: MultiScaleStream, times_ms: list[float], points: npt.NDArray[Any], sizes: list[int]
) -> list[WindowUpdate]:
    updates = []
    for piece in cut(times_ms, points, sizes):
        updates += stream.push(points[piece], np.array(times_ms[piece]) / 1000)
    return updates + stream.flush()


def check(
    updates: list[WindowUpdate], ticks: list[Tick], points: npt.NDArray[Any], names: list[str]
) -> None:
    told = [(round(u.timestamp * 1e9), names.index(u.window_id), u.skipped_ticks) for u in updates]
    assert told == [(tick.t_ns, tick.scale, tick.skipped) for tick in ticks]
    relative = points.astype(np.float32)
    for update, tick in zip(updates, ticks, strict=True):
        vertices = list(map(tuple, relative[update.vertex_ids]))
        assert sorted(vertices) == sorted(set(map(tuple, relative[tick.ids])))
        assert (update.n_points, update.n_vertices) == (len(tick.ids), len(vertices))
        assert tick.ids or not vertices
        assert update.error_bound == update.diagram.error_bound == 0.0
        assert same_bars(update.diagram, relative[tick.ids])


SCALES = [(20, 2), (50, 5), (90, 30)]


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[int], list[int], int, list[int], int]:
    """Times in ms (disordered, repeated, with gaps), sizes of pushes, lateness, gap limit."""
    steps = st.one_of(st.integers(-12, 12), st.sampled_from([0, 0, 150]))
    start = draw(st.integers(-200, 200))
    times = np.cumsum([start, *draw(st.lists(steps, min_size=0, max_size=40))]).tolist()
    sizes = draw(st.lists(st.integers(1, 12), min_size=1, max_size=4))
    other = draw(st.lists(st.integers(1, 12), min_size=1, max_size=4))
    return (
        times,
        sizes,
        draw(st.sampled_from([0, 3, 12, 40])),
        other,
        draw(st.sampled_from([0, 2, 10])),
    )


@settings(max_examples=80)
@given(streams(), st.integers(0, 2**32 - 1))
@example(([0], [1], 0, [1], 10), 0)
@example(([5, 5, 5, 5], [2], 0, [1], 10), 1)
def test_every_tick_is_the_batch_result_for_any_split(
    drawn: tuple[list[int], list[int], int, list[int], int], seed: int
) -> None:
    times, sizes, lateness, other_sizes, max_empty = drawn
    points = np.random.default_rng(seed).integers(0, 16, (len(times), 2)).astype(np.float64)
    settings = {
        "scales": [duration for duration, _ in SCALES],
        "slide_intervals_ms": [slide for _, slide in SCALES],
        "allowed_lateness_ms": lateness,
        "max_empty_ticks": max_empty,
        "max_landmarks": 64,
        "max_memory_mb": 4,
    }
    events = [*(("push", t * MS) for t in times), ("flush", 0)]
    scales = [(duration * MS, slide * MS) for duration, slide in SCALES]
    ticks, n_late = naive_ticks(events, scales, lateness * MS, max_empty)
    names = [f"scale_{duration}ms" for duration, _ in SCALES]
    for split in (sizes, other_sizes, [len(times)]):
        stream = MultiScaleStream(**settings)
        check(run(stream, times, points, split), ticks, points, names)
        assert stream.stats.late == n_late
        assert stream.stats.accepted == len(times) - n_late
        assert stream.stats.pending == 0
        assert sum(stream.stats.ticks.values()) == len(ticks)
        assert stream.stats.skipped_ticks >= sum(tick.skipped for tick in ticks)


@settings(max_examples=40)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("push"), st.integers(0, 300)),
            st.tuples(st.just("advance"), st.integers(0, 300)),
            st.tuples(st.just("flush"), st.just(0)),
        ),
        max_size=25,
    ),
    st.sampled_from([0, 10]),
)
def test_pushes_advances_and_flushes_in_any_order(
    events: list[tuple[str, int]], lateness: int
) -> None:
    points = np.random.default_rng(len(events)).integers(0, 9, (len(events), 3)).astype(np.float64)
    stream = MultiScaleStream(
        [20, 70], allowed_lateness_ms=lateness, max_memory_mb=4, max_landmarks=64
    )
    updates, n = [], 0
    for kind, time in events:
        if kind == "push":
            updates += stream.push(points[n], time / 1000)
            n += 1
        else:
            updates += stream.advance(time / 1000) if kind == "advance" else stream.flush()
    in_ns = [(kind, time * MS) for kind, time in events]
    scales = [(20 * MS, 2 * MS), (70 * MS, 7 * MS)]
    ticks, n_late = naive_ticks(in_ns, scales, lateness * MS)
    check(updates, ticks, points, ["scale_20ms", "scale_70ms"])
    assert stream.stats.late == n_late


@pytest.mark.parametrize("metric", ["manhattan", "chebyshev", "cosine"])
def test_other_metrics(metric: str, rng: np.random.Generator) -> None:
    points = rng.normal(size=(60, 3))
    if metric != "cosine":
        points = np.rint(8 * points)
    times = np.arange(60) * 4
    stream = MultiScaleStream([100], metric=metric, max_landmarks=64, max_memory_mb=4)
    updates = stream.push(points, times / 1000) + stream.flush()
    ticks, _ = naive_ticks(
        [*(("push", int(t) * MS) for t in times), ("flush", 0)], [(100 * MS, 10 * MS)], 0
    )
    assert len(updates) == len(ticks)
    for update, tick in zip(updates, ticks, strict=True):
        assert same_bars(update.diagram, points[tick.ids], metric)


def test_the_origin_keeps_a_far_away_cloud_exact(rng: np.random.Generator) -> None:
    points = rng.integers(0, 16, (40, 2)) / 8
    times = np.arange(40) / 100
    far = MultiScaleStream([200], max_memory_mb=4).push(points + 2.0**40, times)
    near = MultiScaleStream([200], max_memory_mb=4).push(points, times)
    assert len(far) == len(near) > 0
    for a, b in zip(far, near, strict=True):
        assert all(np.array_equal(a.diagram[k], b.diagram[k]) for k in (0, 1))


def test_landmark_windows_do_not_depend_on_the_split(rng: np.random.Generator) -> None:
    points = rng.normal(size=(400, 3))
    times = (np.arange(400) + rng.integers(0, 5, 400)).tolist()
    results = []
    for sizes in ([400], [1], [7, 30, 2]):
        stream = MultiScaleStream([100], max_landmarks=16, allowed_lateness_ms=5, max_memory_mb=4)
        results.append(run(stream, times, points, sizes))
    assert any(u.error_bound > 0 for u in results[0])
    for one, *others in zip(*results, strict=True):
        for other in others:
            assert np.array_equal(one.vertex_ids, other.vertex_ids)
            assert one.error_bound == other.error_bound
            assert np.array_equal(one.diagram[1], other.diagram[1])
            assert np.array_equal(one.diagram.birth_edges[1], other.diagram.birth_edges[1])


def test_the_update_carries_the_bars_of_its_diagram(rng: np.random.Generator) -> None:
    angle = np.linspace(0, 2 * np.pi, 30, endpoint=False)
    circle = np.column_stack([np.cos(angle), np.sin(angle)])
    stream = MultiScaleStream([100], max_memory_mb=4)
    stream.push(circle, np.arange(30) / 1000)
    update = stream.flush()[-1]
    bars = np.column_stack([update.births, update.deaths])
    dimensions = np.array(update.dimensions)
    for k in (0, 1):
        assert np.array_equal(bars[dimensions == k], update.diagram[k])
    assert len(update.diagram[1]) == 1
    ((*loop,),) = update.diagram.cycle(1, 0)
    assert sorted(update.vertex_ids[loop]) == list(range(30))
    assert update.latency_seconds > 0
    assert update.diagram.info["n_points"] == 30
