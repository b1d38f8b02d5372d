"""Bars of many windows at once are those of each window by itself, in the same order."""

from __future__ import annotations

import numpy as np
import pytest

from aura_tda_gpu.persistence import many_slot_bars
from aura_tda_gpu.persistence.bars import ListedMembers, bars_of
from aura_tda_gpu.persistence.cuda_bars import Brought, Words
from aura_tda_gpu.persistence.cuda_kernels import CONSTANTS
from aura_tda_gpu.persistence.diagram import Diagram
from aura_tda_gpu.persistence.engine import EngineResult
from aura_tda_gpu.persistence.kernels import many_rows
from aura_tda_gpu.persistence.kernels.spread import most_persistent_first, sort_few, sort_spread
from aura_tda_gpu.persistence.many_bars import bars_of_many
from aura_tda_gpu.persistence.many_slot_bars import TrimmedWords, bars_of_windows

N = 12
LAST = np.uint64(0xFFFFFFFFFFFFFFFF)
N_COUNTS = 10


def drawn_window(rng, n_lengths, n_parts, with_loops):
    """A forest of so many components, births inside them, and what may kill these."""
    lengths = np.sort(np.concatenate([[0.0], rng.random(abs(n_lengths) - 1)])).astype(np.float32)
    if n_lengths < 0:
        lengths[:-1] *= np.float32(1e-14)  # persistences of which the upper bits are equal
    part_of = rng.integers(0, n_parts, N)
    part_of[:n_parts] = range(n_parts)
    tree, others = [], []
    for b in range(N):
        older = [a for a in range(b) if part_of[a] == part_of[b]]
        for i, a in enumerate(rng.permutation(older).tolist()):
            (others if i else tree).append((a, b))
    n_births = rng.integers(0, len(others) + 1) if with_loops else 0
    chosen = [others[i] for i in rng.permutation(len(others))[:n_births]]
    where = [key_of(rng.choice(lengths), *edge) for edge in (*tree, *chosen)]
    is_merge = np.arange(len(where)) < len(tree)
    order = np.argsort(where)
    edge_keys, is_merge = np.array(where, np.uint64)[order], is_merge[order]
    births = edge_keys[~is_merge]
    deaths = np.array(
        [rng.choice([0, key_of(rng.choice(lengths), 1, 2), int(birth) + 1]) for birth in births],
        np.uint64,
    )
    return edge_keys[is_merge], births, deaths


def key_of(length, a, b):
    return int(np.float32(length).view(np.uint32)) << 32 | b << 16 | a


