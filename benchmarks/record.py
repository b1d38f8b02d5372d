"""What a figure needs beside it: the machine, the versions, the commit and its samples.

`SCHEMA` describes the records: ``schema_version`` 2. Each figure is a name in ``samples`` with its
unit, which direction is better, and all values; ``medians`` has the same names. ``targets`` holds
single figures beside what is wanted of them. What else a benchmark has to tell has keys of its own.
"""

from __future__ import annotations

import functools
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, TypeAlias

from aura_tda_gpu.persistence.backends import usable_cores

from .figures import Figure, as_rows

__all__ = [
    "OTHER",
    "RESULTS",
    "ROOT",
    "SCHEMA",
    "SCHEMA_VERSION",
    "Samples",
    "busy",
    "commit",
    "default_output",
    "document",
    "machine",
    "medians",
    "sampled",
    "seconds",
    "versions",
    "warning",
    "write",
]

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
OTHER = ROOT / "out" / "benchmarks"  # records that are not kept in the repository
SCHEMA = Path(__file__).with_name("record.schema.json")
SCHEMA_VERSION = 2
BUSY_LOAD = 0.5  # above which times say little
BUSY_CORES = 0.3
_LOOK_S = 0.3

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
    """Return processor, usable cores, memory, and how busy the machine is without this process.

    The load is that of the last minute, of what ran before in the same terminal, too; the cores
    that other work takes are those of a third of a second in which this process sleeps.
    """
    return {
        "cpu": _cpu_model(),
        "cores": usable_cores(),
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "load_average": round(os.getloadavg()[0], 2),
        "cores_taken": _cores_taken(),
    }


def busy(machine: Mapping[str, Any]) -> str:
    """Say what other work the machine of a record had; nothing where it was quiet."""
    taken = machine.get("cores_taken")
    if taken is None:  # a record of before, or no Linux
        load = machine["load_average"]
        return f"load {load:g}" if load > BUSY_LOAD else ""
    return f"other work took {taken:.1f} cores" if taken > BUSY_CORES else ""


def warning(machine: Mapping[str, Any]) -> str:
    """Return a line to print before times are taken; nothing where the machine is quiet."""
    why = busy(machine)
    return f"the machine is busy ({why}): times may be too long" if why else ""


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

    One of `RESULTS` that was measured with packages which are not there now is kept: the new one
    goes to `OTHER`, and standard error says so.

    Returns
    -------
    dict
        What was written: the record, completed by `forms.completed`.
    """
    from .forms import completed

    full = completed(record)
    if gone := _packages_gone(path, full):
        kept, path = path, OTHER / f"{path.name.partition('.')[0]}.json"
        print(
            f"{os.path.relpath(kept)} was measured with {', '.join(gone)}, not installed now, and "
            f"is kept; this record goes to {os.path.relpath(path)} (pip install -e '.[bench]' "
            "brings them; delete the kept one to go without)",
            file=sys.stderr,
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(full, indent=1, allow_nan=False) + "\n")
    if not quiet:
        print(f"record: {os.path.relpath(path)}")
    return full


def _packages_gone(path: Path, record: Mapping[str, Any]) -> list[str]:
    """Name the packages that the record at a place of `RESULTS` had, and the new one lacks."""
    if path.parent != RESULTS:
        return []
    try:
        before = json.loads(path.read_text())["versions"]
    except (OSError, ValueError, KeyError, TypeError):  # nothing there to keep
        return []
    return [name for name, had in before.items() if had and not record["versions"].get(name)]


@functools.cache
def _cores_taken() -> float | None:
    """Return how many usable cores other work takes, told once; None where that is not known."""
    before = _core_ticks()
    if before is None:
        return None
    time.sleep(_LOOK_S)
    after = _core_ticks()
    assert after is not None
    idle, whole = (b - a for a, b in zip(before, after, strict=True))
    return round(usable_cores() * (1 - idle / whole), 2) if whole > 0 else None


def _core_ticks() -> tuple[int, int] | None:
    """Return idle ticks and all ticks of the usable cores together."""
    try:
        mine = {f"cpu{i}" for i in os.sched_getaffinity(0)}
        lines = Path("/proc/stat").read_text().splitlines()
    except (OSError, AttributeError):
        return None
    rows = [line.split() for line in lines if line.split(" ", 1)[0] in mine]
    ticks = [[int(value) for value in row[1:9]] for row in rows]
    return sum(row[3] + row[4] for row in ticks), sum(map(sum, ticks))


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
