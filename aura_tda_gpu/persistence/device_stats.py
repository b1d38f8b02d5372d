"""What NVML tells of a GPU: its memory, how busy it is, and the energy it has taken."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = [
    "DeviceStats",
    "DeviceUse",
    "EnergyMeter",
    "Poller",
    "info_of",
    "poller_of_current_device",
]

INTERVAL_S = 1.0  # NVML's own samples are not younger
INSTALL = "pip install nvidia-ml-py"

_POLLERS: dict[int, Poller] = {}
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class DeviceStats:
    """A GPU at one moment, every process on it included; None where it does not tell.

    Attributes
    ----------
    name : str or None
    memory_used_bytes, memory_total_bytes : int or None
    busy_ratio : float or None
        Share of the last sample period in which a kernel ran, 0 to 1: no occupancy.
    energy_mj : int or None
        Millijoules since the driver was loaded.
    trouble : str or None
        Why nothing can be told, in one line.
    """

    name: str | None = None
    memory_used_bytes: int | None = None
    memory_total_bytes: int | None = None
    busy_ratio: float | None = None
    energy_mj: int | None = None
    trouble: str | None = None

    def as_info(self) -> dict[str, Any]:
        """Return what is known, ready for ``info`` and for JSON."""
        if self.trouble is not None:
            return {"unavailable": self.trouble}
        found = {
            "name": self.name,
            "memory_used_bytes": self.memory_used_bytes,
            "memory_total_bytes": self.memory_total_bytes,
            "busy_ratio": self.busy_ratio,
            "energy_mj": self.energy_mj,
        }
        return {name: value for name, value in found.items() if value is not None}


class Poller:
    """Asks NVML about one GPU, at most once a second unless it is told to.

    Parameters
    ----------
    pci_bus_id : str
        As the CUDA runtime names the device; the order of NVML's own numbers may differ.
    clock : callable
        Seconds that only grow.
    """

    def __init__(self, pci_bus_id: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._asked = -math.inf
        self._stats = DeviceStats()
        self._nvml: Any = None
        self._handle: Any = None
        try:
            import pynvml
        except ImportError:
            self._stats = DeviceStats(trouble=f"NVML needs nvidia-ml-py: {INSTALL}")
            return
        try:
            pynvml.nvmlInit()
            self._handle = pynvml.nvmlDeviceGetHandleByPciBusId(pci_bus_id)
        except pynvml.NVMLError as error:
            self._stats = DeviceStats(trouble=f"NVML does not tell of {pci_bus_id}: {error}")
            return
        self._nvml = pynvml

    def stats(self, *, fresh: bool = False) -> DeviceStats:
        """Return the newest figures; with ``fresh`` they are asked for now. Never raises."""
        with self._lock:
            now = self._clock()
            if self._nvml is not None and (fresh or now - self._asked >= INTERVAL_S):
                self._asked = now
                self._stats = self._ask()
            return self._stats

    def _ask(self) -> DeviceStats:
        nvml, handle = self._nvml, self._handle
        name = self._told(lambda: nvml.nvmlDeviceGetName(handle))
        memory = self._told(lambda: nvml.nvmlDeviceGetMemoryInfo(handle))
        busy = self._told(lambda: nvml.nvmlDeviceGetUtilizationRates(handle).gpu)
        energy = self._told(lambda: nvml.nvmlDeviceGetTotalEnergyConsumption(handle))
        return DeviceStats(
            name=name.decode() if isinstance(name, bytes) else name,
            memory_used_bytes=None if memory is None else int(memory.used),
            memory_total_bytes=None if memory is None else int(memory.total),
            busy_ratio=None if busy is None else int(busy) / 100,
            energy_mj=None if energy is None else int(energy),
        )

    def _told(self, ask: Callable[[], Any]) -> Any:
        """Return an answer, None where this device or driver has none."""
        try:
            return ask()
        except self._nvml.NVMLError:
            return None


class EnergyMeter:
    """The energy a GPU takes from now on, other processes on it included.

    Parameters
    ----------
    poller : Poller
        Of the device.
    """

    def __init__(self, poller: Poller) -> None:
        self._poller = poller
        self._start_mj = poller.stats(fresh=True).energy_mj

    @property
    def joules(self) -> float | None:
        """Energy since the start; None where the device does not tell."""
        now_mj = self._poller.stats(fresh=True).energy_mj
        if now_mj is None or self._start_mj is None:
            return None
        return (now_mj - self._start_mj) / 1e3

    def joules_per_million(self, n_points: int) -> float | None:
        """Return the energy since the start for every million of ``n_points`` points."""
        joules = self.joules
        return None if joules is None or n_points < 1 else joules * 1e6 / n_points


class DeviceUse:
    """What one user of a GPU says about it, from its start on.

    Parameters
    ----------
    xp : module
        cupy; with another module there is nothing to tell.
    """

    def __init__(self, xp: Any) -> None:
        self._xp = xp
        self._meter = EnergyMeter(poller_of_current_device(xp)) if hasattr(xp, "cuda") else None

    def told(self, n_points: int) -> dict[str, Any]:
        """Return `info_of`, and the energy for every million of the points so far, if known."""
        if self._meter is None:
            return {}
        joules = self._meter.joules_per_million(n_points)
        more = {} if joules is None else {"joules_per_million_points": joules}
        return {**info_of(self._xp), **more}


def info_of(xp: Any) -> dict[str, Any]:
    """Return what is known of the current device, at most a second old, and of its memory pool.

    Parameters
    ----------
    xp : module
        cupy; with another module there is nothing to tell.
    """
    if not hasattr(xp, "cuda"):
        return {}
    pool = {"memory_pool_bytes": int(xp.get_default_memory_pool().total_bytes())}
    return {**pool, **poller_of_current_device(xp).stats().as_info()}


def poller_of_current_device(xp: Any) -> Poller:
    """Return the poller of the current device of ``xp``, one for each device of the process."""
    number = int(xp.cuda.Device().id)
    with _lock:
        if number not in _POLLERS:
            _POLLERS[number] = Poller(str(xp.cuda.Device(number).pci_bus_id))
        return _POLLERS[number]
