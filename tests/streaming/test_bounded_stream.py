"""One window by itself."""

from __future__ import annotations

import gudhi
import numpy as np
import numpy.typing as npt
import pytest

from aura_tda_gpu.errors import InvalidInputError
from aura_tda_gpu.persistence.rips import vietoris_rips
from aura_tda_gpu.streaming.persistence_stream import BoundedPersistenceStream
from aura_tda_gpu.streaming.window_update import WindowUpdate

from .naive_stream import same_bars

MS = 1_000_000


def test_points_go_in_and_ticks_come_out(rng: np.random.Generator) -> None:
    window = BoundedPersistenceStream(100, 2, max_points=200, max_landmarks=150)
    grid = np.indices((20, 20)).reshape(2, -1).T.astype(np.float32)
    points = rng.permutation(grid)[:120]
    ids = window.add_points(points, np.arange(120) / 1000)
    assert ids.tolist() == list(range(120))
    assert len(window) == 120
    update = window.tick(110 * MS)
    assert sorted(update.vertex_ids) == list(range(10, 110))
    assert (update.timestamp, update.window_id) == (0.11, "scale_100ms")
    assert (update.n_points, update.n_vertices, update.error_bound) == (100, 100, 0.0)
    assert same_bars(update.diagram, points[10:110])
    assert window.add_points(points[0], 0.12).tolist() == [120]
    assert window.tick(130 * MS).n_points == 91


def test_a_window_that_outgrows_its_landmarks_is_certified(rng: np.random.Generator) -> None:
    window = BoundedPersistenceStream(100, 3, max_points=500, max_landmarks=32)
    window.add_points(rng.normal(size=(20, 3)), np.arange(20) / 1000)
    assert window.tick(20 * MS).error_bound == 0.0
    window.add_points(rng.normal(size=(60, 3)), np.arange(20, 80) / 1000)
    update = window.tick(80 * MS)
    assert update.n_points == 80
    assert 24 <= update.n_vertices <= 32
    assert update.error_bound == update.diagram.error_bound > 0.0
    assert update.diagram.info["n_points"] == 80
    assert len(update.diagram[0]) == update.n_vertices


def test_a_diagram_handed_out_does_not_change_later() -> None:
    window = BoundedPersistenceStream(100, 1, max_points=50, max_landmarks=3, landmarks="maxmin")
    corners = [[0.0], [1.0], [3.0]]
    window.add_points(corners, [0.0, 0.0, 0.0])
    first = window.tick(10 * MS)
    window.add_points([[0.0], [0.5]], [0.01, 0.01])
    second = window.tick(20 * MS)
    assert (second.n_points, second.n_vertices) == (5, 3)
    assert np.array_equal(first.diagram[0], second.diagram[0])
    assert (first.diagram.error_bound, first.diagram.info["n_points"]) == (0.0, 3)
    assert second.diagram.error_bound >= 1.0


def test_vertex_ids_name_the_vertices_of_the_diagram(rng: np.random.Generator) -> None:
    window = BoundedPersistenceStream(50, 2, max_points=60, max_landmarks=60)
    points = rng.normal(size=(200, 2))
    for start in range(0, 200, 10):
        window.add_points(points[start : start + 10], np.arange(start, start + 10) / 1000)
        update = window.tick((start + 10) * MS)
        relative = (points - points[0]).astype(np.float32)[update.vertex_ids]
        births = update.diagram[1][:, 0]
        a, b = relative[update.diagram.birth_edges[1].T]
        assert np.allclose(np.linalg.norm(a - b, axis=1), births, rtol=1e-6)


def test_a_refused_batch_leaves_no_trace() -> None:
    window = BoundedPersistenceStream(100, 2, max_points=50)
    for points, times in (([[0, np.nan]], [0.0]), ([[0, 0], [1, 1]], [0.5, 0.4]), ([[0]], [0.0])):
        with pytest.raises(InvalidInputError):
            window.add_points(points, times)
    assert len(window) == 0
    assert window.add_points([[7, 7], [8, 9]], [0.1, 0.1]).tolist() == [0, 1]
    assert window.current_points.tolist() == [[7, 7], [8, 9]]
    with pytest.raises(InvalidInputError, match="older"):
        window.add_points([[1, 1]], [0.05])
    assert window.add_points([], []).tolist() == []
    assert len(window) == 2


