"""What can go wrong between a kernel's text and its result."""

from __future__ import annotations

from aura_tda_gpu.errors import AuraTDAError

__all__ = [
    "EmulatorCompileError",
    "EmulatorError",
    "EmulatorUnavailable",
    "KernelFault",
    "LaunchError",
]


class EmulatorError(AuraTDAError):
    """Base of the errors of the CUDA host emulator."""


class EmulatorUnavailable(EmulatorError, RuntimeError):
    """This machine cannot compile for the emulator."""


class EmulatorCompileError(EmulatorError, RuntimeError):
    """The text does not compile; ``log`` is what the compiler said."""

    def __init__(self, message: str, log: str) -> None:
        super().__init__(f"{message}\n{log}")
        self.log = log


class LaunchError(EmulatorError, ValueError):
    """A launch that a device would refuse, or that would corrupt its memory."""


class KernelFault(EmulatorError, RuntimeError):
    """A kernel that deadlocks, diverges at a barrier, or reaches outside of its memory."""
