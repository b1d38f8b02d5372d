"""Modules over diagrams: what they compute, learn, keep in their state, and refuse."""

from __future__ import annotations

import copy
import io
import math
import shutil
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")

import torch
from torch.fx.experimental.proxy_tensor import make_fx

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
)
from aura_tda_gpu.features.torch import (
    LearnablePersistenceImage,
    PersLay,
    RipsLayer,
    TopologyFeatures,
)

IMAGE = PersistenceImage(1, resolution=(5, 4), bandwidth=0.3)
FIXED = FeatureVector(
    (
        BettiCurve(1, resolution=9),
        EulerCurve(resolution=9),
        PersistenceLandscape(1, resolution=9, n_layers=2),
        Silhouette(0, resolution=9),
        IMAGE,
        PersistenceEntropy(0, infinite="clip"),
        PersistenceStatistics(1),
        PersistenceLengths(1, n_longest=3),
    )
)


def random_bars(rng, n_diagrams=5, n_bars=12, dtype=torch.float64):
    births = rng.uniform(0, 1, (n_diagrams, n_bars))
    dimensions = rng.integers(0, 2, births.shape)
    deaths = births + rng.uniform(0.01, 1, births.shape)
    deaths[:, 0] = math.inf
    bars = torch.tensor(np.stack([births, deaths, dimensions], axis=-1), dtype=dtype)
    mask = torch.tensor(np.arange(n_bars) < rng.integers(2, n_bars + 1, n_diagrams)[:, None])
    return torch.where(mask[..., None], bars, 0.0), mask


def learners():
    return [
        LearnablePersistenceImage(IMAGE),
        *(PersLay(1, n_points=4, transform=name) for name in ("gaussian", "triangle", "line")),
        PersLay(1, n_points=4, weight="grid", pool="mean"),
        PersLay(1, n_points=4, pool="max"),
        PersLay(1, n_points=4, pool="top", n_top=2, infinite="clip"),
    ]


def test_features_are_those_of_the_vectorisations(rng):
    bars, mask = random_bars(rng)
    features = TopologyFeatures(FIXED).fit(bars, mask)
    wanted = FIXED.fit(bars, mask).transform(bars, mask)
    assert torch.equal(features(bars, mask), wanted)
    assert features.n_features == wanted.shape[1]
    names = features.get_feature_names_out()
    assert names.tolist() == FIXED.get_feature_names_out().tolist()
    assert torch.equal(features(bars[0], mask[0]), features(bars[:1], mask[:1])[0])


def test_parts_keep_their_order(rng):
    bars, mask = random_bars(rng)
    fixed = [PersistenceEntropy(0), IMAGE.fit(bars, mask), PersistenceLengths(None)]
    learner = PersLay(1, n_points=4, sample_range=(0.0, 2.0)).double()
    features = TopologyFeatures(fixed[0], learner, fixed[1], fixed[2], learner)
    wanted = [part(bars, mask) for part in (fixed[0], learner, fixed[1], fixed[2], learner)]
    assert torch.equal(features(bars, mask), torch.cat(wanted, 1))


def test_a_learnable_image_starts_as_the_image(rng):
    bars, mask = random_bars(rng)
    image = IMAGE.fit(bars, mask)
    learnable = LearnablePersistenceImage(IMAGE).fit(bars, mask)
    torch.testing.assert_close(
        learnable(bars, mask), image(bars, mask), rtol=1e-6, atol=1e-7
    )  # the weights are float32
    squared = PersistenceImage(1, resolution=(5, 4), bandwidth=0.3, power=2.0).fit(bars, mask)
    fine = LearnablePersistenceImage(squared, n_weights=2000)
    torch.testing.assert_close(fine(bars, mask), squared(bars, mask), rtol=1e-4, atol=1e-5)


