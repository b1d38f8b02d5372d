"""The kernel that brings tracks up to date, against the rules written out."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aura_tda_gpu import FeatureTracker, MultiScaleStream
from aura_tda_gpu.persistence.diagram import Diagram
from aura_tda_gpu.persistence.engine import Bars, EngineResult
from aura_tda_gpu.persistence.kernels.carrying import BORN, CHANGED, FADED, begin, carry_on
from aura_tda_gpu.persistence.kernels.evidence import loops_asked
from aura_tda_gpu.persistence.kernels.track_columns import TRACK, WIDTH
from aura_tda_gpu.persistence.significance import RunLength
from aura_tda_gpu.streaming.tracking.evidence import law_of, least_weight

from .made_up import update


def new_track() -> np.ndarray:
    now = np.empty(1, TRACK)
    begin(*views(now), 0)
    return now


def views(now: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    whole = now.view(np.int64).reshape(1, WIDTH)
    return whole, whole.view(np.float64)


def carried(now, length, p, *, source=0, required=3):
    names, bars = np.arange(4).reshape(1, 4), np.array([[1.0, 1.0 + length]])
    rules = np.array([0.0, 0.0, 0.15, 1, 0.1, required, 0.05, 512])
    told = names, bars, np.array([False]), np.array([p]), np.array([p])
    carry_on(*views(now), np.array([source]), *told, 5.0, 0.1, 0.0, rules)
    return int(now["outcome"][0])


@given(st.lists(st.sampled_from([0.01, 0.05, 0.2, np.nan]), max_size=30), st.integers(1, 5))
def test_runs_are_those_of_the_run_length_rule(values, required) -> None:
    rule, run = RunLength(required), np.zeros(1, np.int64)
    now = new_track()
    for p in values:
        run = np.minimum(rule.after(run, np.array([p])), required)
        carried(now, 1.0, p, required=required)
        assert now["run"][0] == run[0]
        assert now["significant"][0] == (rule.confirms(run)[0] or np.isnan(p))


@given(st.lists(st.floats(0.01, 10), min_size=2, max_size=20))
def test_stability_is_the_smoothed_ratio(lengths) -> None:
    now, smoothed = new_track(), np.nan
    for i, length in enumerate(lengths):
        carried(now, length, np.nan, source=i - 1)
        if i:
            former = lengths[i - 1]
            ratio = min(length, former) / max(length, former)
            smoothed = ratio if i == 1 else smoothed + 0.2 * (ratio - smoothed)
            np.testing.assert_allclose(now["stability"][0], smoothed, rtol=1e-12)
        assert now["peak"][0] == max(np.diff([[1.0, 1.0 + x] for x in lengths[: i + 1]])[:, 0])
    assert now["ticks"][0] == len(lengths)


def test_a_bar_is_born_told_and_faded() -> None:
    now = new_track()
    assert [carried(now, 1.0, 0.01, source=i - 1) for i in range(3)] == [0, 0, BORN]
    now["serial"] = 0
    assert carried(now, 1.05, 0.01) == 0
    assert carried(now, 1.2, 0.01) == CHANGED
    assert carried(now, 1.25, 0.01) == 0  # since it was last told
    assert [carried(now, 0.55, 0.9) for _ in range(3)] == [CHANGED, 0, FADED]


def weighted(c: float, metric: str):
    """A tick of one part and twenty loops, everything later by what weights add."""
    rng = np.random.default_rng(0)
    births = rng.uniform(0.5, 1, 20)
    loops = np.column_stack([births, births * rng.uniform(1.05, 1.1, 20)])
    loops[0, 1] = 6.0
    tick = update(1.0, [])
    nowhere = np.full((20, 2), -1)
    one, cut = nowhere[:1], np.zeros(20, np.bool_)
    open_bar = Bars(np.float32([c]), np.float32([np.inf]), one, one, cut[:1])
    bars = Bars(*(loops + c).astype(np.float32).T, nowhere, nowhere, cut)
    result = EngineResult({0: open_bar, 1: bars}, None)
    tick.diagram = Diagram(result, info={"metric": metric, "landmarks": "cover"})
    tick.n_points = tick.n_vertices = 100
    return tick


def asked(tick, bars: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values, evidence = np.empty(len(bars)), np.empty(len(bars))
    known = bars - least_weight(tick)
    loops_asked(known, law_of(tick), values, evidence)
    return values, evidence


def test_equal_weights_do_not_change_p_values() -> None:
    plain, same, late = weighted(0.0, "euclidean"), weighted(3.0, "dtm"), weighted(3.0, "euclidean")
    found = [asked(tick, tick.diagram[1].astype(np.float64))[0] for tick in (plain, same, late)]
    np.testing.assert_allclose(found[1], found[0], rtol=1e-3, atol=1e-12)
    assert found[2][0] > 5 * found[0][0]  # taken as they are they would


def test_death_over_birth_is_no_evidence_on_a_grid() -> None:
    plain = np.array([[1.0, 2.3], [1.1, 1.2], [1.2, 1.3]])
    on_grid = np.array([[1.0, 2.3], [1.0, 1.2], [1.2, 1.3]])
    for bars, alpha, tells in (
        (plain, 0.05, True),
        (on_grid, 0.05, False),
        (on_grid[:2], 0.05, True),  # two loops of one shape
        (plain - [[0, 0.65], [0, 0], [0, 0]], 0.05, False),
        (plain - [[0, 0.1], [0, 0], [0, 0]], 0.001, False),
        (plain - [[0, -1.5], [0, 0], [0, 0]], 0.001, True),
    ):
        assert (asked(update(1.0, []), bars)[1][0] <= alpha) == tells


def test_integers_tell_no_loops() -> None:
    rng = np.random.default_rng(0)
    points, times = np.round(rng.normal(scale=2, size=(6000, 2))), np.arange(6000) / 50
    tracker = FeatureTracker()
    updates = tracker.follow(MultiScaleStream([1000]).push(points, times))
    births = [e for u in updates for e in u.events if e.dimension == 1]
    assert len(updates) > 1000
    assert len([e for e in births if e.event_type == "feature_birth"]) <= 1
