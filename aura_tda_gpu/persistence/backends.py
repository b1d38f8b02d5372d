"""The engines by name: which one answers a request, and why."""

from __future__ import annotations

import os
import platform
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from ..errors import (
    USE_LANDMARKS,
    BackendUnavailable,
    ConfigError,
    KernelCompileError,
    MemoryLimitError,
    UnsupportedError,
)
from . import cuda_device, ripser_plus_plus
from .engine import Engine
from .reference import MAX_POINTS, ReferenceEngine

__all__ = [
    "BACKENDS",
    "BATCH_BACKENDS",
    "GPU_PAYS_FROM",
    "available_memory",
    "check_available",
    "check_backend",
    "probe",
    "required_memory",
    "resolve",
    "resolve_again",
    "usable_cores",
]

BACKENDS = ("auto", "cpu", "cuda", "reference")
BATCH_BACKENDS = (*BACKENDS, ripser_plus_plus.NAME)  # of single diagrams, not of windows

GPU_PAYS_FROM = 512  # vertices; docs/gpu.md, "From which size on it pays"
_MAX_VERTICES = 65_534  # two vertex ids share 32 bits, and two values are marks


def check_backend(backend: object) -> str:
    """Return the backend's name.

    Raises
    ------
    ConfigError
        If the name is unknown.
    """
    if not isinstance(backend, str) or backend not in BATCH_BACKENDS:
        raise ConfigError(f"unknown backend {backend!r}; choose one of {', '.join(BATCH_BACKENDS)}")
    return backend


def check_available(backend: str) -> None:
    """Refuse a backend that is not installed; starts nothing, so that a fork may follow.

    Raises
    ------
    BackendUnavailable
        If ``"cuda"`` is asked for, and there is no driver or no CuPy.
    """
    reason = cuda_device.not_installed() if backend == "cuda" else None
    if reason is not None:
        raise BackendUnavailable(f"backend 'cuda': {reason}")


def resolve(
    backend: str, n: int, dimensions: tuple[int, ...], *, kept: bool = False
) -> tuple[Engine, str]:
    """Choose the engine for ``n`` vertices and the homology dimensions asked for.

    Parameters
    ----------
    backend : str
        One of `BATCH_BACKENDS`.
    n : int
        Number of vertices.
    dimensions : tuple of int
        Homology dimensions.
    kept : bool
        Whether the engine is for a window, which may be copied, restored or go through a fork:
        then ``"auto"`` leaves the GPU alone.

    Returns
    -------
    engine : Engine
    reason : str
        Why this one, in one sentence.

    Raises
    ------
    ConfigError
        If the name is unknown.
    BackendUnavailable
        If the backend cannot run here.
    UnsupportedError
        If it takes no input of this size or dimension.
    MemoryLimitError
        If the distances and the work space do not fit into the memory that is free.
    """
    check_backend(backend)
    if backend == "cuda":
        return _cuda(n, dimensions), "asked for"
    if backend == ripser_plus_plus.NAME:
        _check_size(n)
        return _ripser_plus_plus(), "asked for"
    if backend == "reference":
        if n > MAX_POINTS:
            raise UnsupportedError(
                f"backend 'reference' takes at most {MAX_POINTS} points, not {n}; "
                "backend 'cpu' takes more in dimensions 0 and 1"
            )
        return _reference(), "asked for"
    if max(dimensions) >= 2:
        if backend == "auto" and n <= MAX_POINTS:
            return _reference(), "only the reference engine computes dimension 2 and above"
        raise UnsupportedError(
            f"homology dimension {max(dimensions)} of {n} points on backend {backend!r}: 'cpu' "
            "supports dimensions 0 and 1, 'reference' any dimension of at most "
            f"{MAX_POINTS} points"
        )
    if backend == "cpu":
        _check_size(n)
        return _cpu(), "asked for"
    refusal = _why_not_cuda()
    if refusal is None and kept:
        refusal = _KEPT
    if refusal is None and n >= GPU_PAYS_FROM:
        try:
            return _cuda(n, dimensions), _PAYS
        except _CANNOT as error:
            refusal = f"the GPU cannot: {error}"
    _check_size(n)
    return _cpu(), refusal or _PAYS


def resolve_again(
    error: MemoryLimitError, n: int, dimensions: tuple[int, ...]
) -> tuple[Engine, str]:
    """Return the CPU engine for what ``"auto"`` gave to a GPU whose memory did not suffice."""
    return resolve("cpu", n, dimensions)[0], f"the GPU cannot: {error}"


