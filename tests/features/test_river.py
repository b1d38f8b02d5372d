"""One sample at a time, as river calls its transformers (river itself is not needed)."""

from __future__ import annotations

import numpy as np
import pytest

from aura_tda_gpu import MultiScaleStream
from aura_tda_gpu.errors import ConfigError, InvalidInputError, LifecycleError
from aura_tda_gpu.features import BettiCurve, FeatureVector, PersistenceLengths, pad
from aura_tda_gpu.features.river import StreamTransformer

PARTS = FeatureVector((PersistenceLengths(1, n_longest=2), BettiCurve(0, sample_range=(0.0, 1.0))))


def samples(n=120):
    t = np.arange(n) * 0.01
    return [{"t": float(s), "x": float(np.cos(9 * s)), "y": float(np.sin(9 * s))} for s in t]


def test_the_features_are_those_of_the_stream():
    topology = StreamTransformer(MultiScaleStream([300, 700]), PARTS, time="t")
    stream = MultiScaleStream([300, 700])
    wanted = dict.fromkeys(topology.transform_one({}), 0.0)
    assert len(wanted) == 2 * PARTS.n_features
    n_ticks = 0
    for sample in samples():
        assert topology.learn_one(sample) is None
        for update in stream.push([[sample["x"], sample["y"]]], [sample["t"]]):
            n_ticks += 1
            vector = PARTS.transform(*pad([update.diagram]))[0]
            names = PARTS.get_feature_names_out()
            wanted |= {
                f"{update.window_id}_{n}": float(v) for n, v in zip(names, vector, strict=True)
            }
        assert topology.transform_one(sample) == wanted
    assert n_ticks > 20
    assert wanted["scale_700ms_h1_length_1"] > 0.5


def test_samples_without_a_time_come_at_a_period():
    timed = StreamTransformer(MultiScaleStream([300]), PARTS, time="t")
    counted = StreamTransformer(MultiScaleStream([300]), PARTS, period_ms=10.0)
    for i, sample in enumerate(samples(80)):
        timed.learn_one(sample)
        names = ("y", "x") if i % 2 else ("x", "y")  # in any order
        counted.learn_one({name: sample[name] for name in names})
        assert counted.transform_one({}) == pytest.approx(timed.transform_one({}), rel=1e-5)


def test_what_is_returned_is_a_copy():
    topology = StreamTransformer(MultiScaleStream([300]), PARTS)
    topology.transform_one({}).clear()
    assert topology.transform_one({})


def test_bad_settings():
    stream = MultiScaleStream([300])
    with pytest.raises(ConfigError, match="vectorisation must be one, or a FeatureVector: \\["):
        StreamTransformer(stream, [PersistenceLengths(1)])
    for period in (0, -1, np.inf, "1"):
        with pytest.raises(ConfigError, match="period_ms must be positive and finite"):
            StreamTransformer(stream, PARTS, period_ms=period)


def test_bad_samples_change_nothing():
    topology = StreamTransformer(MultiScaleStream([300]), PARTS, time="t")
    with pytest.raises(InvalidInputError, match=r"must have the entries \['t', 'x'\], not \['x'\]"):
        topology.learn_one({"x": 1.0})
    topology.learn_one({"t": 0.0, "x": 1.0})
    for bad in ({"t": 0.1}, {"t": 0.1, "x": 1.0, "y": 0.0}, {"t": 0.1, "x": np.nan}):
        with pytest.raises(InvalidInputError):
            topology.learn_one(bad)
    assert topology.stream.stats.accepted == 1
    with pytest.raises(LifecycleError, match="must be fitted"):
        StreamTransformer(MultiScaleStream([300]), BettiCurve(1))