def test_weights_learn_which_bars_matter(rng):
    bars, mask = random_bars(rng, 60)
    is_long = (bars[..., 1] - bars[..., 0] > 0.7) & bars[..., 1].isfinite() & (bars[..., 2] == 1)
    target = (is_long & mask).sum(1).to(bars.dtype)
    layer = LearnablePersistenceImage(PersistenceImage(1, resolution=(6, 6), bandwidth=0.2))
    layer.fit(bars, mask).double()
    steps = torch.optim.Adam(layer.parameters(), lr=0.2)
    losses = []
    for _ in range(40):
        steps.zero_grad()
        loss = (layer(bars, mask).mean(1) - target).square().mean()
        loss.backward()
        steps.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    weights = layer.log_weights.exp()
    assert weights[-1] > 10 * weights[0]


def perslay_by_loops(layer, bars, mask):
    """Return what a layer with its defaults computes, bar by bar."""
    low, high = layer.vectorisation.sample_range
    rows = []
    for diagram, there in zip(bars.tolist(), mask.tolist(), strict=True):
        total = np.zeros(len(layer.points))
        for (birth, death, dimension), is_bar in zip(diagram, there, strict=True):
            if is_bar and dimension == 1 and math.isfinite(death):
                x, y = (birth - low) / (high - low), (death - birth) / (high - low)
                weight = layer.weights[0].item() * y ** math.exp(layer.weights[1].item())
                for i, point in enumerate(layer.points.tolist()):
                    if layer.transform == "gaussian":
                        away = (x - point[0]) ** 2 + (y - point[1]) ** 2
                        value = math.exp(-away / (2 * math.exp(layer.offsets[i].item()) ** 2))
                    elif layer.transform == "triangle":
                        value = max(0.0, y / 2 - abs(point[0] - (x + y / 2)))
                    else:
                        value = point[0] * x + point[1] * y + layer.offsets[i].item()
                    total[i] += weight * value
        rows.append(total)
    return np.array(rows)


@pytest.mark.parametrize("transform", ["gaussian", "triangle", "line"])
def test_perslay_is_the_sum_it_says(rng, transform):
    bars, mask = random_bars(rng)
    layer = PersLay(1, n_points=5, transform=transform).fit(bars, mask).double()
    with torch.no_grad():
        layer.weights.copy_(torch.tensor([1.5, 0.3]))
    np.testing.assert_allclose(
        layer(bars, mask).detach(), perslay_by_loops(layer, bars, mask), rtol=1e-9, atol=1e-12
    )


