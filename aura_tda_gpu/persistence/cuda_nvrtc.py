"""Compile kernels by NVRTC for the device at hand, and keep what was compiled on disk.

CuPy's own way to NVRTC always asks for ``-ftz=true``, under which squares below 1.2e-38 become 0.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from ..errors import KernelCompileError

__all__ = [
    "NVRTC_OPTIONS",
    "cache_folder",
    "compiled",
    "module_of_current_device",
    "what_it_takes",
]

NVRTC_OPTIONS = ("-std=c++17", "--fmad=false", "-ftz=false")

_Read = TypeVar("_Read")


def module_of_current_device(source: str, *, name: str) -> Any:
    """Return a stage as ``cupy.RawModule``, loaded on CuPy's current device.

    Parameters
    ----------
    source : str
        From `cuda_kernels.kernel_source`.
    name : str
        Of the stage.

    Raises
    ------
    KernelCompileError
        If it does not compile, or what was compiled cannot be loaded.
    """
    import cupy
    from cupy.cuda import driver, nvrtc

    target = _target(int(cupy.cuda.Device().compute_capability), nvrtc.getSupportedArchs())
    path = _kept(source, name, target, nvrtc)
    try:
        module = cupy.RawModule(path=str(path))
        module.compile()
    except driver.CUDADriverError as error:
        with suppress(OSError):
            path.unlink()  # the next process compiles it again
        raise KernelCompileError(
            f"cannot be loaded from {path}", file=f"{name}.cu", log=str(error)
        ) from error
    return module


def compiled(source: str, name: str, target: str, nvrtc: Any) -> bytes:
    """Return a stage compiled for ``target``: a binary for ``"sm_90"``, PTX for ``"compute_90"``.

    Raises
    ------
    KernelCompileError
        With NVRTC's log.
    """

    def read(program: Any) -> bytes:
        if target.startswith("sm_"):
            return bytes(nvrtc.getCUBIN(program))
        text = nvrtc.getPTX(program)
        return text if isinstance(text, bytes) else bytes(text, "utf-8")

    return _compile(source, name, nvrtc, (*NVRTC_OPTIONS, f"-arch={target}"), read)


def what_it_takes(source: str, name: str, target: str, nvrtc: Any) -> str:
    """Return what the assembler says about a stage compiled for a target such as ``"sm_90"``.

    Raises
    ------
    KernelCompileError
        With NVRTC's log.
    """
    options = (*NVRTC_OPTIONS, f"-arch={target}", "--ptxas-options=-v")
    return _compile(source, name, nvrtc, options, lambda program: str(nvrtc.getProgramLog(program)))


def _compile(
    source: str,
    name: str,
    nvrtc: Any,
    options: tuple[str, ...],
    read: Callable[[Any], _Read],
) -> _Read:
    """Compile a stage and return what is read of it."""
    program = nvrtc.createProgram(source, f"{name}.cu", (), ())
    try:
        nvrtc.compileProgram(program, options)
        return read(program)
    except nvrtc.NVRTCError as error:
        log = nvrtc.getProgramLog(program) or str(error)
        raise KernelCompileError("does not compile", file=f"{name}.cu", log=log) from error
    finally:
        nvrtc.destroyProgram(program)


def cache_folder() -> Path:
    """Return where CuPy keeps compiled kernels."""
    return Path(os.environ.get("CUPY_CACHE_DIR") or Path.home() / ".cupy" / "kernel_cache")


def _target(capability: int, supported: tuple[int, ...]) -> str:
    """Return what to compile for; a device that NVRTC does not know takes PTX of an older one."""
    if capability in supported:
        return f"sm_{capability}"
    return f"compute_{max(known for known in supported if known < capability)}"


def _kept(source: str, name: str, target: str, nvrtc: Any) -> Path:
    """Return the file of a compiled stage, compiled now if there is none."""
    what = repr((source, NVRTC_OPTIONS, target, nvrtc.getVersion()))
    digest = hashlib.sha256(what.encode()).hexdigest()
    ending = "cubin" if target.startswith("sm_") else "ptx"
    file = f"aura_tda_gpu_{name}_{digest}.{ending}"
    if (cache_folder() / file).is_file():
        return cache_folder() / file
    binary = compiled(source, name, target, nvrtc)
    try:
        return _written(binary, cache_folder(), file)
    except OSError:  # no home, or a full or read-only one
        return _written(binary, Path(_folder_of_process().name), file)


def _written(binary: bytes, folder: Path, file: str) -> Path:
    """Write a file that other processes find whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as part:
        whole = Path(part) / file
        whole.write_bytes(binary)
        os.replace(whole, folder / file)
    return folder / file


@cache
def _folder_of_process() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="aura_tda_gpu_")
