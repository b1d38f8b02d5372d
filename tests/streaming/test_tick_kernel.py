"""One tick as one kernel against numpy, and its parts against scipy and numpy."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import groupby
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from aura_tda_gpu import FeatureTracker, MultiScaleStream, WindowUpdate
from aura_tda_gpu.persistence.calibration import calibration_for
from aura_tda_gpu.persistence.kernels import carrying, matching, tick
from aura_tda_gpu.persistence.kernels.assignment import assign, stable_order
from aura_tda_gpu.persistence.kernels.evidence import loops_asked, parts_asked
from aura_tda_gpu.streaming.tracking import tracks
from benchmarks.known_streams import KnownStream

from . import naive_follow

SETTINGS: tuple[dict[str, Any], ...] = (
    {},
    {"alpha": 1},
    {"alpha": 0.01, "min_persistence": 0.2, "min_ticks": 2, "history": 5},
    {"alpha": 1, "max_tracks": 20},
)


def pushed(points: np.ndarray, times: np.ndarray, scales: tuple[int, ...], **how: Any) -> Any:
    stream = MultiScaleStream(scales, dim=points.shape[1], backend="cpu", max_points=1000, **how)
    return stream.push(points, times)


def streams() -> Iterator[tuple[str, list[WindowUpdate]]]:
    scales = (1000, 2000)
    for shape, how in (
        ("two circles", {"noise": 0.05, "drift": 0.05}),
        ("figure eight", {"noise": 0.1}),
        ("torus", {"noise": 0.02}),
        ("uniform 2-D", {}),
    ):
        rows = KnownStream(shape, seconds=8.0, **how).rows()
        yield shape, pushed(rows.points, rows.times, scales)
    yield "landmarks", pushed(rows.points, rows.times, scales, max_landmarks=24)
    yield "cut off", pushed(rows.points, rows.times, scales, max_edge_length=0.5)
    yield "weighted", pushed(rows.points, rows.times, scales, metric="dtm", dtm_mass=0.1)
    late = rows.times + 0.55 * (rows.times > 3) + 5 * (rows.times > 5)
    yield "gaps", pushed(rows.points, late, scales)
    rng = np.random.default_rng(0)
    yield "grid", pushed(np.round(rng.normal(scale=2, size=(400, 2))), rows.times, scales)
    yield "many", pushed(rng.uniform(-1, 1, (1600, 2)), np.arange(1600) / 400, (1000,))


NAMES = ("two circles", "figure eight", "torus", "uniform 2-D", "landmarks", "cut off", "weighted")
NAMES += ("gaps", "grid", "many")


@cache
def known() -> dict[str, list[WindowUpdate]]:
    return dict(streams())


def told(updates: list[WindowUpdate], settings: dict[str, Any]) -> list[Any]:
    """Everything a tracker says, p-values apart, and those."""
    tracker = FeatureTracker(**settings)
    said: list[Any] = []
    p = []
    for _, instant in groupby(updates, lambda update: update.timestamp):
        together = list(instant)
        tracker(together)
        for update in together:
            said.append({k: tuple(ids) for k, ids in update.feature_ids.items()})
            for event in update.events:
                metadata = dict(event.metadata)
                p.append(metadata.pop("p_value") or np.nan)
                said.append((event.event_type, event.feature_id, event.timestamp, metadata))
    for line in (*tracker.features(), *tracker.finished()):
        columns = [line.times.tolist(), line.births.tolist(), line.deaths.tolist()]
        said.append((line.id, line.n_ticks, line.group, line.cycle, line.row, columns))
    return [said, np.array(p)]


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("name", NAMES)
def test_the_kernel_tells_what_numpy_tells(name, settings, monkeypatch) -> None:
    found = told(known()[name], settings)
    monkeypatch.setattr(tick, "follow", naive_follow.follow)
    expected = told(known()[name], settings)
    assert found[0] == expected[0]
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-9, atol=1e-300)


def test_streams_ask_for_all_that_a_tick_does() -> None:
    kinds = {(e[0], e[1].split("/")[1]) for u in known().values() for e in events(u, {"alpha": 1})}
    assert kinds == {
        (f"feature_{what}", dim) for what in ("birth", "update", "death") for dim in ("H0", "H1")
    }
    assert any(events(u, {}) for u in known().values())


def events(updates: list[WindowUpdate], settings: dict[str, Any]) -> list[Any]:
    return [
        said
        for said in told(updates, settings)[0]
        if isinstance(said, tuple) and said[0][:7] == "feature"
    ]


def test_constants_are_the_same_on_both_sides() -> None:
    assert (tracks.BORN, tracks.CHANGED) == (carrying.BORN, carrying.CHANGED)
    assert (tracks.MOST_ASKED, tracks.MOST_READ) == (matching.MOST_ASKED, tick.MOST_READ)
    order = ("MIN_PERSISTENCE", "RELEASE", "THRESHOLD", "MIN_TICKS", "MIN_CHANGE", "REQUIRED")
    names = [*map(str.lower, order), "alpha", "max_tracks"]
    assert list(tracks.TrackRules.__slots__) == names
    assert [getattr(carrying, name) for name in (*order, "ALPHA", "MOST")] == list(range(8))


@given(
    st.integers(0, 6).flatmap(
        lambda m: st.lists(
            st.lists(st.sampled_from([-3.0, -2.5, -1.0, -0.1, 0.0]), min_size=m, max_size=m),
            max_size=m,
        )
    )
)
def test_assignments_are_those_of_scipy_ties_included(rows) -> None:
    costs = np.array(rows, np.float64).reshape(len(rows), len(rows[0]) if rows else 0)
    partner = np.empty(len(costs), np.int64)
    assign(costs, partner)
    assert partner.tolist() == linear_sum_assignment(costs)[1].tolist()


def test_large_assignments_are_those_of_scipy() -> None:
    rng = np.random.default_rng(0)
    for n, m in ((64, 64), (40, 64), (1, 64)):
        costs = np.minimum(rng.normal(size=(n, m)), 0.0)
        partner = np.empty(n, np.int64)
        assign(costs, partner)
        assert partner.tolist() == linear_sum_assignment(costs)[1].tolist()


@given(st.lists(st.integers(0, 5), max_size=40))
def test_orders_are_stable(values) -> None:
    keys, order = np.array(values, np.float64), np.empty(len(values), np.int64)
    stable_order(keys, len(keys), order)
    assert order.tolist() == np.argsort(keys, kind="stable").tolist()


few_births = st.sampled_from([0.0, 0.5, 1.0, 1.3, 2.0])
bars_of_loops = st.lists(
    st.tuples(few_births | st.floats(0.25, 4), st.just(0.0) | st.floats(0, 8)), max_size=30
)


@given(bars_of_loops, st.sampled_from(["exact", "cover"]))
def test_evidence_for_loops_is_what_significance_says(pairs, landmarks) -> None:
    bars = np.array([(b, b + x if x < 7.9 else np.inf) for b, x in pairs]).reshape(-1, 2)
    law = calibration_for(landmarks=landmarks, n_vertices=50, n_points=300)
    columns = np.array([law.n_bars, law.at_5, law.at_1, *law.log_longest])
    expected = naive_follow.loops(bars, columns)
    for m in (len(bars), len(bars) // 2):  # of the first bars, but against all of them
        values, evidence = np.empty(m), np.empty(m)
        loops_asked(bars, columns, values, evidence)
        np.testing.assert_allclose(values, expected[0][:m], rtol=1e-9, atol=1e-300)
        np.testing.assert_allclose(evidence, expected[1][:m], rtol=1e-9, atol=1e-300)


few_long = st.lists(st.sampled_from([1] * 12 + [2, 3, 4]), min_size=1, max_size=60)


@given(few_long, st.integers(0, 10_000))
def test_evidence_for_parts_is_what_numpy_says(lengths, seed) -> None:
    rng = np.random.default_rng(seed)
    deaths = np.sort(np.array(lengths, np.float64))[::-1]
    bars = np.column_stack([np.zeros(len(deaths)), deaths])
    bars[0, 1] = np.inf
    edges = np.array([(i + 1, rng.integers(i + 1)) for i in range(len(bars))])
    evidence = np.empty(len(bars) - len(bars) // 3)
    parts_asked(bars, edges, len(bars) + 1, evidence)
    expected = naive_follow.parts(bars, edges, len(bars) + 1)[: len(evidence)]
    np.testing.assert_array_equal(evidence, expected)
