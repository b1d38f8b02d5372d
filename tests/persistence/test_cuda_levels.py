"""Rows of bits, and what the tiles settle by them: nothing false, whatever the levels are."""

from __future__ import annotations

import numpy as np
import pytest

from aura_tda_gpu.persistence import cuda_stages
from aura_tda_gpu.persistence.cuda import CudaEngine
from aura_tda_gpu.persistence.cuda_changes import NONE_WRONG
from aura_tda_gpu.persistence.cuda_kernels import CONSTANTS, Kernels
from aura_tda_gpu.persistence.cuda_launch import Device
from aura_tda_gpu.persistence.cuda_levels import LEVELS, Levels, row_words
from aura_tda_gpu.persistence.cuda_stages import Codes, Stages
from aura_tda_gpu.persistence.cuda_update import Updates
from aura_tda_gpu.persistence.edge_keys import INFINITE, LARGEST
from aura_tda_gpu.persistence.rips import vietoris_rips
from tests.cuda_host import EmulatedModule, reason_unavailable
from tests.gpu.parity import FilledWith, assert_same, diagram_by, threshold_at
from tests.gpu.window_parity import Pair

REASON = reason_unavailable()

pytestmark = pytest.mark.skipif(REASON is not None, reason=f"no emulator: {REASON}")

SIZES = (1, 2, 5, 31, 32, 33, 100, 1025, 1100, 2049)


@pytest.fixture(scope="module")
def kernels():
    return Kernels(EmulatedModule)


@pytest.fixture(scope="module", params=[0x00, 0xFF, 0xA5])
def stages(kernels, request):
    """Stages whose memory holds something else before."""
    return Stages(Device(FilledWith(np, request.param), kernels))


def matrices(n, windows, seed, largest=9):
    """Symmetric patterns (windows, n, n), zero on the diagonal: integers, few of them."""
    lengths = np.random.default_rng(seed).integers(1, largest + 1, (windows, n, n))
    lengths = np.triu(lengths, 1).astype(np.float32)
    return (lengths + lengths.transpose(0, 2, 1)).view(np.uint32)


def bits_of(rows, n):
    """Rows of words as booleans (windows, n, LEVELS, n), and whether nothing is beyond n."""
    flags = np.unpackbits(rows.view(np.uint8), axis=-1, bitorder="little").astype(bool)
    return flags[..., :n], not flags[..., n:].any()


def nearer(bits, levels):
    """What the rows must hold."""
    n = bits.shape[-1]
    found = bits[:, :, np.newaxis, :] < levels[:, np.newaxis, :, np.newaxis]
    return found | np.eye(n, dtype=bool)[:, np.newaxis]


@pytest.mark.parametrize("n", SIZES)
def test_rows_hold_what_is_nearer_than_each_level(kernels, n):
    windows = 2 if n < 1000 else 1
    bits = matrices(n, windows, n, largest=50)
    radii = bits.max(axis=2).min(axis=1)
    stages = Stages(Device(FilledWith(np, 0xA5), kernels))
    found = stages.levels(bits, radii, LARGEST)
    levels, rows = found.lengths, found.rows
    assert rows.shape == (windows, n, LEVELS, row_words(n))
    found, nothing_beyond = bits_of(rows, n)
    assert nothing_beyond
    assert np.array_equal(found, nearer(bits, levels))


@pytest.mark.parametrize("n", [1, 2, 33, 200])
@pytest.mark.parametrize("longest", [np.float32(0.5), np.float32(7), np.float32(1e30)])
def test_levels_rise_from_nothing_to_beyond_the_longest_edge(stages, n, longest):
    bits = matrices(n, 3, seed=1)
    bits[2] = 0
    radii, longest = bits.max(axis=2).min(axis=1), longest.view(np.uint32)
    levels = stages.levels(bits, radii, longest).lengths
    again = stages.levels(bits, radii, longest).lengths
    assert np.array_equal(levels, again)
    assert not levels[:, 0].any()
    assert np.array_equal(levels[:, -1], np.minimum(radii, longest) + 1)
    assert (np.diff(levels.astype(np.int64)) >= 0).all()


