"""Runs CUDA C++ kernels on the host.

>>> module = EmulatedModule(source, name="lune.cu")
>>> module.get_function("lune_mask")((8,), (256,), (distances, np.int32(n)), shared_mem=0)
"""

from .build import reason_unavailable
from .errors import (
    EmulatorCompileError,
    EmulatorError,
    EmulatorUnavailable,
    KernelFault,
    LaunchError,
)
from .module import EmulatedKernel, EmulatedModule

__all__ = [
    "EmulatedKernel",
    "EmulatedModule",
    "EmulatorCompileError",
    "EmulatorError",
    "EmulatorUnavailable",
    "KernelFault",
    "LaunchError",
    "reason_unavailable",
]
