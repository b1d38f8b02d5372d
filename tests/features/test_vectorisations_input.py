"""What vectorisations refuse, and what they take for settings."""

from __future__ import annotations

import math

import numpy as np
import pytest

from aura_tda_gpu.errors import ConfigError, InvalidInputError, LifecycleError
from aura_tda_gpu.features import (
    BettiCurve,
    FeatureVector,
    PersistenceEntropy,
    PersistenceImage,
    PersistenceLandscape,
    PersistenceLengths,
    PersistenceStatistics,
    Silhouette,
)
from tests.features.diagrams import (
    KINDS,
    LIBRARIES,
    as_torch,
    padded,
)

every_kind = pytest.mark.parametrize("kind", KINDS)
every_library = pytest.mark.parametrize("library", LIBRARIES)


@pytest.mark.parametrize(
    "kind",
    [BettiCurve(1), Silhouette(1), PersistenceImage(1), PersistenceEntropy(1, infinite="clip")],
)
def test_unfitted_use(kind, rng):
    name = type(kind).__name__
    with pytest.raises(LifecycleError, match=rf"{name} is not fitted: call fit\(\), or give "):
        kind.transform(*padded(rng))


@every_library
@pytest.mark.parametrize(
    ("bar", "said"),
    [
        ((math.nan, 1, 1), "birth nan"),
        ((0, math.nan, 1), "death nan"),
        ((-math.inf, 1, 1), "birth -inf"),
        ((2, 1, 1), "birth 2, death 1"),
        ((0, 1, math.nan), "dimension nan"),
    ],
)
def test_no_bar(library, bar, said, rng):
    values, mask = padded(rng, shortest=5)
    values[7, 3] = bar
    given, there = LIBRARIES[library](values), LIBRARIES[library](mask)
    with pytest.raises(InvalidInputError, match=f"bar 3 of diagram 7 is no bar: .*{said}") as error:
        KINDS["image"].transform(given, there)
    assert error.value.row == 7
    mask[7, 3] = False
    KINDS["image"].transform(given, LIBRARIES[library](mask))


@every_library
def test_without_a_mask_all_rows_are_bars(library, rng):
    values, _ = padded(rng, longest=5, shortest=5)
    given = LIBRARIES[library](values)
    there = LIBRARIES[library](np.ones(values.shape[:2], bool))
    found = KINDS["silhouette"].transform(given)
    assert np.array_equal(
        np.asarray(found), np.asarray(KINDS["silhouette"].transform(given, there))
    )
    values[3, 2, 0] = math.nan
    with pytest.raises(InvalidInputError, match="bar 2 of diagram 3"):
        KINDS["silhouette"].transform(LIBRARIES[library](values))


@every_library
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda v, m: (v[0], m), r"shape \(B, N, 3\).*not \(\d+, 3\)"),
        (lambda v, m: (v[:, :, :2], m), r"shape \(B, N, 3\)"),
        (lambda v, m: (v, m[:, 1:]), r"mask must have shape"),
    ],
)
def test_shapes(library, change, said, rng):
    values, mask = change(*(LIBRARIES[library](array) for array in padded(rng)))
    with pytest.raises(InvalidInputError, match=said):
        KINDS["entropy"].transform(values, mask)


@every_kind
@every_library
@pytest.mark.parametrize(("dtype", "far"), [(np.float32, 1.7e16), (np.float64, 1.2e151)])
def test_bars_that_are_far_out(kind, library, dtype, far):
    values = np.array([[[-far, far, 1], [0, 1, 1], [far / 2, far, 1]]], dtype)
    for power in (1, 3):
        settings = {"power": power} if hasattr(KINDS[kind], "power") else {}
        vectorise = type(KINDS[kind])(**{**vars(KINDS[kind]), **settings})
        found = np.asarray(vectorise.transform(LIBRARIES[library](values)))
        assert not np.isnan(found).any()
    values[0, 2, 1] *= dtype(10)
    with pytest.raises(InvalidInputError, match=r"bar 2 of diagram 0 is too far out: birth .* inf"):
        vectorise.transform(LIBRARIES[library](values))


def test_types(rng):
    values, mask = padded(rng)
    entropy = KINDS["entropy"].transform
    for dtype in (np.float16, np.int64, np.complex128):
        with pytest.raises(InvalidInputError, match=f"float32 or float64, not {np.dtype(dtype)}"):
            entropy(values.astype(dtype), mask)
    with pytest.raises(InvalidInputError, match="mask must be bool, not int64"):
        entropy(values, mask.astype(int))
    with pytest.raises(InvalidInputError, match=r"mask is torch torch.bool on cpu, but values are"):
        entropy(values, as_torch(mask))
    with pytest.raises(InvalidInputError, match=r"not list; pad\(\) makes one"):
        entropy(values.tolist())
    with pytest.raises(InvalidInputError, match="mask is on meta, but values are on cpu"):
        entropy(as_torch(values), as_torch(mask).to("meta"))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: BettiCurve(-1), "dimension must be an integer from 0 on, not -1"),
        (lambda: BettiCurve(1, resolution=0), "resolution must be an integer from 1 on"),
        (lambda: BettiCurve(1, sample_range=(1, 0)), "sample_range must be 2 finite numbers"),
        (lambda: BettiCurve(1, sample_range=3), "sample_range must be 2 finite numbers"),
        (lambda: BettiCurve(1, infinite="cut"), "infinite must be one of clip, drop, keep"),
        (lambda: Silhouette(1, limit=math.inf), "limit must be finite"),
        (lambda: Silhouette(1, power=-1), "power must be a finite number from 0 on"),
        (lambda: PersistenceLandscape(1, n_layers=0), "n_layers must be an integer from 1 on"),
        (lambda: PersistenceImage(1, bandwidth=0), "bandwidth must be positive"),
        (lambda: PersistenceImage(1, resolution=9), "resolution must be two integers"),
        (lambda: PersistenceImage(1, im_range=(0, 1)), "im_range must be 4 finite numbers"),
        (lambda: PersistenceStatistics(1, quantiles=(2,)), "quantiles must be numbers from 0"),
        (lambda: PersistenceStatistics(1, quantiles=("a",)), "quantiles must be numbers from 0"),
        (lambda: Silhouette(1, limit="far"), "limit must be finite, not 'far'"),
        (lambda: PersistenceLengths(1, n_longest=True), "n_longest must be an integer"),
        (lambda: FeatureVector(()), "parts must be a sequence of vectorisations"),
        (lambda: FeatureVector((3,)), "parts must be vectorisations, not 3"),
    ],
)
def test_settings(make, said):
    with pytest.raises(ConfigError, match=said):
        make()


def test_lists_are_settings():
    image = PersistenceImage(1, resolution=[3, 2], im_range=np.array([0.0, 1.0, 0.0, 2.0]))
    assert image == PersistenceImage(1, resolution=(3, 2), im_range=(0.0, 1.0, 0.0, 2.0))
    assert len({BettiCurve(1, sample_range=[0, 1]), BettiCurve(1, sample_range=(0, 1))}) == 1
    quantiles = PersistenceStatistics(1, quantiles=[0.25, 0.5])
    assert quantiles == PersistenceStatistics(1, quantiles=(0.25, 0.5))


def test_numbers_of_numpy_are_settings():
    one, half = np.int64(1), np.float32(0.5)
    kind = PersistenceImage(one, power=half, bandwidth=half, resolution=(np.int32(3), 2))
    assert kind == PersistenceImage(1, power=0.5, bandwidth=0.5, resolution=(3, 2))
    assert kind.get_feature_names_out()[0] == "h1_image_0_0"
