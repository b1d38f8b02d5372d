"""Farthest-point landmarks and their certificate."""

from __future__ import annotations

import math

import gudhi
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_tda_gpu.errors import ConfigError
from aura_tda_gpu.persistence.distances import as_points, pairwise
from aura_tda_gpu.persistence.rips import vietoris_rips
from aura_tda_gpu.streaming.maxmin import farthest_points

METRICS = ["euclidean", "manhattan", "chebyshev", "cosine"]
Points = npt.NDArray[np.float32]


def exact_distances(points: Points, metric: str) -> npt.NDArray[np.float64]:
    """Distances of the stored coordinates in float64."""
    wide = points.astype(np.float64)
    if metric == "cosine":
        wide /= np.linalg.norm(wide, axis=1, keepdims=True)
    gap = wide[:, np.newaxis] - wide
    if metric == "manhattan":
        return np.abs(gap).sum(axis=2)
    if metric == "chebyshev":
        return np.abs(gap).max(axis=2)
    chord = np.sqrt((gap * gap).sum(axis=2))
    return 2 * np.arcsin(np.minimum(chord / 2, 1)) if metric == "cosine" else chord


def naive_maxmin(points: Points, k: int, metric: str) -> tuple[list[int], float]:
    distance = pairwise(as_points(points, metric), metric)
    chosen = [0]
    while True:
        nearest = distance[chosen].min(axis=0)
        if len(chosen) == k or nearest.max() == 0:
            return sorted(chosen), float(nearest.max())
        chosen.append(int(nearest.argmax()))


def clusters(seed: int) -> Points:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(5, 3)) * 100
    return (centres[rng.integers(0, 5, 120)] + rng.normal(size=(120, 3)) * 0.01).astype(np.float32)


def outliers(seed: int) -> Points:
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(120, 2))
    points[::20] *= 1000
    return points.astype(np.float32)


def integer_grid(seed: int) -> Points:
    rng = np.random.default_rng(seed)
    return (rng.integers(0, 12, (150, 2)) + 1).astype(np.float32)


def noisy_circle(seed: int) -> Points:
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 2 * np.pi, 150)
    points = np.column_stack([np.cos(angle), np.sin(angle)]) + rng.normal(size=(150, 2)) * 0.05
    return points.astype(np.float32)


def antipodes(seed: int) -> Points:
    rng = np.random.default_rng(seed)
    points = np.column_stack([rng.choice([-1, 1], 120), *(rng.normal(size=(2, 120)) * 1e-3)])
    return points.astype(np.float32)


CLOUDS = [clusters, outliers, integer_grid, noisy_circle, antipodes]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize("k", [1, 2, 7, 30])
def test_landmarks_are_those_of_the_naive_selection(cloud, metric: str, k: int) -> None:
    points = cloud(3)
    chosen = farthest_points(points, k, metric)
    indices, radius = chosen.indices, chosen.radius
    expected, expected_radius = naive_maxmin(points, k, metric)
    if metric in ("manhattan", "chebyshev") or (cloud is integer_grid and metric == "euclidean"):
        assert indices.tolist() == expected
    assert indices.dtype == np.int64
    assert indices[0] == 0
    assert (np.diff(indices) > 0).all()
    assert radius == pytest.approx(expected_radius, rel=1e-5, abs=1e-6)


def test_ties_go_to_the_lowest_row() -> None:
    square = np.array([[0, 0], [0, 1], [1, 0], [1, 1], [1, 1]], np.float32)
    assert farthest_points(square, 2).indices.tolist() == [0, 3]
    assert farthest_points(square, 3, "chebyshev").indices.tolist() == [0, 1, 2]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("cloud", CLOUDS)
def test_the_bound_holds_for_the_diagrams(cloud, metric: str) -> None:
    for seed, k in ((0, 4), (1, 16), (2, 60)):
        points = cloud(seed)
        chosen = farthest_points(points, k, metric)
        whole = vietoris_rips(points, metric=metric)
        part = vietoris_rips(points[chosen.indices], metric=metric)
        for dimension in (0, 1):
            a, b = (d[dimension][np.isfinite(d[dimension][:, 1])] for d in (whole, part))
            assert gudhi.bottleneck_distance(a, b) <= chosen.error_bound


