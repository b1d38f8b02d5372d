"""The ghost cover: against a naive model, and what it promises."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from aura_tda_gpu.persistence.kernels import cover as kernel
from aura_tda_gpu.streaming.cover import GhostCover
from aura_tda_gpu.streaming.landmarks import gap_kind
from aura_tda_gpu.streaming.multi_scale_processor import MultiScaleStream
from aura_tda_gpu.streaming.persistence_stream import BoundedPersistenceStream
from aura_tda_gpu.streaming.ring_buffer import RingBuffer, Rows
from aura_tda_gpu.streaming.window_update import WindowUpdate

from .clouds import METRICS, STREAMS, Points
from .naive_cover import NaiveCover
from .naive_stream import same_bars

MS = 1_000_000


def take(
    state: kernel.State, points: Points, first: int, live: int, capacity: int, slide: int, kind: int
) -> None:
    numbers = np.arange(first, first + len(points))
    points = points.copy()
    for array in (points, numbers):
        array.flags.writeable = False
    kernel.take(state, points, numbers, numbers, first, live, capacity, slide, kind)


def landmarks_of(state: kernel.State) -> dict[int, tuple[Any, ...]]:
    return {
        slot: (tuple(state.columns[:, slot]), state.ids[slot], state.newest[slot], state.back[slot])
        for slot in np.flatnonzero(state.newest != kernel.FREE)
    }


def lattice(n: int, rng: np.random.Generator) -> Points:
    return np.asarray(rng.integers(0, 7, (n, 2)) * np.repeat([1, 40], n // 2)[:, np.newaxis], float)


def specks(n: int, rng: np.random.Generator) -> Points:
    """Distances whose squares underflow, some of them to 0."""
    return rng.integers(0, 4, (n, 2)) * 10.0 ** rng.choice([-200, -160, -3], (n, 1))


@pytest.mark.parametrize("metric", METRICS[:3])
@pytest.mark.parametrize("cloud", [*STREAMS.values(), lattice, specks])
@pytest.mark.parametrize("k", [1, 2, 3, 8, 13])
def test_the_kernel_is_the_naive_model(cloud: Any, k: int, metric: str) -> None:
    rng = np.random.default_rng(k)
    n, slide, duration, capacity = 240, 12, 50, 44
    points = cloud(n, rng)
    model = NaiveCover(k, metric, capacity)
    state = kernel.new_state(k, points.shape[1], scaled=False)
    thinned = 0
    for start in range(0, n, slide):
        live = max(0, start + slide - duration)
        cut = int(rng.integers(0, slide + 1))
        for a, b in ((start, start + cut), (start, start + slide)):  # the second repeats rows
            take(state, points[a:b], a, live, capacity, slide, gap_kind(metric))
        for row in range(start, start + slide):
            before = model.rho
            model.take(row, tuple(points[row].tolist()), row, row // slide, live)
            thinned += model.rho > before
        live = max(live, start + slide - capacity)
        for _ in range(2):
            eps = kernel.settle(state, live, start)
            assert eps == model.settle(live, start)
        assert state.rho[0] == model.rho
        assert landmarks_of(state) == {
            slot: (one.place, one.name, one.newest, one.back) for slot, one in model.slots.items()
        }
    assert thinned > 0


@pytest.mark.parametrize("cloud", [lattice, specks])
def test_measuring_gives_true_distances(cloud: Any, rng: np.random.Generator) -> None:
    points = cloud(100, rng)
    state = kernel.new_state(9, 2, scaled=False)
    take(state, points, 0, 0, 100, 10, 0)
    assert state.counts[kernel.LOOSE]
    loose = kernel.settle(state, 20, 0)
    window, numbers = points[20:].copy(), np.arange(20, 100)
    for array in (window, numbers):
        array.flags.writeable = False
    kernel.measure(state, window, numbers, 20, 10, 0)
    eps = kernel.settle(state, 20, 0)
    assert not state.counts[kernel.LOOSE]
    model = NaiveCover(9, "euclidean", 100)
    places = [one[0] for one in landmarks_of(state).values()]
    to_rows = [min(model.distance(tuple(row), place) for place in places) for row in window]
    backs = [model.distance(one[0], tuple(points[one[2]])) for one in landmarks_of(state).values()]
    assert eps == max(*to_rows, *backs) <= loose


def test_more_buckets_than_the_queue_holds(rng: np.random.Generator) -> None:
    distances = np.sort(rng.uniform(1, 2, 700))[::-1]
    points = np.concatenate([[0.0], distances])[:, np.newaxis]
    state = kernel.new_state(4, 1, scaled=False)
    state.rho[0] = 2.0
    take(state, points, 0, 0, 1000, 1, 0)
    assert state.counts[kernel.SIZE] == len(state.last)
    for live in range(2, 701, 7):
        eps = kernel.settle(state, live, 0)
        assert eps >= points[live:].max()
        assert eps == points[live, 0] or live >= 256


def run(points: Points, sizes: list[int], **settings: Any) -> list[WindowUpdate]:
    given = {"max_landmarks": 24, "max_memory_mb": 4, "allowed_lateness_ms": 3, **settings}
    stream = MultiScaleStream([60, 200], **given)
    times = (np.arange(len(points)) + np.arange(len(points)) * 7 % 3) / 1000
    updates: list[WindowUpdate] = []
    start = i = 0
    while start < len(points):
        piece = slice(start, start + sizes[i % len(sizes)])
        updates += stream.push(points[piece], times[piece])
        start, i = piece.stop, i + 1
    return updates + stream.flush()


def told(update: WindowUpdate) -> list[Any]:
    diagram = update.diagram
    info = diagram.info
    return [
        update.timestamp,
        update.n_points,
        update.n_overflowed,
        update.error_bound,
        *(info[name] for name in ("landmarks", "n_changed", "covering_radius", "rho")),
        update.vertex_ids.tolist(),
        *(diagram[k].tolist() for k in (0, 1)),
        *(diagram.birth_edges[k].tolist() for k in (0, 1)),
    ]


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("settings", [{}, {"max_points": 90}, {"metric": "cosine"}])
def test_the_cut_into_pushes_changes_nothing(name: str, settings: dict[str, Any]) -> None:
    points = STREAMS[name](500, np.random.default_rng(2))
    whole = [told(update) for update in run(points, [500], **settings)]
    assert any(update[3] > 0 for update in whole)
    for sizes in ([1], [7, 130, 2]):
        assert [told(update) for update in run(points, sizes, **settings)] == whole


@pytest.mark.parametrize("metric", METRICS)
def test_exact_then_certified_then_exact(metric: str, rng: np.random.Generator) -> None:
    gaps = np.repeat([10, 1, 10], [40, 300, 60])
    times = np.cumsum(gaps)
    points = np.rint(rng.normal(size=(400, 3)) * 50) + 400
    stream = MultiScaleStream([100], metric=metric, max_landmarks=32, max_memory_mb=4)
    updates = stream.push(points, times / 1000) + stream.flush()
    kinds = []
    for update in updates:
        end = round(update.timestamp * 1000)
        window = points[(times >= end - 100) & (times < end)]
        exact = len(window) <= 32
        assert ("landmark_error" in update.diagram.info) == (not exact)
        if exact:
            assert (update.error_bound, update.diagram.info["covering_radius"]) == (0.0, 0.0)
            assert same_bars(update.diagram, window, metric)
        else:
            assert 12 <= update.n_vertices <= 32
            assert 0 < update.diagram.info["covering_radius"] < update.error_bound / 2
        kinds.append(exact)
    changes = [kinds[0]] + [b for a, b in pairwise(kinds) if a != b]
    assert changes == [True, False, True]


def test_few_landmarks_change_while_the_stream_stays(rng: np.random.Generator) -> None:
    angle = rng.uniform(0, 2 * np.pi, 24_000)
    points = np.column_stack([np.cos(angle), np.sin(angle)]) + rng.normal(size=(24_000, 2)) * 0.05
    k, n_window = 256, 4000
    stream = MultiScaleStream([1000], max_points=n_window, max_landmarks=k, max_memory_mb=16)
    updates = stream.push(points, np.arange(len(points)) / n_window)
    late = [u for u in updates if u.timestamp >= 2]
    assert len(late) > 35
    assert sum(u.diagram.info["n_changed"] for u in late) / len(late) < 0.02 * k
    for before, after in pairwise(late):
        changed = set(before.vertex_ids) ^ set(after.vertex_ids)
        assert after.diagram.info["n_changed"] == len(changed)
    assert all(k / 2 < u.n_vertices <= k for u in late)


def test_a_landmark_outlives_the_row_that_opened_it() -> None:
    window = BoundedPersistenceStream(10, 1, max_points=100, max_landmarks=4)
    corners = np.array([0.0, 10.0, 20.0, 30.0, 0.1, 10.1, 20.1, 30.1])[:, np.newaxis]
    window.add_points(corners, np.arange(8) / 1000)
    first = window.tick(8 * MS)
    assert first.diagram.info["rho"] > 0
    for start in (10, 20, 30):
        window.add_points(corners[4:] + 0.1, np.arange(start, start + 4) / 1000)
        window.add_points(corners[4:] + 0.2, np.arange(start + 4, start + 8) / 1000)
        update = window.tick((start + 8) * MS)
        ghosts = set(first.vertex_ids) & set(update.vertex_ids)
        assert update.n_points == 8
        assert len(ghosts) >= 2
        assert max(ghosts) < 8
        assert update.diagram.info["n_changed"] <= 2


def test_a_window_that_grows_thins_and_one_that_shrinks_is_refined() -> None:
    rng = np.random.default_rng(0)
    scales = np.repeat([1.0, 100.0, 1.0, 1e-4], 2000)
    points = rng.normal(size=(8000, 2)) * scales[:, np.newaxis]
    stream = MultiScaleStream([1000], max_points=1000, max_landmarks=64, max_memory_mb=4)
    updates = stream.push(points, np.arange(8000) / 1000) + stream.advance(8.0)
    radii = [u.diagram.info["covering_radius"] for u in updates if u.timestamp % 2 == 0]
    assert [round(np.log10(radius / radii[0]), 0) for radius in radii] == [0, 2, 0, -4]
    assert all(32 <= u.n_vertices <= 64 for u in updates if u.timestamp % 2 == 0)


def test_a_large_window_that_shrinks_is_refined_without_looking_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("aura_tda_gpu.streaming.cover._MEASURED", 0)
    rng = np.random.default_rng(0)
    points = rng.normal(size=(6000, 2)) * np.repeat([100.0, 1.0], [1500, 4500])[:, np.newaxis]
    stream = MultiScaleStream([1000], max_points=1000, max_landmarks=64, max_memory_mb=4)
    updates = stream.push(points, np.arange(6000) / 1000)
    radii = [u.diagram.info["covering_radius"] for u in updates]
    assert radii[14] > 50 * radii[-1] > 0
    assert updates[-1].n_vertices >= 24


def test_a_tick_before_the_newest_row_looks_at_older_rows_only(rng: np.random.Generator) -> None:
    points = rng.normal(size=(300, 2))
    for k in (500, 32):
        window = BoundedPersistenceStream(100, 2, max_points=500, max_landmarks=k)
        window.add_points(points, np.arange(300) / 1000)
        late, early = window.tick(300 * MS), window.tick(250 * MS)
        again = window.tick(300 * MS)
        assert (late.n_points, early.n_points, again.n_points) == (100, 50, 100)
        assert early.vertex_ids.max() < 250
        assert again.vertex_ids.max() >= 250
        if k == 500:
            assert sorted(early.vertex_ids) == list(range(200, 250))


def rows(start: int, stop: int) -> Rows:
    numbers = np.arange(start, stop)
    return Rows(np.sin(numbers)[:, np.newaxis] * 9.0, numbers, numbers)


def test_rows_that_were_seen_before_are_left_alone() -> None:
    once, twice = (GhostCover.on_host(5, 1, "euclidean", 40, 10) for _ in range(2))
    for cover, cuts in ((once, [(0, 60)]), (twice, [(0, 20), (0, 20), (5, 33), (0, 60), (59, 60)])):
        for start, stop in cuts:
            cover.take(rows(start, stop), start, 0)
    for a, b in zip(once.state.state, twice.state.state, strict=True):
        assert np.array_equal(a, b)


def test_a_repeated_tick_gives_the_same_landmarks() -> None:
    for n in (30, 200):
        ring, cover = RingBuffer(300, 1), GhostCover.on_host(40, 1, "euclidean", 300, 10)
        cover.take(rows(0, n), 0, 0)
        ring.append(rows(0, n))
        origin = np.zeros(1)
        one, other = (cover.choose(ring, n, 1000, origin) for _ in range(2))
        assert one.ids.tolist() == other.ids.tolist()
        assert (one.radius, one.rho, one.error_bound) == (
            other.radius,
            other.rho,
            other.error_bound,
        )


def test_parallel_vectors_are_one_landmark_under_cosine(rng: np.random.Generator) -> None:
    directions = rng.normal(size=(12, 3))
    points = np.concatenate([directions * factor for factor in (1, 2, 0.25, 1024)])
    window = BoundedPersistenceStream(100, 3, max_points=99, max_landmarks=12, metric="cosine")
    window.add_points(points, np.arange(48) / 1000)
    update = window.tick(48 * MS)
    assert (update.n_points, update.n_vertices, update.error_bound) == (48, 12, 0.0)
    assert same_bars(update.diagram, directions, "cosine")


def test_what_it_holds_does_not_grow(rng: np.random.Generator) -> None:
    cover = GhostCover.on_host(16, 2, "euclidean", 100, 10)
    held = cover.nbytes
    points: npt.NDArray[np.float64] = rng.normal(size=(1000, 2))
    cover.take(Rows(points, np.arange(1000), np.arange(1000)), 0, 0)
    assert cover.nbytes == held == sum(array.nbytes for array in cover.state.state)


@pytest.mark.parametrize(
    "given",
    [
        lambda a: np.asfortranarray(a),
        lambda a: a[:, ::-1],
        lambda a: np.frombuffer(a.tobytes()).reshape(a.shape),
        lambda a: a.astype(np.float32),
    ],
    ids=["columns", "reversed", "read-only", "float32"],
)
def test_rows_of_any_layout_meet_kernels_that_are_compiled(given: Any) -> None:
    rng, times = np.random.default_rng(0), np.arange(60) / 100

    def signatures(points: Points) -> list[Any]:
        stream = MultiScaleStream([100], max_landmarks=4)
        for start in range(0, 60, 20):
            stream.push(points[start : start + 20], times[start : start + 20])
        return [*kernel.take.signatures, *kernel.measure.signatures]

    points = rng.normal(size=(60, 2))
    before = signatures(points)
    assert signatures(given(points)) == before
