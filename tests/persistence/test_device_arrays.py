"""Arrays on a GPU: taken there, or refused by where they are."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from types import SimpleNamespace

import numpy as np
import pytest

from aura_tda_gpu import MultiScaleStream, RipsWindow, vietoris_rips, vietoris_rips_batch
from aura_tda_gpu.errors import InvalidInputError
from aura_tda_gpu.persistence import cuda_device, distances
from aura_tda_gpu.persistence.cuda import CudaEngine
from aura_tda_gpu.persistence.cuda_kernels import Kernels
from aura_tda_gpu.persistence.cuda_launch import Device
from aura_tda_gpu.persistence.device_arrays import as_clouds, as_points
from aura_tda_gpu.persistence.places import gpu_of
from tests.cuda_host import EmulatedModule, reason_unavailable
from tests.on_gpu import OnGpu, Xp
from tests.oracles.peers import bars_of

HOST = Device(Xp(), Kernels(EmulatedModule))


@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "chebyshev", "cosine"])
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i4"])
def test_points_have_the_bits_of_the_host(metric, dtype):
    points = (10 * np.random.default_rng(0).normal(size=(9, 3)) + 3).astype(dtype)
    for given in (points, points[::2], np.asfortranarray(points), points[:0]):
        found = as_points(OnGpu(given), metric, HOST)
        truth = distances.as_points(given, metric)
        assert found.dtype == np.float32
        assert found.flags.c_contiguous
        assert np.array_equal(found.view(np.uint32), truth.view(np.uint32))


@pytest.mark.parametrize(
    "bad",
    [
        [[0.0], [np.nan]],
        [[np.inf], [0.0]],
        [[0.0], [1e30]],
        [0.0, 1.0],
        np.zeros((2, 0)),
        [["a"], ["b"]],
        [[1j], [0]],
    ],
)
def test_what_cannot_be_used_is_told_as_on_the_host(bad):
    with pytest.raises(InvalidInputError) as truth:
        distances.as_points(np.asarray(bad))
    with pytest.raises(InvalidInputError) as found:
        as_points(OnGpu(bad), "euclidean", HOST)
    assert str(found.value) == str(truth.value)
    assert found.value.row == truth.value.row


def test_just_below_the_limit_the_host_decides():
    edge = distances.limit_of(1) * (1 - 1e-4)
    assert as_points(OnGpu(np.array([[edge]], np.float32)), "euclidean", HOST)[0, 0] > 0


@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "chebyshev", "dtm", "cosine"])
@pytest.mark.parametrize("dtype", ["f2", "f4", ">f4", "f8", "i4"])
def test_many_clouds_have_the_bits_of_each(metric, dtype):
    clouds = (10 * np.random.default_rng(0).normal(size=(5, 9, 3)) + 3).astype(dtype)
    given = [clouds, clouds[::2], np.asfortranarray(clouds), clouds.swapaxes(0, 1)]
    for array in given:
        for found in (as_clouds(array, metric, None), as_clouds(OnGpu(array), metric, HOST)):
            assert (found is None) == (metric in ("cosine", "dtm"))
            for mine, cloud in zip(() if found is None else found, array, strict=found is not None):
                assert mine.tobytes() == distances.as_points(cloud, metric).tobytes()
                assert mine.dtype == np.float32
    for array in (clouds[0], clouds[:0], clouds[:, :0]):
        assert as_clouds(array, metric, None) is as_clouds(OnGpu(array), metric, HOST) is None
    assert as_clouds(np.ma.masked_array(clouds), metric, None) is None
    clouds = clouds.astype(np.float64)
    clouds[2, 1, 0] = np.nan
    assert as_clouds(clouds, metric, None) is as_clouds(OnGpu(clouds), metric, HOST) is None
    assert as_clouds(OnGpu(clouds, number=1), metric, HOST) is None


def test_an_array_on_another_gpu_names_both():
    with pytest.raises(InvalidInputError, match=r"X is on cuda:1, and .* computes on cuda:0"):
        as_points(OnGpu([[0.0]], number=1), "euclidean", HOST)


class Streams:
    """CuPy's streams of one device, and the order in which they were spoken to."""

    def __init__(self):
        self.told = []
        default = self._entered()
        default.wait_event = lambda event: self.told.append(f"waits for {event}")
        self.Stream = SimpleNamespace(null=default)
        self.runtime = SimpleNamespace(getDevice=lambda: 0)

    @contextmanager
    def _entered(self):
        self.told.append("default stream")
        yield

    def Device(self, number=0):
        made = nullcontext()
        made.id = number
        return made

    def get_current_stream(self):
        return SimpleNamespace(record=lambda: "what the caller does", ptr=7)


