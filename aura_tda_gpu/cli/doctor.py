"""``aura-tda doctor``: what this machine offers."""

from __future__ import annotations

import json
import re
import subprocess
import time
from importlib import metadata
from typing import Any

from rich.console import Console

from ..config import Config, EngineConfig

__all__ = ["examine", "extras", "gpus", "package_version", "show"]

_PACKAGE = "aura-tda-gpu"
_FOR_DEVELOPERS = ("test", "bench")


def package_version() -> str:
    """Return the version of the installed package."""
    try:
        return metadata.version(_PACKAGE)
    except metadata.PackageNotFoundError:
        return "unknown (not installed)"


def extras() -> dict[str, list[str]]:
    """Return the packages that each optional extra still lacks, empty where it is complete."""
    try:
        requirements = metadata.requires(_PACKAGE) or []
    except metadata.PackageNotFoundError:
        return {}
    missing: dict[str, list[str]] = {}
    for requirement in requirements:
        found = re.match(r"([\w.-]+).*\bextra\s*==\s*['\"]([\w-]+)['\"]", requirement)
        if found is None or found[2] in _FOR_DEVELOPERS:
            continue
        lacking = missing.setdefault(found[2], [])
        if not _installed(found[1]):
            lacking.append(found[1])
    return missing


def gpus() -> list[str]:
    """Return name and memory of each NVIDIA GPU, as nvidia-smi tells them; no context is made."""
    command = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, ValueError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in done.stdout.splitlines() if line.strip()]


def examine() -> dict[str, Any]:
    """Return all findings, ready for JSON: those of `probe`, the kernels, and the extras."""
    from ..persistence import backends

    kernels = _kernels()  # first: a probe makes engines, and compiles without a word
    return {
        "version": package_version(),
        **backends.probe(),
        "gpus": gpus(),
        "kernels": kernels,
        "extras": {name: {"missing": lacking} for name, lacking in sorted(extras().items())},
    }


def show(findings: dict[str, Any], *, as_json: bool) -> None:
    """Print the findings on standard output, for a machine or for a person."""
    if as_json:
        Console(highlight=False, soft_wrap=True).print_json(json.dumps(findings))
        return
    memory = findings["memory_bytes"]
    lines = [
        ("aura-tda", findings["version"]),
        ("python", f"{findings['python']} on {findings['platform']}"),
        ("cores", str(findings["cores"])),
        ("memory", "unknown" if memory is None else f"{memory / 2**30:.1f} GiB free"),
        ("numpy", findings["numpy"] or "missing"),
        ("numba", findings["numba"] or "missing"),
        ("kernels", _kernel_line(findings["kernels"])),
        ("GPU", _gpu_line(findings)),
    ]
    lines += [(f"backend {name}", state) for name, state in findings["backends"].items()]
    lines += [("auto takes", f"{findings['auto']}: {findings['reason']}")]
    lines += [(f"extra {name}", _extra_line(name, e)) for name, e in findings["extras"].items()]
    console = Console(highlight=False, markup=False, soft_wrap=True)
    for name, text in lines:
        console.print(f"{name:<18} {text}")


def _gpu_line(findings: dict[str, Any]) -> str:
    if findings["gpus"]:
        return "; ".join(findings["gpus"])
    if findings["cuda"]:
        return "an NVIDIA driver is installed, nvidia-smi names no GPU"
    return "no NVIDIA driver found"


def _kernels() -> dict[str, Any]:
    """Load or compile the CPU kernels."""
    try:
        from ..persistence import cpu
        from .running import stderr_console
        from .warming import warm_up

        start = time.perf_counter()
        warm_up(Config(engine=EngineConfig(backend="cpu")), stderr_console().print)
        seconds = time.perf_counter() - start
        return {"seconds": seconds, **cpu.cache_statistics(), "error": None}
    except Exception as error:  # a doctor reports what is broken, whatever it is
        return {"seconds": 0.0, "compiled": 0, "cached": 0, "error": f"{error}"}


def _kernel_line(kernels: dict[str, Any]) -> str:
    if kernels["error"] is not None:
        return f"do not work: {kernels['error']}"
    if kernels["compiled"]:
        return f"compiled just now, once per installation, in {kernels['seconds']:.1f} s"
    return f"compiled before; loaded in {kernels['seconds']:.1f} s"


def _extra_line(name: str, extra: dict[str, Any]) -> str:
    if not extra["missing"]:
        return "installed"
    return f"lacks {', '.join(extra['missing'])}: pip install '{_PACKAGE}[{name}]'"


def _installed(package: str) -> bool:
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True
