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
from .cuda_kernels import KERNELS, STAGES, kernel_source, kernels_of_current_device

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
    """Compile all kernels by nvcc where it is found, else by NVRTC for the device at hand.

    Parameters
    ----------
    architectures : iterable of str
        Such as ``"sm_90"``; none stands for `ARCHITECTURES`. NVRTC takes its device's own.

    Returns
    -------
    dict
        ``compiler`` and ``kernels``, a list of `KernelUse` as dictionaries.

    Raises
    ------
    KernelCompileError
        If a kernel does not compile.
    MissingDependencyError
        If there is neither nvcc nor a device with CuPy.
    """
    nvcc = shutil.which("nvcc")
    if nvcc is not None:
        wanted = tuple(architectures) or ARCHITECTURES
        uses = [use for stage in STAGES for use in compile_by_nvcc(nvcc, stage, wanted)]
        return {"compiler": nvcc, "kernels": [asdict(use) for use in uses]}
    reason = cuda_device.why_not()
    if reason is not None:
        raise MissingDependencyError(f"kernels: nvcc was not found, and NVRTC cannot: {reason}")
    return {"compiler": "NVRTC", "kernels": [asdict(use) for use in _compile_by_nvrtc()]}


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
    return sorted(
        (_use(found, stage) for found in _USE.finditer(done.stderr)),
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


def _compile_by_nvrtc() -> list[KernelUse]:
    """Compile for CuPy's current device and ask the driver what each kernel takes."""
    import cupy

    arch = f"sm_{cupy.cuda.Device().compute_capability}"
    kernels: Any = kernels_of_current_device()
    return [
        KernelUse(
            kernel=name,
            stage=stage,
            arch=arch,
            registers=int(kernels[name].num_regs),
            shared_bytes=int(kernels[name].shared_size_bytes),
            spilled_bytes=int(kernels[name].local_size_bytes),
        )
        for name, stage in KERNELS.items()
    ]
