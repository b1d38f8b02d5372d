"""Distances have the same bits whoever computes them, and bad input is named."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from aura_tda_gpu.errors import ConfigError, InvalidInputError
from aura_tda_gpu.persistence.backends import resolve
from aura_tda_gpu.persistence.dissimilarity import as_dissimilarity
from aura_tda_gpu.persistence.distances import (
    PLAIN_METRICS,
    angles,
    as_points,
    cross,
    pairwise,
)

POINT_METRICS = PLAIN_METRICS
TENTH_GRID = np.indices((5, 5, 4)).reshape(3, -1).T.astype(np.float32) * np.float32(0.1)


class Dlpack:
    """An array that speaks DLPack and nothing else."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


class Elsewhere:
    """An array in the memory of another device."""

    def __dlpack__(self, **options):
        raise BufferError("the data is on a device")

    def __dlpack_device__(self):
        return (2, 0)


def plain(x, y, metric):
    """One distance, one float32 operation at a time."""
    total = np.float32(0)
    for a, b in zip(x, y, strict=True):
        step = np.float32(a - b)
        if metric == "chebyshev":
            total = max(total, abs(step))
        elif metric == "manhattan":
            total = np.float32(total + abs(step))
        else:
            total = np.float32(total + np.float32(step * step))
    if metric in ("euclidean", "cosine"):
        total = np.sqrt(total)
    if metric == "cosine":
        total = np.float32(2 * np.arcsin(min(1.0, float(total) / 2)))
    return total


@pytest.mark.parametrize("metric", POINT_METRICS)
@pytest.mark.parametrize("shape", [(0, 3), (1, 2), (17, 1), (40, 3), (12, 33)])
def test_distances_have_the_pinned_bits(backend, metric, shape, rng):
    points = as_points(rng.normal(size=shape), metric)
    engine, _ = resolve(backend, len(points), (0, 1))
    expected = np.array([[plain(x, y, metric) for y in points] for x in points], np.float32)
    found = engine.pairwise(points, metric)
    assert found.dtype == np.float32
    assert np.array_equal(found, expected.reshape(len(points), len(points)))
    assert not np.signbit(found).any()


@pytest.mark.parametrize("metric", POINT_METRICS)
def test_engines_agree_on_a_grid_of_tenths(metric):
    points = as_points(TENTH_GRID + np.float32(0.1), metric)
    found = resolve("cpu", len(points), (0, 1))[0].pairwise(points, metric)
    assert np.array_equal(found, pairwise(points, metric))
    assert np.array_equal(found, found.T)
    if metric == "euclidean":
        assert len(np.unique(found[0])) > len(np.unique(np.round(found[0], 4)))


@pytest.mark.parametrize("metric", POINT_METRICS)
def test_cross_is_a_block_of_pairwise(metric, rng):
    points = as_points(rng.normal(size=(30, 4)), metric)
    whole = pairwise(points, metric)
    assert np.array_equal(cross(points[:7], points[7:], metric), whole[:7, 7:])
    assert np.array_equal(cross(points[7:], points[:7], metric), whole[7:, :7])


def test_distances_are_right(rng):
    points = rng.normal(size=(50, 6))
    steps = np.abs(points[:, None] - points)
    prepared = as_points(points)
    assert np.allclose(pairwise(prepared, "euclidean"), np.sqrt((steps**2).sum(2)), atol=1e-5)
    assert np.allclose(pairwise(prepared, "manhattan"), steps.sum(2), atol=1e-5)
    assert np.allclose(pairwise(prepared, "chebyshev"), steps.max(2), atol=1e-5)
    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    angle = np.arccos(np.clip(unit @ unit.T, -1, 1))
    np.fill_diagonal(angle, 0)
    assert np.allclose(pairwise(as_points(points, "cosine"), "cosine"), angle, atol=1e-5)


def test_cosine_is_the_angle():
    points = as_points([[1e-300, 0.0], [0.0, 1e300], [-5.0, 0.0], [3.0, 3.0]], "cosine")
    found = pairwise(points, "cosine")
    # the chord loses digits near a half turn
    assert np.allclose(found[0], [0, math.pi / 2, math.pi, math.pi / 4], atol=1e-3)
    assert np.allclose(found[1], [math.pi / 2, 0, math.pi / 2, math.pi / 4], atol=1e-6)
    beyond = np.array([[np.nextafter(np.float32(2), np.float32(3))]])
    assert angles(beyond).tolist() == [[float(np.float32(math.pi))]]


@given(
    hnp.arrays(
        np.float32,
        st.tuples(st.integers(0, 9), st.integers(1, 4)),
        elements=st.floats(-1e6, 1e6, width=32),
    ),
    st.sampled_from(POINT_METRICS[:3]),
)
def test_distances_are_symmetric_and_vanish_on_the_diagonal(points, metric):
    found = pairwise(as_points(points, metric), metric)
    assert np.array_equal(found, found.T)
    assert not found.diagonal().any()
    assert np.isfinite(found).all()


def test_float32_is_used_as_it_is(rng):
    points = rng.normal(size=(5, 2)).astype(np.float32) + np.float32(1000)
    assert np.shares_memory(as_points(points), points)
    half = points.astype(np.float16)
    assert np.array_equal(as_points(half), half.astype(np.float32))


