"""The CUDA engine, launch code and kernels, on the host: kernels compiled by the C++ compiler."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from aura_tda_gpu.errors import BackendUnavailable
from aura_tda_gpu.persistence import cost_model, cuda_bars, cuda_device, distances
from aura_tda_gpu.persistence.cuda import CudaEngine
from aura_tda_gpu.persistence.cuda_bars import PairedOnDevice
from aura_tda_gpu.persistence.cuda_kernels import Kernels
from aura_tda_gpu.persistence.diagram import Diagram
from aura_tda_gpu.persistence.engine import TooManyEdges
from aura_tda_gpu.persistence.kernels import many_rows
from aura_tda_gpu.persistence.rips import vietoris_rips
from aura_tda_gpu.persistence.vineyard_updates import RipsWindow
from tests.cuda_host import EmulatedModule, reason_unavailable
from tests.gpu.cover_parity import CoverParity
from tests.gpu.parity import METRICS, FilledWith, Parity, assert_same, cloud, diagram_by
from tests.gpu.recording_parity import RecordingParity
from tests.gpu.reduction_parity import ReductionParity
from tests.gpu.window_parity import Pair, WindowParity
from tests.persistence.window_checks import assert_right

REASON = reason_unavailable()

pytestmark = pytest.mark.skipif(REASON is not None, reason=f"no emulator: {REASON}")

WITHOUT_NUMBA = """
import sys
sys.modules["numba"] = None
import numpy as np
from aura_tda_gpu.persistence.cuda import CudaEngine
from aura_tda_gpu.persistence.cuda_bars import PairedOnDevice
from aura_tda_gpu.persistence.cuda_kernels import Kernels
from aura_tda_gpu.persistence import cost_model, cuda_device
from aura_tda_gpu.persistence.rips import vietoris_rips
from tests.cuda_host import EmulatedModule
cuda_device.cuda_engine = lambda: CudaEngine(np, Kernels(EmulatedModule))
cuda_device.check_size = lambda n: None
found = vietoris_rips([[0, 0], [0, 1], [1, 0], [1, 1]], backend="cuda")
print(found[1].tolist(), found.cycle(1, 0))
"""


@pytest.fixture(scope="module")
def xp():
    return np


@pytest.fixture(scope="module")
def kernels():
    return Kernels(EmulatedModule)


@pytest.fixture(scope="module")
def engine(xp, kernels):
    return CudaEngine(xp, kernels)


class TestEmulated(Parity):
    """All of them."""


class TestEmulatedWindows(WindowParity):
    """All of them."""


class TestEmulatedRecordings(RecordingParity):
    """All of them."""


class TestEmulatedReductions(ReductionParity):
    """All of them."""


class TestEmulatedCovers(CoverParity):
    """All of them."""


@pytest.fixture(scope="module")
def sanitized():
    if (reason := reason_unavailable(sanitize=True)) is not None:
        pytest.skip(reason)
    return CudaEngine(
        np, Kernels(lambda source, name: EmulatedModule(source, name=name, sanitize=True))
    )


@pytest.mark.parametrize("name", ["n=2", "gaussian n=65", "integer holes", "lattice"])
def test_the_sanitizer_finds_nothing(sanitized, name):
    truth = vietoris_rips(cloud(name), metric="precomputed", backend="cpu")
    assert_same(diagram_by(sanitized, cloud(name)), truth)


@pytest.mark.parametrize("metric", METRICS)
def test_the_sanitizer_finds_nothing_in_updates(sanitized, metric):
    pair = Pair(sanitized, 35, 3, metric, seed=1)
    pair.draw = lambda m: distances.as_points(pair.rng.normal(size=(m, 3)), metric)
    pair.build(np.arange(1, 34))
    for _ in range(3):
        pair.assert_equal()
        pair.update(*pair.drawn_change())
    pair.assert_equal()


def test_the_sanitizer_finds_nothing_where_rooms_are_outgrown(sanitized):
    engine = CudaEngine(FilledWith(np, 0xAB), sanitized.device.kernels)
    pair = Pair(engine, 200, 2, seed=1)
    pair.draw = lambda m: pair.rng.normal(size=(m, 2)).astype(np.float32)
    pair.build(np.arange(150))
    pair.update([3], [3])
    pair.assert_equal()
    pair.update(np.arange(4, 150), [])
    pair.assert_equal()
    pair.update([], np.arange(4, 200))
    pair.assert_equal()


def test_the_sanitizer_finds_nothing_over_the_budget(sanitized):
    pair = Pair(sanitized, 60, 3)
    pair.draw = lambda m: pair.rng.normal(size=(m, 3)).astype(np.float32)
    pair.build(np.arange(60))
    pair.assert_equal()
    gone = np.arange(5, 8)
    pair.states[0].update(gone, gone[:1], pair.draw(1), 0)
    with pytest.raises(TooManyEdges):
        pair.states[0].result((0, 1))


def test_the_sanitizer_finds_nothing_in_many_windows(sanitized):
    D = np.stack([cloud("small integers"), cloud("small integers").T[::-1, ::-1]])
    for matrix, result in zip(
        D, sanitized.compute_many(D, dimensions=(0, 1), threshold=np.inf), strict=True
    ):
        truth = vietoris_rips(matrix, metric="precomputed", backend="cpu")
        assert_same(Diagram(result), truth)


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_threads_does_not_matter(engine, seed):
    shuffled = CudaEngine(
        np, Kernels(lambda source, name: EmulatedModule(source, name=name, seed=seed))
    )
    D = cloud("small integers")
    found, truth = diagram_by(shuffled, D), diagram_by(engine, D)
    assert_same(found, truth)
    assert [found.cycle(1, i) for i in range(len(truth[1]))] == [
        truth.cycle(1, i) for i in range(len(truth[1]))
    ]


@pytest.fixture
def as_backend(engine, monkeypatch):
    """Let backend "cuda" be the emulated engine."""
    monkeypatch.setattr(cuda_device, "cuda_engine", lambda: engine)
    monkeypatch.setattr(cuda_device, "check_size", lambda n: None)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_the_backend_by_its_name(as_backend, metric):
    points = np.random.default_rng(6).normal(size=(50, 3))
    found = vietoris_rips(points, metric=metric, backend="cuda")
    assert found.info["backend"] == "cuda"
    assert found.info["backend_reason"] == "asked for"
    assert_same(found, vietoris_rips(points, metric=metric, backend="cpu"))


def test_a_window_chooses_by_cost(as_backend, monkeypatch):
    costs = cost_model.MachineCosts(1e-8, 0.1, 1e-12, 1e-12, 1.0, 1e-6)
    monkeypatch.setitem(cost_model._MEASURED, "cuda", costs)
    rng = np.random.default_rng(7)
    window = RipsWindow(capacity=40, dim=2, backend="cuda")
    ids = window.insert(rng.normal(size=(40, 2)))
    paths = []
    for i in range(4):
        window.replace(ids[i : i + 1], rng.normal(size=(1, 2)))
        paths.append(assert_right(window).info["path"])
    assert paths == ["rebuild", "rebuild", "update", "update"]


def test_without_a_device_nothing_falls_back(monkeypatch):
    monkeypatch.setattr(cuda_device, "why_not", lambda: "the NVIDIA driver knows no device")
    with pytest.raises(BackendUnavailable, match="'cuda': the NVIDIA driver knows no device"):
        vietoris_rips([[0.0], [1.0]], backend="cuda")
    with pytest.raises(BackendUnavailable, match="knows no device"):
        RipsWindow(capacity=4, dim=2, backend="cuda")


def test_numba_is_not_needed():
    done = subprocess.run([sys.executable, "-c", WITHOUT_NUMBA], capture_output=True, text=True)
    assert done.stdout == "[[1.0, 1.4142135381698608]] [[0, 1, 3, 2]]\n", done.stderr


@pytest.mark.parametrize(("n_rows", "n_words"), [(0, 0), (1, 1), (40, 3), (5, 70)])
@pytest.mark.parametrize("share", [0.0, 0.01, 1.0])
@pytest.mark.parametrize(("with_numba", "few"), [(True, -1), (True, 2**20), (False, -1)])
def test_members_of_columns_are_read_from_their_words(
    n_rows, n_words, share, with_numba, few, monkeypatch
):
    if not with_numba:
        monkeypatch.setitem(sys.modules, many_rows.__name__, None)
    monkeypatch.setattr(cuda_bars, "_members", cuda_bars._members.__wrapped__)
    monkeypatch.setattr(cuda_bars, "_FEW_BYTES", few)
    rng = np.random.default_rng(n_rows)
    bits = rng.random((n_rows, 32 * n_words)) < share
    bits &= np.arange(32 * n_words) <= np.arange(n_rows)[:, np.newaxis]  # as reduced columns
    packed = np.packbits(bits, axis=1, bitorder="little").view(np.uint32)
    nobody = np.empty(0, np.uint64)
    paired = PairedOnDevice(nobody, nobody, nobody, packed.reshape(n_rows, n_words), {})
    rows = rng.permutation(n_rows)[: n_rows // 2 + 1]
    members = paired.members_of(rows)
    n_members = np.count_nonzero(bits[rows])
    listed = 8 * (len(rows) + 1) + 4 * n_members
    assert members.nbytes == (listed if with_numba and few < 0 else 4 * n_words * len(rows))
    for i, row in enumerate(rows):
        assert members(i).dtype == np.int64
        assert members(i).tolist() == np.flatnonzero(bits[row]).tolist()
