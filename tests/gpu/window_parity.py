"""What a window on a device must do, on a device and in the emulator; see `parity`."""

from __future__ import annotations

import numpy as np
import pytest

from aura_tda_gpu.errors import MemoryLimitError, StateCorruption
from aura_tda_gpu.persistence import (
    cuda_bars,
    cuda_device,
    cuda_passes,
    cuda_reduction,
    cuda_rooms,
    cuda_stages,
    distances,
)
from aura_tda_gpu.persistence.cpu import CpuEngine
from aura_tda_gpu.persistence.cuda import CudaEngine
from aura_tda_gpu.persistence.diagram import Diagram
from aura_tda_gpu.persistence.distances import unit_rows
from aura_tda_gpu.persistence.engine import TooManyEdges
from aura_tda_gpu.persistence.footprint import state_bytes
from aura_tda_gpu.persistence.vineyard_updates import RipsWindow
from tests.gpu.parity import METRICS, FilledWith, WithoutMemory
from tests.oracles.homology import Filling, closed_walk_edges
from tests.oracles.peers import bars_of, pairs_of
from tests.persistence.window_checks import assert_right, changing, cloud

ALL = 10**9


class Pair:
    """A window of each engine, changed alike."""

    def __init__(self, engine, capacity, dim, metric="euclidean", threshold=np.inf, seed=0):
        self.rng = np.random.default_rng(seed)
        self.metric, self.dim = metric, dim
        self.points = np.zeros((capacity, dim), np.float32)
        self.engines = engine, CpuEngine()
        self.states = [
            e.window_state(capacity, dim, metric, threshold=threshold, threads=1)
            for e in self.engines
        ]

    def draw(self, m):
        points = cloud(self.rng, m, self.dim)
        return unit_rows(points) if self.metric == "cosine" else points

    def build(self, slots):
        self.points[slots] = self.draw(len(slots))
        for engine, state in zip(self.engines, self.states, strict=True):
            matrix = engine.pairwise(self.points[slots], self.metric)
            state.build(matrix, self.points[slots], slots)

    def update(self, gone, new):
        gone, new = np.array(gone, np.int64), np.array(new, np.int64)
        self.points[new] = self.draw(len(new))
        return [state.update(gone, new, self.points[new], ALL) for state in self.states]

    def drawn_change(self, most=5):
        live, rng = self.states[0].live, self.rng
        gone = np.sort(rng.permutation(live)[: rng.integers(0, min(len(live), most) + 1)])
        free = np.setdiff1d(np.arange(len(self.points)), np.setdiff1d(live, gone))
        return gone, np.sort(rng.permutation(free)[: rng.integers(0, min(len(free), most) + 1)])

    def assert_equal(self, dimensions=(0, 1)):
        found, truth = (Diagram(state.result(dimensions)) for state in self.states)
        assert np.array_equal(self.states[0].live, self.states[1].live)
        assert found.info["r_enc"] == truth.info["r_enc"]
        for name in ("n_rng", "n_births", "n_split", "n_relations"):
            assert found.info[name] == truth.info[name]
        for k in dimensions:
            assert bars_of(found, k) == bars_of(truth, k)
            assert pairs_of(found, k) == pairs_of(truth, k)
        self.states[0].verify()
        return found, truth