def test_triangles_are_the_tents_of_the_landscape(rng):
    bars, mask = random_bars(rng)
    layer = PersLay(1, n_points=9, transform="triangle", weight="grid", pool="top", n_top=2)
    layer.fit(bars, mask).double()
    landscape = PersistenceLandscape(1, n_layers=2, resolution=9, sample_range=(0.0, 2.0))
    layer.vectorisation = BettiCurve(1, infinite="drop", sample_range=(0.0, 2.0))
    with torch.no_grad():
        layer.points.copy_(torch.linspace(0, 1, 9, dtype=torch.float64)[:, None])
    found = 2 * layer(bars, mask)  # the range has length 2
    torch.testing.assert_close(found * math.sqrt(2), landscape(bars, mask), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("layer", learners())
def test_the_order_of_bars_and_what_is_masked_play_no_role(rng, layer):
    bars, mask = random_bars(rng)
    layer = layer.fit(bars, mask).double()
    wanted = layer(bars, mask)
    order = torch.tensor(rng.permutation(bars.shape[1]))
    torch.testing.assert_close(layer(bars[:, order], mask[:, order]), wanted)
    garbage = torch.where(mask[..., None], bars, math.nan)
    torch.testing.assert_close(layer(garbage, mask), wanted)
    longer = torch.nn.functional.pad(bars, (0, 0, 0, 4)), torch.nn.functional.pad(mask, (0, 4))
    torch.testing.assert_close(layer(*longer), wanted)
    assert wanted.shape == (len(bars), layer.n_features)
    assert len(layer.get_feature_names_out()) == layer.n_features


def test_the_mean_is_the_sum_by_the_number_of_bars():
    bars = torch.tensor([[[0.0, 0.5, 1.0], [0.0, 0.25, 1.0], [0.0, 0.5, 0.0], [0.0, 0.5, 1.0]]])
    bars = bars.repeat(3, 1, 1)
    mask = torch.tensor([[True, False, True, False], [True, True, True, False], [True] * 4])
    found = []
    for pool in ("sum", "mean"):
        layer = PersLay(1, n_points=1, transform="line", pool=pool, sample_range=(0.0, 1.0))
        with torch.no_grad():
            layer.points.fill_(1.0)
        found.append(layer(bars, mask)[:, 0].tolist())
    assert found == [[0.25, 0.3125, 0.5625], [0.25, 0.15625, 0.1875]]  # y times y


@pytest.mark.parametrize("pool", ["max", "top"])
def test_the_largest_of_negative_values(pool):
    layer = PersLay(1, n_points=1, transform="line", pool=pool, n_top=2, sample_range=(0.0, 1.0))
    with torch.no_grad():
        layer.points.fill_(-1.0)
    bars = torch.tensor([[[0.0, 0.5, 1.0], [0.0, 0.25, 1.0], [0.0, 0.5, 0.0], [0.0, 0.5, 1.0]]])
    mask = torch.tensor([[True, True, True, False]])
    wanted = [-0.0625, -0.25]  # y times -y
    assert layer(bars, mask)[0].tolist() == wanted[: layer.n_features]


@pytest.mark.parametrize("layer", learners())
def test_gradients_of_layers(rng, layer):
    layer = layer.fit(*random_bars(rng, 20)).double()  # no bar of its own at the end of a range
    bars, mask = random_bars(rng, 3, 6)
    finite = mask & bars[..., 1].isfinite()
    ends = bars[finite][:, :2].clone().requires_grad_()
    weights = list(layer.parameters())

    def of_ends(ends, *_):
        rows = torch.cat([ends, bars[finite][:, 2:]], 1)
        places = finite.nonzero().unbind(1)
        return layer(bars.index_put(places, rows), mask)

    assert torch.autograd.gradcheck(of_ends, (ends, *weights))
    layer(bars, mask).sum().backward()
    assert all(w.grad.isfinite().all() for w in weights)


@pytest.mark.parametrize("layer", learners())
@pytest.mark.parametrize("case", ["no bar", "open bars alone", "no row"])
def test_diagrams_without_a_bar_become_zero(rng, layer, case):
    layer = layer.fit(*random_bars(rng)).double()
    bars = torch.zeros(2, 0 if case == "no row" else 3, 3, dtype=torch.float64)
    mask = torch.zeros(bars.shape[:2], dtype=torch.bool)
    if case == "open bars alone" and layer.vectorisation.infinite == "drop":
        bars[..., 1], bars[..., 2] = math.inf, 1
        mask[:] = True
    found = layer(bars.requires_grad_(), mask)
    assert not found.any()
    found.sum().backward()
    for parameter in layer.parameters():
        assert parameter.grad is None or parameter.grad.isfinite().all()


def made():
    return TopologyFeatures(FIXED, *learners())


def test_the_state_holds_what_was_fitted(rng):
    bars, mask = random_bars(rng)
    fitted, other = made().fit(bars, mask), made()
    with pytest.raises(LifecycleError, match="not fitted"):
        other(bars, mask)
    stored = io.BytesIO()
    torch.save(fitted.state_dict(), stored)
    stored.seek(0)
    other.load_state_dict(torch.load(stored, weights_only=True))
    assert torch.equal(other(bars, mask), fitted(bars, mask))
    fitted.load_state_dict(made().state_dict())
    with pytest.raises(LifecycleError, match="not fitted"):
        fitted(bars, mask)


def test_the_state_as_part_of_a_model(rng):
    bars, mask = random_bars(rng)
    model = torch.nn.ModuleDict({"features": made().fit(bars, mask)})
    other = torch.nn.ModuleDict({"features": made()})
    other.load_state_dict(model.state_dict())
    wanted = model["features"](bars, mask)
    assert torch.equal(other["features"](bars, mask), wanted)
    assert torch.equal(copy.deepcopy(model)["features"](bars, mask), wanted)


def test_a_cast_leaves_the_ranges_exact(rng):
    bars, mask = random_bars(rng)
    features = TopologyFeatures(FIXED).fit(bars, mask)
    before = {name: value.clone() for name, value in features.state_dict().items()}
    features.half().float()
    for name, value in features.state_dict().items():
        assert value.dtype == torch.float64
        assert torch.equal(value.nan_to_num(-1), before[name].nan_to_num(-1))


def test_float32_and_float64_agree(rng):
    bars, mask = random_bars(rng)
    features = made().fit(bars, mask)
    narrow = features(bars.float(), mask)
    assert narrow.dtype == torch.float32
    torch.testing.assert_close(narrow.double(), features(bars, mask), rtol=1e-3, atol=1e-4)


def test_from_points_to_features_and_back(rng):
    points = torch.tensor(rng.normal(size=(2, 20, 2)), requires_grad=True)
    rips = RipsLayer()
    features = made().fit(*rips(points.detach())).double()
    features(*rips(points)).square().sum().backward()
    assert points.grad.isfinite().all()
    assert points.grad.any(-1).any(-1).all()


def test_no_number_is_read_on_a_device(rng):
    """Tensors without numbers refuse what would make a GPU wait for the host."""
    bars, mask = random_bars(rng)
    features = made().fit(bars, mask).to("meta")
    found = features(bars.to("meta"), mask.to("meta"))
    assert found.device.type == "meta"
    assert found.shape == (len(bars), features.n_features)
    with pytest.raises(RuntimeError, match="meta"):
        PersLay(1, sample_range=(0.0, 1.0), check_values=True).to("meta")(
            bars.to("meta"), mask.to("meta")
        )


@pytest.mark.parametrize(
    ("bars", "mask", "complaint"),
    [
        (np.zeros((1, 2, 3)), None, "bars must be a torch tensor, not ndarray"),
        (torch.zeros(1, 2, 4), None, r"shape \(B, N, 3\)"),
        (torch.zeros(1, 2, 3, dtype=torch.int64), None, "float32 or float64"),
        (torch.zeros(1, 2, 3), torch.zeros(1, 2), "mask must be bool"),
        (torch.zeros(1, 2, 3), torch.zeros(1, 3, dtype=torch.bool), "mask must have shape"),
        (torch.zeros(1, 2, 3), torch.zeros(1, 2, dtype=torch.bool, device="meta"), "on meta"),
        (torch.tensor([[[1.0, 0.5, 1.0]]]), None, "bar 0 of diagram 0 is no bar"),
        (torch.tensor([[[math.nan, 0.5, 1.0]]]), None, "bar 0 of diagram 0 is no bar"),
    ],
)
@pytest.mark.parametrize("part", [PersistenceLengths(1), PersLay(1, sample_range=(0.0, 1.0))])
def test_bad_bars(part, bars, mask, complaint):
    with pytest.raises(InvalidInputError, match=complaint):
        TopologyFeatures(part)(bars, mask)


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: TopologyFeatures(), "one vectorisation at least"),
        (lambda: TopologyFeatures("landscape"), "parts must be vectorisations"),
        (lambda: TopologyFeatures(torch.nn.Linear(2, 2)), "parts must be vectorisations"),
        (lambda: LearnablePersistenceImage(BettiCurve(1)), "image must be a PersistenceImage"),
        (lambda: LearnablePersistenceImage(PersistenceImage(1, integrate=True)), "densities"),
        (lambda: LearnablePersistenceImage(IMAGE, n_weights=0), "n_weights"),
        (lambda: PersLay(transform="circle"), "transform must be one of gaussian, line, triangle"),
        (lambda: PersLay(weight="none"), "weight must be one of power, grid"),
        (lambda: PersLay(pool="median"), "pool must be one of"),
        (lambda: PersLay(infinite="keep"), "infinite must be one of drop, clip"),
        (lambda: PersLay(n_points=0), "n_points"),
        (lambda: PersLay(n_top=0), "n_top"),
    ],
)
def test_bad_settings(make, complaint):
    with pytest.raises(ConfigError, match=complaint):
        make()


