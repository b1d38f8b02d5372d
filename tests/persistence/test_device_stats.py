"""What NVML tells, from a module that has its interface; and what is said where it is missing."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from aura_tda_gpu.persistence import device_stats
from aura_tda_gpu.persistence.device_stats import (
    DeviceStats,
    DeviceUse,
    EnergyMeter,
    Poller,
    info_of,
)

BUS = "0000:1B:00.0"


class NVMLError(Exception):
    """Base of all errors of pynvml."""


class Nvml(ModuleType):
    """The functions of pynvml that are called."""

    def __init__(self) -> None:
        super().__init__("pynvml")
        self.NVMLError = NVMLError
        self.started = 0
        self.asked = 0
        self.refused: set[str] = set()
        self.energy_mj = 1_000

    def nvmlInit(self):
        self._or_refuse("nvmlInit")
        self.started += 1

    def nvmlDeviceGetHandleByPciBusId(self, bus):
        self._or_refuse("nvmlDeviceGetHandleByPciBusId")
        return f"handle of {bus}"

    def nvmlDeviceGetName(self, handle):
        assert handle == f"handle of {BUS}"
        self.asked += 1
        return b"NVIDIA H200"

    def nvmlDeviceGetMemoryInfo(self, handle):
        return SimpleNamespace(used=5 << 30, total=140 << 30, free=135 << 30)

    def nvmlDeviceGetUtilizationRates(self, handle):
        self._or_refuse("nvmlDeviceGetUtilizationRates")
        return SimpleNamespace(gpu=37, memory=12)

    def nvmlDeviceGetTotalEnergyConsumption(self, handle):
        self._or_refuse("nvmlDeviceGetTotalEnergyConsumption")
        return self.energy_mj

    def _or_refuse(self, name: str) -> None:
        if name in self.refused:
            raise NVMLError(f"{name}: Not Supported")


@pytest.fixture
def nvml(monkeypatch):
    module = Nvml()
    monkeypatch.setitem(sys.modules, "pynvml", module)
    return module


def test_memory_busy_ratio_and_energy(nvml):
    stats = Poller(BUS).stats()
    assert stats == DeviceStats("NVIDIA H200", 5 << 30, 140 << 30, 0.37, 1_000)
    assert stats.as_info() == {
        "name": "NVIDIA H200",
        "memory_used_bytes": 5 << 30,
        "memory_total_bytes": 140 << 30,
        "busy_ratio": 0.37,
        "energy_mj": 1_000,
    }


def test_it_asks_once_a_second_unless_told_to(nvml):
    now = [10.0]
    poller = Poller(BUS, clock=lambda: now[0])
    for now[0] in (10.0, 10.5, 10.99):
        assert poller.stats().energy_mj == 1_000
    assert nvml.asked == 1
    nvml.energy_mj = 2_000
    assert poller.stats().energy_mj == 1_000
    assert poller.stats(fresh=True).energy_mj == 2_000
    now[0] = 12.0
    poller.stats()
    assert nvml.asked == 3


@pytest.mark.parametrize(
    ("refused", "missing"),
    [
        ("nvmlDeviceGetUtilizationRates", "busy_ratio"),
        ("nvmlDeviceGetTotalEnergyConsumption", "energy_mj"),
    ],
)
def test_what_a_device_does_not_tell_is_left_out(nvml, refused, missing):
    nvml.refused.add(refused)
    found = Poller(BUS).stats().as_info()
    assert missing not in found
    assert found["memory_used_bytes"] == 5 << 30


def test_without_the_library_one_line_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    found = Poller(BUS).stats(fresh=True).as_info()
    assert found == {"unavailable": "NVML needs nvidia-ml-py: pip install nvidia-ml-py"}


@pytest.mark.parametrize("refused", ["nvmlInit", "nvmlDeviceGetHandleByPciBusId"])
def test_without_a_driver_or_device_one_line_says_so(nvml, refused):
    nvml.refused.add(refused)
    found = Poller(BUS).stats().as_info()
    assert found == {"unavailable": f"NVML does not tell of {BUS}: {refused}: Not Supported"}


def test_the_energy_of_a_million_points(nvml):
    meter = EnergyMeter(Poller(BUS))
    nvml.energy_mj += 6_000
    assert meter.joules == 6.0
    assert meter.joules_per_million(2_000_000) == 3.0
    assert meter.joules_per_million(0) is None


def test_no_energy_where_the_device_does_not_tell(nvml):
    nvml.refused.add("nvmlDeviceGetTotalEnergyConsumption")
    meter = EnergyMeter(Poller(BUS))
    assert meter.joules is None
    assert meter.joules_per_million(10) is None


class Cupy:
    """A cupy with two devices and a memory pool."""

    def __init__(self) -> None:
        self.current = 0
        self.cuda = SimpleNamespace(Device=self.device)

    def device(self, number=None):
        number = self.current if number is None else number
        return SimpleNamespace(id=number, pci_bus_id=(BUS, "0000:2B:00.0")[number])

    def get_default_memory_pool(self):
        return SimpleNamespace(total_bytes=lambda: 123)


@pytest.fixture
def cupy(monkeypatch):
    monkeypatch.setattr(device_stats, "_POLLERS", {})
    return Cupy()


def test_one_poller_for_each_device(nvml, cupy):
    first = device_stats.poller_of_current_device(cupy)
    assert device_stats.poller_of_current_device(cupy) is first
    cupy.current = 1
    assert device_stats.poller_of_current_device(cupy) is not first
    assert nvml.started == 2


def test_what_a_diagram_and_a_stream_say(nvml, cupy):
    found = info_of(cupy)
    assert found["memory_pool_bytes"] == 123
    assert found["busy_ratio"] == 0.37
    use = DeviceUse(cupy)
    nvml.energy_mj += 500
    assert use.told(250_000)["joules_per_million_points"] == 2.0
    assert "joules_per_million_points" not in use.told(0)


def test_where_there_is_no_device_nothing_is_said(monkeypatch, cupy):
    assert info_of(np) == {}
    assert DeviceUse(np).told(10) == {}
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert info_of(cupy) == {
        "memory_pool_bytes": 123,
        "unavailable": "NVML needs nvidia-ml-py: pip install nvidia-ml-py",
    }
    assert DeviceUse(cupy).told(10) == info_of(cupy)
