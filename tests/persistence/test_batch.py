"""Many clouds in one call are the diagrams of each."""

from __future__ import annotations

import numpy as np
import pytest

from aura_tda_gpu import vietoris_rips, vietoris_rips_batch
from aura_tda_gpu.errors import (
    ConfigError,
    InvalidInputError,
    MemoryLimitError,
    UnsupportedError,
)
from aura_tda_gpu.persistence import backends, batch, cuda_device, device_arrays, rips
from aura_tda_gpu.persistence.cuda import CudaEngine
from aura_tda_gpu.persistence.cuda_kernels import Kernels
from aura_tda_gpu.persistence.rips_options import check_options
from tests.cuda_host import EmulatedModule, reason_unavailable
from tests.oracles.peers import bars_of, pairs_of

BACKENDS = ["cpu", "reference", "cuda"]


@pytest.fixture
def emulated(monkeypatch):
    reason = reason_unavailable()
    if reason is not None:
        pytest.skip(f"no emulator: {reason}")
    engine = CudaEngine(np, Kernels(EmulatedModule))
    monkeypatch.setattr(cuda_device, "cuda_engine", lambda: engine)
    monkeypatch.setattr(cuda_device, "check_size", lambda n: None)
    return engine


@pytest.fixture(params=BACKENDS)
def backend(request):
    if request.param == "cuda":
        request.getfixturevalue("emulated")
    return request.param


def assert_each(clouds, found, **settings):
    assert len(found) == len(clouds)
    for cloud, diagram in zip(clouds, found, strict=True):
        alone = vietoris_rips(cloud, **settings)
        assert diagram.dimensions == alone.dimensions
        for k in alone.dimensions:
            assert bars_of(diagram, k) == bars_of(alone, k)
            assert pairs_of(diagram, k) == pairs_of(alone, k)
        assert diagram.info["n_points"] == len(cloud)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("threads", [1, 2, 7])
def test_an_array_of_windows(backend, metric, threads):
    clouds = np.random.default_rng(0).normal(size=(5, 20, 3))
    settings = {"metric": metric, "backend": backend, "threads": threads}
    assert_each(clouds, vietoris_rips_batch(clouds, **settings), **settings)


def test_clouds_of_several_sizes_in_their_order(backend):
    rng = np.random.default_rng(1)
    clouds = [rng.normal(size=(n, 2)).tolist() for n in (12, 3, 12, 1, 3, 30)]
    clouds[4] = np.asarray(clouds[4], np.float32)
    found = vietoris_rips_batch(clouds, backend=backend, max_edge_length=1.5)
    assert_each(clouds, found, backend=backend, max_edge_length=1.5)
    if backend == "cuda":
        assert [d.info["n_together"] for d in found] == [2, 2, 2, 1, 2, 1]


def test_matrices(backend):
    D = np.random.default_rng(2).uniform(1, 2, (3, 9, 9))
    D += D.transpose(0, 2, 1)
    D[:, np.arange(9), np.arange(9)] = 0
    settings = {"metric": "precomputed", "homology_dimensions": (1,), "backend": backend}
    assert_each(D, vietoris_rips_batch(D, **settings), **settings)


def test_nothing_and_empty_clouds(backend):
    assert vietoris_rips_batch([], backend=backend) == []
    assert vietoris_rips_batch(np.empty((0, 4, 2)), backend=backend) == []
    found = vietoris_rips_batch(np.empty((2, 0, 2)), backend=backend)
    assert [len(d) for d in found] == [0, 0]


def test_as_many_at_once_as_there_is_room_for(backend, monkeypatch):
    monkeypatch.setattr(batch, "_MATRIX_BYTES", 2 * 4 * 16 * 16 + 10)
    clouds = np.random.default_rng(3).normal(size=(5, 16, 2))
    assert_each(clouds, vietoris_rips_batch(clouds, backend=backend), backend=backend)


def test_no_more_at_once_than_a_grid_has_blocks(emulated):
    found = vietoris_rips_batch(np.zeros((65_537, 1, 1)), backend="cuda")
    together = [found[i].info["n_together"] for i in (0, 65_534, 65_535, 65_536)]
    assert together == [65_535, 65_535, 2, 2]
    for work in (
        lambda: emulated.pairwise_of_many(np.zeros((65_536, 2, 1), np.float32), "euclidean"),
        lambda: emulated.compute_many(np.zeros((65_536, 2, 2)), dimensions=(0,), threshold=1.0),
    ):
        with pytest.raises(UnsupportedError, match="at most 65535 windows at once, not 65536"):
            work()