@pytest.mark.parametrize("kind", [np.float64, np.int64, np.uint8, np.longdouble])
def test_other_numbers_lose_their_first_row(kind):
    points = np.array([[100, 50], [103, 54], [90, 50]], kind)
    assert as_points(points).tolist() == [[0, 0], [3, 4], [-10, 0]]
    assert points[0, 0] == 100


def test_a_far_away_cloud_keeps_its_shape(rng):
    points = np.round(rng.normal(size=(20, 3)), 3)
    near, far = as_points(points), as_points(points + 1e6)
    assert np.allclose(pairwise(near, "euclidean"), pairwise(far, "euclidean"), atol=1e-6)


@pytest.mark.parametrize(
    "make",
    [
        lambda a: a.tolist(),
        lambda a: tuple(map(tuple, a)),
        lambda a: np.asfortranarray(a),
        lambda a: np.repeat(a, 2, axis=0)[::2],
        lambda a: np.ma.masked_array(a, mask=False),
        Dlpack,
        memoryview,
    ],
    ids=["list", "tuple", "fortran", "strided", "masked", "dlpack", "buffer"],
)
def test_whatever_holds_the_numbers(make, rng):
    points = rng.normal(size=(6, 3))
    found = as_points(make(points))
    assert np.array_equal(found, as_points(points))
    assert found.flags.c_contiguous
    D = pairwise(found, "euclidean")
    assert np.array_equal(as_dissimilarity(make(D)), D)


BIG = 1e19
BAD_POINTS = {
    "one axis": ([1.0, 2.0], r"X\[:, None\]", None),
    "no axis": (3.0, "two-dimensional", None),
    "three axes": (np.zeros((2, 2, 2)), "two-dimensional", None),
    "no coordinates": (np.zeros((3, 0)), "at least one coordinate", None),
    "nan": ([[0.0, 0.0], [1.0, math.nan]], "row 1", 1),
    "inf": (np.array([[0, 0], [0, 0], [np.inf, 0]], np.float32), "inf, in row 2", 2),
    "masked": (np.ma.masked_equal([[1, 2], [9, 3]], 9), "row 1", 1),
    "text": ([["1", "2"], ["3", "four"]], "row 1", 1),
    "text of numbers": ([["1", "2"]], "row 0", 0),
    "a word among numbers": ([[1.0, 2.0], [3.0, "x"]], "row 1", 1),
    "none": ([[1.0, 2.0], [None, 1.0]], "row 1", 1),
    "objects": (np.array([[1.0], [{}]], object), "object values in row 1", 1),
    "complex": (np.zeros((2, 2), complex), "complex128", 0),
    "bool": (np.ones((2, 2), bool), "bool", 0),
    "dates": (np.zeros((2, 2), "datetime64[s]"), "datetime64", 0),
    "ragged": ([[1.0, 2.0], [3.0, 4.0], [5.0]], "row 2 has another length", 2),
    "a dictionary": ({"a": 1}, "must hold real numbers", None),
    "nothing": (None, "must hold real numbers", None),
    "on a device": (Elsewhere(), "on the CPU", None),
    "too large": ([[0.0, 0.0], [1.0, 1.0], [BIG, 0.0]], "row 2 .* overflow", 2),
    "too large float32": (np.array([[0], [-BIG]], np.float32), "row 1 .* overflow", 1),
    "too far apart": ([[-1e308], [0.0], [1e308]], "row 1 .* overflow", 1),
    "beyond float32": ([[0.0], [1e39]], "row 1 .* overflow", 1),
}


@pytest.mark.parametrize(("points", "message", "row"), BAD_POINTS.values(), ids=BAD_POINTS)
def test_bad_points_are_named(points, message, row):
    with pytest.raises(InvalidInputError, match=message) as caught:
        as_points(points)
    assert caught.value.row == row


def test_the_largest_coordinates_do_not_overflow():
    for dim in (1, 2, 50):
        limit = np.float32(0.489 * np.sqrt(np.finfo(np.float32).max / dim))
        points = as_points(np.array([[limit] * dim, [-limit] * dim], np.float32))
        for metric in POINT_METRICS[:3]:
            assert np.isfinite(pairwise(points, metric)).all()


def test_a_zero_vector_has_no_angle():
    with pytest.raises(InvalidInputError, match="row 1 is the zero vector") as caught:
        as_points([[1.0, 0.0], [0.0, 0.0]], "cosine")
    assert caught.value.row == 1


@pytest.mark.parametrize("metric", ["cityblock", "", None, 2, "precomputed"])
def test_a_metric_without_points_is_named(metric):
    with pytest.raises(ConfigError, match=r"one of euclidean, manhattan, chebyshev, cosine, dtm$"):
        as_points([[0.0]], metric)
    with pytest.raises(ConfigError, match="choose one of"):
        pairwise(np.zeros((1, 1), np.float32), metric)


def test_weights_are_no_distance_of_two_points():
    with pytest.raises(ConfigError, match=r"unknown metric 'dtm'; choose one of .* cosine$"):
        pairwise(np.zeros((1, 1), np.float32), "dtm")
