"""Several edges in a warp: their lists and codes are those of the order itself, for any size."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from aura_tda_gpu.persistence import cuda_levels, cuda_stages
from aura_tda_gpu.persistence.cuda import CudaEngine
from aura_tda_gpu.persistence.cuda_kernels import CONSTANTS, Kernels
from aura_tda_gpu.persistence.cuda_launch import Device
from aura_tda_gpu.persistence.cuda_levels import MOST_PACKED, Levels, row_words
from aura_tda_gpu.persistence.cuda_stages import Stages
from aura_tda_gpu.persistence.edge_keys import LARGEST
from aura_tda_gpu.persistence.edge_sweep import sweep_edges
from tests.cuda_host import EmulatedModule, reason_unavailable
from tests.gpu.parity import FilledWith
from tests.persistence.test_cuda_levels import matrices, nearer, packed, some_levels

REASON = reason_unavailable()

pytestmark = pytest.mark.skipif(REASON is not None, reason=f"no emulator: {REASON}")

# one lane has the row up to 128 vertices, two up to 256, four up to 512
EDGE_SIZES = (64, 127, 128, 129, 255, 256, 257, 384, 511, 512, 513)


@pytest.fixture(scope="module")
def kernels():
    return Kernels(EmulatedModule)


@pytest.fixture(scope="module")
def stages(kernels):
    return Stages(Device(FilledWith(np, 0xA5), kernels))


def distances(points):
    """Patterns (windows, n, n) of the distances of points (windows, n, dim)."""
    points = points.astype(np.float32)
    apart = points[:, :, np.newaxis] - points[:, np.newaxis]
    return np.sqrt((apart * apart).sum(axis=3)).view(np.uint32)


def clouds(kind, n, windows=1):
    rng = np.random.default_rng(n)
    if kind == "gaussian":
        return distances(rng.normal(size=(windows, n, 5)))
    if kind == "circle":
        angle = np.sort(rng.uniform(0, 2 * np.pi, (windows, n)))
        circle = np.stack([np.cos(angle), np.sin(angle)], axis=2)
        return distances(circle + rng.normal(0, 0.1, circle.shape))
    if kind == "grid":
        places = rng.permuted(np.tile(np.arange(n), (windows, 1)), axis=1)
        return distances(np.stack(np.divmod(places, 23), axis=2))
    if kind == "duplicates":
        return distances(rng.normal(size=(windows, max(1, n // 3), 2)).repeat(4, axis=1)[:, :n])
    largest = 10**6 if kind == "random" else 4 if n < 200 else 40
    return matrices(n, windows, seed=n, largest=largest)


KINDS = ("gaussian", "circle", "grid", "duplicates", "few lengths", "random")


def used(lists, window, name):
    keys = {"N_RNG": lists.rng, "N_SPLIT": lists.splits}[name][window]
    return np.sort(keys[: lists.host_counts[window, CONSTANTS[name]]])


def assert_codes_are_true(bits, limit, first):
    """What the codes say of each edge that has one, by the order itself; see certificates.cuh."""
    n = len(bits)
    u, v = np.indices(bits.shape)
    keys = bits.astype(np.int64) << 32 | np.maximum(u, v) << 16 | np.minimum(u, v)
    keys[np.arange(n), np.arange(n)] = np.iinfo(np.int64).max
    for a in range(1, n):
        b = np.flatnonzero(bits[a, :a] <= limit)
        code, edge = first[a, b].astype(int), keys[a, b][:, np.newaxis]
        inside = (keys[a] < edge) & (keys[b] < edge)
        is_empty, is_hub = code == 2 * n, code < n
        assert np.array_equal(is_empty, ~inside.any(axis=1))
        assert (code[~is_empty] < 2 * n).all()
        named = code % n
        assert inside[~is_empty, named[~is_empty]].all()
        near = keys[named] < edge
        near[np.arange(len(b)), named] = True
        assert (near | ~inside)[is_hub].all()


def assert_right(stages, bits, share=1.0):
    a, b = np.tril_indices(bits.shape[1], -1)
    lengths = np.sort(bits[:, a, b], axis=None)
    longest = LARGEST if share == 1.0 else lengths[int(share * (len(lengths) - 1))]
    radii = stages.radii(bits)
    lists = stages.look(bits, radii, longest)
    for window, matrix in enumerate(bits):
        limit = min(radii[window], longest)
        truth = sweep_edges(matrix, limit, 1, defaultdict(float))
        n_edges = len(matrix) * (len(matrix) - 1) // 2
        assert lists.host_counts[window, CONSTANTS["N_LONG"]] == n_edges - truth.n_edges
        assert np.array_equal(used(lists, window, "N_RNG"), truth.rng)
        assert np.array_equal(used(lists, window, "N_SPLIT"), truth.splits)
        assert_codes_are_true(matrix, limit, lists.first[window])
    return lists


@pytest.mark.parametrize("kind", KINDS)
def test_few_vertices(stages, kind):
    for n in range(1, 34):
        assert_right(stages, clouds(kind, n, windows=3))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", EDGE_SIZES)
def test_rows_of_any_length(stages, n, kind):
    is_costly = n > 200 and kind in ("few lengths", "random")  # most edges are flooded
    assert_right(stages, clouds(kind, n), share=0.1 if is_costly else 1.0)


@pytest.mark.parametrize("n", [100, 200, 300])
@pytest.mark.parametrize("share", [0.02, 0.5])
def test_long_edges_are_left_out_and_counted(stages, n, share):
    assert_right(stages, clouds("circle", n, windows=2), share)


@pytest.mark.parametrize("byte", [0x00, 0xFF])
def test_nothing_is_read_that_was_not_written(kernels, byte):
    stages = Stages(Device(FilledWith(np, byte), kernels))
    for n in (1, 40, 150, 300):
        assert_right(stages, clouds("grid", n, windows=2))


@pytest.mark.parametrize("kind", ["all zero", "all beyond", "at lengths", "between lengths"])
@pytest.mark.parametrize("n", [90, 170, 290])
def test_nothing_false_is_settled_whatever_the_levels(kernels, n, kind):
    stages = CudaEngine(np, kernels).stages
    for largest in (3, 40):
        bits = matrices(n, 1, seed=n, largest=largest)
        levels = some_levels(np.random.default_rng(n), bits, kind)
        given = Levels(levels, packed(nearer(bits, levels)))
        stages.levels = lambda *_, given=given: given
        assert_right(stages, bits, share=0.2 if n > 200 else 1.0)


def test_a_warp_may_have_one_tile_of_a_row_or_all(stages, monkeypatch):
    bits = clouds("gaussian", 140, windows=2)
    for warps in (10**6, 600, 1):
        monkeypatch.setattr(cuda_stages, "TILING_WARPS", warps)
        assert_right(stages, bits)


def test_the_list_of_open_edges_may_grow(stages, monkeypatch):
    bits = clouds("random", 150, windows=2)
    listed = assert_right(stages, bits).host_counts[:, CONSTANTS["N_OPEN"]]
    for name, value in (("ROOM_PER_VERTEX", 0), ("FIRST_ROOM", 1), ("LISTED_PART", 10**6)):
        monkeypatch.setattr(cuda_stages, name, value)
    again = assert_right(stages, bits).host_counts[:, CONSTANTS["N_OPEN"]]
    assert min(listed) > 1
    assert np.array_equal(listed, again)


def test_few_edges_are_listed_of_clouds(stages, monkeypatch):
    bits = clouds("gaussian", 300)
    several = assert_right(stages, bits).host_counts[0, CONSTANTS["N_OPEN"]]
    for module in (cuda_stages, cuda_levels):
        monkeypatch.setattr(module, "MOST_PACKED", 0)
    alone = assert_right(stages, bits).host_counts[0, CONSTANTS["N_OPEN"]]
    assert several <= 1.1 * alone


def test_rows_are_as_long_as_lanes_read_them():
    words = [row_words(n) for n in range(1, MOST_PACKED + 1)]
    assert all(32 * found >= n for n, found in enumerate(words, start=1))
    assert sorted(set(words)) == [4, 8, 16]


@pytest.mark.parametrize("n", [70, 190, 280])
def test_the_sanitizer_finds_nothing(n):
    if (reason := reason_unavailable(sanitize=True)) is not None:
        pytest.skip(reason)
    kernels = Kernels(lambda source, name: EmulatedModule(source, name=name, sanitize=True))
    stages = Stages(Device(FilledWith(np, 0xA5), kernels))
    assert_right(stages, clouds("few lengths", n), share=0.3)
