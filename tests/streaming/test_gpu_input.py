"""Points given on the GPU of a window or a stream: checked there, copied once, the same bars."""

from __future__ import annotations

import asyncio
import copy

import numpy as np
import pytest

from aura_tda_gpu import MultiScaleStream, RipsWindow, StreamingPoint, StreamingTDAProcessor
from aura_tda_gpu.errors import InvalidInputError
from aura_tda_gpu.persistence import cuda_device
from aura_tda_gpu.persistence.cuda import CudaEngine
from aura_tda_gpu.persistence.cuda_kernels import Kernels
from aura_tda_gpu.persistence.device_arrays import Downloads
from aura_tda_gpu.streaming.persistence_stream import BoundedPersistenceStream
from benchmarks.streams import torus_knot
from tests.cuda_host import EmulatedModule, reason_unavailable
from tests.gpu.stream_life import new_stream, told
from tests.on_gpu import OnGpu, Xp

pytestmark = pytest.mark.skipif(reason_unavailable() is not None, reason="no emulator")

METRICS = ["euclidean", "cosine", "dtm"]
DTYPES = ["f2", "f4", "f8", "i4", "u1"]
UNUSABLE = [
    [[0.0, 1.0], [np.nan, 1.0]],
    [[0.0, 1.0], [2.0, 1.0], [3.0, -np.inf]],
    np.array([[np.inf, 0.0], [0.0, 0.0]], np.float32),
    np.array([[0.0, 1.0], [0.0, np.nan]], np.float16),
    [[0.0, 1.0], [1e30, 1.0]],
    [[0.0], [1.0]],
    [0.0, 1.0],
    np.zeros((2, 0)),
    [["a", "b"], ["c", "d"]],
    [[1j, 0], [0, 0]],
]


class Noting(Xp):
    """One that notes the shape of what is copied to the host as it is."""

    def __init__(self):
        self.copied = []

    def asnumpy(self, array):
        self.copied.append(array.shape)
        return np.asarray(array)


@pytest.fixture(scope="module")
def engine():
    return CudaEngine(Noting(), Kernels(EmulatedModule))


@pytest.fixture(autouse=True)
def copied(engine, monkeypatch):
    """Let backend "cuda" be the emulated engine; return what it copies."""
    monkeypatch.setattr(cuda_device, "cuda_engine", lambda: engine)
    monkeypatch.setattr(cuda_device, "why_not", lambda: None)
    monkeypatch.setattr(cuda_device, "not_installed", lambda: None)
    monkeypatch.setattr(cuda_device, "check_size", lambda n: None)
    engine.device.xp.copied.clear()
    return engine.device.xp.copied


def drawn(dtype, n=12, seed=0):
    return (20 * np.random.default_rng(seed).random((n, 3)) + 3).astype(dtype)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_window_stores_the_bits_of_the_host(metric, dtype):
    points = drawn(dtype)
    mine, other = (RipsWindow(16, 3, metric, backend="cuda") for _ in range(2))
    for given in (points[:7], points[7:][::2], np.asfortranarray(points[:3]), points[:0]):
        X = OnGpu(given)
        assert (
            mine.replace(mine.ids[:1], X).tolist() == other.replace(other.ids[:1], given).tolist()
        )
        assert X.reads == 1
        assert mine.points.tobytes() == other.points.tobytes()
        assert np.array_equal(mine.origin, other.origin) or metric == "cosine"
    found, truth = mine.diagram(), other.diagram()
    assert found[0].tobytes() == truth[0].tobytes()
    assert found[1].tobytes() == truth[1].tobytes()
    assert found.info["rows_downloaded"] == 13
    assert found.info["bytes_downloaded"] == 13 * 3 * points.itemsize
    assert "rows_downloaded" not in truth.info


@pytest.mark.parametrize("bad", UNUSABLE)
def test_what_a_window_cannot_use_is_told_as_on_the_host(bad):
    bad = np.asarray(bad)
    window = RipsWindow(8, 2, backend="cuda")
    with pytest.raises(InvalidInputError) as truth:
        window.insert(bad)
    with pytest.raises(InvalidInputError) as found:
        window.insert(OnGpu(bad))
    assert (str(found.value), found.value.row) == (str(truth.value), truth.value.row)
    assert len(window) == 0
    assert window.origin is None


@pytest.mark.parametrize("bad", UNUSABLE)
def test_what_a_stream_cannot_use_is_told_as_on_the_host(bad):
    bad = np.asarray(bad)
    stream = MultiScaleStream([100], backend="cuda", dim=2, max_memory_mb=16)
    times = np.arange(len(bad)) / 10
    with pytest.raises(InvalidInputError) as truth:
        stream.push(bad, times)
    with pytest.raises(InvalidInputError) as found:
        stream.push(OnGpu(bad), times)
    assert (str(found.value), found.value.row) == (str(truth.value), truth.value.row)
    assert stream.stats.accepted == 0


def test_rows_that_are_not_finite_stay_where_they_are(engine, copied):
    points = drawn("f8", 1000)
    points[417, 1] = points[600] = np.nan
    downloads = Downloads()
    with pytest.raises(InvalidInputError, match=r"nan, in row 417$") as raised:
        downloads.brought(OnGpu(points), "points", engine.device)
    assert raised.value.row == 417
    assert copied == []
    assert downloads.told() == {}
    points[417] = points[600] = 0.0
    assert downloads.brought(OnGpu(points), "points", engine.device) is points
    assert copied == [(1000, 3)]
    assert downloads.told() == {"rows_downloaded": 1000, "bytes_downloaded": 24000}


