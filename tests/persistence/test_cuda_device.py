"""Why there is no GPU to compute on, said without one."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest

from aura_tda_gpu import RipsWindow, vietoris_rips, vietoris_rips_batch
from aura_tda_gpu.errors import (
    BackendUnavailable,
    InvalidInputError,
    KernelCompileError,
    MemoryLimitError,
    UnsupportedError,
)
from aura_tda_gpu.persistence import backends, cuda_device
from aura_tda_gpu.persistence.cuda import MAX_VERTICES, device_bytes
from tests.on_gpu import OnGpu


class Driver:
    """The two functions of the driver's library that are asked."""

    def __init__(self, failed: int = 0, devices: int = 1) -> None:
        self.failed = failed
        self.devices = devices

    def cuInit(self, flags):
        return self.failed

    def cuDeviceGetCount(self, reference):
        reference._obj.value = self.devices
        return 0


class Device:
    """A cupy with one device."""

    def __init__(self, capability: str, free: int, pooled: int, error: str = "") -> None:
        def count():
            if error:
                raise RuntimeError(error)
            return 1

        handle = SimpleNamespace(id=0, compute_capability=capability, mem_info=(free, 2 * free))
        runtime = SimpleNamespace(getDeviceCount=count)
        self.cuda = SimpleNamespace(Device=lambda: handle, runtime=runtime)
        self.get_default_memory_pool = lambda: SimpleNamespace(free_bytes=lambda: pooled)


@pytest.fixture
def with_driver(monkeypatch):
    monkeypatch.setattr(cuda_device, "load_driver", lambda: Driver())
    monkeypatch.setattr(cuda_device.util, "find_spec", lambda name: object())


@pytest.mark.parametrize(
    ("driver", "cupy", "reason"),
    [
        (None, True, "no NVIDIA driver was found"),
        (Driver(failed=100), True, "the NVIDIA driver answers with error 100"),
        (Driver(devices=0), True, "the NVIDIA driver knows no device"),
        (Driver(), False, "CuPy is not installed"),
        (Driver(), True, None),
    ],
)
def test_the_first_thing_that_is_missing(monkeypatch, driver, cupy, reason):
    monkeypatch.setattr(cuda_device, "load_driver", lambda: driver)
    monkeypatch.setattr(cuda_device.util, "find_spec", lambda name: object() if cupy else None)
    found = cuda_device.why_not()
    assert found is None if reason is None else found.startswith(reason)
    told = backends.probe()
    assert told["backends"]["cuda"] == (found or "ok, in dimensions 0 and 1")
    assert told["cuda"] == (driver is not None)
    assert told["auto"] == ("cuda" if found is None else "cpu")
    if reason is not None:
        with pytest.raises(BackendUnavailable, match=reason):
            backends.resolve("cuda", 10, (0, 1))
    else:
        assert told["reason"] == f"{backends._PAYS}; {backends._KEPT}"


def test_auto_takes_the_gpu_from_some_size_on(monkeypatch, with_driver):
    engine = object()
    monkeypatch.setattr(cuda_device, "cuda_engine", lambda: engine)
    monkeypatch.setattr(cuda_device, "check_size", lambda n: None)
    monkeypatch.setattr(backends, "_has_nvidia_driver", lambda: True)
    pays = backends._PAYS
    assert "pays from 512 vertices on" in pays
    assert backends.resolve("auto", backends.GPU_PAYS_FROM, (0, 1)) == (engine, pays)
    few, reason = backends.resolve("auto", backends.GPU_PAYS_FROM - 1, (0, 1))
    assert (few.name, reason) == ("cpu", pays)
    assert backends.resolve("cpu", 2000, (0, 1))[1] == "asked for"
    kept, reason = backends.resolve("auto", 2000, (0, 1), kept=True)
    assert (kept.name, reason) == ("cpu", "windows and streams take a GPU where it is asked for")
    assert backends.resolve("cuda", 10, (0, 1), kept=True)[0] is engine