@pytest.mark.parametrize("room", [1, 2, 3, 4])
def test_fewer_at_once_where_memory_runs_out(emulated, room, monkeypatch):
    compute_many = emulated.compute_many

    def short_of_memory(matrices, **settings):
        with emulated.memory(len(matrices), 16):
            if len(matrices) > room:
                raise MemoryError("no room")
            return compute_many(matrices, **settings)

    monkeypatch.setattr(emulated, "compute_many", short_of_memory)
    clouds = np.random.default_rng(3).normal(size=(7, 16, 2))
    found = vietoris_rips_batch(clouds, backend="cuda")
    assert max(d.info["n_together"] for d in found) <= room
    assert_each(clouds, found, backend="cuda")


@pytest.mark.parametrize("failing", [1, 2, 3])
def test_a_part_without_memory_is_done_again_in_halves(emulated, failing, monkeypatch):
    monkeypatch.setattr(batch, "_MATRIX_BYTES", 2 * 4 * 16 * 16 + 10)
    compute_many, calls = emulated.compute_many, []

    def short_once(matrices, **settings):
        calls.append(len(matrices))
        if len(calls) == failing:
            raise MemoryLimitError("no room")
        return compute_many(matrices, **settings)

    monkeypatch.setattr(emulated, "compute_many", short_once)
    clouds = np.random.default_rng(3).normal(size=(6, 16, 2))
    found = vietoris_rips_batch(clouds, backend="cuda")
    together = [2, 2, 2]
    together[failing - 1 : failing] = [1, 1]
    assert calls == [*together[: failing - 1], 2, *together[failing - 1 :]]
    assert [d.info["n_together"] for d in found] == [n for n in together for _ in range(n)]
    monkeypatch.setattr(emulated, "compute_many", compute_many)
    assert_each(clouds, found, backend="cuda")


@pytest.mark.parametrize("failing", [1, 3])
def test_auto_goes_on_with_the_cpu_and_loses_nothing(emulated, failing, monkeypatch):
    monkeypatch.setattr(batch, "_MATRIX_BYTES", 2 * 4 * 16 * 16 + 10)
    monkeypatch.setattr(backends, "GPU_PAYS_FROM", 1)
    monkeypatch.setattr(backends, "_why_not_cuda", lambda: None)
    compute_many, calls = emulated.compute_many, []

    def short_from_then_on(matrices, **settings):
        calls.append(len(matrices))
        if len(calls) >= failing:
            raise MemoryLimitError("no room")
        return compute_many(matrices, **settings)

    monkeypatch.setattr(emulated, "compute_many", short_from_then_on)
    clouds = np.random.default_rng(3).normal(size=(6, 16, 2))
    found = vietoris_rips_batch(clouds)
    assert calls == [2] * failing + [1]
    assert {d.info["backend"] for d in found} == {"cpu"}
    assert {d.info["backend_reason"] for d in found} == {"the GPU cannot: no room"}
    assert_each(clouds, found, backend="cpu")
    with pytest.raises(MemoryLimitError, match=r"^no room$"):
        vietoris_rips_batch(clouds, backend="cuda")


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
@pytest.mark.parametrize("layout", [np.ascontiguousarray, np.asfortranarray])
def test_an_array_is_looked_at_in_blocks(dtype, layout, monkeypatch):
    monkeypatch.setattr(device_arrays, "_BLOCK", 2 * 3 * 2)
    monkeypatch.setattr(device_arrays, "_LEAST_BLOCKS", 1)
    monkeypatch.setattr(device_arrays, "usable_cores", lambda: 3)
    clouds = layout((100 * np.random.default_rng(6).normal(size=(9, 3, 2))).astype(dtype))
    options = check_options(backend="cpu")
    found = batch._all_prepared(clouds, options)
    assert found.flags.c_contiguous
    assert np.shares_memory(found, clouds) == (clouds.flags.c_contiguous and dtype == np.float32)
    for mine, cloud in zip(found, clouds, strict=True):
        assert mine.tobytes() == rips.prepared(cloud, options).tobytes()
    if dtype == np.int32:
        return
    for place, row in ((0, 1), (4, 0), (8, 2)):
        bad = clouds.copy()
        bad[place, row, 1] = np.nan
        with pytest.raises(InvalidInputError, match=rf"^X\[{place}\]: .*in row {row}") as raised:
            batch._all_prepared(bad, options)
        assert raised.value.row == row


