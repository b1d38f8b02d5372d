"""Libraries, batches, gradients, and the bars that are no ordinary ones."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
import torch

from aura_tda_gpu.errors import ConfigError, InvalidInputError, LifecycleError
from aura_tda_gpu.features import (
    BettiCurve,
    EulerCurve,
    FeatureVector,
    PersistenceEntropy,
    PersistenceImage,
    PersistenceLandscape,
    PersistenceLengths,
    PersistenceStatistics,
    Silhouette,
    base,
    pad,
)
from aura_tda_gpu.features.namespace import Namespace, namespace_of
from tests.features.diagrams import (
    DIFFERENTIABLE,
    IMAGE,
    KINDS,
    LIBRARIES,
    RANGE,
    as_torch,
    random_diagrams,
)

every_kind = pytest.mark.parametrize("kind", KINDS)
every_library = pytest.mark.parametrize("library", LIBRARIES)


def padded(rng, n=20, *, dtype=np.float64, **options):
    return pad([d.astype(dtype) for d in random_diagrams(rng, n, **options)], dimension=1)


@every_kind
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_torch_gives_the_numbers_of_numpy(kind, dtype, rng):
    values, mask = padded(rng, dtype=dtype)
    expected = KINDS[kind].transform(values, mask)
    found = KINDS[kind].transform(as_torch(values), as_torch(mask))
    assert expected.dtype == dtype
    assert found.dtype == as_torch(values).dtype
    assert expected.shape == (20, KINDS[kind].n_features)
    exact = 200 * np.finfo(dtype).eps
    np.testing.assert_allclose(found.numpy(), expected, rtol=exact, atol=exact)


@every_kind
@every_library
def test_one_by_one_and_in_a_batch(kind, library, rng, monkeypatch):
    diagrams = random_diagrams(rng, 12)
    values, mask = (LIBRARIES[library](array) for array in pad(diagrams, dimension=1))
    together = np.asarray(KINDS[kind].transform(values, mask))
    monkeypatch.setattr(base, "_CHUNK", 1)
    assert np.array_equal(np.asarray(KINDS[kind].transform(values, mask)), together)
    for diagram, expected in zip(diagrams, together, strict=True):
        values, mask = (LIBRARIES[library](array) for array in pad([diagram], dimension=1))
        found = np.asarray(KINDS[kind].transform(values, mask))[0]
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@every_kind
@every_library
def test_rows_without_a_bar_have_no_influence(kind, library, rng):
    values, mask = padded(rng)
    expected = KINDS[kind].transform(values, mask)
    order = rng.permutation(values.shape[1])
    for noise in (math.nan, math.inf, -math.inf, 3.0):
        other = np.where(mask[:, :, None], values, noise)[:, order]
        given, there = (LIBRARIES[library](array) for array in (other, mask[:, order]))
        before = np.asarray(given).copy()
        found = np.asarray(KINDS[kind].transform(given, there))
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11)
        assert np.array_equal(np.asarray(given), before, equal_nan=True)


@pytest.mark.parametrize("kind", DIFFERENTIABLE)
def test_gradients(kind, rng):
    births = rng.uniform(0.05, 1, (2, 6))
    values = np.stack([births, births + rng.uniform(0.1, 0.4, births.shape), np.ones((2, 6))], 2)
    mask = torch.ones(2, 6, dtype=torch.bool)
    mask[1, 4:] = False
    dimensions = torch.ones(2, 6, 1, dtype=torch.float64)
    vectorise = KINDS[kind]

    def features(bars):
        return vectorise.transform(torch.cat([bars, dimensions], 2), mask)

    bars = torch.tensor(values[:, :, :2], requires_grad=True)
    assert torch.autograd.gradcheck(features, (bars,))
    features(bars).sum().backward()
    assert bars.grad[mask].abs().sum() > 0
    assert not bars.grad[~mask].any()


@pytest.mark.parametrize("kind", DIFFERENTIABLE)
def test_gradients_are_numbers_where_there_is_little(kind):
    nan, inf = math.nan, math.inf
    values = torch.tensor(
        [
            [[nan, nan, nan], [inf, nan, 0.0]],
            [[0.5, inf, 1.0], [0.25, 0.25, 1.0]],
            [[0.25, 0.5, 1.0], [0.25, 0.5, 1.0]],
        ],
        dtype=torch.float64,
        requires_grad=True,
    )
    mask = torch.tensor([[False, False], [True, True], [True, True]])
    KINDS[kind].transform(values, mask).sum().backward()
    assert torch.isfinite(values.grad).all()


def test_a_grid_made_in_inference_mode_serves_gradients(rng):
    values, mask = map(as_torch, padded(rng))
    vectorise = PersistenceImage(1, bandwidth=0.123, im_range=(0.0, 1.0, 0.0, 1.0))
    ns = namespace_of(values)
    with torch.inference_mode():
        vectorise.transform(values.clone(), mask)
        made = (*ns.grid(0.0, 0.987, 33, values)[:2], ns.constant((0.25, 0.987), values))
    assert not any(tensor.is_inference() for tensor in made)
    values.requires_grad_()
    vectorise.transform(values, mask).sum().backward()
    assert values.grad.abs().sum() > 0


@every_kind
@every_library
@pytest.mark.parametrize("infinite", ["drop", "clip"])
def test_nothing_and_open_bars_only(kind, library, infinite):
    vectorise = type(KINDS[kind])(**{**vars(KINDS[kind]), "infinite": infinite, "limit": 1.2})
    nothing = np.zeros((0, 3))
    is_open = np.array([[0.5, np.inf, 1.0]])
    cut = np.array([[0.5, 1.2, 1.0]])
    values, mask = (LIBRARIES[library](a) for a in pad([nothing, is_open, cut]))
    none, found, expected = np.asarray(vectorise.transform(values, mask))
    assert not none.any()
    assert np.array_equal(found, expected if infinite == "clip" else none)
    without_rows = np.asarray(vectorise.transform(values[:, :0], mask[:, :0]))
    assert np.array_equal(without_rows, np.zeros((3, vectorise.n_features)))
    no_diagrams = vectorise.transform(values[:0], mask[:0])
    assert tuple(no_diagrams.shape) == (0, vectorise.n_features)


@every_library
def test_open_bars_that_begin_after_the_limit(library):
    values, mask = (LIBRARIES[library](a) for a in pad([np.array([[0.5, np.inf, 1.0]])]))
    for limit, expected in ((2.0, 1.5), (0.5, 0.0), (0.25, 0.0)):
        clipped = PersistenceLengths(1, n_longest=1, infinite="clip", limit=limit)
        assert np.asarray(clipped.transform(values, mask)).tolist() == [[expected]]
        clipped = PersistenceStatistics(1, infinite="clip", limit=limit)
        names = list(clipped.get_feature_names_out())
        found = np.asarray(clipped.transform(values, mask))[0]
        assert found[names.index("h1_statistics_death_mean")] == 0.5 + expected


@every_library
def test_open_bars_that_are_kept(library):
    table = np.array([[0.25, np.inf, 1.0], [0.25, 0.5, 1.0]])
    values, mask = (LIBRARIES[library](a) for a in pad([table]))

    def found(kind, **options):
        at = {"sample_range": (0.0, 1.0), "resolution": 5} if "Lengths" not in kind.__name__ else {}
        return np.asarray(kind(1, infinite="keep", **at, **options).transform(values, mask))[0]

    assert found(BettiCurve).tolist() == [0, 2, 1, 1, 1]
    assert found(EulerCurve).tolist() == [0, -2, -1, -1, -1]
    rising = math.sqrt(2) * np.array([0, 0, 0.25, 0.5, 0.75])
    np.testing.assert_allclose(found(PersistenceLandscape, n_layers=1), rising)
    assert found(PersistenceLengths, n_longest=3).tolist() == [math.inf, 0.25, 0]


def test_the_defaults_for_open_bars():
    assert {name: kind.infinite for name, kind in KINDS.items() if kind.infinite != "drop"} == {
        "betti": "keep",
        "euler": "keep",
    }


@pytest.mark.parametrize("kind", [Silhouette, PersistenceImage, PersistenceEntropy])
def test_what_has_no_finite_value_is_not_kept(kind):
    with pytest.raises(
        ConfigError, match=f"infinite='keep' has no finite value in {kind.__name__}"
    ):
        kind(1, infinite="keep")


@every_library
def test_fitting(library):
    table = np.array([[0.25, np.inf, 1.0], [0.5, 2.0, 1.0], [-3.0, 9.0, 0.0], [1.0, 1.25, 1.0]])
    values, mask = (LIBRARIES[library](a) for a in pad([table]))
    assert Silhouette(1).fit(values, mask).sample_range == (0.5, 2.0)
    assert BettiCurve(1).fit(values, mask).sample_range == (0.25, 2.0)
    assert Silhouette(1, infinite="clip").fit(values, mask).sample_range == (0.25, 2.0)
    clipped = Silhouette(1, infinite="clip", limit=5.0).fit(values, mask)
    assert (clipped.sample_range, clipped.limit) == ((0.25, 5.0), 5.0)
    assert PersistenceImage(1).fit(values, mask).im_range == (0.5, 1.0, 0.25, 1.5)
    image = PersistenceImage(1, infinite="clip").fit(values, mask)
    assert (image.im_range, image.limit) == ((0.25, 1.0, 0.25, 1.75), 2.0)
    assert PersistenceEntropy(1, infinite="clip").fit(values, mask).limit == 2.0
    given = Silhouette(1, sample_range=(0.0, 1.0))
    assert given.fit(values, mask) is given
    assert not Silhouette(1).is_fitted
    assert Silhouette(1).fit_transform(values, mask).shape == (1, 100)


@every_library
@pytest.mark.parametrize("infinite", ["drop", "clip", "keep"])
def test_a_range_of_one_value(library, infinite):
    values, mask = (LIBRARIES[library](a) for a in pad([np.array([[0.5, np.inf, 1.0]])]))
    if infinite == "drop":
        with pytest.raises(InvalidInputError, match="no finite bar of dimension 1; give its range"):
            PersistenceLandscape(1, infinite=infinite).fit(values, mask)
        return
    fitted = PersistenceLandscape(1, infinite=infinite).fit(values, mask)
    assert fitted.sample_range == (0.5, 0.5)
    assert not np.asarray(fitted.transform(values, mask)).any()


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
        (lambda: PersistenceLengths(1, n_longest=True), "n_longest must be an integer"),
        (lambda: FeatureVector(()), "parts must be a sequence of vectorisations"),
        (lambda: FeatureVector((3,)), "parts must be vectorisations, not 3"),
    ],
)
def test_settings(make, said):
    with pytest.raises(ConfigError, match=said):
        make()


def test_numbers_of_numpy_are_settings():
    one, half = np.int64(1), np.float32(0.5)
    kind = PersistenceImage(one, power=half, bandwidth=half, resolution=(np.int32(3), 2))
    assert kind == PersistenceImage(1, power=0.5, bandwidth=0.5, resolution=(3, 2))
    assert kind.get_feature_names_out()[0] == "h1_image_0_0"


@every_library
def test_a_vector_of_several(library, rng):
    values, mask = (LIBRARIES[library](array) for array in padded(rng))
    several = FeatureVector((Silhouette(1), PersistenceEntropy(1), PersistenceImage(0)))
    assert not several.is_fitted
    with pytest.raises(InvalidInputError, match="no finite bar of dimension 0"):
        several.fit(values, mask)
    several = FeatureVector((Silhouette(1), PersistenceEntropy(1), PersistenceStatistics(0)))
    fitted = several.fit(values, mask)
    found = fitted(values, mask)
    assert fitted.is_fitted
    assert tuple(found.shape) == (20, 123) == (20, fitted.n_features)
    names = list(fitted.get_feature_names_out())
    assert names[0] == "h1_silhouette_0"
    assert names[100:102] == ["h1_entropy", "h0_statistics_count"]
    assert len(set(names)) == 123
    parts = [np.asarray(part.transform(values, mask)) for part in fitted.parts]
    assert np.array_equal(np.asarray(found), np.concatenate(parts, 1))
    assert pickle.loads(pickle.dumps(fitted)) == fitted


@every_kind
def test_names(kind):
    names = KINDS[kind].get_feature_names_out()
    assert names.shape == (KINDS[kind].n_features,) == (len(set(names)),)
    assert all(name.startswith("h1_") == (kind != "euler") for name in names)


def test_where_a_value_falls(rng):
    for dtype in (np.float32, np.float64):
        for low, high, n in [(0, 1, 100), (0.1, 0.7, 7), (-5, 1e4, 1000), (1e6, 1e6 + 1, 500)]:
            for library in LIBRARIES.values():
                like = library(np.zeros(1, dtype))
                ns = namespace_of(like)
                grid = ns.grid(low, high, n, like)
                samples = np.asarray(grid.samples)
                beside = [np.nextafter(samples, dtype(side)) for side in (-np.inf, np.inf)]
                far = np.array([-np.inf, np.inf, -1e30, 1e30], dtype)
                values = np.concatenate([samples, *beside, far, rng.uniform(low, high, 999)])
                values = values.astype(dtype)[None]
                found = np.asarray(ns.where_index(grid, library(values)))
                assert np.array_equal(found, np.searchsorted(samples, values))


def test_scans_without_a_ready_made_one(rng):
    class Other:
        """As CuPy, which has no running maximum."""

        def __getattr__(self, name):
            return getattr(np, name)

    values = rng.normal(size=(5, 37))
    found = Namespace(Other()).running_max(values)
    assert np.array_equal(found, np.maximum.accumulate(values, axis=1))
    index = rng.integers(0, 9, (5, 37))
    found = Namespace(Other()).collect(index, [values, 2 * values], 9)
    assert found[0].shape == (5, 9)
    np.testing.assert_allclose(found, Namespace(np).collect(index, [values, 2 * values], 9))


def test_images_in_other_words(rng):
    (table,) = random_diagrams(rng, 1)
    found = PersistenceImage(1, **IMAGE).transform(*pad([table], dimension=1)).reshape(9, 12)
    x, y = np.linspace(0, 1, 12), np.linspace(0, 1.5, 9)
    expected = sum(
        (d - b)
        * np.exp(-((x - b) ** 2 + (y[:, None] - (d - b)) ** 2) / (2 * 0.01))
        / (2 * np.pi * 0.01)
        for b, d in table
    )
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
    names = PersistenceImage(1, **IMAGE).get_feature_names_out().reshape(9, 12)
    assert names[2, 5] == "h1_image_2_5"
    assert KINDS["betti"].sample_range == RANGE


def test_a_list_of_parts_will_do():
    parts = [PersistenceEntropy(1), PersistenceLengths(0)]
    assert FeatureVector(parts) == FeatureVector(tuple(parts))
    assert hash(FeatureVector(parts)) == hash(FeatureVector(tuple(parts)))