@pytest.mark.parametrize(
    "refusal", [BackendUnavailable, MemoryLimitError, UnsupportedError, "compile"]
)
def test_auto_goes_on_without_a_gpu_that_cannot(monkeypatch, with_driver, refusal):
    def refuse():
        if refusal == "compile":
            raise KernelCompileError("does not compile", file="lune.cu", log="")
        raise refusal("too little of something")

    monkeypatch.setattr(backends, "_has_nvidia_driver", lambda: True)
    monkeypatch.setattr(cuda_device, "cuda_engine", refuse)
    engine, reason = backends.resolve("auto", 600, (0, 1))
    assert engine.name == "cpu"
    assert reason.startswith("the GPU cannot: ")


class Full:
    """An engine on a device whose memory is full by the time it computes."""

    name = "cuda"
    setup_seconds = 0.0
    max_windows = 9

    def pairwise(self, points, metric):
        raise MemoryLimitError("the GPU is full")

    pairwise_of_many = compute_many = compute = has_window_state = window_state = pairwise
    device = SimpleNamespace(at_work=lambda needs: nullcontext(), xp=np)


def test_auto_goes_on_with_the_cpu_where_a_gpu_turns_out_to_be_full(monkeypatch, with_driver):
    monkeypatch.setattr(backends, "_has_nvidia_driver", lambda: True)
    monkeypatch.setattr(cuda_device, "cuda_engine", Full)
    monkeypatch.setattr(cuda_device, "check_size", lambda n: None)
    points = np.random.default_rng(0).normal(size=(600, 2))
    for found in (vietoris_rips(points), vietoris_rips_batch(points[np.newaxis])[0]):
        assert found.info["backend"] == "cpu"
        assert found.info["backend_reason"] == "the GPU cannot: the GPU is full"
    with pytest.raises(MemoryLimitError, match="full"):
        vietoris_rips(points, backend="cuda")
    assert RipsWindow(600, 2).diagram().info["backend"] == "cpu"


def test_points_on_a_gpu_are_for_it(monkeypatch):
    monkeypatch.setattr(cuda_device, "why_not", lambda: "the NVIDIA driver knows no device")
    cloud = OnGpu(np.zeros((3, 2), np.float32))
    for call in (
        lambda: vietoris_rips(cloud),
        lambda: vietoris_rips_batch([cloud, cloud]),
        lambda: vietoris_rips_batch(OnGpu(np.zeros((2, 3, 2), np.float32))),
    ):
        with pytest.raises(BackendUnavailable, match="'cuda': the NVIDIA driver knows no device"):
            call()
    with pytest.raises(InvalidInputError, match="CPU"):
        vietoris_rips(cloud, homology_dimensions=(0, 2))


def test_a_device_that_is_too_old(monkeypatch, with_driver):
    monkeypatch.setitem(sys.modules, "cupy", Device("70", 1 << 30, 0))
    with pytest.raises(BackendUnavailable, match=r"capability 7\.0, and 7\.5 is the least"):
        cuda_device.cuda_engine()


def test_a_driver_that_is_too_old(monkeypatch, with_driver):
    monkeypatch.setitem(sys.modules, "cupy", Device("90", 1 << 30, 0, "cudaErrorInsufficient"))
    with pytest.raises(BackendUnavailable, match="does not work here: cudaErrorInsufficient"):
        cuda_device.cuda_engine()


def test_a_broken_cupy(monkeypatch, with_driver):
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(BackendUnavailable, match="CuPy does not work here: import of cupy halted"):
        cuda_device.cuda_engine()


def test_sizes_are_refused_before_anything_is_taken(monkeypatch):
    needed = device_bytes(1000)
    monkeypatch.setitem(sys.modules, "cupy", Device("90", needed - 2, 1))
    with pytest.raises(MemoryLimitError, match=f"{needed} bytes on the GPU, {needed - 1} bytes"):
        cuda_device.check_size(1000)
    monkeypatch.setitem(sys.modules, "cupy", Device("90", needed - 2, 2))
    cuda_device.check_size(1000)
    with pytest.raises(UnsupportedError, match=f"at most {MAX_VERTICES} vertices"):
        cuda_device.check_size(MAX_VERTICES + 1)


def test_dimension_two_is_not_there(monkeypatch):
    monkeypatch.setattr(cuda_device, "cuda_engine", lambda: object())
    with pytest.raises(UnsupportedError, match="dimension 2 of 10 points on backend 'cuda'"):
        backends.resolve("cuda", 10, (0, 2))