class WindowParity:
    """Tests of a window state; the module of a subclass gives ``xp``, ``kernels``, ``engine``."""

    @pytest.mark.parametrize("metric", METRICS)
    @pytest.mark.parametrize("seed", range(4))
    def test_any_change_leaves_the_bars_of_the_cpu(self, engine, metric, seed):
        rng = np.random.default_rng(seed)
        capacity = int(rng.choice([5, 31, 33, 64, 70]))
        threshold = float(rng.choice([np.inf, 2.0]))
        pair = Pair(engine, capacity, int(rng.integers(1, 5)), metric, threshold, seed)
        pair.build(np.sort(rng.permutation(capacity)[: rng.integers(1, capacity + 1)]))
        for _ in range(6):
            pair.assert_equal()
            pair.update(*pair.drawn_change())
        pair.assert_equal()

    def test_two_chunks_of_vertices(self, engine):
        pair = Pair(engine, 1030, 2)
        pair.build(np.arange(900, 1030))
        pair.update([1029, 1000, 901], [3, 901, 1029])
        pair.assert_equal()

    def test_down_to_nothing_and_up_again(self, engine):
        pair = Pair(engine, 6, 2)
        pair.build(np.arange(4))
        for gone, new in (([0, 1], []), ([2, 3], []), ([], [5]), ([], [0, 3]), ([5], [5, 1])):
            pair.update(gone, new)
            pair.assert_equal()

    def test_one_dimension(self, engine):
        pair = Pair(engine, 30, 3)
        pair.build(np.arange(30))
        pair.update([4], [4])
        for dimensions in ((0,), (1,)):
            found, _ = pair.assert_equal(dimensions)
            assert found.dimensions == dimensions

    def test_most_edges_are_not_looked_at(self, engine):
        pair = Pair(engine, 90, 2)
        pair.draw = lambda m: pair.rng.normal(size=(m, 2)).astype(np.float32)
        pair.build(np.arange(90))
        pair.update([7], [7])
        assert 89 <= pair.assert_equal()[0].info["n_rechecked"] < 90 * 89 // 4
        pair.update([], [])
        assert pair.assert_equal()[0].info["n_rechecked"] == 0

    def test_loops_go_on(self, engine):
        pair = Pair(engine, 24, 2)
        pair.build(np.arange(0, 24, 2))
        pair.update([4, 6], [1, 4])
        found, truth = pair.assert_equal()
        for i in range(len(truth[1])):
            assert found.cycle(1, i)[0]

    @pytest.mark.parametrize("dim", [2, 5])
    def test_relations_are_known_from_the_diagram_before(self, engine, dim):
        pair = Pair(engine, 60, dim, seed=dim)
        pair.draw = lambda m: pair.rng.normal(size=(m, dim)).astype(np.float32)
        pair.build(np.arange(60))
        found, _ = pair.assert_equal()
        assert found.info["relations_reused"] == 0
        assert found.info["n_relations"] > 5
        for _ in range(2):  # from a diagram that found them, and from one that knew them
            again, _ = pair.assert_equal()
            assert again.info["relations_reused"] == again.info["n_relations"]
        # vertices that were used have moved, and no edge of the relations tells
        used = again.info["n_relations"]
        for slots, least in (([7], 1), (np.arange(60), used)):
            pair.states[0]._warm.move(slots)
            found, _ = pair.assert_equal()
            assert used - found.info["relations_reused"] >= least
        shares = []
        for slot in range(12):
            pair.update([slot], [slot])
            found, _ = pair.assert_equal()
            shares.append(found.info["relations_reused"] / found.info["n_relations"])
        assert 0.3 < np.mean(shares) < 1
        pair.build(np.arange(60))
        assert pair.assert_equal()[0].info["relations_reused"] == 0

    @pytest.mark.parametrize("seed", range(3))
    def test_loops_of_updates_live_exactly_as_long_as_their_bars(self, engine, seed):
        pair = Pair(engine, 30, 2, seed=seed)
        angles = pair.rng.uniform(0, 2 * np.pi, 200)
        ring = np.stack([np.cos(angles), np.sin(angles)], 1) + pair.rng.normal(0, 0.2, (200, 2))
        pair.draw = lambda m: pair.rng.choice(ring, m).astype(np.float32)
        pair.build(np.arange(28))
        n_reused = 0
        for _ in range(5):
            pair.update(*pair.drawn_change(2))
            found, _ = pair.assert_equal()
            n_reused += found.info["relations_reused"]
            live = pair.states[0].live
            filling = Filling(distances.pairwise(pair.points[live], "euclidean"))
            for i in range(len(found[1])):
                loop = [edge for walk in found.cycle(1, i) for edge in closed_walk_edges(walk)]
                birth = tuple(found.birth_edges[1][i].tolist())
                death = tuple(found.death_edges[1][i].tolist())
                assert max(loop, key=filling.ranks.__getitem__) == birth
                assert not filling.filled(loop, filling.ranks[death] - 1)
                assert filling.filled(loop, filling.ranks[death])
        assert n_reused > 0

    @pytest.mark.parametrize("byte", [0x00, 0xAB, 0xFF])
    def test_nothing_is_read_that_was_not_written(self, xp, kernels, byte):
        pair = Pair(CudaEngine(FilledWith(xp, byte), kernels), 40, 3, seed=byte)
        pair.build(np.arange(33))
        for _ in range(4):
            pair.update(*pair.drawn_change())
            pair.assert_equal()

    def test_lists_that_are_too_short_grow(self, engine, monkeypatch):
        monkeypatch.setattr(cuda_passes, "room_after", lambda known: known)
        pair = Pair(engine, 60, 8)
        pair.draw = lambda m: pair.rng.normal(size=(m, 8)).astype(np.float32)
        pair.build(np.arange(60))
        for _ in range(4):
            pair.update(*pair.drawn_change(20))
            pair.assert_equal()

    @pytest.mark.parametrize("byte", [0x00, 0xAB, 0xFF])
    def test_far_more_edges_than_there_was_room_for(self, xp, kernels, byte):
        pair = Pair(CudaEngine(FilledWith(xp, byte), kernels), 250, 3, seed=1)
        pair.draw = lambda m: pair.rng.normal(size=(m, 3)).astype(np.float32)
        pair.build(np.arange(4))
        pair.assert_equal()
        pair.update([], np.arange(4, 250))
        pair.assert_equal()

    def test_an_update_before_the_first_diagram(self, engine):
        pair = Pair(engine, 150, 3, seed=1)
        pair.draw = lambda m: pair.rng.normal(size=(m, 3)).astype(np.float32)
        pair.build(np.arange(150))
        pair.update([3], [3])
        pair.assert_equal()

    @pytest.mark.parametrize("room", [1, 3])
    def test_rooms_that_never_do(self, engine, monkeypatch, room):
        monkeypatch.setattr(cuda_rooms.Rooms, "after", lambda self: cuda_rooms.Rooms(*4 * [room]))
        monkeypatch.setattr(cuda_passes, "room_after", lambda known: known)
        pair = Pair(engine, 60, 5)
        pair.build(np.arange(30))
        for _ in range(4):
            pair.assert_equal()
            pair.update(*pair.drawn_change(20))
        pair.assert_equal()

    def test_long_lists_are_sorted(self, engine, monkeypatch):
        monkeypatch.setattr(cuda_stages, "MANY_KEYS", 0)
        pair = Pair(engine, 50, 5, seed=4)
        pair.build(np.arange(40))
        for _ in range(4):
            pair.assert_equal()
            pair.update(*pair.drawn_change(8))
        pair.assert_equal()

    def test_relations_in_chunks_and_lists_that_grow_are_known_too(self, engine, monkeypatch):
        monkeypatch.setattr(cuda_reduction, "COLUMN_BYTES", 60)
        monkeypatch.setattr(cuda_bars, "FIRST_LIST", 4)
        pair = Pair(engine, 50, 5, seed=2)
        pair.draw = lambda m: pair.rng.normal(size=(m, 5)).astype(np.float32)
        pair.build(np.arange(50))
        pair.assert_equal()
        again, _ = pair.assert_equal()
        assert 0 < again.info["relations_reused"] <= again.info["n_relations"]
        for slot in range(6):
            pair.update([slot], [slot])
            found, _ = pair.assert_equal()
            assert found.info["relations_reused"] <= found.info["n_relations"]

    @pytest.mark.parametrize("dim", [2, 10])
    def test_a_state_is_no_larger_than_planned(self, engine, dim):
        n = 128
        pair = Pair(engine, n, dim, seed=dim)
        pair.draw = lambda m: pair.rng.normal(size=(m, dim)).astype(np.float32)
        pair.build(np.arange(n))
        state = pair.states[0]
        for m in (1, 100, 1):
            pair.assert_equal()
            assert state.device_nbytes + state.nbytes <= state_bytes(n, dim)
            pair.update(np.arange(m), np.arange(m))

    def test_a_state_that_is_too_large_for_the_device_goes(self, engine, monkeypatch):
        monkeypatch.setattr(cuda_device, "cuda_engine", lambda: engine)
        monkeypatch.setattr(cuda_device, "check_size", lambda n: None)
        window = RipsWindow(capacity=20, dim=2, backend="cuda", updates="always")
        window.insert(np.random.default_rng(0).normal(size=(20, 2)))
        window.diagram()
        state = window._updates._state
        assert state.nbytes < state.device_nbytes
        window._updates.keep_within(state.device_nbytes)
        assert window._updates._state is state
        window._updates.keep_within(state.device_nbytes - 1)
        assert window._updates._state is None
        assert_right(window)

    def test_a_budget_is_kept(self, engine):
        pair = Pair(engine, 50, 2)
        pair.build(np.arange(50))
        state = pair.states[0]
        slots = np.arange(25)
        state.update(slots, slots[:1], pair.draw(1), 0)
        with pytest.raises(TooManyEdges):
            state.result((0, 1))
        pair.build(slots)
        pair.assert_equal()

    @pytest.mark.parametrize("byte", [0x00, 0xAB, 0xFF])
    def test_what_is_over_the_budget_makes_no_relations(self, xp, kernels, byte):
        pair = Pair(CudaEngine(FilledWith(xp, byte), kernels), 60, 3)
        pair.draw = lambda m: pair.rng.normal(size=(m, 3)).astype(np.float32)
        state = pair.states[0]
        for m in range(1, 5):
            pair.build(np.arange(60))
            pair.assert_equal()
            gone = np.arange(5, 5 + m)
            state.update(gone, gone[:1], pair.draw(1), 0)
            with pytest.raises(TooManyEdges):
                state.result((0, 1))

    @pytest.mark.parametrize(
        "fault", ["length", "hub", "empty", "rng", "split", "vertex", "radius"]
    )
    def test_verify_names_what_is_false(self, engine, fault):
        pair = Pair(engine, 40, 5, seed=3)
        pair.draw = lambda m: pair.rng.normal(size=(m, 5)).astype(np.float32)
        pair.build(np.arange(40))
        state = pair.states[0]
        state.verify()
        codes, lists, n = state.codes, state.lists, 40
        first = engine.device.to_host(codes.first)[0]
        below = np.tril(np.ones((n, n), bool), -1)
        if fault == "length":
            state.bits[0, 9, 4] += 1
            edge = (9, 4)
        elif fault == "radius":
            codes.host_enclosing = codes.host_enclosing + np.uint64(1 << 32)
            edge = None
        elif fault in ("hub", "empty"):
            wanted = (first < n) if fault == "hub" else (first == 2 * n)
            a, b = (int(v) for v in np.argwhere(wanted & below)[0])
            codes.first[0, a, b] = a
            edge = (b, a)
        elif fault == "vertex":
            lists.reps[0, :] = 0
            edge = ()
        else:
            array = lists.rng if fault == "rng" else lists.splits
            array[0, 1] = array[0, 0]
            edge = ()
        with pytest.raises(StateCorruption) as raised:
            state.verify()
        if edge != ():
            assert raised.value.edge == edge

    @pytest.mark.parametrize("name", ["rng", "splits"])
    @pytest.mark.parametrize("byte", [0xAB, 0xFF])
    def test_a_key_that_comes_twice_is_found_wherever_memory_was_not_zero(
        self, xp, kernels, byte, name
    ):
        pair = Pair(CudaEngine(FilledWith(xp, byte), kernels), 40, 5, seed=3)
        pair.draw = lambda m: pair.rng.normal(size=(m, 5)).astype(np.float32)
        pair.build(np.arange(40))
        array = getattr(pair.states[0].lists, name)
        array[0, 1] = array[0, 0]
        with pytest.raises(StateCorruption):
            pair.states[0].verify()

    def test_without_memory_the_next_diagram_is_right(self, xp, kernels, monkeypatch):
        short = WithoutMemory(xp)
        engine = CudaEngine(short, kernels)
        monkeypatch.setattr(cuda_device, "cuda_engine", lambda: engine)
        monkeypatch.setattr(cuda_device, "check_size", lambda n: None)
        window = RipsWindow(capacity=20, dim=2, backend="cuda", updates="always")
        rng = np.random.default_rng(0)
        ids = window.insert(rng.normal(size=(20, 2)))
        assert_right(window)
        window.replace(ids[:2], rng.normal(size=(2, 2)))
        short.refusing = True
        with pytest.raises(MemoryLimitError, match="bytes on the GPU"):
            window.diagram()
        short.refusing = False
        assert assert_right(window).info["path"] == "rebuild"
        window.replace(ids[2:3], rng.normal(size=(1, 2)))
        assert assert_right(window).info["path"] == "update"

    @pytest.mark.parametrize("metric", METRICS)
    def test_the_window_of_the_package(self, engine, monkeypatch, metric):
        monkeypatch.setattr(cuda_device, "cuda_engine", lambda: engine)
        monkeypatch.setattr(cuda_device, "check_size", lambda n: None)
        rng = np.random.default_rng(5)
        window = RipsWindow(capacity=33, dim=3, metric=metric, backend="cuda", updates="always")
        window.insert(cloud(rng, 20, 3))
        paths = []
        for _ in range(6):
            paths.append(assert_right(window).info["path"])
            changing(window, rng)
        assert paths == ["rebuild", *["update"] * 5]
        restored = RipsWindow.restore(window.snapshot())
        assert_right(restored)
