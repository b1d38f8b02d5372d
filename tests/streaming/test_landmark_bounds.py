"""``error_bound`` is never below the bottleneck distance to the diagram of the whole window."""

from __future__ import annotations

from typing import Any

import gudhi
import numpy as np
import numpy.typing as npt
import pytest

from aura_tda_gpu.persistence.rips import vietoris_rips
from aura_tda_gpu.streaming.multi_scale_processor import MultiScaleStream
from aura_tda_gpu.streaming.window_update import WindowUpdate

from ..oracles.peers import ripser_bars
from .clouds import METRICS, STREAMS, Points

_TIES = 1e-300  # gudhi's noise where bars are equal
_PARALLEL = 4e-8  # noise of these angles between parallel vectors


def distances(points: Points, metric: str) -> npt.NDArray[np.float64]:
    """Distances in float64 without the square, so that nothing far away is blurred."""
    if metric == "cosine":
        points = points / np.linalg.norm(points, axis=1, keepdims=True)
    gap = np.abs(points[:, np.newaxis] - points)
    if metric == "manhattan":
        return np.asarray(gap.sum(axis=2))
    if metric == "chebyshev":
        return np.asarray(gap.max(axis=2))
    chord = np.sqrt((gap * gap).sum(axis=2))
    return 2 * np.arcsin(np.minimum(chord / 2, 1)) if metric == "cosine" else chord


def run(points: Points, n_window: int, **settings: Any) -> list[tuple[WindowUpdate, Points]]:
    """Return each update with the rows of its window; a tick for every third of a window."""
    stream = MultiScaleStream(
        [n_window], slide_intervals_ms=[n_window // 3], max_memory_mb=16, **settings
    )
    updates = stream.push(points, np.arange(len(points)) / 1000) + stream.flush()
    ends = [round(update.timestamp * 1000) for update in updates]
    return [(u, points[max(0, end - n_window) : end]) for u, end in zip(updates, ends, strict=True)]


def far_apart(update: WindowUpdate, bars: list[Any]) -> float:
    found = [np.asarray(update.diagram[k], np.float64) for k in (0, 1)]
    wanted = [np.asarray(bars[k], np.float64).reshape(-1, 2) for k in (0, 1)]
    return max(gudhi.bottleneck_distance(a, b) for a, b in zip(found, wanted, strict=True))


@pytest.mark.parametrize("landmarks", ["cover", "maxmin"])
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("name", STREAMS)
def test_the_bound_holds_at_every_tick(name: str, metric: str, landmarks: str) -> None:
    points = STREAMS[name](900, np.random.default_rng(8))
    certified = 0
    for update, window in run(points, 180, metric=metric, landmarks=landmarks, max_landmarks=40):
        whole = vietoris_rips(window, metric=metric)
        assert update.diagram.info["landmarks"] == landmarks
        assert far_apart(update, [whole[0], whole[1]]) <= update.error_bound + _TIES
        certified += update.error_bound > 0
    assert certified > 3 or (metric == "cosine" and name in ("duplicates", "far_away"))


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("name", STREAMS)
def test_the_bound_holds_against_ripser_and_true_distances(name: str, metric: str) -> None:
    points = STREAMS[name](1300, np.random.default_rng(9))
    for update, window in run(points, 600, metric=metric, max_landmarks=64)[3:6:2]:
        bars = ripser_bars(distances(window, metric).astype(np.float32))
        assert len(window) >= 500
        slack = _TIES + _PARALLEL * (metric == "cosine")
        assert far_apart(update, bars) <= update.error_bound + slack


def test_the_bound_holds_for_two_thousand_points() -> None:
    points = STREAMS["outliers"](3000, np.random.default_rng(10))
    *_, (update, window) = run(points, 2000, max_landmarks=256)[:4]
    bars = ripser_bars(distances(window, "euclidean").astype(np.float32))
    assert len(window) == 2000
    assert 0 < far_apart(update, bars) <= update.error_bound


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("name", STREAMS)
def test_the_covering_radius_covers_rows_and_landmarks(name: str, metric: str) -> None:
    points = STREAMS[name](700, np.random.default_rng(11))
    for update, window in run(points, 150, metric=metric, max_landmarks=30):
        places = points[update.vertex_ids]
        between = distances(np.concatenate([places, window]), metric)[: len(places), len(places) :]
        slack = _PARALLEL * (metric == "cosine")
        radius = update.diagram.info["covering_radius"]
        assert between.min(axis=0).max() <= radius + slack
        assert between.min(axis=1).max() <= radius + slack
        assert radius <= 3.5 * between.min(axis=0).max() + slack or radius < 1e-6


def test_the_cast_of_a_far_away_window_is_counted() -> None:
    # landmarks cannot be told apart in float32 while the first row, far away, is the origin
    points = np.random.default_rng(0).normal(size=(200, 1))
    points[0] = 1e9
    update, window = run(points, 200, max_landmarks=16)[0]
    bars = ripser_bars(distances(window, "euclidean").astype(np.float32))
    distance = far_apart(update, bars)
    assert update.n_vertices <= 16
    assert 2 * update.diagram.info["covering_radius"] < distance <= update.error_bound