def test_a_window_without_points() -> None:
    update = BoundedPersistenceStream(100, 2, max_points=50).tick(0)
    assert (update.n_points, update.n_vertices, len(update.diagram)) == (0, 0, 0)
    assert update.vertex_ids.shape == (0,)


def test_a_full_window_lets_its_oldest_rows_go() -> None:
    window = BoundedPersistenceStream(100, 1, max_points=8)
    window.add_points(np.arange(20)[:, np.newaxis], np.arange(20) / 1000)
    update = window.tick(20 * MS)
    assert (update.n_points, update.n_overflowed, window.overflowed) == (8, 12, 12)
    assert window.current_points.ravel().tolist() == list(range(12, 20))


def test_its_memory_does_not_grow(rng: np.random.Generator) -> None:
    window = BoundedPersistenceStream(10, 3, max_memory_mb=2)
    assert window.nbytes <= 2 << 20
    held = []
    for start in range(0, 2000, 5):
        window.add_points(rng.normal(size=(5, 3)), np.arange(start, start + 5) / 1000)
        window.tick(start * MS)
        assert window.nbytes <= 2 << 20
        assert window._engine is not None
        engine = window._engine._window
        assert engine is not None
        held.append(window.nbytes - engine._updates.state_nbytes)  # which may come and go
    bars = 4096  # those of ten points and their loops, more or fewer at each tick
    assert max(held) - min(held) <= bars
    assert max(held[200:]) <= max(held[:200])


def circle(n: int) -> npt.NDArray[np.float64]:
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
    return np.column_stack([np.cos(angle), np.sin(angle)])


def landmark_tick(points: npt.NDArray[np.float64], max_edge_length: float) -> WindowUpdate:
    window = BoundedPersistenceStream(
        100, 2, max_points=400, max_landmarks=16, max_edge_length=max_edge_length
    )
    window.add_points(points, np.zeros(len(points)))
    return window.tick(MS)


@pytest.mark.parametrize("landmarks", ["cover", "maxmin"])
def test_changed_landmarks_are_those_of_two_ticks(landmarks: str, rng: np.random.Generator) -> None:
    window = BoundedPersistenceStream(
        100, 2, max_points=100, max_landmarks=100, landmarks=landmarks
    )
    former: set[int] = set()
    counts = []
    for tick in range(1, 40):  # the buffer is full, so that new rows take the place of old ones
        times = (10 * tick + np.arange(10)) / 1000
        window.add_points(rng.normal(size=(10, 2)), times)
        update = window.tick(10_000_000 * (tick + 1))
        ids = set(update.vertex_ids.tolist())
        assert update.diagram.info["n_changed"] == len(ids ^ former)
        former = ids
        counts.append(update.diagram.info["n_changed"])
    assert counts[:10] == [10] * 10
    assert set(counts[10:]) == {20}  # ten opened, ten closed


def test_no_bound_where_the_edge_length_cuts_landmarks_and_window_apart() -> None:
    points = circle(200)
    whole = landmark_tick(points, np.inf)
    error = whole.error_bound
    r_enc = whole.diagram.info["r_enc"]
    assert 0 < error < 1 < r_enc
    assert whole.diagram.info["landmark_error"] == error
    for length, known in [(0.3, False), (r_enc, False), (r_enc + error + 1e-4, True)]:
        update = landmark_tick(points, length)
        assert update.diagram.info["landmark_error"] == error
        assert update.error_bound == error if known else np.isnan(update.error_bound)
        assert update.diagram.error_bound == error if known else np.isnan(update.error_bound)


@pytest.mark.parametrize("seed", range(6))
def test_a_bound_that_is_given_holds_for_any_edge_length(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = circle(80)[rng.permutation(80)] + rng.normal(size=(80, 2)) * 0.1
    known = 0
    for length in (0.2, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0):
        update = landmark_tick(points, length)
        if np.isnan(update.error_bound):
            continue
        known += 1
        exact = vietoris_rips(points, max_edge_length=length)
        for k in (0, 1):
            distance = gudhi.bottleneck_distance(exact[k], update.diagram[k])
            assert distance <= update.error_bound
    assert 1 <= known < 7


def test_duplicates_are_exact_for_any_edge_length() -> None:
    update = landmark_tick(np.repeat(circle(8), 5, axis=0), 0.9)
    assert (update.n_points, update.n_vertices, update.error_bound) == (40, 8, 0.0)
    assert update.diagram.info["landmark_error"] == 0.0
