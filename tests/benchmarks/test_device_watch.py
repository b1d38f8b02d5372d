"""What a GPU is seen to do while a stream runs, with a device that is made up."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from aura_tda_gpu.persistence import cuda_device, device_stats
from aura_tda_gpu.persistence.device_stats import DeviceStats
from benchmarks import record, throughput_child
from benchmarks.figures import Figure
from benchmarks.open_loop import Load
from benchmarks.throughput_child import DeviceWatch


class Poller:
    """NVML that gives one answer after the other, the last one again and again."""

    def __init__(self, *answers):
        self.answers = list(answers)

    def stats(self, *, fresh=False):
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def device(monkeypatch):
    """Return a function that makes the device at hand up."""

    def made_up(*answers):
        runtime = SimpleNamespace(
            getDeviceProperties=lambda number: {"name": b"NVIDIA Made Up"},
            driverGetVersion=lambda: 13000,
        )
        xp = SimpleNamespace(
            cuda=SimpleNamespace(runtime=runtime, Device=lambda: SimpleNamespace(id=0)),
            get_default_memory_pool=lambda: SimpleNamespace(total_bytes=lambda: 4096),
        )
        engine = SimpleNamespace(device=SimpleNamespace(xp=xp))
        poller = Poller(*answers)
        monkeypatch.setattr(cuda_device, "cuda_engine", lambda: engine)
        monkeypatch.setattr(device_stats, "poller_of_current_device", lambda xp: poller)
        monkeypatch.setattr(throughput_child, "POLL_S", 0.001)

    return made_up


def told(memory, busy, energy):
    return DeviceStats(memory_used_bytes=memory, busy_ratio=busy, energy_mj=energy)


def test_busy_memory_and_energy_are_those_of_the_run(device):
    device(told(100, 0.0, 5_000), told(300, 0.5, 6_000), told(200, 0.5, 7_000))
    watch = DeviceWatch(True)
    time.sleep(0.05)
    found = watch.stop()
    assert found["name"] == "NVIDIA Made Up"
    assert found["driver"] == 13000
    assert found["busy_ratio"] == 0.5
    assert found["memory_peak_bytes"] == 300
    assert found["memory_pool_bytes"] == 4096
    assert found["joules"] == 2.0


def test_a_device_that_tells_nothing_has_a_name_all_the_same(device):
    device(DeviceStats(trouble="no NVML here"))
    found = DeviceWatch(True).stop()
    assert found["name"] == "NVIDIA Made Up"
    assert found["unavailable"] == "no NVML here"
    assert (found["busy_ratio"], found["memory_peak_bytes"], found["joules"]) == (None, None, None)


def test_on_a_cpu_there_is_nothing_to_watch():
    assert not Load(rate_hz=1, backend="cpu").on_gpu
    assert DeviceWatch(False).stop() is None


def test_a_record_names_device_and_driver():
    found = record.document(
        "throughput",
        machine=record.machine(),
        settings={},
        packages=(),
        samples={"a": record.seconds([1.0])},
        targets=[Figure("x", 1.0, "ms")],
        device={"name": "NVIDIA Made Up", "driver": 13000},
    )
    assert (found["device"]["name"], found["driver"]) == ("NVIDIA Made Up", 13000)