def required_memory(n: int) -> int:
    """Return the bytes the CPU engine takes for ``n`` vertices on all cores.

    Distances, keys, apexes, and an adjacency for each thread. Reduced columns come on top; they
    are few unless the data has no geometry, and at most one bit for each pair of births.
    """
    return 10 * n * n + usable_cores() * n * n // 8


def available_memory() -> int | None:
    """Return the bytes this process may still take, or None where the system does not tell."""
    free = _meminfo()
    limit = _cgroup_room()
    known = [value for value in (free, limit) if value is not None]
    return min(known) if known else None


def usable_cores() -> int:
    """Return the number of cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def probe() -> dict[str, Any]:
    """Look at the machine without starting an engine or creating a CUDA context.

    Returns
    -------
    dict
        ``python``, ``platform``, ``cores``, ``memory_bytes`` (free, or None), ``numpy`` and
        ``numba`` (versions, or None), ``cuda`` (bool: an NVIDIA driver is installed), ``auto``
        (what ``"auto"`` chooses for many vertices in dimensions 0 and 1), ``reason``, and
        ``backends``: each name with ``"ok"`` or why it cannot be used.
    """
    numba, refusal = _version("numba"), _why_not_cuda()
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": usable_cores(),
        "memory_bytes": available_memory(),
        "numpy": _version("numpy"),
        "numba": numba,
        "cuda": _has_nvidia_driver(),
        "auto": "cpu" if refusal else "cuda",
        "reason": refusal or f"{_PAYS}; {_KEPT}",
        "backends": {
            "cpu": "ok" if numba else "numba is not installed",
            "cuda": cuda_device.why_not() or "ok, in dimensions 0 and 1",
            "reference": f"ok, at most {MAX_POINTS} points",
            ripser_plus_plus.NAME: ripser_plus_plus.why_not() or "ok, bars of single diagrams",
        },
    }


def _check_size(n: int) -> None:
    """Refuse a size that cannot be addressed or does not fit, before anything is allocated."""
    if n > _MAX_VERTICES:
        raise UnsupportedError(
            f"at most {_MAX_VERTICES} vertices are supported, not {n}: {USE_LANDMARKS}"
        )
    needed, available = required_memory(n), available_memory()
    if available is not None and needed > available:
        raise MemoryLimitError(
            f"{n} vertices need about {needed} bytes, {available} bytes are available: "
            f"{USE_LANDMARKS}"
        )


_CANNOT = (BackendUnavailable, KernelCompileError, MemoryLimitError, UnsupportedError)
_KEPT = "windows and streams take a GPU where it is asked for"
_PAYS = f"a GPU can be used, and pays from {GPU_PAYS_FROM} vertices on; fewer go to the CPU"


def _why_not_cuda() -> str | None:
    """Say why ``"auto"`` leaves the GPU alone; None if one can be used."""
    if not _has_nvidia_driver():
        return "no NVIDIA driver was found"
    refusal = cuda_device.why_not()
    return refusal and f"an NVIDIA driver is installed, but {refusal}"


def _has_nvidia_driver() -> bool:
    return cuda_device.load_driver() is not None


def _cuda(n: int, dimensions: tuple[int, ...]) -> Engine:
    """Return the engine of the current device, if it takes this request."""
    engine = cuda_device.cuda_engine()
    if max(dimensions) >= 2:
        raise UnsupportedError(
            f"homology dimension {max(dimensions)} of {n} points on backend 'cuda': it supports "
            "dimensions 0 and 1"
        )
    cuda_device.check_size(n)
    return engine


@cache
def _cpu() -> Engine:
    from .cpu import CpuEngine

    return CpuEngine()


@cache
def _ripser_plus_plus() -> Engine:
    return ripser_plus_plus.RipserPlusPlusEngine()


@cache
def _reference() -> Engine:
    return ReferenceEngine()


def _version(package: str) -> str | None:
    """Return the installed version of a package without importing it."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _meminfo() -> int | None:
    """Return the system's free memory, caches counted as free; else all of its memory."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def _cgroup_room() -> int | None:
    """Return what a container's memory limit leaves, its file cache counted as free."""
    folder = Path("/sys/fs/cgroup")
    try:
        limit = int((folder / "memory.max").read_text())
        used = int((folder / "memory.current").read_text())
        stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        return max(0, limit - used + int(stat.get("inactive_file", 0)))
    except (OSError, ValueError):
        return None
