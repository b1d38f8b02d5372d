"""What a figure needs beside it: the machine, the versions and the commit."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

from aura_tda_gpu.persistence.backends import usable_cores

__all__ = ["ROOT", "commit", "default_output", "machine", "versions", "write"]

ROOT = Path(__file__).resolve().parent.parent


def machine() -> dict[str, Any]:
    """Return processor, usable cores, memory, and how busy the last minute was."""
    return {
        "cpu": _cpu_model(),
        "cores": usable_cores(),
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "load_average": round(os.getloadavg()[0], 2),
    }


def versions(packages: tuple[str, ...]) -> dict[str, str | None]:
    """Return the version of Python and of each package, None where it is not installed."""
    return {"python": platform.python_version(), **{name: _version(name) for name in packages}}


def commit() -> str:
    """Return the commit that was measured, marked when files differ from it."""
    head = _git("rev-parse", "HEAD")
    if not head:
        return "unknown"
    changed = _git("status", "--porcelain", "--", ".", ":!benchmarks/results")
    return f"{head} with changes" if changed else head


def default_output(benchmark: str) -> Path:
    """Return the record's path: one file for each kind of machine."""
    kind = f"{platform.system()}-{platform.machine()}-{usable_cores()}cores".lower()
    return ROOT / "benchmarks" / "results" / f"{benchmark}.{kind}.json"


def write(path: Path, record: dict[str, Any], *, quiet: bool = False) -> None:
    """Write a record as JSON, and say where unless ``quiet``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1) + "\n")
    if not quiet:
        print(f"record: {os.path.relpath(path)}")


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()


def _cpu_model() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"
