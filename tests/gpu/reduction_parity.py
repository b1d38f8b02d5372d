"""What K4 to K6 must do by themselves, on a device and in the emulator; see `parity`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from aura_tda_gpu.persistence import cuda_bars, cuda_reduction, cuda_stages
from aura_tda_gpu.persistence.cuda import CudaEngine
from aura_tda_gpu.persistence.cuda_kernels import CONSTANTS
from aura_tda_gpu.persistence.cuda_reduction import Reduction
from aura_tda_gpu.persistence.cuda_rooms import Outcome, Rooms
from aura_tda_gpu.persistence.cuda_stages import Classified, Ordered
from aura_tda_gpu.persistence.rips import vietoris_rips
from tests.gpu.parity import FilledWith, assert_same, cloud, diagram_by, two_sides

NOBODY = CONSTANTS["NOBODY"]
LAST = np.uint64(0xFFFFFFFFFFFFFFFF)
KEYS = 2 * CONSTANTS["RANK_TILE"]
# lists shorter and longer than a block's keys, than a tile, than the room for what is in order
LENGTHS = [(0, 1), (KEYS + 1, KEYS // 2), (1, 0), (31, 33), (32, 32), (KEYS // 2 + 1, 63)]
POISON = 0xABABABABABABABAB


def drawn_lists(xp: Any, rng: Any, lengths: list[tuple[int, int]], room: int, few: int) -> Any:
    """Lists of windows with so many RNG and split edges, of so few lengths."""
    windows = len(lengths)
    keys = rng.integers(1, few, (2, windows, room)).astype(np.uint64)
    spans = np.zeros((windows, room, 2), np.int32)
    spans[:, :, 0] = 3 * np.arange(room)
    spans[:, :, 1] = rng.integers(2, 4, (windows, room))
    counts = np.zeros((windows, CONSTANTS["COUNTS"]), np.int32)
    for window, (n_rng, n_split) in enumerate(lengths):
        counts[window, CONSTANTS["N_RNG"]] = n_rng
        counts[window, CONSTANTS["N_SPLIT"]] = n_split
        counts[window, CONSTANTS["N_REPS"]] = spans[window, :n_split, 1].sum()
    reps = rng.integers(0, 500, (windows, 3 * room)).astype(np.uint16)
    arrays = [xp.asarray(array) for array in (*keys, spans, reps)]
    first = xp.empty((windows, 0, 0), np.uint16)
    return Classified(*arrays, first, xp.asarray(counts), counts)


def eliminated(columns: list[int], owner: dict[int, int], kept: dict[int, int]) -> int:
    """Reduce columns in rounds behind those that are kept; return how many were added."""
    low = [column.bit_length() - 1 for column in columns]
    additions = 0

    def claim(some: Any) -> list[int]:
        for c in some:
            if low[c] >= 0:
                owner[low[c]] = min(c, owner.get(low[c], NOBODY))
        return [c for c, birth in enumerate(low) if birth >= 0 and owner[birth] != c]

    active = claim(range(len(columns)))
    while active:
        after = {}
        for c in active:
            value, birth = columns[c], low[c]
            while birth >= 0 and owner.get(birth, NOBODY) < c:
                value ^= kept[birth] if owner[birth] < 0 else columns[owner[birth]]
                birth = value.bit_length() - 1
                additions += 1
            after[c] = value
        for c, value in after.items():
            columns[c], low[c] = value, value.bit_length() - 1
        active = claim(active)
    for birth, c in owner.items():
        if c >= 0:
            kept[birth], owner[birth] = columns[c], CONSTANTS["KEPT"]
    return additions


class ReductionParity:
    """Tests of stages; the module of a subclass gives ``xp``, ``kernels``, ``engine``."""

    @pytest.mark.parametrize("few", [50, 2**50])
    @pytest.mark.parametrize("less", [0, 7])
    def test_lists_of_any_length_are_put_in_order(self, xp, kernels, few, less):
        # equal keys stay in the order in which they came
        engine = CudaEngine(FilledWith(xp, POISON & 0xFF), kernels)
        lists = drawn_lists(xp, np.random.default_rng(few), LENGTHS, KEYS + 1, few)
        rooms = Rooms(KEYS + 1 - less, KEYS // 2 - less, (2 if less else 4) * KEYS // 4, 0)
        edges = engine.stages.in_order(lists, rooms, xp.array(lists.counts))
        names = ("rng", "splits", "spans", "ends", "relations", "reps")
        found = {name: engine.device.to_host(getattr(edges, name)) for name in names}
        for window, (n_rng, n_split) in enumerate(LENGTHS):
            given = [engine.device.to_host(array)[window] for array in (lists.rng, lists.splits)]
            expected = np.full(KEYS + 1, LAST)
            expected[:n_rng] = np.sort(given[0][:n_rng])
            assert np.array_equal(found["rng"][window], expected[: rooms.rng])
            order = np.argsort(given[1][:n_split], kind="stable")[: rooms.splits]
            expected = np.full(rooms.splits, LAST)
            expected[: len(order)] = given[1][order]
            assert np.array_equal(found["splits"][window], expected)
            spans = engine.device.to_host(lists.spans)[window][order]
            assert np.array_equal(found["spans"][window, : len(order)], spans)
            ends = np.zeros(rooms.splits, np.int64)
            ends[: len(order)] = spans[:, 1] - 1
            assert np.array_equal(found["ends"][window], np.cumsum(ends))
            reps = found["reps"][window].tolist()
            cycles = [
                place << 32 | reps[start] << 16 | reps[start + k]
                for place, (start, n_parts) in enumerate(spans.tolist())
                for k in range(1, n_parts)
            ][: rooms.relations]
            rest = [POISON] * (rooms.relations - len(cycles))
            assert found["relations"][window].tolist() == cycles + rest

    @pytest.mark.parametrize("shared", [0, 1200, 48 * 1024])
    @pytest.mark.parametrize("name", ["gaussian n=65", "islands", "integer holes", "lattice"])
    def test_forests_grow_in_either_memory(self, engine, monkeypatch, shared, name):
        monkeypatch.setattr(cuda_stages, "SHARED_BYTES", shared)
        D = cloud(name)
        assert_same(diagram_by(engine, D), vietoris_rips(D, metric="precomputed", backend="cpu"))

    def test_a_chain_of_components_becomes_one(self, engine):
        # each point is nearest to the one that follows
        places = np.cumsum(1 - np.arange(140) * np.float32(2**-9))
        D = np.abs(places[:, np.newaxis] - places).astype(np.float32)
        truth = vietoris_rips(D, metric="precomputed", backend="cpu")
        assert_same(diagram_by(engine, D), truth)

    @pytest.mark.parametrize("words", [1, 31, 32, 33, 65, 130])
    @pytest.mark.parametrize("in_shared", [0, 1, 2])
    def test_columns_do_not_depend_on_the_schedule(self, xp, engine, monkeypatch, words, in_shared):
        rng, device = np.random.default_rng(words), engine.device
        windows, per_chunk, n_chunks, n_births = 2, 90, 3, 32 * words - 3
        room = 64 + 4 * [0, per_chunk + 32 * words, 3 * per_chunk + 32 * words][in_shared]
        monkeypatch.setattr(cuda_reduction, "SHARED_BYTES", room)
        assert cuda_reduction._shared_ints(per_chunk, 32 * words)[0] == in_shared
        n = n_chunks * per_chunk - 7
        drawn = rng.random((windows, n_chunks * per_chunk, 32 * words)) < 0.3 / np.sqrt(words)
        drawn[..., n_births:] = False
        drawn[..., 60:] &= (
            rng.random((windows, n_chunks * per_chunk, 1)) < 0.5
        )  # many of few births
        packed = np.packbits(drawn, axis=2, bitorder="little").view(np.uint32)
        splits = np.sort(rng.integers(1, 2**60, (windows, n)).astype(np.uint64), axis=1)
        ends = np.tile(np.arange(1, n + 1, dtype=np.int32), (windows, 1))
        relations = np.tile(np.arange(n, dtype=np.uint64) << np.uint64(32), (windows, 1))
        lists = drawn_lists(xp, rng, [(0, 0)] * windows, 1, 9)
        on_device = (xp.array(array) for array in (splits, ends, relations))
        splits_there, ends_there, relations_there = on_device
        counts = np.zeros((windows, CONSTANTS["COUNTS"]), np.int32)
        counts[:, CONSTANTS["N_BIRTHS"]] = n_births
        outcome = Outcome.empty(device, windows, 5, words)
        outcome.counts[...] = xp.asarray(counts)
        edges = Ordered(
            *(lists.rng, splits_there, lists.spans, lists.reps, lists.first, outcome.counts),
            *(counts, ends_there, relations_there),
        )
        owner = xp.empty((windows, 32 * words), np.int32)
        for first in range(0, n, per_chunk):
            chunk = packed[:, first : first + per_chunk]
            bits = drawn[:, first : first + per_chunk]
            low = np.where(bits.any(2), 32 * words - 1 - bits[..., ::-1].argmax(2), -1)
            arrays = xp.array(chunk), xp.array(low.astype(np.int32))
            Reduction(device)._eliminate(edges, first, *arrays, owner, outcome)
        found = outcome.on_host(device)
        for window in range(windows):
            owners: dict[int, int] = {}
            kept: dict[int, int] = {}
            deaths, additions = np.zeros(32 * words, np.uint64), 0
            for first in range(0, n, per_chunk):
                some = packed[window, first : min(first + per_chunk, n)]
                dead = set(kept)
                columns = [int.from_bytes(row.tobytes(), "little") for row in some]
                if len(kept) < n_births:  # else all are dead
                    additions += eliminated(columns, owners, kept)
                for birth in set(kept) - dead:
                    deaths[birth] = splits[window, first + columns.index(kept[birth])]
            expected = np.zeros((32 * words, words), np.uint32)
            for birth, column in kept.items():
                expected[birth] = np.frombuffer(column.to_bytes(4 * words, "little"), np.uint32)
            assert np.array_equal(found.columns[window], expected)
            assert np.array_equal(found.deaths[window], deaths)
            assert found.counts[window, CONSTANTS["N_KILLED"]] == len(kept) > 20
            assert found.counts[window, CONSTANTS["ADDITIONS"]] == additions > 50

    @pytest.mark.parametrize("list_room", [16, 64, 1024])
    @pytest.mark.parametrize("name", ["gaussian n=65", "symmetric n=130"])
    def test_relations_are_replaced_some_at_a_time(self, engine, monkeypatch, list_room, name):
        D = cloud(name)
        truth = diagram_by(engine, D)
        assert_same(truth, vietoris_rips(D, metric="precomputed", backend="cpu"))
        monkeypatch.setattr(cuda_bars, "FIRST_LIST", list_room)
        found = diagram_by(engine, D)
        assert_same(found, truth)
        assert found.info["column_additions"] == truth.info["column_additions"]
        for i in range(len(truth[1])):
            assert found.cycle(1, i) == truth.cycle(1, i)

    @pytest.mark.parametrize("n", [36, 52])
    def test_more_births_than_lanes_have_words(self, engine, n):
        D = two_sides(n)
        truth = vietoris_rips(D, metric="precomputed", backend="cpu")
        assert truth.info["n_births"] == (n - 1) ** 2
        assert_same(diagram_by(engine, D), truth)
