"""Compile every CUDA kernel without running one, and tell what each needs."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import KernelCompileError, MissingDependencyError
from . import cuda_device
from .cuda_kernels import STAGES, kernel_source
from .cuda_nvrtc import what_it_takes

__all__ = ["ARCHITECTURES", "KernelUse", "compile_all", "compile_by_nvcc"]

ARCHITECTURES = ("sm_75", "sm_80", "sm_90", "sm_100")

_USE = re.compile(
    r"Compiling entry function '(?P<kernel>\w+)' for '(?P<arch>\w+)'"
    r".*?(?P<stores>\d+) bytes spill stores, (?P<loads>\d+) bytes spill loads"
    r".*?Used (?P<registers>\d+) registers(?P<rest>[^\n]*)",
    re.DOTALL,
)
_SHARED = re.compile(r"(\d+) bytes smem")
_SECONDS = 300


@dataclass(frozen=True, slots=True)
class KernelUse:
    """What one kernel takes of a multiprocessor.

    Attributes
    ----------
    kernel, stage, arch : str
    registers : int
        For each thread.
    shared_bytes : int
        Static shared memory of a block; what a launch asks for comes on top.
    spilled_bytes : int
        Written to and read from local memory because registers did not suffice.
    """

    kernel: str
    stage: str
    arch: str
    registers: int
    shared_bytes: int
    spilled_bytes: int


def compile_all(architectures: Iterable[str] = ()) -> dict[str, Any]:
    """Compile all kernels by nvcc where it is found, else by CuPy's NVRTC.

    Parameters
    ----------
    architectures : iterable of str
        Such as ``"sm_90"``; none stands for those of `ARCHITECTURES` that NVRTC knows.

    Returns
    -------
    dict
        ``compiler`` and ``kernels``, a list of `KernelUse` as dictionaries.

    Raises
    ------
    KernelCompileError
        If a kernel does not compile.
    MissingDependencyError
        If there is neither nvcc nor CuPy with NVRTC.
    """
    nvcc = shutil.which("nvcc")
    if nvcc is not None:
        wanted = tuple(architectures) or ARCHITECTURES
        uses = [use for stage in STAGES for use in compile_by_nvcc(nvcc, stage, wanted)]
        return {"compiler": nvcc, "kernels": [asdict(use) for use in uses]}
    try:
        from cupy.cuda import nvrtc

        known = tuple(f"sm_{arch}" for arch in nvrtc.getSupportedArchs())
    except Exception as error:  # ImportError, or that of a library that is not there
        reason = cuda_device.why_not() or error
        raise MissingDependencyError(
            f"kernels: nvcc was not found, and NVRTC cannot: {reason}"
        ) from error
    wanted = tuple(architectures) or tuple(arch for arch in ARCHITECTURES if arch in known)
    uses = [use for stage in STAGES for use in _compile_by_nvrtc(nvrtc, stage, wanted)]
    return {"compiler": "NVRTC", "kernels": [asdict(use) for use in uses]}


def compile_by_nvcc(nvcc: str, stage: str, architectures: Iterable[str]) -> list[KernelUse]:
    """Compile one stage for some architectures; warnings are errors.

    Raises
    ------
    KernelCompileError
        With nvcc's log.
    """
    targets = [
        f"-gencode=arch=compute_{arch.removeprefix('sm_')},code={arch}" for arch in architectures
    ]
    flags = ["-std=c++17", "--fmad=false", "-Werror=all-warnings", "-Xptxas=-v", "-fatbin"]
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / f"{stage}.cu"
        source.write_text(kernel_source(stage), encoding="utf-8")
        command = [nvcc, *flags, *targets, "-o", f"{source}.fatbin", str(source)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS)
    if done.returncode:
        log = done.stdout + done.stderr
        raise KernelCompileError("does not compile", file=f"{stage}.cu", log=log)
    return _uses(done.stderr, stage)


def _compile_by_nvrtc(nvrtc: Any, stage: str, architectures: Iterable[str]) -> list[KernelUse]:
    """Compile one stage for some architectures as the engine does for that of its device."""
    source = kernel_source(stage)
    return _uses("\n".join(what_it_takes(source, stage, a, nvrtc) for a in architectures), stage)


def _uses(log: str, stage: str) -> list[KernelUse]:
    """Return what the assembler says about each kernel."""
    return sorted(
        (_use(found, stage) for found in _USE.finditer(log)),
        key=lambda use: (use.kernel, int(use.arch.removeprefix("sm_"))),
    )


def _use(found: re.Match[str], stage: str) -> KernelUse:
    shared = _SHARED.search(found["rest"])
    return KernelUse(
        kernel=found["kernel"],
        stage=stage,
        arch=found["arch"],
        registers=int(found["registers"]),
        shared_bytes=int(shared[1]) if shared else 0,
        spilled_bytes=int(found["stores"]) + int(found["loads"]),
    )