def drawn(seed, windows, n_lengths=7, n_parts=1, with_loops=True):
    """Pairs of windows, padded by what must not be looked at."""
    rng = np.random.default_rng(seed)
    parts = [
        drawn_window(rng, n_lengths, 1 + seed % 2 * rng.integers(n_parts), with_loops)
        for _ in range(windows)
    ]
    most = max(len(births) for _, births, _ in parts)
    words = -(-most // 32)
    merges, births = np.full((windows, N), LAST), np.full((windows, most), LAST)
    deaths = np.zeros((windows, most), np.uint64)
    columns = rng.integers(0, 2**32, (windows, most, words), np.uint32)
    counts = rng.integers(0, 9, (windows, N_COUNTS)).astype(np.int32)
    for i, (its_merges, its_births, its_deaths) in enumerate(parts):
        merges[i, : len(its_merges)] = its_merges
        births[i, : len(its_births)], deaths[i, : len(its_births)] = its_births, its_deaths
        younger = np.arange(32 * words) > np.arange(most)[:, np.newaxis]
        columns[i] &= ~np.packbits(younger, axis=1, bitorder="little").view(np.uint32)
        counts[i, CONSTANTS["N_RNG"]] = len(its_merges) + len(its_births)
        counts[i, CONSTANTS["N_BIRTHS"]] = len(its_births)
    return Brought(N, merges, births, deaths, columns, counts, with_loops)


def assert_same(found, truth):
    assert found.dimensions == truth.dimensions
    loops, its_loops = found._loop_edges, truth._loop_edges
    if loops is not None and isinstance(loops.members, Words):
        assert loops.nbytes <= its_loops.nbytes
    for k in truth.dimensions:
        for name in ("truncated", "birth_edges", "death_edges"):
            mine, other = getattr(found, name)[k], getattr(truth, name)[k]
            assert mine.dtype == other.dtype
            assert mine.tolist() == other.tolist()
            assert not mine.flags.writeable
        assert found[k].dtype == truth[k].dtype
        assert found[k].shape == truth[k].shape
        assert found[k].tobytes() == truth[k].tobytes()
        assert not found[k].flags.writeable
    for i in range(len(truth[1]) if 1 in truth.dimensions else 0):
        assert loop_of(found, i) == loop_of(truth, i)


def loop_of(diagram, row):
    """The edges of one bar's loop."""
    row = diagram._order[1][row] if 1 in diagram._order else row
    return diagram._loop_edges(row).tolist()


WAYS = pytest.mark.parametrize("of_many", [bars_of_many, bars_of_windows])


@WAYS
@pytest.mark.parametrize("dimensions", [(0,), (1,), (0, 1)])
@pytest.mark.parametrize("n_lengths", [2, 7, 1000, -30])
@pytest.mark.parametrize("windows", [1, 2, 30])
@pytest.mark.parametrize("seed", range(4))
def test_each_window_is_as_by_itself(of_many, seed, windows, n_lengths, dimensions):
    found = drawn(seed, windows, n_lengths, 4, with_loops=1 in dimensions)
    many = of_many(found, dimensions)
    assert len(many) == len(list(found)) == windows
    for w, paired in enumerate(found):
        mine = many.of(w)
        truth = Diagram(EngineResult(*bars_of(paired, dimensions, N)))
        assert_same(Diagram(EngineResult(*mine)), truth)
        assert (mine[1] is None) == (1 not in dimensions)


@WAYS
def test_windows_without_an_edge_of_some_length_and_without_loops(of_many):
    found = drawn(0, 3, n_lengths=2, with_loops=False)
    found.merges[0] &= np.uint64(0xFFFFFFFF)
    many = of_many(found, (0, 1))
    for w, paired in enumerate(found):
        mine = many.of(w)
        assert_same(
            Diagram(EngineResult(*mine)), Diagram(EngineResult(*bars_of(paired, (0, 1), N)))
        )
        assert mine[0][1].births.shape == (0,)
    assert len(of_many(found, (0,)).values(0)[0]) == 1


@pytest.mark.parametrize("most", [-1, 2**16])
@pytest.mark.parametrize("chunk", [1, 2, 4])
@pytest.mark.parametrize(("windows", "threads"), [(1, 3), (2, 3), (7, 3), (5, 5), (33, 16)])
def test_threads_share_windows_of_any_number(windows, threads, chunk, most, monkeypatch):
    monkeypatch.setattr(many_slot_bars, "usable_cores", lambda: threads)
    monkeypatch.setattr(many_slot_bars, "MOST_THREADS", 16)
    monkeypatch.setattr(many_slot_bars, "LEAST_SHARE", 2)
    monkeypatch.setattr(many_slot_bars, "CHUNK", chunk)
    monkeypatch.setattr(many_slot_bars, "MOST_WORD_BYTES", most)
    found = drawn(windows, windows, 7, 3)
    assert many_slot_bars._n_threads(windows) == max(1, min(threads, windows // 2))
    many = bars_of_windows(found, (0, 1))
    for w, paired in enumerate(found):
        truth = Diagram(EngineResult(*bars_of(paired, (0, 1), N)))
        assert_same(Diagram(EngineResult(*many.of(w))), truth)
        members = many.loops(w).members
        assert isinstance(members, ListedMembers if most < 0 else TrimmedWords)
        n_words = sum(birth // 32 + 1 for birth in range(len(paired.births)))
        assert most < 0 or members.nbytes == 4 * n_words


@WAYS
def test_nothing_that_is_lent_is_kept(of_many):
    found = drawn(1, 20)
    truth = [Diagram(EngineResult(*bars_of(paired, (0, 1), N))) for paired in found]
    many = of_many(found, (0, 1))
    for lent in (found.merges, found.births, found.deaths, found.columns, found.counts):
        lent[...] = 77
    for w, its_truth in enumerate(truth):
        mine = Diagram(EngineResult(*many.of(w)))
        for name in ("truncated", "birth_edges", "death_edges"):
            for k in (0, 1):
                assert np.array_equal(getattr(mine, name)[k], getattr(its_truth, name)[k])
        assert [mine[k].tolist() for k in (0, 1)] == [its_truth[k].tolist() for k in (0, 1)]
        rows = range(len(mine[1]))
        assert [loop_of(mine, i) for i in rows] == [loop_of(its_truth, i) for i in rows]


@pytest.mark.parametrize("failing", [0, 2, 3])
def test_a_thread_that_fails_is_told_once_all_have_ended(failing, monkeypatch):
    monkeypatch.setattr(many_slot_bars, "usable_cores", lambda: 4)
    monkeypatch.setattr(many_slot_bars, "LEAST_SHARE", 1)
    monkeypatch.setattr(many_slot_bars, "CHUNK", 1)
    write, begun, ended = many_rows.write_loops, [], []

    def failing_write(first, *given):
        begun.append(first)
        if first == failing:
            raise MemoryError("no room")
        write(first, *given)
        ended.append(first)

    monkeypatch.setattr(many_rows, "write_loops", failing_write)
    with pytest.raises(MemoryError, match="no room"):
        bars_of_windows(drawn(0, 4), (0, 1))
    assert sorted(begun) == [0, 1, 2, 3]
    assert sorted(ended) == [w for w in range(4) if w != failing]


@pytest.mark.parametrize("size", [0, 1, 2, 3, 17, 100, 1000])
@pytest.mark.parametrize("kind", ["any", "few", "one", "rising", "far", "persistences"])
def test_numbers_are_sorted_however_they_are_spread(size, kind):
    rng = np.random.default_rng(size)
    near = rng.integers(2**63, 2**63 + 99, size, np.uint64)
    numbers = {
        "any": rng.integers(0, 2**64, size, np.uint64),
        "few": rng.integers(0, 5, size).astype(np.uint64),
        "one": np.full(size, LAST),
        "rising": np.arange(size).astype(np.uint64),
        "far": np.where(rng.random(size) < 0.02, LAST, near),
        "persistences": ~np.abs(rng.normal(size=size)).view(np.uint64),
    }[kind]
    truth = np.sort(numbers)
    spare, counts = np.empty(size, np.uint64), np.empty(2 * size + 2, np.int64)
    sort_spread(numbers, spare, counts)
    assert np.array_equal(numbers, truth)


@pytest.mark.parametrize("size", [0, 1, 2, 4, 5, 13, 14, 41, 1000])
@pytest.mark.parametrize("largest", [1, 7, 2**63])
def test_a_shell_sort_sorts(size, largest, rng):
    numbers = rng.integers(0, largest, size, np.uint64)
    truth = np.sort(numbers)
    for given in (numbers, truth.copy(), truth[::-1].copy()):
        sort_few(given)
        assert np.array_equal(given, truth)


@pytest.mark.parametrize("size", [1, 2, 9, 16, 17, 300])
@pytest.mark.parametrize("n_near", [1, 2, 20])
def test_persistences_that_differ_in_their_last_bits_are_in_order(size, n_near):
    rng = np.random.default_rng(size)
    persistence = np.float64(1) - rng.integers(0, n_near, size) * 2.0**-50
    persistence[rng.random(size) < 0.1] = np.inf
    smaller, larger = rng.integers(0, 9, size), 9 + rng.permutation(size)
    lengths = rng.choice(np.float32([0.5, 0.25]), size)
    edges = zip(lengths, smaller.tolist(), larger.tolist(), strict=True)
    births = np.array([key_of(*edge) for edge in edges], np.uint64)
    by_edge = np.lexsort([larger, smaller, lengths, -persistence])
    order, lasting = np.empty(size, np.int64), np.arange(size)
    spare, counts = np.empty((2, size), np.uint64), np.empty(2 * size + 2, np.int64)
    most_persistent_first(order, persistence, births, lasting, spare, counts)
    assert order.tolist() == by_edge.tolist()
