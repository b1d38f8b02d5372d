"""Libraries, batches, gradients, and the bars that are no ordinary ones."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
import torch

from aura_tda_gpu.errors import ConfigError, InvalidInputError
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
    batches,
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
    padded,
    random_diagrams,
)

every_kind = pytest.mark.parametrize("kind", KINDS)
every_library = pytest.mark.parametrize("library", LIBRARIES)


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
    monkeypatch.setattr(batches, "_CHUNK", 1)
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


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("n_bars", [7, 300])
def test_the_first_of_equal_bars_have_the_gradient(n_bars, dtype):
    values = torch.tensor([0.25, 1.0, 1.0], dtype=dtype).repeat(1, n_bars, 1).requires_grad_()
    least = PersistenceStatistics(1, quantiles=(0.0,))
    place = list(least.get_feature_names_out()).index("h1_statistics_death_q0")
    longest = PersistenceLengths(1, n_longest=2).transform(values).sum()
    for found, n in ((least.transform(values)[0, place], 1), (longest, 2)):
        (slopes,) = torch.autograd.grad(found, values)
        assert slopes[0, :, 1].tolist() == [1.0] * n + [0.0] * (n_bars - n)


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


@every_library
@pytest.mark.parametrize("chunk", [1, 3000, 1 << 18])
def test_those_side_by_side_share_what_they_need_of_the_bars(library, chunk, rng, monkeypatch):
    monkeypatch.setattr(batches, "_CHUNK", chunk)
    diagrams = random_diagrams(rng, 23)
    for diagram in diagrams[::3]:
        diagram[0, 1] = math.inf
    values, mask = (LIBRARIES[library](array) for array in pad(diagrams, dimension=1))
    clipped = [
        BettiCurve(1, sample_range=RANGE, infinite="clip", limit=1.2),
        Silhouette(1, sample_range=RANGE, infinite="clip", limit=1.1),
        Silhouette(1, sample_range=(0.0, 1.4)),
        PersistenceLandscape(1, sample_range=(0.0, 1.4), infinite="keep"),
    ]
    parts = (*KINDS.values(), *clipped)
    found = np.asarray(FeatureVector(parts).transform(values, mask))
    apart = [np.asarray(part.transform(values, mask)) for part in parts]
    assert np.array_equal(found, np.concatenate(apart, 1))
    if library == "torch":
        traced = FeatureVector(parts).transform(values.requires_grad_(), mask)
        assert traced.requires_grad
        np.testing.assert_allclose(traced.detach().numpy(), found, rtol=1e-11, atol=1e-11)


def test_samples_are_looked_up_once(rng, monkeypatch):
    calls = []
    where = Namespace.where_index
    monkeypatch.setattr(
        Namespace, "where_index", lambda *args, **more: calls.append(1) or where(*args, **more)
    )
    kinds = (KINDS[kind] for kind in ("betti", "silhouette", "landscape", "silhouette flat"))
    FeatureVector(tuple(kinds)).transform(*padded(rng))
    assert len(calls) == 3  # births, middles and deaths


@every_library
def test_rows_are_ordered_by_short_numbers(library, rng):
    for n_rows, size in ((1, 5), (7, 300), (400, 101)):  # many are sorted by counting
        index = rng.integers(0, size, (n_rows, 99))
        given = LIBRARIES[library](index)
        found = np.asarray(namespace_of(given).order(given, size))
        assert np.array_equal(found, np.argsort(index, axis=1, kind="stable"))


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
    found = Namespace(Other()).collect([index], [[values], [2 * values]], 9)
    assert found[0].shape == (5, 9)
    np.testing.assert_allclose(found, Namespace(np).collect([index], [[values], [2 * values]], 9))
    counts = Namespace(Other()).count(index, values > 0, 9)
    assert np.array_equal(counts, Namespace(np).count(index, values > 0, 9))
    np.testing.assert_allclose(Namespace(Other()).totals(values)[:, 0], values.sum(1))


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
