"""Peak memory of one process that computes diagrams, above what it holds after its imports."""

from __future__ import annotations

import argparse
import contextlib
import json
import resource
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .clouds import CLOUDS, cloud
from .record import ROOT

__all__ = ["MB", "forget_peak", "measure", "process_memory"]

MB = 1 << 20


def measure(n: int, clouds: list[str]) -> dict[str, float]:
    """Return the peak in MB for each cloud of ``n`` points, each in a process of its own.

    Two at a time: what a process takes does not depend on the others, how long it runs is not told.
    """

    def peak(name: str) -> float:
        command = [sys.executable, "-m", "benchmarks.peak_memory", str(n), name]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
        return float(json.loads(done.stdout))

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(clouds, pool.map(peak, clouds), strict=True))


def _peak_of(n: int, name: str) -> float:
    from aura_tda_gpu.persistence.cpu import warm_up
    from aura_tda_gpu.persistence.rips import vietoris_rips

    points = cloud(name, n)
    warm_up()
    baseline = process_memory("VmRSS")
    forget_peak()
    vietoris_rips(points)
    return (process_memory("VmHWM") - baseline) / MB


def process_memory(field: str) -> int:
    """Return a figure of /proc/self/status in bytes; elsewhere the peak of this process.

    Not getrusage on Linux: its peak is inherited from the process that started this one.
    """
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def forget_peak() -> None:
    """Let the peak start anew from here; where that is refused the figure is only larger."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("n", type=int)
    parser.add_argument("cloud", choices=CLOUDS)
    arguments = parser.parse_args()
    print(json.dumps(_peak_of(arguments.n, arguments.cloud)))
