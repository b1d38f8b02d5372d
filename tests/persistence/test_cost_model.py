"""What the cost model decides, with costs that are made up."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

from aura_tda_gpu.persistence import backends, cost_model
from aura_tda_gpu.persistence.cost_model import CostModel, MachineCosts, machine_costs

N = 512
# seconds of a rebuild of 512 points 15 ms, of an update of one of them 0.5 ms
COSTS = MachineCosts(
    rebuild=15e-3 / (N * N * (N / 64 + 8)),
    notes=0.5,
    mark=1e-9,
    recheck=0.9e-9,
    rebuild_start=1e-4,
    update_start=1e-4,
)


@pytest.fixture(autouse=True)
def steady_costs():
    """Leave the model as it is."""


@pytest.fixture
def model():
    return CostModel(COSTS)


def true_update(changed, rechecks_each=0.5):
    """Seconds and rechecks of an update of N points on the machine of COSTS."""
    rechecked = int(changed * N * (1 + rechecks_each))
    return COSTS.update_start + COSTS.mark * changed * N * N / 2 + (
        COSTS.recheck * rechecked * N
    ), rechecked


def run(model, changes, rechecks_each=0.5):
    """Follow the decisions as a window does; return the path of each change.

    ``"build"`` is a rebuild that notes certificates.
    """
    paths = []
    has_state = False
    for changed in changes:
        if has_state and model.updates(N, changed):
            seconds, rechecked = true_update(changed, rechecks_each)
            if rechecked - changed * N > model.budget(N, changed):
                model.observe_failure()
                has_state = False
            else:
                model.observe_update(N, changed, rechecked, seconds)
                paths.append("update")
                continue
        has_state = model.builds(N, changed)
        paths.append("build" if has_state else "rebuild")
        if not has_state:
            model.observe_rebuild(N, 15e-3)
    return paths


def test_costs_grow_with_the_window_and_the_change(model):
    assert model.rebuild_seconds(N) == pytest.approx(15.1e-3)
    assert model.rebuild_seconds(2 * N) > 4 * model.rebuild_seconds(N)
    seconds = [model.update_seconds(N, changed) for changed in (0, 1, 4, 16)]
    assert seconds == sorted(seconds)
    assert len(set(seconds)) == 4
    assert seconds[0] == COSTS.update_start
    assert seconds[1] == pytest.approx(true_update(1)[0])


def test_small_changes_are_updates_and_large_ones_are_not(model):
    assert model.updates(N, 0)
    assert model.updates(N, 1)
    assert not model.updates(N, N)
    decisions = [model.updates(N, changed) for changed in range(N)]
    assert decisions == sorted(decisions, reverse=True)


def test_an_update_has_to_be_clearly_faster():
    costs = MachineCosts(15e-3 / (N * N * (N / 64 + 8)), 0.5, 0.0, 0.0, 0.0, 14.5e-3)
    assert CostModel(costs).update_seconds(N, 1) < CostModel(costs).rebuild_seconds(N)
    assert not CostModel(costs).updates(N, 1)


def test_where_everything_changes_no_certificates_are_written(model):
    assert set(run(model, [N] * 500)) == {"rebuild"}


def test_after_small_changes_certificates_are_written_soon(model):
    paths = run(model, [1] * 20)
    assert paths[:3].count("build") == 1
    assert set(paths[3:]) == {"update"}


def test_small_changes_now_and_then_do_not_pay_for_certificates(model):
    paths = run(model, ([N] * 30 + [1]) * 10)
    assert paths.count("build") <= 10
    assert paths.count("build") + paths.count("rebuild") >= 290


def test_updates_that_give_up_become_rare(model):
    paths = run(model, [4] * 300, rechecks_each=60)
    assert paths.count("update") == 0
    assert paths.count("build") < 60
    assert paths.count("rebuild") > 200


def test_updates_return_when_they_are_cheap_again(model):
    run(model, [4] * 100, rechecks_each=60)
    paths = run(model, [1] * 200)
    assert set(paths[-100:]) == {"update"}


def test_one_outlier_is_forgiven(model):
    run(model, [1] * 20)
    seconds, _ = true_update(1)
    model.observe_update(N, 1, 200 * N, 50 * seconds)
    paths = run(model, [1] * 150)
    assert set(paths[-50:]) == {"update"}


def test_one_failure_is_forgiven(model):
    run(model, [1] * 20)
    model.observe_failure()
    assert set(run(model, [1] * 100)[-50:]) == {"update"}


def test_outliers_now_and_then_keep_the_updates(model):
    paths = []
    for _ in range(10):
        paths += run(model, [1] * 30)
        model.observe_update(N, 1, 100 * N, 20e-3)
    assert paths.count("update") > 200


def test_a_slow_machine_learns_to_rebuild(model):
    assert model.updates(N, 8)
    for _ in range(40):
        model.observe_update(N, 8, 12 * N, 14e-3)
    assert not model.updates(N, 8)
    assert model.updates(N, 0)


def test_a_slow_rebuild_makes_updates_pay(model):
    large = next(changed for changed in range(N) if not model.updates(N, changed))
    for _ in range(40):
        model.observe_rebuild(N, 60e-3)
    assert model.rebuild_seconds(N) == pytest.approx(60e-3, rel=0.05)
    assert model.updates(N, large)


def test_what_is_learned_stays_within_bounds(model):
    for _ in range(100):
        model.observe_rebuild(N, 1e9)
    assert model.rebuild_seconds(N) < 1.0
    for _ in range(100):
        model.observe_rebuild(N, 0.0)
    assert model.rebuild_seconds(N) > 1e-4


def test_an_update_of_nothing_teaches_nothing(model):
    before = model.update_seconds(N, 1), model.rebuild_seconds(N)
    model.observe_update(N, 0, 0, 1.0)
    assert (model.update_seconds(N, 1), model.rebuild_seconds(N)) == before


@pytest.mark.parametrize("n", [0, 1, 2, 65])
@pytest.mark.parametrize("changed", [0, 1, 65])
def test_small_windows_divide_by_nothing(model, n, changed):
    assert model.budget(n, changed) >= n
    for _ in range(3):
        model.updates(n, changed)
        model.builds(n, changed)
        model.observe_rebuild(n, 1e-5)
        model.observe_update(n, changed, n, 1e-5)
        model.observe_failure()
    assert np.isfinite(model.update_seconds(n, changed))


def test_the_budget_is_what_a_rebuild_costs(model):
    most = model.budget(N, 1)
    assert COSTS.recheck * most * N <= model.rebuild_seconds(N)
    assert COSTS.recheck * most * N > 0.8 * model.rebuild_seconds(N)
    assert model.budget(N, 64) <= most


def test_the_machine_is_measured_once(monkeypatch):
    monkeypatch.setattr(cost_model, "_MEASURED", {})
    engine, _ = backends.resolve("cpu", N, (0, 1))
    costs = machine_costs(engine)
    values = [getattr(costs, name) for name in MachineCosts.__slots__]
    assert all(np.isfinite(value) and value >= 0 for value in values)
    assert costs.recheck > 0
    monkeypatch.setattr(cost_model, "_measure", lambda engine: pytest.fail("measured again"))
    assert machine_costs(engine) is costs


def test_threads_that_ask_at_once_measure_once(monkeypatch):
    engine, _ = backends.resolve("cpu", N, (0, 1))
    n_threads, calls = 4, []
    all_there = threading.Barrier(n_threads)

    def measure(engine):
        calls.append(threading.get_ident())
        time.sleep(0.05)  # long enough for the others to come
        return COSTS

    def ask(_):
        all_there.wait(20)
        return machine_costs(engine)

    monkeypatch.setattr(cost_model, "_MEASURED", {})
    monkeypatch.setattr(cost_model, "_measure", measure)
    with ThreadPoolExecutor(n_threads) as pool:
        assert list(pool.map(ask, range(n_threads))) == [COSTS] * n_threads
    assert len(calls) == 1


def test_a_measurement_that_fails_is_made_again(monkeypatch):
    engine, _ = backends.resolve("cpu", N, (0, 1))
    monkeypatch.setattr(cost_model, "_MEASURED", {})
    with monkeypatch.context() as patch:
        patch.setattr(cost_model, "_measure", lambda engine: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            machine_costs(engine)
    monkeypatch.setattr(cost_model, "_measure", lambda engine: COSTS)
    assert machine_costs(engine) is COSTS


@pytest.mark.skipif(not hasattr(os, "register_at_fork"), reason="this system does not fork")
def test_a_forked_process_does_not_wait_for_a_thread_it_lacks(monkeypatch):
    former = cost_model._lock
    with former:
        cost_model._forget_lock()
        assert not cost_model._lock.locked()
    monkeypatch.setattr(cost_model, "_lock", former)


def test_one_slow_rebuild_is_forgotten_by_a_window_that_only_updates(model):
    usual = model.rebuild_seconds(N)
    model.observe_rebuild(N, 100 * usual)
    assert model.rebuild_seconds(N) <= 4.01 * usual
    changed = next(m for m in range(1, N) if not CostModel(COSTS).updates(N, m))
    assert model.updates(N, changed)
    for _ in range(100):
        seconds, rechecked = true_update(changed)
        model.observe_update(N, changed, rechecked, seconds)
    assert not model.updates(N, changed)


class Launched:
    """An engine, and its state, that tell no parts of an update, on a clock of their own."""

    name = "launched"

    def __init__(self, start, each):
        self.seconds, self.start, self.each = 0.0, start, each

    def window_state(self, capacity, dim, metric, *, threshold, threads):
        self.n = capacity
        return self

    def pairwise(self, points, metric):
        return np.zeros((len(points), len(points)), np.float32)

    def compute(self, *args, **settings):
        self.seconds += 3 * self.start

    def build(self, *args):
        self.seconds += 4 * self.start

    def update(self, gone, new, points, budget):
        assert len(points) == len(new) == len(gone)
        assert gone.max() < self.n
        self.rechecked = 2 * self.n * len(new)
        self.seconds += self.start + self.each * self.rechecked
        return {"n_rechecked": None, "seconds": {"launch": self.start}}

    def result(self, dimensions):
        return SimpleNamespace(info={"n_rechecked": self.rechecked} if self.rechecked else {})

    rechecked = 0


def test_a_device_that_tells_no_parts_is_measured_by_larger_changes(monkeypatch):
    engine = Launched(start=1e-3, each=1e-8)
    monkeypatch.setattr(cost_model.time, "perf_counter", lambda: engine.seconds)
    costs = cost_model._measure(engine)
    assert costs.recheck * 320 == pytest.approx(1e-8)
    assert costs.mark == 0.0
    assert costs.rebuild_start == pytest.approx(3e-3)
    assert costs.update_start == pytest.approx(1e-3, rel=0.01)
    assert CostModel(costs).updates(320, 64)
