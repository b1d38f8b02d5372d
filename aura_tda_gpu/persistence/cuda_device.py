"""Is there a GPU to compute on, and the engine of it."""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from importlib import util
from typing import TYPE_CHECKING, Any

from ..errors import USE_LANDMARKS, BackendUnavailable, MemoryLimitError, UnsupportedError

if TYPE_CHECKING:
    from .cuda import CudaEngine

__all__ = [
    "LEAST_CAPABILITY",
    "check_size",
    "cuda_engine",
    "load_driver",
    "no_device",
    "not_installed",
    "why_not",
]

LEAST_CAPABILITY = (7, 5)
_NO_DRIVER = "no NVIDIA driver was found"


@cache
def load_driver() -> Any:
    """Return the driver's library, or None; loading it starts nothing."""
    try:
        return ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return None


def no_device() -> str | None:
    """Say why there is no GPU, as far as that shows without a CUDA context; None if there is."""
    driver = load_driver()
    if driver is None:
        return _NO_DRIVER
    failed = int(driver.cuInit(0))
    if failed:
        return f"the NVIDIA driver answers with error {failed}"
    number = ctypes.c_int(0)
    if driver.cuDeviceGetCount(ctypes.byref(number)) or number.value < 1:
        return "the NVIDIA driver knows no device"
    return None


def why_not() -> str | None:
    """Say why the CUDA engine cannot run, as `no_device` does; None if it can."""
    return no_device() or not_installed()


def not_installed() -> str | None:
    """Say what the CUDA engine lacks that a package brings; None if nothing.

    The driver is not initialised, for it would be of no use after a fork.
    """
    if load_driver() is None:
        return _NO_DRIVER
    if util.find_spec("cupy") is None:
        return (
            "CuPy is not installed: pip install 'aura-tda-gpu[cuda13]', or 'aura-tda-gpu[cuda12]' "
            "for CUDA 12"
        )
    return None


def check_size(n: int) -> None:
    """Refuse a size the engine does not take or the device has no memory for.

    Raises
    ------
    UnsupportedError
        If there are more vertices than a warp's masks hold.
    MemoryLimitError
        If the device's free memory does not suffice; names the bytes needed and free.
    """
    import cupy

    from .cuda import MAX_VERTICES, device_bytes

    if n > MAX_VERTICES:
        raise UnsupportedError(
            f"backend 'cuda' takes at most {MAX_VERTICES} vertices, not {n}: {USE_LANDMARKS}"
        )
    free = int(cupy.cuda.Device().mem_info[0])
    free += int(cupy.get_default_memory_pool().free_bytes())
    if device_bytes(n) > free:
        raise MemoryLimitError(
            f"{n} vertices need about {device_bytes(n)} bytes on the GPU, {free} bytes are free: "
            f"{USE_LANDMARKS}"
        )


def cuda_engine() -> CudaEngine:
    """Return the engine of CuPy's current device; its kernels are compiled once in a process.

    Raises
    ------
    BackendUnavailable
        If there is no device, or CuPy, its driver or the device are too old.
    KernelCompileError
        If a kernel does not compile.
    """
    reason = why_not()
    if reason is not None:
        raise BackendUnavailable(f"backend 'cuda': {reason}")
    try:
        import cupy

        cupy.cuda.runtime.getDeviceCount()
        device = cupy.cuda.Device()
        capability = divmod(int(device.compute_capability), 10)
    except Exception as error:  # ImportError of a library, CUDARuntimeError of an old driver
        raise BackendUnavailable(f"backend 'cuda': CuPy does not work here: {error}") from error
    if capability < LEAST_CAPABILITY:
        raise BackendUnavailable(
            f"backend 'cuda': device {device.id} has compute capability "
            f"{capability[0]}.{capability[1]}, and {LEAST_CAPABILITY[0]}.{LEAST_CAPABILITY[1]} is "
            "the least"
        )
    return _engine_of(int(device.id))


@cache
def _engine_of(device: int) -> CudaEngine:
    import cupy

    from .cuda import CudaEngine
    from .cuda_kernels import kernels_of_current_device

    return CudaEngine(cupy, kernels_of_current_device())