@pytest.mark.parametrize("metric", METRICS)
def test_a_stream_gives_the_updates_of_the_host(metric, copied):
    points, times = torus_knot(260, 250, 2)
    order = np.random.default_rng(0).permutation(260 // 4)
    times = times.reshape(-1, 4)[np.argsort(order // 3, kind="stable")].reshape(-1)
    settings = {"metric": metric, "allowed_lateness_ms": 80}
    mine, other = (new_stream("cuda", 260, **settings) for _ in range(2))
    found, truth = [], []
    for start in range(0, 260, 20):
        part = slice(start, start + 20)
        copied.clear()
        found += mine.push(OnGpu(points[part]), times[part])
        assert copied.count((20, 3)) == 1  # for all windows together
        truth += other.push(points[part], times[part])
    assert told(found + mine.flush()) == told(truth + other.flush())
    assert len(found) > 8
    assert mine.stats.late == other.stats.late > 0
    assert mine.stats.device == {"rows_downloaded": 260, "bytes_downloaded": 260 * 24}
    assert other.stats.device == {}


def test_a_window_by_itself_and_single_points():
    points, times = torus_knot(30, 250)
    mine, other = (BoundedPersistenceStream(100, 3, backend="cuda") for _ in range(2))
    mine.add_points(OnGpu(points[:20]), times[:20])
    mine.add_points(OnGpu(points[20]), times[20])
    other.add_points(points[:21], times[:21])
    tick = int(times[20] * 1e9) + 1
    assert told([mine.tick(tick)]) == told([other.tick(tick)])
    stream = new_stream("cuda")
    stream.push(OnGpu(points[0]), times[0])
    stream.push(OnGpu(points[1].astype(np.float32)), times[1])
    assert stream.stats.accepted == stream.stats.device["rows_downloaded"] == 2


@pytest.mark.parametrize("large", [False, True])
def test_a_processor_gives_the_updates_of_the_host(large, monkeypatch):
    if large:
        monkeypatch.setattr("aura_tda_gpu.streaming.entrance._LARGE", 1)
    points, times = torus_knot(200, 250)

    async def run(on_gpu):
        settings = {"max_points": 200, "max_landmarks": 24, "max_memory_mb": 64}
        async with StreamingTDAProcessor([400, 100], backend="cuda", **settings) as tda:
            updates = []
            for start in range(0, 180, 30):
                part = slice(start, start + 30)
                updates += await tda.process_batch(on_gpu(points[part]), times[part])
            for k in range(180, 200):
                one = StreamingPoint(on_gpu(points[k]), float(times[k]))
                update = await tda.process_point(one)
                updates += update.all if update else ()
            updates += await tda.flush()
            with pytest.raises(InvalidInputError, match=r"nan, in row 1$"):
                await tda.process_batch(
                    on_gpu(points[:3] * [[1], [np.nan], [1]]), times[-1] + [1, 2, 3]
                )
            return told(updates), tda._stream.stats

    found, mine = asyncio.run(run(OnGpu))
    truth, other = asyncio.run(run(np.asarray))
    assert found == truth
    assert len(found) > 8
    assert mine.accepted == other.accepted == mine.device["rows_downloaded"] == 200


def test_another_gpu_and_another_backend_are_refused():
    points = drawn("f4")
    window = RipsWindow(16, 3, backend="cuda")
    stream = new_stream("cuda")
    message = r"points is on cuda:1, and its windows are on cuda:0: move it there"
    for start in (0.0, 1.0):
        with pytest.raises(InvalidInputError, match=message):
            window.insert(OnGpu(points, number=1))
        with pytest.raises(InvalidInputError, match=message):
            stream.push(OnGpu(points, number=1), np.arange(12) / 100)
        window.insert(points[:2])
        stream.push(points[:2], [start, start + 0.01])
    assert stream.stats.accepted == len(window) == 4
    with pytest.raises(InvalidInputError, match="needed on the CPU"):
        RipsWindow(16, 3, backend="cpu").insert(OnGpu(points))


def test_an_array_that_cannot_be_shared_and_times_on_the_gpu(monkeypatch):
    stream, points = new_stream("cuda"), drawn("f8")
    with pytest.raises(InvalidInputError, match="timestamps cannot be read as an array"):
        stream.push(points, OnGpu(np.arange(12) / 100))

    def refuse(_, X):
        raise BufferError("Can't export tensors that require gradient")

    monkeypatch.setattr(Xp, "from_dlpack", refuse)
    with pytest.raises(InvalidInputError, match="points cannot be read as an array on cuda:0: Can"):
        stream.push(OnGpu(points), np.arange(12) / 100)
    assert stream.stats.accepted == 0


def test_a_copy_of_a_window_starts_its_own_count():
    window = RipsWindow(16, 3, backend="cuda")
    window.insert(OnGpu(drawn("f4")))
    other = copy.copy(window)
    other.insert(OnGpu(drawn("f4", 2, 1)))
    assert window.diagram().info["rows_downloaded"] == 12
    assert other.diagram().info["rows_downloaded"] == 2