def test_generators_and_torch_tensors():
    torch = pytest.importorskip("torch")
    clouds = np.random.default_rng(4).normal(size=(3, 8, 2))
    assert_each(clouds, vietoris_rips_batch(cloud for cloud in clouds))
    assert_each(clouds, vietoris_rips_batch(torch.from_numpy(clouds)))


@pytest.mark.parametrize(
    ("X", "told"),
    [
        (
            np.zeros((4, 2)),
            r"shape \(n_windows, n_points, dim\), not \(4, 2\); pass one cloud as X",
        ),
        (np.zeros(4), r"not \(4,\)$"),
        (7, "a sequence of point clouds, not int"),
        ("points", "a sequence of point clouds, not str"),
        ([[[0.0, 0.0]], [[0.0, np.nan]]], r"^X\[1\]: X has a value that is not finite"),
        ([[[0.0]], [0.0, 1.0]], r"^X\[1\]: X must be two-dimensional"),
    ],
)
def test_what_it_refuses(X, told):
    with pytest.raises(InvalidInputError, match=told):
        vietoris_rips_batch(X)


def test_the_row_of_a_bad_cloud(backend):
    for bad in (
        [[[0.0]], [[0.0], [1.0], [np.inf]]],
        np.array([[[0.0]] * 3, [[0.0], [1.0], [1e30]]]),
    ):
        with pytest.raises(InvalidInputError, match=r"^X\[1\]: ") as raised:
            vietoris_rips_batch(bad, backend=backend)
        assert raised.value.row == 2


def test_loops_and_what_is_told_of_each(backend):
    rng = np.random.default_rng(5)
    clouds = np.concatenate([rng.integers(0, 5, (3, 40, 2)), rng.normal(size=(3, 40, 2))])
    found = vietoris_rips_batch(clouds, backend=backend)
    for cloud, diagram in zip(clouds, found, strict=True):
        alone = vietoris_rips(cloud, backend=backend)
        cycles = [diagram.cycle(1, i) for i in range(len(diagram[1]))]
        assert cycles == [alone.cycle(1, i) for i in range(len(alone[1]))]
        differ = {"seconds", "n_together"}
        assert {k: v for k, v in diagram.info.items() if k not in differ} == {
            k: v for k, v in alone.info.items() if k not in differ
        }
    found[0].info["seconds"]["distance"] = None
    assert found[1].info["seconds"]["distance"] is not None
    if backend == "cuda":
        found[0].info["device"]["name"] = "mine"
        assert found[1].info["device"] == {}


def test_settings_are_those_of_one_cloud():
    with pytest.raises(ConfigError, match="unknown backend"):
        vietoris_rips_batch([[[0.0]]], backend="gpu")
    with pytest.raises(UnsupportedError):
        vietoris_rips_batch(np.zeros((1, 70, 2)), homology_dimensions=(2,))


@pytest.mark.filterwarnings("error")
def test_differences_beyond_any_float_are_refused_as_in_one_cloud():
    clouds = np.zeros((2, 3, 2))
    clouds[1, 0], clouds[1, 1] = 1e308, -1e308
    for given in (clouds, list(clouds)):
        with pytest.raises(InvalidInputError, match=r"X\[1\].*row 1"):
            vietoris_rips_batch(given, backend="cpu")


@pytest.mark.parametrize("where", ["as_clouds", "prepared"])
def test_memory_that_ends_while_clouds_are_prepared_is_told(monkeypatch, where):
    def short(*args, **settings):
        raise MemoryError("no room")

    module = batch.device_arrays if where == "as_clouds" else batch
    monkeypatch.setattr(module, where, short)
    clouds = np.zeros((2, 3, 2)) if where == "as_clouds" else [np.zeros((3, 2))]
    with pytest.raises(MemoryLimitError, match="the clouds that were given"):
        vietoris_rips_batch(clouds, backend="cpu")


def test_memory_of_the_host_that_ends_halves_a_batch(emulated, monkeypatch):
    clouds = np.random.default_rng(1).normal(size=(4, 9, 2)).astype(np.float32)
    together, sizes = batch._together, []

    def short(some, *args):
        sizes.append(len(some))
        if len(some) > 2:
            raise MemoryError("no room for bars")
        return together(some, *args)

    monkeypatch.setattr(batch, "_together", short)
    found = vietoris_rips_batch(clouds, backend="cuda")
    assert sizes == [4, 2, 2]
    assert [d.info["n_together"] for d in found] == [2] * 4