def test_what_the_caller_still_computes_is_waited_for():
    xp = Xp()
    xp.cuda = streams = Streams()
    xp.from_dlpack = lambda X: streams.told.append("read") or X.array
    as_points(OnGpu(np.zeros((2, 1), np.float32)), "euclidean", Device(xp, None))
    assert streams.told == ["waits for what the caller does", "default stream", "read"]


def test_an_array_that_cannot_be_shared(monkeypatch):
    def refuse(_, X):
        raise BufferError("Can't export tensors that require gradient")

    monkeypatch.setattr(Xp, "from_dlpack", refuse)
    with pytest.raises(InvalidInputError, match="array on cuda:0: Can't export tensors that req"):
        as_points(OnGpu([[0.0]]), "euclidean", HOST)


@pytest.mark.parametrize(
    ("kind", "where"), [(2, "cuda:3"), (10, "rocm:3"), (99, "a device of DLPack type 99:3")]
)
def test_an_array_elsewhere_is_refused_by_name(kind, where):
    X = OnGpu([[0.0], [1.0]], number=3, kind=kind)
    message = f"is on {where}, and is needed on the CPU"
    with pytest.raises(InvalidInputError, match=message):
        vietoris_rips(X, backend="cpu")
    window = RipsWindow(4, 1, backend="cpu")
    with pytest.raises(InvalidInputError, match=message):
        window.insert(X)
    stream = MultiScaleStream([100], backend="cpu")
    with pytest.raises(InvalidInputError, match=message):
        stream.push(X, [0.0, 0.1])
    assert len(window) == stream.stats.accepted == 0
    with pytest.raises(InvalidInputError, match=f"D {message}"):
        vietoris_rips(X, metric="precomputed", backend="cpu")


def test_where_an_array_is():
    torch = pytest.importorskip("torch")
    assert gpu_of([[0.0]]) is None
    assert gpu_of(np.zeros(2)) is None
    assert gpu_of(torch.zeros(2)) is None
    assert gpu_of(OnGpu([0.0], number=2)) == 2
    assert gpu_of(OnGpu([0.0], number=1, kind=13)) == 1


def test_torch_on_the_cpu_is_taken():
    torch = pytest.importorskip("torch")
    points = torch.arange(24, dtype=torch.float32).reshape(8, 3)
    truth = vietoris_rips(points.numpy(), backend="cpu")
    for given in (points, points.T.contiguous().T, points[:, [0, 1, 2]]):
        assert bars_of(vietoris_rips(given, backend="cpu"), 0) == bars_of(truth, 0)


@pytest.mark.skipif(reason_unavailable() is not None, reason="no emulator")
def test_points_on_the_gpu_stay_there(monkeypatch):
    engine = CudaEngine(Xp(), Kernels(EmulatedModule))
    monkeypatch.setattr(cuda_device, "cuda_engine", lambda: engine)
    monkeypatch.setattr(cuda_device, "check_size", lambda n: None)
    points = np.random.default_rng(1).normal(size=(2, 24, 3))
    X = OnGpu(points[0])
    found = vietoris_rips(X, backend="cuda")
    assert X.reads == 1
    truth = [vietoris_rips(cloud, backend="cpu") for cloud in points]
    assert bars_of(found, 1) == bars_of(truth[0], 1)
    X = OnGpu(points)
    for one, other in zip(vietoris_rips_batch(X, backend="cuda"), truth, strict=True):
        assert bars_of(one, 1) == bars_of(other, 1)
    assert X.reads == 1
    weighted = vietoris_rips(OnGpu(points[0]), metric="dtm", backend="cuda")
    assert bars_of(weighted, 1) == bars_of(vietoris_rips(points[0], metric="dtm"), 1)
