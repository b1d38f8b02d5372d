"""What a figure needs beside it: the machine, the versions, the commit and its samples.

`SCHEMA` describes the records: ``schema_version`` 2. Each figure is a name in ``samples`` with its
unit, which direction is better, and all values; ``medians`` has the same names. ``targets`` holds
single figures beside what is wanted of them. What else a benchmark has to tell has keys of its own.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, TypeAlias

from aura_tda_gpu.persistence.backends import usable_cores

from .figures import Figure, as_rows

__all__ = [
    "RESULTS",
    "ROOT",
    "SCHEMA",
    "SCHEMA_VERSION",
    "Samples",
    "commit",
    "default_output",
    "document",
    "machine",
    "medians",
    "sampled",
    "seconds",
    "versions",
    "write",
]

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
SCHEMA = Path(__file__).with_name("record.schema.json")
SCHEMA_VERSION = 2

Samples: TypeAlias = dict[str, Any]


def document(
    benchmark: str,
    *,
    machine: Mapping[str, Any],
    settings: Mapping[str, Any],
    packages: tuple[str, ...],
    samples: Mapping[str, Samples],
    targets: Iterable[Figure] = (),
    device: Mapping[str, Any] | None = None,
    **parts: Any,
) -> dict[str, Any]:
    """Return a record.

    Parameters
    ----------
    benchmark : str
        Its name: that of the module, as a rule.
    machine : mapping
        From `machine`, taken before the measurement.
    settings : mapping
        What was asked for; paths are left out.
    packages : tuple of str
        Whose versions matter.
    samples : mapping of str to Samples
        From `seconds` or `sampled`, by the name of the figure.
    targets : iterable of Figure
        Figures with what is wanted of them.
    device : mapping, optional
        The GPU, as it tells itself; None on a CPU.
    **parts
        What else there is to tell.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "benchmark": benchmark,
        "machine": dict(machine),
        "cores": machine["cores"],
        "device": None if device is None else dict(device),
        "driver": None if device is None else device.get("driver"),
        "versions": versions(packages),
        "commit": commit(),
        "settings": {k: v for k, v in settings.items() if not isinstance(v, Path)},
        "samples": dict(samples),
        "medians": medians(samples),
        "targets": as_rows(targets),
        **parts,
    }


def seconds(values: Sequence[float]) -> Samples:
    """Return times as samples; less is better."""
    return sampled(values, "s")


def sampled(values: Sequence[float], unit: str, *, better: str = "lower") -> Samples:
    """Return samples of one figure; ``better`` is ``"lower"`` or ``"higher"``."""
    return {"unit": unit, "better": better, "values": [float(value) for value in values]}


def medians(samples: Mapping[str, Samples]) -> dict[str, float]:
    """Return the median of each figure."""
    return {name: statistics.median(told["values"]) for name, told in samples.items()}


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
    return RESULTS / f"{benchmark}.{kind}.json"


def write(path: Path, record: dict[str, Any], *, quiet: bool = False) -> dict[str, Any]:
    """Write a record as JSON, in the form of `SCHEMA`, and say where unless ``quiet``.

    Returns
    -------
    dict
        What was written: the record, completed by `forms.completed`.
    """
    from .forms import completed

    full = completed(record)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(full, indent=1, allow_nan=False) + "\n")
    if not quiet:
        print(f"record: {os.path.relpath(path)}")
    return full


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
