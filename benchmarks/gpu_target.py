"""What is measured: the CUDA engine of a device, or the same one on the emulator for a dry run."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from unittest import mock

import numpy as np

from aura_tda_gpu.persistence import cost_model, cuda_device
from aura_tda_gpu.persistence.cuda import CudaEngine
from aura_tda_gpu.persistence.cuda_kernels import Kernels
from aura_tda_gpu.persistence.device_stats import EnergyMeter, Poller, poller_of_current_device

__all__ = ["Target", "TimedKernels", "emulated_target", "target_at_hand"]

COPIED_BYTES = 1 << 28
L2_BYTES_PER_S = 5.5e12  # an estimate for an H200
CLOCK_HZ = 1.8e9  # where the device does not tell
SCHEDULERS = 4  # of a multiprocessor
DRY_COSTS = cost_model.MachineCosts(1e-8, 0.1, 1e-12, 1e-12, 1.0, 1e-6)  # updates are preferred

Result = TypeVar("Result")


class Target:
    """One engine and the clock of its device.

    Parameters
    ----------
    engine : CudaEngine
        Which `cuda_device.cuda_engine` returns, too.
    """

    def __init__(self, engine: CudaEngine) -> None:
        self.engine = engine
        self.xp = engine.device.xp
        self.emulated = not hasattr(self.xp, "cuda")
        self.poller: Poller | None = None if self.emulated else poller_of_current_device(self.xp)

    def timed(self, run: Callable[[], Result]) -> tuple[float, Result]:
        """Return the milliseconds between two events around a run, and what it returns."""
        start, stop = self.event(), self.event()
        start.record()
        result = run()
        stop.record()
        stop.synchronize()
        return self.between(start, stop), result

    def event(self) -> Any:
        """Return an event of the device, or of the host in a dry run."""
        return _HostEvent() if self.emulated else self.xp.cuda.Event()

    def between(self, start: Any, stop: Any) -> float:
        """Return the milliseconds between two events that have happened."""
        if self.emulated:
            return 1e3 * float(stop.seconds - start.seconds)
        return float(self.xp.cuda.get_elapsed_time(start, stop))

    @contextmanager
    def timed_kernels(self) -> Iterator[TimedKernels]:
        """Time every launch of the engine, its windows and its covers while this lasts."""
        device = self.engine.device
        kernels, timed = device.kernels, TimedKernels(self, device.kernels)
        device.kernels, device.records = timed, False
        try:
            yield timed
        finally:
            device.kernels, device.records = kernels, True

    def energy(self) -> EnergyMeter | None:
        """Return a meter that starts now."""
        return None if self.poller is None else EnergyMeter(self.poller)

    def forget_memory(self) -> None:
        """Give unused blocks of the memory pool back, so that the next figure counts its own."""
        if not self.emulated:
            self.xp.get_default_memory_pool().free_all_blocks()

    def memory_bytes(self) -> int | None:
        """Return what the memory pool holds, used or kept for later; None in a dry run."""
        return None if self.emulated else int(self.xp.get_default_memory_pool().total_bytes())

    def description(self) -> dict[str, Any]:
        """Return device, driver and CUDA versions for the record."""
        if self.emulated:
            return {"name": "the emulator on the host: no figure says anything about a GPU"}
        runtime, device = self.xp.cuda.runtime, self.xp.cuda.Device()
        properties = runtime.getDeviceProperties(device.id)
        told = self.poller.stats(fresh=True).as_info() if self.poller else {}
        return {
            "name": properties["name"].decode(),
            "compute_capability": device.compute_capability,
            "multiprocessors": properties["multiProcessorCount"],
            "memory_bytes": properties["totalGlobalMem"],
            "driver": runtime.driverGetVersion(),
            "runtime": runtime.runtimeGetVersion(),
            "nvrtc": list(self.xp.cuda.nvrtc.getVersion()),
            "nvml": told,
        }

    def peaks(self) -> dict[str, float]:
        """Return what the device can do at most: a copy is measured, the rest is counted."""
        if self.emulated:
            return {"bytes_per_s": 1.0, "l2_bytes_per_s": 1.0, "warp_instructions_per_s": 1.0}
        device = self.xp.cuda.Device()
        hertz = 1e3 * device.attributes.get("ClockRate", 0) or CLOCK_HZ
        processors = device.attributes["MultiProcessorCount"]
        return {
            "bytes_per_s": self._copy_rate(),
            "l2_bytes_per_s": L2_BYTES_PER_S,
            "warp_instructions_per_s": hertz * processors * SCHEDULERS,
        }

    def _copy_rate(self) -> float:
        """Return bytes read and written a second by a copy within the device."""
        source = self.xp.zeros(COPIED_BYTES, np.uint8)
        sink = self.xp.empty_like(source)
        times = [self.timed(lambda: self.xp.copyto(sink, source))[0] for _ in range(8)]
        return 2e3 * COPIED_BYTES / min(times)


class TimedKernels:
    """Kernels whose launches are put between events; takes the place of `Kernels`.

    A time includes what the host needs for the launch where the device was idle before.
    """

    def __init__(self, target: Target, kernels: Kernels) -> None:
        self._target = target
        self._kernels = kernels
        self._launched: list[tuple[str, Any, Any]] = []

    def __getitem__(self, name: str) -> Callable[..., None]:
        launch = self._kernels[name]

        def timed(*args: Any, **settings: Any) -> None:
            start, stop = self._target.event(), self._target.event()
            start.record()
            launch(*args, **settings)
            stop.record()
            self._launched.append((name, start, stop))

        return timed

    def collect(self) -> dict[str, list[float]]:
        """Return the milliseconds of each launch since the last call, by kernel."""
        times: dict[str, list[float]] = {}
        for name, start, stop in self._launched:
            stop.synchronize()
            times.setdefault(name, []).append(self._target.between(start, stop))
        self._launched.clear()
        return times


class _HostEvent:
    """A moment on the host, in the shape of a CUDA event."""

    seconds = 0.0

    def record(self) -> None:
        """Note the time."""
        self.seconds = time.perf_counter()

    def synchronize(self) -> None:
        """Nothing is pending on the host."""


def target_at_hand() -> Target:
    """Return the engine of CuPy's current device.

    Raises
    ------
    BackendUnavailable, KernelCompileError
        As `cuda_device.cuda_engine`.
    """
    return Target(cuda_device.cuda_engine())


@contextmanager
def emulated_target() -> Iterator[Target]:
    """Let backend "cuda" run on the emulator while this lasts."""
    from tests.cuda_host import EmulatedModule, reason_unavailable

    if reason := reason_unavailable():
        sys.exit(f"no dry run: {reason}")
    engine = CudaEngine(np, Kernels(EmulatedModule))
    with (
        mock.patch.object(cuda_device, "cuda_engine", return_value=engine),
        mock.patch.object(cuda_device, "check_size", return_value=None),
        mock.patch.dict(cost_model._MEASURED, {"cuda": DRY_COSTS}),
    ):
        yield Target(engine)
