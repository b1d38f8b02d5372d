"""Every vectorisation equals that of gudhi, persim or scipy on 200 random diagrams."""

from __future__ import annotations

import gudhi.representations as peer
import numpy as np
import pytest
from persim import PersistenceImager
from persim.persistent_entropy import persistent_entropy

from aura_tda_gpu.features import (
    BettiCurve,
    EulerCurve,
    PersistenceEntropy,
    PersistenceImage,
    PersistenceLandscape,
    PersistenceLengths,
    PersistenceStatistics,
    Silhouette,
    pad,
)
from tests.features.diagrams import LIBRARIES, random_diagrams

RANGE = (0.0, 1.4)
IMAGE = (0.0, 1.0, 0.0, 1.2)


def length(bar):
    return bar[1] - bar[0]


PAIRS = {
    "betti": (BettiCurve(1, sample_range=RANGE), peer.BettiCurve(100, RANGE)),
    "landscape": (PersistenceLandscape(1, sample_range=RANGE), peer.Landscape(5, 100, RANGE)),
    "more layers than bars": (
        PersistenceLandscape(1, n_layers=70, resolution=7, sample_range=RANGE),
        peer.Landscape(70, 7, RANGE),
    ),
    "silhouette, equal weights": (
        Silhouette(1, power=0, sample_range=RANGE),
        peer.Silhouette(resolution=100, sample_range=RANGE),
    ),
    "silhouette, by length": (
        Silhouette(1, sample_range=RANGE),
        peer.Silhouette(length, resolution=100, sample_range=RANGE),
    ),
    "silhouette, by root of length": (
        Silhouette(1, power=0.5, sample_range=RANGE),
        peer.Silhouette(lambda bar: length(bar) ** 0.5, resolution=100, sample_range=RANGE),
    ),
    "image, equal weights": (
        PersistenceImage(1, bandwidth=0.07, power=0, im_range=IMAGE),
        peer.PersistenceImage(0.07, im_range=list(IMAGE)),
    ),
    "image, by length": (
        PersistenceImage(1, bandwidth=0.2, resolution=(7, 11), im_range=IMAGE),
        peer.PersistenceImage(0.2, lambda bar: bar[1], [7, 11], list(IMAGE)),
    ),
    "entropy": (PersistenceEntropy(1), peer.Entropy()),
    "lengths": (PersistenceLengths(1, n_longest=20), peer.PersistenceLengths(20)),
    "betti, fitted": (BettiCurve(1), peer.BettiCurve(100, keep_endpoints=True)),
    "landscape, fitted": (PersistenceLandscape(1), peer.Landscape(keep_endpoints=True)),
    "silhouette, fitted": (Silhouette(1, power=0), peer.Silhouette(keep_endpoints=True)),
    "image, fitted": (PersistenceImage(1, power=0), peer.PersistenceImage()),
}


@pytest.fixture
def diagrams(rng):
    return random_diagrams(rng, 200)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("pair", PAIRS)
def test_gudhi(pair, library, diagrams):
    ours, theirs = PAIRS[pair]
    values, mask = (LIBRARIES[library](array) for array in pad(diagrams, dimension=1))
    found = np.asarray(ours.fit(values, mask).transform(values, mask))
    expected = theirs.fit(diagrams).transform(diagrams)
    assert found.shape == expected.shape == (200, ours.n_features)
    assert np.abs(found).max() > 0.1
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("pair", PAIRS)
def test_gudhi_in_float32(pair, library, diagrams):
    ours, theirs = PAIRS[pair]
    single = [diagram.astype(np.float32) for diagram in diagrams]
    values, mask = (LIBRARIES[library](array) for array in pad(single, dimension=1))
    found = np.asarray(ours.fit(values, mask).transform(values, mask))
    assert found.dtype == np.float32
    double = [diagram.astype(np.float64) for diagram in single]
    if pair.startswith("betti"):  # a step is where it is in float32
        grid = np.linspace(0, 1.4, 100) if ours.is_fitted else None
        at = theirs.fit(double).grid_ if grid is None else grid
        theirs = peer.BettiCurve(predefined_grid=at.astype(np.float32).astype(np.float64))
    np.testing.assert_allclose(found, theirs.fit(double).transform(double), rtol=1e-5, atol=1e-5)


def test_images_of_persim(diagrams):
    theirs = PersistenceImager(
        birth_range=(0, 1),
        pers_range=(0, 1.5),
        pixel_size=0.125,
        weight_params={"n": 2},
        kernel_params={"sigma": [[0.09, 0.0], [0.0, 0.09]]},
    )
    expected = np.stack([theirs.transform(diagram, skew=True).T for diagram in diagrams])
    assert expected.shape == (200, 12, 8)
    ours = PersistenceImage(
        1, bandwidth=0.3, power=2, resolution=(8, 12), im_range=(0, 1, 0, 1.5), integrate=True
    )
    found = ours.transform(*pad(diagrams, dimension=1)).reshape(expected.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9)


def test_entropy_of_persim(diagrams):
    values, mask = pad(diagrams, dimension=1)
    found = PersistenceEntropy(1).transform(values, mask)[:, 0]
    np.testing.assert_allclose(found, persistent_entropy(diagrams), atol=1e-10)
    several = [diagram for diagram in diagrams if len(diagram) > 1]
    found = PersistenceEntropy(1, normalise=True).transform(*pad(several, dimension=1))[:, 0]
    np.testing.assert_allclose(found, persistent_entropy(several, normalize=True), atol=1e-10)


def test_statistics_of_numpy(diagrams):
    found = PersistenceStatistics(1, quantiles=(0, 0.1, 0.5, 1)).transform(
        *pad(diagrams, dimension=1)
    )
    for row, diagram in zip(found, diagrams, strict=True):
        expected = [len(diagram)]
        for x in (diagram[:, 0], diagram[:, 1], diagram[:, 1] - diagram[:, 0]):
            expected += [x.mean(), x.std(), *np.quantile(x, [0, 0.1, 0.5, 1])]
        np.testing.assert_allclose(row, expected, atol=1e-12)


def test_the_euler_curve_is_the_alternating_sum_of_betti_curves(rng):
    by_dimension = [random_diagrams(rng, 50) for _ in range(3)]
    tables = [
        np.concatenate(
            [np.column_stack([bars, np.full(len(bars), k)]) for k, bars in enumerate(row)]
        )
        for row in zip(*by_dimension, strict=True)
    ]
    found = EulerCurve(sample_range=RANGE).transform(*pad(tables))
    curves = [peer.BettiCurve(100, RANGE).fit_transform(bars) for bars in by_dimension]
    assert np.array_equal(found, curves[0] - curves[1] + curves[2])


def test_an_euler_curve_without_bars_is_no_negative_zero():
    curve = EulerCurve(1, resolution=5, sample_range=(0.0, 2.0))
    found = curve.transform(np.array([[[0.0, 1.0, 1.0]]]))
    assert found.tolist() == [[-1.0, -1.0, 0.0, 0.0, 0.0]]
    assert not np.signbit(found[:, 2:]).any()