CACHE_WARNING = "ignore:Dynamo detected a call to a `functools.lru_cache`"


@pytest.mark.filterwarnings(CACHE_WARNING)
def test_the_features_are_one_graph(rng):
    bars, mask = random_bars(rng)
    features = made().fit(bars, mask)
    torch.compiler.reset()
    compiled = torch.compile(features, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(bars, mask), features(bars, mask))


def test_diagrams_one_by_one_under_vmap(rng):
    bars, mask = random_bars(rng)
    bars[:, 3] = bars[:, 2]
    features = FIXED.fit(bars, mask)

    def of_one(values, held):
        return features.transform(values[None], held[None], check_values=False)[0]

    found = torch.func.vmap(of_one)(bars, mask)
    torch.testing.assert_close(found, features.transform(bars, mask))
    wanted = features.transform(bars.requires_grad_(), mask)
    assert wanted.requires_grad
    torch.testing.assert_close(found, wanted.detach(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("with_gradients", [True, False])
def test_an_ensemble_of_images_under_vmap(rng, with_gradients):
    bars, mask = random_bars(rng)
    images = [LearnablePersistenceImage(IMAGE).fit(bars, mask) for _ in range(3)]
    with torch.no_grad():
        for i, image in enumerate(images):
            for parameter in image.parameters():
                parameter += i / 10
    parameters, buffers = torch.func.stack_module_state(images)

    def of_one(*state):
        return torch.func.functional_call(images[0], state, (bars, mask))

    with torch.set_grad_enabled(with_gradients):
        found = torch.func.vmap(of_one)(parameters, buffers)
        for image, its in zip(images, found, strict=True):
            torch.testing.assert_close(its, image(bars, mask))


def with_make_fx(function, *example):
    return make_fx(function)(*example)


def with_trace(function, *example):
    return torch.jit.trace(function, example, check_trace=False)


def with_functionalize(function, *example):
    return make_fx(torch.func.functionalize(function))(*example)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize("traced", [with_make_fx, with_trace, with_functionalize])
def test_what_is_traced_on_one_batch_sorts_the_next_one_anew(traced, rng):
    landscape = PersistenceLandscape(1, resolution=9, sample_range=(0.0, 2.0))

    def of(bars, mask):
        return landscape.transform(bars, mask, check_values=False)

    found = traced(of, *random_bars(rng))
    for _ in range(3):
        bars, mask = random_bars(rng)
        torch.testing.assert_close(found(bars, mask), of(bars, mask))


def no_compiler():
    """Say why torch cannot compile here; None if it can."""
    if shutil.which("g++") is None:
        return "there is no g++"
    if not (Path(sysconfig.get_paths()["include"]) / "Python.h").is_file():
        return "there are no headers of Python"
    return "torch's compiler needs Linux" if sys.platform != "linux" else None


@pytest.mark.skipif(no_compiler() is not None, reason=str(no_compiler()))
@pytest.mark.filterwarnings("ignore")  # of the compiler itself
def test_compiled_features(rng):
    bars, mask = random_bars(rng)
    features = TopologyFeatures(PersistenceStatistics(1), PersLay(1, n_points=4))
    features.fit(bars, mask)
    torch.compiler.reset()
    compiled = torch.compile(features, fullgraph=True)
    with torch.no_grad():
        torch.testing.assert_close(compiled(bars, mask), features(bars, mask))
