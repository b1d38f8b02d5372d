"""Where an array is, as DLPack tells it."""

from __future__ import annotations

from typing import Any

from ..errors import InvalidInputError

__all__ = ["gpu_of", "refuse_elsewhere"]

_CPU_LIKE = (1, 3)  # of DLPack: the host, and its pinned memory
_GPU_LIKE = (2, 13)  # CUDA, and its managed memory
_NAMES = {2: "cuda", 4: "opencl", 7: "vulkan", 8: "metal", 10: "rocm", 13: "cuda", 14: "oneapi"}


def gpu_of(X: Any) -> int | None:
    """Return the number of the CUDA device that an array is on, None where it is on none."""
    kind, number = _place(X)
    return number if kind in _GPU_LIKE else None


def refuse_elsewhere(X: Any, name: str) -> None:
    """Refuse an array that is not in the memory of the host.

    Raises
    ------
    InvalidInputError
        Names where it is, and where it should be.
    """
    kind, number = _place(X)
    if kind not in _CPU_LIKE:
        raise InvalidInputError(
            f"{name} is on {_NAMES.get(kind, f'a device of DLPack type {kind}')}:{number}, and is "
            f"needed on the CPU: pass {name}.cpu() of torch, {name}.get() of CuPy"
        )


def _place(X: Any) -> tuple[int, int]:
    """Return DLPack's type and number of the device of an array; the host for anything else."""
    ask = getattr(X, "__dlpack_device__", None)
    try:
        kind, number = ask() if callable(ask) else (_CPU_LIKE[0], 0)
    except (BufferError, RuntimeError, TypeError, ValueError):
        return _CPU_LIKE[0], 0  # reading it will tell
    return int(kind), int(number)
