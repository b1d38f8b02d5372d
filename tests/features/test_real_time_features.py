"""The feature vectors of a stream are those of its diagrams, whichever way they were computed."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from aura_tda_gpu import FeatureTracker, MultiScaleStream, StreamingTDAProcessor
from aura_tda_gpu.errors import (
    ConfigError,
    InvalidInputError,
    LifecycleError,
    NotComputedError,
)
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
    pad,
)
from aura_tda_gpu.features.namespace import Namespace
from aura_tda_gpu.persistence.diagram import Diagram
from aura_tda_gpu.persistence.engine import Bars, EngineResult
from aura_tda_gpu.streaming import running_features
from aura_tda_gpu.streaming.real_time_features import RealTimeFeatures
from aura_tda_gpu.streaming.running_features import TickBars, bars_between

RANGE = (0.0, 2.0)
IMAGE = {"bandwidth": 0.2, "im_range": (0.0, 1.0, 0.0, 1.5)}
EVERY = FeatureVector(
    (
        BettiCurve(0, sample_range=RANGE),
        BettiCurve(1, sample_range=RANGE),
        EulerCurve(sample_range=RANGE),
        Silhouette(1, sample_range=RANGE, power=2),
        Silhouette(0, sample_range=RANGE, infinite="clip"),
        PersistenceImage(1, **IMAGE),
        PersistenceLandscape(1, sample_range=RANGE),
        PersistenceEntropy(0),
        PersistenceStatistics(1),
        PersistenceLengths(1),
        PersistenceStatistics(0, infinite="clip", limit=1.5),
        PersistenceLandscape(sample_range=RANGE, infinite="keep"),
        PersistenceEntropy(),
        Silhouette(sample_range=RANGE),
        BettiCurve(sample_range=RANGE, infinite="drop"),
    )
)


def a_walk(rng, n=900):
    """Return points that go round a loop and sometimes rest, and their times."""
    t = np.arange(n) / 100
    angle = 7 * t * (np.sin(t) > -0.7)
    points = np.column_stack([np.cos(angle), np.sin(angle)]) + rng.normal(0, 0.05, (n, 2))
    return points, t


@pytest.fixture
def updates(rng):
    found = MultiScaleStream([500, 2000], max_landmarks=128).push(*a_walk(rng))
    assert len(found) > 100
    return found


def diagram_of(bars, dimensions=(1,)):
    """Return the diagram of H1 bars, shape (n, 2), or of the same in several dimensions."""
    births, deaths = np.asarray(bars, np.float32).reshape(-1, 2).T
    nothing = np.full((len(births), 2), -1, np.int64)
    column = Bars(births, deaths, nothing, nothing, np.zeros(len(births), np.bool_))
    return Diagram(EngineResult(dict.fromkeys(dimensions, column), None))


@pytest.fixture(params=["by size", "always"])
def following(request, monkeypatch):
    """Let sums be brought up to date where it pays, or wherever it can be."""
    if request.param == "always":
        monkeypatch.setattr(running_features, "FEW_NUMBERS", 0)
    return request.param


def test_a_dimension_that_is_gone_is_a_change(following):
    part = BettiCurve(sample_range=(0.0, 1.0), resolution=2)
    feature, before = running_features.RunningFeature(part, 64), None
    for dimensions, expected in (((0, 1), 2), ((0,), 1), ((0, 1), 2)):
        before = TickBars(diagram_of([[0, 1]], dimensions), before)
        assert feature.take(before)[0] == expected


@pytest.mark.parametrize("rebuild_every", [1, 7, 10_000])
def test_they_are_the_features_of_the_diagrams(updates, following, rebuild_every):
    hook = RealTimeFeatures(EVERY, [500, 2000], rebuild_every=rebuild_every)
    hook(updates)
    for update in updates:
        values, mask = pad([update.diagram])
        expected = EVERY.transform(values.astype(np.float64), mask)[0]
        assert update.features.dtype == np.float32
        np.testing.assert_allclose(update.features, expected, rtol=1e-6, atol=1e-6)
        assert not update.features.flags.writeable


@pytest.mark.parametrize("bars", [[], [[0.5, np.inf]], [[0, np.inf], [0.25, np.inf], [0.5, 1.25]]])
def test_few_bars_and_open_ones(bars, following):
    hook = RealTimeFeatures(EVERY, [1000])
    scale = hook._scales["scale_1000ms"]
    for given in (bars, [[0.1, 1.0], [0.2, 0.5]], bars):
        diagram = diagram_of(given, (0, 1))
        values, mask = pad([diagram])
        expected = EVERY.transform(values.astype(np.float64), mask)[0]
        np.testing.assert_allclose(scale.take(diagram), expected, rtol=1e-6, atol=1e-6)


def test_what_vectorisations_have_in_common_is_computed_once(monkeypatch):
    calls = []
    where = Namespace.where_index
    monkeypatch.setattr(
        Namespace, "where_index", lambda *args, **more: calls.append(1) or where(*args, **more)
    )
    parts = (
        BettiCurve(1, sample_range=RANGE),
        Silhouette(1, sample_range=RANGE),
        PersistenceLandscape(1, sample_range=RANGE),
        EulerCurve(sample_range=RANGE),
    )
    hook = RealTimeFeatures(FeatureVector(parts), [1000])
    hook._scales["scale_1000ms"].take(diagram_of([[0.1, 1.0], [0.2, 0.5]], (0, 1)))
    assert len(calls) == 3 + 2  # births, middles and deaths of loops, births and deaths of parts


def test_sums_are_brought_up_to_date(updates, monkeypatch):
    monkeypatch.setattr(running_features, "FEW_NUMBERS", 0)
    seen = []
    moved = TickBars.moved
    monkeypatch.setattr(
        TickBars, "moved", lambda self, part: seen.append(part) or moved(self, part)
    )
    RealTimeFeatures(EVERY, [500, 2000])(updates)
    assert {type(part).__name__ for part in seen} == {
        "BettiCurve",
        "EulerCurve",
        "Silhouette",
        "PersistenceImage",
    }
    assert len(seen) > 100
    seen.clear()
    RealTimeFeatures(EVERY, [500, 2000], rebuild_every=1)(updates)
    assert not seen


def test_sums_do_not_drift(rng, monkeypatch):
    """Long and short bars come and go ten thousand times, and at last only the shortest stay."""
    monkeypatch.setattr(running_features, "FEW_NUMBERS", 0)
    parts = FeatureVector(
        (
            Silhouette(1, sample_range=(0.0, 1000.0), power=2),
            PersistenceImage(1, bandwidth=50.0, power=2, im_range=(0.0, 1000.0, 0.0, 1000.0)),
        )
    )
    for rebuild_every in (64, 10**9):
        hook = RealTimeFeatures(parts, [1000], rebuild_every=rebuild_every)
        scale = hook._scales["scale_1000ms"]
        births = rng.uniform(0, 500, 40)
        bars = np.column_stack([births, births + rng.uniform(1e-3, 1, 40)]).astype(np.float32)
        for tick in range(2000):
            bars[tick % 8] = births[tick % 8], births[tick % 8] + 10.0 ** rng.uniform(-3, 2.6)
            found = scale.take(diagram_of(bars))
        bars[:8] = bars[8:16]
        found = scale.take(diagram_of(bars))
        table = np.column_stack([bars.astype(np.float64), np.ones(40)])
        expected = parts.transform(*pad([table]))[0]
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-9 * expected.max())


def test_what_has_not_moved_is_not_computed(monkeypatch):
    diagram = diagram_of([[0.1, 1.0], [0.2, 0.5]])
    other = diagram_of([[0.1, 1.0], [0.2, 0.25]])
    hook = RealTimeFeatures(PersistenceLandscape(1, sample_range=RANGE), [1000])
    scale = hook._scales["scale_1000ms"]
    first = scale.take(diagram)
    calls = []
    of_rows = PersistenceLandscape.of_rows
    monkeypatch.setattr(
        PersistenceLandscape, "of_rows", lambda *args: calls.append(1) or of_rows(*args)
    )
    assert np.array_equal(scale.take(copy.copy(diagram)), first)
    assert not calls
    assert not np.array_equal(scale.take(other), first)
    assert np.array_equal(scale.take(diagram), first)
    assert len(calls) == 2


def test_bars_come_and_go(rng):
    for _ in range(200):
        before, after = (rng.integers(0, 6, rng.integers(0, 15)) for _ in range(2))
        keys = [np.sort(x).astype(np.uint64) for x in (before, after)]
        change = bars_between(*keys)
        for k in range(6):
            gain = int((after == k).sum() - (before == k).sum())
            assert (change.came.view(np.uint64) == k).sum() == max(0, gain)
            assert (change.went.view(np.uint64) == k).sum() == max(0, -gain)


def test_all_bars_go_and_come_again(following):
    hook = RealTimeFeatures(
        FeatureVector((Silhouette(1, sample_range=RANGE), PersistenceStatistics(1))), [1000]
    )
    scale = hook._scales["scale_1000ms"]
    bars = diagram_of([[0.1, 1.0], [0.2, 0.5]])
    first = scale.take(bars)
    assert first.any()
    assert not scale.take(diagram_of([])).any()
    assert np.array_equal(scale.take(bars), first)


def test_merged(updates):
    few = FeatureVector((PersistenceLengths(1, n_longest=2), PersistenceEntropy(0)))
    hook = RealTimeFeatures({2000: PersistenceLengths(1), 500: few})
    names = list(hook.get_feature_names_out())
    assert names == [
        "scale_500ms_h1_length_1",
        "scale_500ms_h1_length_2",
        "scale_500ms_h0_entropy",
        *(f"scale_2000ms_h1_length_{k}" for k in range(1, 6)),
    ]
    assert list(hook.get_feature_names_out("scale_2000ms")) == [n[13:] for n in names[3:]]
    assert hook.merged.tolist() == [0.0] * 8
    for update in updates:
        hook([update])
        if update.window_id == "scale_2000ms":
            break
    assert hook.window_ids == ("scale_500ms", "scale_2000ms")
    last = {u.window_id: u.features for u in updates if u.features is not None}
    assert hook.merged.tolist() == [*last["scale_500ms"], *last["scale_2000ms"]]
    assert hook.nbytes > 0
    with pytest.raises(InvalidInputError, match=r"scale_500ms have shape \(7, 3\), not \(3,\)"):
        hook.merge({"scale_500ms": np.zeros((7, 3), np.float32)})


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda: RealTimeFeatures(EVERY), ConfigError, "scales: say at which scales"),
        (lambda: RealTimeFeatures(EVERY, [5, 5]), ConfigError, "scales: 5 is repeated"),
        (lambda: RealTimeFeatures({5: EVERY}, [6]), ConfigError, "none for the scale 6"),
        (lambda: RealTimeFeatures({5: 3}), ConfigError, "features must be vectorisations, not 3"),
        (lambda: RealTimeFeatures(BettiCurve(1), [5]), LifecycleError, "BettiCurve is not fitted"),
        (lambda: RealTimeFeatures(EVERY, [5], rebuild_every=0), ConfigError, "from 1 on, not 0"),
        (lambda: RealTimeFeatures(EVERY, [5], rebuild_every=0.5), ConfigError, "an integer"),
        (
            lambda: RealTimeFeatures(EVERY, [5]).get_feature_names_out("x"),
            ConfigError,
            "scale must be one of scale_5ms, not 'x'",
        ),
    ],
)
def test_settings(make, error, said):
    with pytest.raises(error, match=said):
        make()


def test_what_is_not_there(updates):
    with pytest.raises(InvalidInputError, match="no features for 'scale_500ms', only scale_7ms"):
        RealTimeFeatures(EVERY, [7])(updates)
    with pytest.raises(NotComputedError, match="dimension 2 was not computed"):
        RealTimeFeatures(PersistenceLengths(2), [500, 2000])(updates)


async def features_of(hooks, points, times):
    scales = [500, 2000]
    async with StreamingTDAProcessor(scales, hooks=hooks, max_landmarks=128) as tda:
        assert await tda.get_current_features() == {}
        updates = await tda.process_batch(points, times)
        assert tda.get_memory_usage() > 0
        return updates, await tda.get_current_features()


@pytest.mark.asyncio
async def test_in_a_processor(rng):
    hook = RealTimeFeatures(EVERY, [500, 2000])
    updates, current = await features_of([hook, FeatureTracker()], *a_walk(rng))
    assert list(current) == ["scale_500ms", "scale_2000ms", "merged"]
    for name in hook.window_ids:
        assert current[name] is [u for u in updates if u.window_id == name][-1].features
    assert np.array_equal(current["merged"], hook.merged)
    assert len(current["merged"]) == len(hook.get_feature_names_out())
    assert current["merged"].any()
