"""Where a stream goes, its float32 coordinates follow."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_tda_gpu.errors import InvalidInputError
from aura_tda_gpu.persistence.rips import vietoris_rips
from aura_tda_gpu.streaming import frame
from aura_tda_gpu.streaming.frame import blocks, coordinates, origin_for
from aura_tda_gpu.streaming.multi_scale_processor import MultiScaleStream
from aura_tda_gpu.streaming.ring_buffer import RingBuffer, Rows
from aura_tda_gpu.streaming.window_update import WindowUpdate

Points = npt.NDArray[np.float64]


def noisy_circle(n: int, seed: int = 0) -> Points:
    rng = np.random.default_rng(seed)
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
    points = 0.2 * np.column_stack([np.cos(angle), np.sin(angle)])
    return points + rng.normal(size=(n, 2)) * 0.01


def journey() -> Points:
    """A cloud that jumps far away, drifts, and comes back."""
    rng = np.random.default_rng(5)
    places = np.repeat([0.0, 5e6, 5e6 + 40, -3e7, 0.25], 30)
    return rng.normal(size=(150, 2)) * 0.2 + places[:, np.newaxis]


def run(points: Points, sizes: list[int], **settings: Any) -> list[WindowUpdate]:
    stream = MultiScaleStream([50, 120], **{"max_memory_mb": 4, "max_landmarks": 64, **settings})
    times = np.arange(len(points)) / 500
    updates: list[WindowUpdate] = []
    start = i = 0
    while start < len(points):
        piece = slice(start, start + sizes[i % len(sizes)])
        updates += stream.push(points[piece], times[piece])
        start, i = piece.stop, i + 1
    return updates + stream.flush()


def assert_like_batch(updates: list[WindowUpdate], points: Points, atol: float = 0) -> None:
    for update in updates:
        expected = vietoris_rips(points[np.sort(update.vertex_ids)])
        for k in (0, 1):
            found, wanted = np.sort(update.diagram[k], axis=0), np.sort(expected[k], axis=0)
            assert found.shape == wanted.shape
            assert np.allclose(found, wanted, rtol=1e-4, atol=atol)


def test_a_first_row_without_a_position_does_not_blur_all_later_ones() -> None:
    points = np.vstack([[[0.0, 0.0]], noisy_circle(80) + np.array([5e6, 5e5])])
    updates = [u for u in run(points, [81]) if 0 not in u.vertex_ids]
    assert len(updates) > 10
    assert max(len(u.diagram[1]) for u in updates) >= 1
    assert_like_batch(updates, points)


def test_the_origin_moves_back_and_forth() -> None:
    points = journey()
    where = np.repeat(np.arange(5), 30)
    settled = [u for u in run(points, [150]) if len(set(where[u.vertex_ids])) == 1]
    assert {int(where[u.vertex_ids][0]) for u in settled} == set(range(5))
    # float32 resolves 2**-16 of the extent when the origin is as far as it may be
    assert_like_batch(settled, points, atol=2.0**-15)


@settings(max_examples=15)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=4), st.sampled_from([16, 64]))
def test_recentring_does_not_depend_on_the_split(sizes: list[int], max_landmarks: int) -> None:
    points = journey()
    whole = run(points, [150], max_landmarks=max_landmarks)
    for one, other in zip(whole, run(points, sizes, max_landmarks=max_landmarks), strict=True):
        assert one.vertex_ids.tolist() == other.vertex_ids.tolist()
        assert (one.births, one.deaths) == (other.births, other.deaths)
        assert one.error_bound == other.error_bound


@pytest.mark.parametrize("scale", [1.0, 1e-50, 1e200])
def test_cosine_takes_the_direction_from_float64(scale: float, rng: np.random.Generator) -> None:
    points = rng.normal(size=(60, 3)) * scale
    for update in run(points, [7], metric="cosine"):
        expected = vietoris_rips(points[update.vertex_ids], metric="cosine")
        for k in (0, 1):
            assert np.array_equal(update.diagram[k], expected[k])


def test_any_accepted_row_may_become_the_origin() -> None:
    edge = 0.23 * np.sqrt(np.finfo(np.float32).max / 2)
    points = np.full((60, 2), 0.0)
    points[1:30] = -edge
    points[1:30:2] += 1e14
    points[30:] = edge
    updates = run(points, [60])
    assert all(np.isfinite(u.births).all() for u in updates)
    assert max(d for u in updates for d in u.deaths if d < np.inf) == pytest.approx(
        2 * edge * np.sqrt(2), rel=1e-3
    )
    stream = MultiScaleStream([50], max_memory_mb=4)
    stream.push(points, np.arange(60) / 500)
    with pytest.raises(InvalidInputError, match=r"row 1 .*overflow"):
        stream.push([points[0], 1.1 * points[30]], [1.0, 1.0])


def test_coordinates_are_cut_into_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame, "_BLOCK", 3)
    ring = RingBuffer(8, 1)
    for start in (0, 6):
        ids = np.arange(start, start + 6)
        ring.append(Rows(1000.0 + ids[:, np.newaxis], ids, ids))
    zero = np.zeros(1)
    oldest = ring.points(0, 1)[0]
    origin = origin_for(blocks(ring, 3), oldest, zero)
    assert origin.tolist() == [1004.0]
    assert origin_for(blocks(ring, 8), oldest, zero) is zero
    assert coordinates(ring, 8, origin).ravel().tolist() == list(range(8))


def test_rows_that_are_all_equal_keep_the_origin() -> None:
    points, zero = np.full((4, 2), 1e9), np.zeros(2)
    assert origin_for([points], points[0], zero) is zero