def test_the_bound_covers_the_rounding_of_long_distances() -> None:
    # float32 distances of the last point to its two neighbours differ by 2, exact ones by 0.001
    points = np.array([[-1.0], [-0.999], [16777218.0]], np.float32)
    chosen = farthest_points(points, 2)
    assert chosen.indices.tolist() == [0, 2]
    assert chosen.radius < 0.0011
    deaths = [vietoris_rips(X)[0][:, 1] for X in (points, points[chosen.indices])]
    gap = abs(deaths[0][1] - deaths[1][1])
    assert 2 <= gap <= chosen.error_bound < 100


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("cloud", CLOUDS)
def test_the_bound_covers_twice_the_true_radius(cloud, metric: str) -> None:
    for k in (1, 5, 20, 100):
        points = cloud(k)
        chosen = farthest_points(points, k, metric)
        distances = exact_distances(points, metric)
        true_radius = distances[chosen.indices].min(axis=0).max()
        # 1e-15: noise of the float64 angle between parallel vectors
        assert 2 * true_radius <= chosen.error_bound + (metric == "cosine") * 1e-15
        slack = 0.02 if metric == "cosine" else 1e-5 * distances.max()
        assert chosen.error_bound <= 2 * true_radius + slack
        if metric != "cosine" and chosen.radius > 0:
            rounding = (points.shape[1] + 8) * 2.0**-23 * distances[0].max()
            assert 2 * (true_radius + rounding) <= chosen.error_bound * (1 + 1e-12)


@settings(max_examples=60)
@given(
    st.integers(1, 4),
    st.lists(
        st.floats(width=32, allow_nan=False, min_value=-(2.0**50), max_value=2.0**50),
        min_size=8,
        max_size=60,
    ),
    st.integers(1, 6),
    st.sampled_from(METRICS[:3]),
)
def test_the_bound_covers_any_floats(dim: int, values: list[float], k: int, metric: str) -> None:
    points = np.array(values[: len(values) // dim * dim], np.float32).reshape(-1, dim)
    chosen = farthest_points(points, k, metric)
    true_radius = exact_distances(points, metric)[chosen.indices].min(axis=0).max()
    assert 2 * true_radius <= chosen.error_bound


@pytest.mark.parametrize("metric", METRICS)
def test_duplicates_that_fit_are_exact(metric: str, rng: np.random.Generator) -> None:
    points = np.repeat(rng.normal(size=(9, 3)), 20, axis=0).astype(np.float32)[rng.permutation(180)]
    chosen = farthest_points(points, 9, metric)
    assert (len(chosen.indices), chosen.radius, chosen.error_bound) == (9, 0.0, 0.0)
    assert len(np.unique(points[chosen.indices], axis=0)) == 9
    assert farthest_points(points, 50, metric).indices.tolist() == chosen.indices.tolist()
    assert farthest_points(points, 8, metric).error_bound > 0


def test_points_whose_distance_underflows_are_not_duplicates() -> None:
    points = np.array([[0.0], [1e-30], [1.0]], np.float32)
    chosen = farthest_points(points, 2)
    assert chosen.radius == 0.0
    assert 2e-30 < chosen.error_bound < 1e-5
    assert farthest_points(points, 2, "manhattan").radius > 0.0
    tiny = np.array([[0.0], [1e-30], [2e-30]], np.float32)
    assert farthest_points(tiny, 1).error_bound > 4e-30
    signed_zeros = np.array([[1, 1e-30], [5, 0], [5, -0.0], [1, 1e-30]], np.float32)
    assert farthest_points(signed_zeros, 3).error_bound == 0.0
    tiny_duplicates = np.array([[0.0], [1e-30], [-0.0], [1e-30]], np.float32)
    assert farthest_points(tiny_duplicates[[0, 2]], 1).error_bound == 0.0
    assert farthest_points(tiny_duplicates, 4).error_bound > 0.0


def test_parallel_vectors_coincide_under_cosine() -> None:
    points = np.array([[1, 2], [2, 4], [0.5, 1], [-1, 3]], np.float32)
    chosen = farthest_points(points, 2, "cosine")
    assert (chosen.indices.tolist(), chosen.error_bound) == ([0, 3], 0.0)


def test_few_points() -> None:
    none = np.empty((0, 2), np.float32)
    assert farthest_points(none, 3).indices.shape == (0,)
    assert farthest_points(none, 3).error_bound == 0.0
    one = farthest_points(np.zeros((1, 2), np.float32), 3)
    assert (one.indices.tolist(), one.radius) == ([0], 0.0)


def test_the_angle_and_not_one_minus_its_cosine() -> None:
    points = np.array([[1, 0], [0, 1]], np.float32)
    assert farthest_points(points, 1, "cosine").radius == pytest.approx(math.pi / 2)


def test_unknown_metric() -> None:
    with pytest.raises(ConfigError, match="hamming"):
        farthest_points(np.zeros((2, 2), np.float32), 1, "hamming")
    with pytest.raises(ConfigError, match="precomputed"):
        farthest_points(np.zeros((2, 2), np.float32), 1, "precomputed")
