"""Diagrams updated in place are those of a batch run, whatever comes and goes."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from aura_tda_gpu.errors import InvalidInputError, UnsupportedError
from aura_tda_gpu.persistence import backends, rechecks, window_updates
from aura_tda_gpu.persistence.cost_model import CostModel
from aura_tda_gpu.persistence.kernels import certificates
from aura_tda_gpu.persistence.snapshots import pack, unpack
from aura_tda_gpu.persistence.vineyard_updates import RipsWindow
from tests.oracles.peers import pairs_of
from tests.persistence.window_checks import assert_right, changing, cloud, names_of

COORDINATES = st.one_of(st.integers(-2, 2).map(float), st.floats(-8, 8, width=32))


class UpdatesMachine(RuleBasedStateMachine):
    """The window against a list of slots, a batch run, and the names of its last bars."""

    @initialize(
        capacity=st.sampled_from([1, 2, 3, 5, 8, 9, 12, 63, 64, 65]),
        metric=st.sampled_from(["euclidean", "manhattan", "chebyshev", "cosine"]),
        dimensions=st.sampled_from([(0,), (1,), (0, 1)]),
        threshold=st.sampled_from([np.inf, np.inf, 0.0, 1.0, 2.5]),
        updates=st.sampled_from(["always", "always", "auto"]),
        threads=st.integers(1, 2),
    )
    def start(self, capacity, metric, dimensions, threshold, updates, threads):
        self.dimensions, self.threshold = dimensions, threshold
        self.window = RipsWindow(
            capacity,
            2,
            metric,
            homology_dimensions=dimensions,
            max_edge_length=threshold,
            threads=threads,
            updates=updates,
        )
        nothing = {k: Counter() for k in dimensions}
        # ids by slot, next id, names of the bars before and now, whether now is to come
        self.model = ([None] * capacity, 0, nothing, nothing, True)
        self.saved = []

    def replaced(self, ids, points):
        slots, next_id, before, now, is_new = self.model
        given_ids = self.window.replace(ids, points).tolist()
        slots = [None if name in ids else name for name in slots]
        assert given_ids == list(range(next_id, next_id + len(points)))
        for name in given_ids:
            slots[slots.index(None)] = name
        is_new = is_new or bool(len(ids)) or bool(len(points))
        self.model = (slots, next_id + len(points), before, now, is_new)
        rows = np.flatnonzero(np.isin(self.window.ids, given_ids))
        order = np.argsort(self.window.ids[rows])
        assert np.allclose(self.window.points[rows][order], self.stored(points), atol=1e-6)

    def stored(self, points):
        if self.window.metric == "cosine":
            return points / np.linalg.norm(points.astype(float), axis=1, keepdims=True)
        return points

    def drawn(self, data, most):
        points = data.draw(st.lists(st.tuples(COORDINATES, COORDINATES), max_size=min(most, 7)))
        array = np.array(points, np.float32).reshape(-1, 2)
        array[np.abs(array).max(axis=1) < 1e-3] = 1
        return array

    def leaving(self, data):
        live = self.window.ids.tolist()
        return data.draw(st.lists(st.sampled_from(live), unique=True, max_size=7)) if live else []

    @property
    def room(self):
        return self.window.capacity - len(self.window)

    def look(self):
        assert_right(self.window, self.dimensions, self.threshold)
        self.asked()

    @rule(data=st.data(), look=st.booleans())
    def insert(self, data, look):
        self.replaced([], self.drawn(data, self.room))
        if look:
            self.look()

    @rule(data=st.data(), look=st.booleans())
    def replace(self, data, look):
        ids = self.leaving(data)
        self.replaced(ids, self.drawn(data, self.room + len(ids)))
        if look:
            self.look()

    @rule(seeds=st.lists(st.integers(0, 9999), min_size=1, max_size=6))
    def replace_and_look(self, seeds):
        for seed in seeds:
            rng = np.random.default_rng(seed)
            live = self.window.ids.tolist()
            ids = rng.permutation(live)[: rng.integers(0, 6)].tolist()
            room = min(self.room + len(ids), 6)
            self.replaced(ids, cloud(rng, int(rng.integers(0, room + 1)), 2))
            self.look()

    @rule(data=st.data())
    def remove(self, data):
        self.replaced(self.leaving(data), np.empty((0, 2), np.float32))

    @rule(seed=st.integers(0, 999), leave=st.booleans())
    def fill(self, seed, leave):
        ids = self.window.ids.tolist() if leave else []
        self.replaced(ids, cloud(np.random.default_rng(seed), self.room + len(ids), 2))

    @precondition(lambda self: len(self.window))
    @rule(row=st.integers(0, 100))
    def repeat_a_live_point(self, row):
        if self.room and self.window.metric != "cosine":
            self.replaced([], self.window.points[[row % len(self.window)]])

    @rule()
    def refuse(self):
        before = self.window.snapshot()
        with pytest.raises(InvalidInputError, match="do not fit"):
            self.window.replace([], np.ones((self.room + 1, 2), np.float32))
        with pytest.raises(InvalidInputError, match="is not in the window"):
            self.window.remove([*self.window.ids.tolist(), self.model[1]])
        assert self.window.snapshot() == before

    def asked(self):
        slots, next_id, before, now, is_new = self.model
        if is_new:
            before, now = now, names_of(self.window.diagram(), self.window.ids)
        self.model = (slots, next_id, before, now, False)

    @rule()
    def diagram(self):
        self.look()

    @rule()
    def changes(self):
        found = self.window.changes()
        self.asked()
        _, _, before, now, _ = self.model
        for k in self.dimensions:
            old, new = found.before_edges[k].tolist(), found.after_edges[k].tolist()
            assert Counter(map(tuple, old)) == before[k]
            assert Counter(map(tuple, new)) == now[k]
            continued = [tuple(old[i]) for i, _ in found.continued[k]]
            assert continued == [tuple(new[j]) for _, j in found.continued[k]]
            assert Counter(continued) == before[k] & now[k]
            assert sorted([*found.continued[k][:, 0], *found.died[k]]) == list(range(len(old)))
            assert sorted([*found.continued[k][:, 1], *found.born[k]]) == list(range(len(new)))

    @rule()
    def verify(self):
        self.window.verify()
        self.asked()

    @rule()
    def save(self):
        self.saved.append((self.window.snapshot(), self.model))

    @precondition(lambda self: self.saved)
    @rule(which=st.integers(0, 9))
    def restore(self, which):
        data, self.model = self.saved[which % len(self.saved)]
        self.window = RipsWindow.restore(data, threads=1)
        assert self.window.snapshot() == data

    @invariant()
    def holds_what_was_put_in(self):
        if hasattr(self, "window"):
            live = [name for name in self.model[0] if name is not None]
            assert self.window.ids.tolist() == live
            assert len(self.window) == len(live) == len(self.window.points)


TestUpdatesMachine = UpdatesMachine.TestCase
TestUpdatesMachine.settings = settings(max_examples=200, stateful_step_count=30)


@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "chebyshev", "cosine"])
@pytest.mark.parametrize("capacity", [1, 2, 3, 7, 63, 64, 65, 129])
def test_an_update_is_a_rebuild(capacity, metric, rng):
    window = RipsWindow(capacity, 3, metric, updates="always")
    window.insert(cloud(rng, capacity, 3))
    paths = []
    for _ in range(25):
        changing(window, rng)
        found = assert_right(window)
        paths.append(found.info["path"])
    assert paths.count("update") >= (15 if capacity > 3 else 1)


@pytest.mark.parametrize("threshold", [0.0, 0.5, 1.0, 1.7, 3.0])
def test_a_threshold_is_kept(threshold, rng):
    window = RipsWindow(60, 2, max_edge_length=threshold, updates="always")
    window.insert(cloud(rng, 50, 2))
    assert_right(window, threshold=threshold)
    for _ in range(25):
        changing(window, rng)
        assert_right(window, threshold=threshold)


def test_a_window_may_empty_and_fill_again(rng):
    window = RipsWindow(20, 2, updates="always")
    for _ in range(3):
        window.insert(cloud(rng, 20, 2))
        assert_right(window)
        for count in (7, 12, 1):
            window.remove(window.ids[:count])
            assert_right(window)
        assert len(window) == 0


def test_all_points_but_a_few_may_be_one_point():
    window = RipsWindow(70, 2, updates="always")
    ids = window.insert(np.ones((70, 2), np.float32))
    assert len(assert_right(window)[0]) == 1
    window.replace(ids[:2], np.zeros((2, 2), np.float32))
    assert assert_right(window).info["path"] == "update"
    window.replace(ids[2:5], np.eye(3, 2, dtype=np.float32))
    found = assert_right(window)
    assert found.info["path"] == "update"
    assert found[1].tolist() == [[1.0, float(np.float32(2) ** 0.5)]]
    window.replace(window.ids, np.ones((70, 2), np.float32))
    assert len(assert_right(window)[0]) == 1


@pytest.mark.parametrize("side", [4, 8, 9])
def test_a_grid_loses_and_regains_its_points(side, rng):
    points = np.indices((side, side)).reshape(2, -1).T.astype(np.float32)
    window = RipsWindow(side * side, 2, updates="always")
    window.insert(points)
    whole = assert_right(window)
    for count in (1, 2, 5):
        leaving = rng.permutation(len(window))[:count]
        lost = window.points[leaving]
        window.remove(window.ids[leaving])
        found = assert_right(window)
        assert found.info["path"] == "update"
        window.insert(lost)
        assert np.array_equal(assert_right(window)[1], whole[1])


def test_what_left_and_came_back_between_two_diagrams_is_no_change(rng):
    window = RipsWindow(30, 2, updates="always")
    window.insert(cloud(rng, 25, 2))
    window.diagram()
    ids = window.insert(cloud(rng, 3, 2))
    window.remove(ids)
    found = assert_right(window)
    assert (found.info["path"], found.info["n_rechecked"]) == ("update", 0)


def test_several_changes_make_one_update(rng):
    window = RipsWindow(40, 2, updates="always")
    window.insert(cloud(rng, 30, 2))
    window.diagram()
    for _ in range(6):
        changing(window, rng, largest=3)
    assert assert_right(window).info["path"] == "update"


def test_info_says_what_was_done(rng):
    window = RipsWindow(50, 3, updates="always")
    ids = window.insert(rng.normal(size=(50, 3)).astype(np.float32))
    first = window.diagram()
    assert (first.info["path"], first.info["n_rechecked"]) == ("rebuild", 0)
    window.replace(ids[:1], rng.normal(size=(1, 3)).astype(np.float32))
    second = window.diagram()
    assert second.info["path"] == "update"
    assert 49 <= second.info["n_rechecked"] <= 49 * 50 // 2
    phases = {"distance", "mark", "commit", "recheck", "forest", "reduce"}
    assert set(second.info["seconds"]) == phases
    assert second.info["n_vertices"] == 50
    assert window.diagram().info == second.info
    assert first.info["path"] == "rebuild"


def test_updates_can_be_forbidden(rng):
    window = RipsWindow(50, 3, updates="never")
    window.insert(rng.normal(size=(50, 3)).astype(np.float32))
    for _ in range(3):
        changing(window, rng)
        assert assert_right(window).info["path"] == "rebuild"
    assert window._updates.state_nbytes == 0


@pytest.mark.parametrize("updates", ["auto", "never"])
def test_an_engine_without_a_state_rebuilds(rng, updates):
    window = RipsWindow(12, 2, backend="reference", updates=updates)
    window.insert(cloud(rng, 12, 2))
    window.diagram()
    changing(window, rng)
    assert assert_right(window).info["path"] == "rebuild"


def test_updates_are_not_promised_where_there_are_none(monkeypatch):
    monkeypatch.setattr(backends, "available_memory", lambda: None)
    most = certificates.MAX_SLOTS
    with pytest.raises(UnsupportedError, match=f"at most {most} slots, not {most + 1},"):
        RipsWindow(most + 1, 1, updates="always")
    data = RipsWindow(most + 1, 1).snapshot()
    meta, arrays = unpack(data, "RipsWindow", 2)
    forged = pack("RipsWindow", 2, {**meta, "updates": "always"}, arrays)
    with pytest.raises(UnsupportedError, match=f"at most {most} slots, not {most + 1},"):
        RipsWindow.restore(forged)
    assert RipsWindow(most, 1, updates="always").nbytes < 1 << 20
    with pytest.raises(UnsupportedError, match="reference engine updates no window in place"):
        RipsWindow(12, 2, backend="reference", updates="always")
    always = RipsWindow(12, 2, updates="always").snapshot()
    with pytest.raises(UnsupportedError, match="reference engine updates no window"):
        RipsWindow.restore(always, backend="reference")


def test_the_bytes_held_are_told(rng):
    window = RipsWindow(100, 3, updates="always")
    empty = window.nbytes
    assert empty >= 100 * 3 * 4 + 100 * 8
    window.insert(rng.normal(size=(100, 3)).astype(np.float32))
    window.diagram()
    slots = 128
    assert window.nbytes >= empty + slots * slots * (4 + 2 + 2)


def test_an_old_diagram_is_not_touched_by_updates(rng):
    window = RipsWindow(12, 2, updates="always")
    window.insert(rng.normal(size=(12, 2)).astype(np.float32))
    old = window.diagram()
    kept = [old[k].copy() for k in (0, 1)], pairs_of(old, 0), pairs_of(old, 1)
    for _ in range(5):
        changing(window, rng)
        window.diagram()
    assert all(np.array_equal(old[k], kept[0][k]) for k in (0, 1))
    assert (pairs_of(old, 0), pairs_of(old, 1)) == kept[1:]


def test_cycles_of_an_old_diagram_stay_those_of_its_points():
    angle = 2 * np.pi * np.arange(10) / 10
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    window = RipsWindow(12, 2, updates="always")
    ids = window.insert(ring)
    window.diagram()
    window.replace(ids[:1], ring[:1])
    old = window.diagram()
    window.replace(ids[1:5], ring[1:5] * 3)
    window.diagram()
    assert sorted(old.cycle(1, 0)[0]) == list(range(10))


@pytest.mark.parametrize("threads", [2, 3, 5])
def test_threads_do_not_change_an_update(monkeypatch, threads):
    def run(count):
        rng = np.random.default_rng(5)
        window = RipsWindow(90, 3, threads=count, updates="always")
        window.insert(cloud(rng, 90, 3))
        states = []
        for _ in range(6):
            window.diagram()
            changing(window, rng)
            found = window.diagram()
            states.append((pairs_of(found, 0), pairs_of(found, 1), found.info["n_rechecked"]))
        window.verify()
        return states

    one = run(1)
    monkeypatch.setattr(rechecks, "_EDGES_PER_THREAD", 1)
    monkeypatch.setattr(rechecks, "_MARKS_PER_THREAD", 1)
    assert run(threads) == one


def test_threads_do_not_list_an_edge_twice(rng):
    alone = RipsWindow(400, 8, threads=1, updates="always")
    together = RipsWindow(400, 8, threads=2, updates="always")
    points = rng.normal(size=(400, 8)).astype(np.float32)
    for window in (alone, together):
        window.insert(points)
        window.diagram()
    for _ in range(4):
        leaving = rng.permutation(alone.ids)[:30]
        points = rng.normal(size=(30, 8)).astype(np.float32)
        alone.replace(leaving, points)
        together.replace(leaving, points)
        one, other = alone.diagram(), together.diagram()
        assert one.info["path"] == "update"
        assert one.info["n_rechecked"] == other.info["n_rechecked"]
        assert one.info["n_split"] == other.info["n_split"]
        assert pairs_of(one, 1) == pairs_of(other, 1)


class Impatient(CostModel):
    """Always updates, and allows next to nothing."""

    def updates(self, n, changed):
        return True

    def builds(self, n, changed):
        return True

    def budget(self, n, changed):
        return 0


def test_an_update_that_turns_out_too_large_becomes_a_rebuild(monkeypatch, rng):
    failures = []
    monkeypatch.setattr(window_updates, "CostModel", Impatient)
    monkeypatch.setattr(Impatient, "observe_failure", lambda self, *_: failures.append(1))
    window = RipsWindow(100, 5, updates="auto")
    for _ in range(2):  # the first diagram notes nothing, the second does
        window.replace(window.ids, rng.normal(size=(100, 5)).astype(np.float32))
        window.diagram()
    for count in (1, 2):
        window.replace(window.ids[:20], rng.normal(size=(20, 5)).astype(np.float32))
        assert assert_right(window).info["path"] == "rebuild"
        assert len(failures) == count
    window.remove(window.ids[:1])
    assert_right(window)
