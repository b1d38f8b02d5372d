"""Rows that come one by one: landmarks see few of them together, and nothing else changes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_tda_gpu import MultiScaleStream
from aura_tda_gpu.streaming import intake, persistence_stream
from aura_tda_gpu.streaming.cover import GhostCover
from aura_tda_gpu.streaming.id_sets import is_among, n_different
from aura_tda_gpu.streaming.windows import count_before


def pushed_singly(**settings: Any) -> list[Any]:
    rng = np.random.default_rng(3)
    stream = MultiScaleStream([20, 900], max_landmarks=24, max_memory_mb=4, **settings)
    times = np.sort(rng.integers(0, 3000, 700)) / 1000
    points = np.cumsum(rng.normal(size=(700, 2)), axis=0)
    told = []
    for point, t in zip(points, times.tolist(), strict=True):
        told += stream.push(point, t)
    told += stream.flush()
    assert stream.stats.accepted == 700
    return [
        (
            *(u.window_id, u.timestamp, u.births, u.deaths, u.vertex_ids.tolist()),
            *(u.n_overflowed, u.diagram.info["rho"], u.diagram.info["covering_radius"]),
        )
        for u in told
    ]


@pytest.mark.parametrize("settings", [{}, {"max_points": 60}, {"metric": "cosine"}])
def test_landmarks_that_see_few_rows_together_are_those_that_see_each(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0
    take = GhostCover.take

    def counted(self: GhostCover, *args: Any) -> None:
        nonlocal calls
        calls += 1
        take(self, *args)

    monkeypatch.setattr(GhostCover, "take", counted)
    together = pushed_singly(**settings)
    few, calls = calls, 0
    monkeypatch.setattr(persistence_stream, "_FEW", 0)
    assert pushed_singly(**settings) == together
    assert any(told[-1] > 0 for told in together)
    assert "max_points" in settings or 2 * few < calls


def test_seeing_the_rows_that_waited_is_work_for_the_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    caught_up, seconds = GhostCover.catch_up, 0.05

    def slow(self: GhostCover, *args: Any) -> None:
        time.sleep(seconds)
        caught_up(self, *args)

    stream = MultiScaleStream([1000], max_landmarks=24, max_memory_mb=4)
    points, times = np.random.default_rng(3).normal(size=(160, 2)), np.arange(160) / 1000
    for point, t in zip(points[:60], times[:60].tolist(), strict=True):
        assert stream.push(point, t) == []
    monkeypatch.setattr(GhostCover, "catch_up", slow)
    (update,) = stream.push(points[60:], times[60:])
    assert update.n_points == 100
    assert update.latency_seconds > seconds


ids = st.lists(st.integers(0, 12), unique=True).map(lambda found: np.array(found, np.int64))


@given(ids, ids)
def test_sets_of_ids(some: np.ndarray, others: np.ndarray) -> None:
    assert is_among(some, others).tolist() == [i in others.tolist() for i in some.tolist()]
    assert n_different(some, others) == len(set(some.tolist()) ^ set(others.tolist()))


@given(
    st.lists(st.integers(-5, 5)).map(sorted),
    st.sampled_from([-(2**70), -(2**63), -3, 0, 3, 2**63 - 1, 2**70]),
)
def test_count_before(times: list[int], t_ns: int) -> None:
    assert count_before(np.array(times, np.int64), t_ns) == sum(t < t_ns for t in times)


@pytest.mark.parametrize("far", [0.0, 0.4, 0.6, 0.99, 1.01, 3.0])
@pytest.mark.parametrize("put", [lambda rows: rows, lambda rows: rows[:, ::-1], np.float32])
def test_rows_are_far_or_not_whatever_was_looked_at_first(
    far: float, put: Callable[[np.ndarray], np.ndarray]
) -> None:
    limit = intake.reach(2)
    for sign in (-1.0, 1.0):
        first = np.array([sign * 0.2 * limit, 0.0])
        given_rows = put(np.array([[0.0, 1.0], [sign * 0.2 * limit - sign * far * limit, -2.0]]))
        keep = np.ones(2, np.bool_)
        is_far = bool((np.abs(given_rows.astype(np.float64) - first) > limit).any())
        if is_far:
            with pytest.raises(ValueError, match="row 1 is more than"):
                intake.usable_rows(given_rows, keep, first, "euclidean")
        else:
            kept = intake.usable_rows(given_rows, keep, first, "euclidean")
            assert kept.dtype == np.float64
            np.testing.assert_array_equal(kept, given_rows.astype(np.float64))
            assert not np.shares_memory(kept, given_rows)
            assert kept.flags.c_contiguous


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("far", [1.0, 0.7 * intake.reach(3)])
@pytest.mark.parametrize("kept", [slice(None), slice(1, None)])
@pytest.mark.parametrize(
    "put",
    [np.asfortranarray, lambda rows: rows.T.copy().T, lambda rows: rows[::-1], np.float32],
)
def test_rows_are_kept_one_after_the_other(
    metric: str, far: float, kept: slice, put: Callable[[np.ndarray], np.ndarray]
) -> None:
    given_rows = put(np.arange(1.0, 22.0).reshape(7, 3) * far / 21)
    keep = np.zeros(7, np.bool_)
    keep[kept] = True
    rows = intake.usable_rows(given_rows, keep, np.zeros(3), metric)
    assert rows.flags.c_contiguous
    np.testing.assert_array_equal(rows, given_rows[kept].astype(np.float64))
    assert intake.rows_taken(given_rows, metric).flags.c_contiguous