def test_levels_are_spread_over_the_lengths_and_dense_among_short_ones(stages):
    bits = matrices(400, 1, seed=2, largest=10**6)
    levels = stages.levels(bits, np.array([LARGEST]), LARGEST).lengths
    shares = np.mean(bits[0][np.tril_indices(400, -1)] < levels[0, :-1, np.newaxis], axis=1)
    assert (np.diff(shares) > 0).all()
    assert np.diff(shares).max() < 3 / LEVELS
    assert shares[LEVELS // 4] < 0.2
    assert shares[-1] > 0.85


def test_slots_without_a_point_have_no_part_in_the_levels(stages):
    n = 200
    bits = np.full((1, n, n), INFINITE)
    bits[0, 150:, 150:] = matrices(50, 1, seed=3, largest=10**6)
    chosen = stages.levels(bits, np.array([LARGEST]), LARGEST)
    levels, rows = chosen.lengths, chosen.rows
    assert len(np.unique(levels)) > LEVELS // 2
    found, _ = bits_of(rows, n)
    assert np.array_equal(found, nearer(bits, levels))


def some_levels(rng, bits, kind):
    """Levels (windows, LEVELS) that are allowed, and of little help."""
    windows = len(bits)
    levels = np.zeros((windows, LEVELS), np.uint32)
    levels[:, -1] = bits.max(axis=(1, 2)) + 1
    if kind == "all beyond":
        levels[:, 1:] = levels[:, -1:]
    elif kind == "at lengths":
        levels[:, 1:-1] = np.sort(rng.choice(np.unique(bits), (windows, LEVELS - 2)))
    elif kind == "between lengths":
        levels[:, 1:-1] = np.sort(rng.choice(np.unique(bits), (windows, LEVELS - 2))) + 1
    return levels


def looked_at(stages, bits):
    """All edges with their codes: the lists, and what is false."""
    n = bits.shape[-1]
    enclosing = np.full(len(bits), np.uint64(LARGEST) << np.uint64(32))
    first, second = np.zeros((2, *bits.shape), np.uint16)
    codes = Codes(first, second, enclosing, enclosing)
    radii = np.full(len(bits), LARGEST)
    lists = stages.look(bits, radii, LARGEST, codes)
    holds = np.ones((len(bits), n), np.uint8)
    return lists, Updates(stages).first_wrong(bits, codes, LARGEST, holds, lists)


def lunes(D):
    """Keys (n, n) of edges, and whether v is in the lune of ab (n, n, n), by the order itself."""
    u, v = np.indices(D.shape)
    key = D.astype(np.int64) << 32 | np.maximum(u, v) << 16 | np.minimum(u, v)
    before = key[:, np.newaxis, :] < key[:, :, np.newaxis]
    before[np.arange(len(D)), :, np.arange(len(D))] = False
    return key, before & before.transpose(1, 0, 2)


@pytest.mark.parametrize(
    "kind", ["chosen", "all zero", "all beyond", "at lengths", "between lengths"]
)
@pytest.mark.parametrize("n", [2, 9, 34, 70])
def test_nothing_false_is_settled_whatever_the_levels(kernels, n, kind):
    rng = np.random.default_rng(n)
    engine = CudaEngine(np, kernels)
    stages = engine.stages
    for largest in (1, 2, 4, 9, 30, 10**6) if n < 64 else (2, 30):
        bits = matrices(n, 2, seed=largest, largest=largest)
        if kind != "chosen":
            levels = some_levels(rng, bits, kind)
            given = Levels(levels, packed(nearer(bits, levels)))
            stages.levels = lambda *_, given=given: given
        lists, wrong = looked_at(stages, bits)
        assert (wrong == NONE_WRONG).all()
        plain = stages.look(bits, np.full(2, LARGEST), LARGEST)
        for window, D in enumerate(bits):
            key, inside = lunes(D)
            a, b = np.tril_indices(n, -1)
            is_empty = ~inside[a, b].any(axis=1)
            for found in (lists, plain):
                n_rng = found.host_counts[window, CONSTANTS["N_RNG"]]
                assert np.array_equal(
                    np.sort(found.rng[window, :n_rng]), np.sort(key[a, b][is_empty])
                )
            code = plain.first[window, a, b].astype(int)
            assert np.array_equal(code == 2 * n, is_empty)
            assert (is_empty | inside[a, b, code % n]).all()
            splits = [
                np.sort(x.splits[window, : x.host_counts[window, CONSTANTS["N_SPLIT"]]])
                for x in (lists, plain)
            ]
            assert np.array_equal(*splits)


def packed(flags):
    """Booleans (windows, n, LEVELS, n) as rows of words."""
    n = flags.shape[-1]
    wide = np.zeros((*flags.shape[:-1], 32 * row_words(n)), bool)
    wide[..., :n] = flags
    return np.packbits(wide, axis=-1, bitorder="little").view(np.uint32)


def test_few_edges_are_listed(kernels):
    engine = CudaEngine(np, kernels)
    points = np.random.default_rng(5).normal(size=(1, 200, 3)).astype(np.float32)
    bits = engine.pairwise_of_many(points, "euclidean").view(np.uint32)
    lists = engine.stages.look(bits, engine.stages.radii(bits), LARGEST)
    told = dict(zip(("open", "split"), lists.host_counts[0, [2, 3]].tolist(), strict=True))
    n_edges = 200 * 199 // 2 - int(lists.host_counts[0, CONSTANTS["N_LONG"]])
    assert told["split"] <= told["open"] < 0.03 * n_edges


@pytest.mark.parametrize("noted", [False, True])
def test_a_list_that_is_too_short_for_the_open_edges_grows(kernels, monkeypatch, noted):
    bits = matrices(40, 2, seed=1, largest=30)
    stages = CudaEngine(np, kernels).stages

    def found():
        if noted:
            lists, wrong = looked_at(stages, bits)
            assert (wrong == NONE_WRONG).all()
        else:
            lists = stages.look(bits, np.full(2, LARGEST), LARGEST)
        told = lists.host_counts[:, CONSTANTS["N_OPEN"]]
        splits = zip(lists.splits, lists.host_counts[:, CONSTANTS["N_SPLIT"]], strict=True)
        return told.tolist(), [sorted(keys[:used].tolist()) for keys, used in splits]

    enough = found()
    for name, value in (("ROOM_PER_VERTEX", 0), ("FIRST_ROOM", 1), ("LISTED_PART", 10**6)):
        monkeypatch.setattr(cuda_stages, name, value)
    assert min(enough[0]) > 1
    assert found() == enough


def assert_short_edges_are_right(engine, n, share):
    points = np.random.default_rng(n).normal(size=(n, 2)).astype(np.float32)
    D = engine.pairwise(points, "euclidean")
    threshold = threshold_at(D, share)
    truth = vietoris_rips(
        D, metric="precomputed", max_edge_length=threshold, backend="cpu", threads=1
    )
    assert_same(diagram_by(engine, D, threshold), truth)


@pytest.mark.parametrize("n", [1500, 2100])
def test_several_words_of_a_lane(kernels, n):
    assert_short_edges_are_right(CudaEngine(np, kernels), n, share=0.01)


@pytest.mark.parametrize("n", [1030, 2080])
def test_the_sanitizer_finds_nothing_where_a_lane_has_several_words(n):
    if (reason := reason_unavailable(sanitize=True)) is not None:
        pytest.skip(reason)
    kernels = Kernels(lambda source, name: EmulatedModule(source, name=name, sanitize=True))
    assert_short_edges_are_right(CudaEngine(np, kernels), n, share=0.004)


@pytest.mark.parametrize("capacity", [1500, 2100])
def test_certificates_where_a_lane_has_several_words(kernels, capacity):
    pair = Pair(CudaEngine(np, kernels), capacity, 2)
    pair.build(np.arange(capacity - 700, capacity, 10))
    pair.assert_equal()
    pair.update([capacity - 700], [3, capacity - 700])
    pair.assert_equal()
