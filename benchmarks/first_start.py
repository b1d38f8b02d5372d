"""What a user waits for at first: compiling the kernels, loading them, and the demo.

Processes of their own, with an empty folder for numba's cache and again with what is then in it.
With ``--compile`` nothing is measured: the kernels are compiled into the cache in use, as
``make bench`` does while the peers are installed.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import record
from .figures import Figure, table
from .peak_memory import MB, process_memory
from .suite import record_path

__all__ = ["main"]

PACKAGES = ("aura-tda-gpu", "numpy", "numba", "scipy")
COMPILED, LOADED = "kernels compiled", "kernels from the cache"
ENDED = re.compile(
    r"From (?P<onset>[\d.]+) s on the pulse is there.*? as any other in (?P<share>\d+) % of the 1 s"
)
GAP = re.compile(
    r"(?P<first>[\d.]+) to (?P<last>[\d.]+) s: the signal is flat"
    r".*? windows in it: (?P<loop>\d+\.\d+)"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the table, write the record."""
    args = _arguments(argv)
    if args.compile:
        first_use()
        return 0
    machine = record.machine()
    found: dict[str, list[dict[str, float]]] = {COMPILED: [], LOADED: []}
    with tempfile.TemporaryDirectory() as folder:
        for i in range(args.repeat):
            cache, other = (
                {"NUMBA_CACHE_DIR": str(Path(folder) / name)} for name in (f"{i}", f"{i}-all")
            )
            for runs in found.values():
                told = json.loads(_python(["benchmarks.first_start", "--child"], cache))
                start = time.perf_counter()
                _python(["aura_tda_gpu.cli", "doctor"], other)
                runs.append({**told, "all": time.perf_counter() - start})
        demo = run_demo(Path(folder), cache)
    samples = samples_of(found, demo)
    told = [Figure(f"demo, {what}", value, unit) for what, (value, unit) in demo.items()]
    targets = [*_figures(samples), *told]
    print(table(targets))
    document = record.document(
        "first_start",
        machine=machine,
        settings={name: value for name, value in vars(args).items() if name != "output"},
        packages=PACKAGES,
        samples=samples,
        targets=targets,
        runs=found,
    )
    record.write(record_path("first_start", args, _arguments), document)
    return 0


def _arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeat", type=int, default=2, help="times that all is compiled")
    parser.add_argument("--compile", action="store_true", help="compile for this installation")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path, help="where to write the JSON record")
    args = parser.parse_args(argv)
    if args.repeat < 1:
        parser.error("--repeat starts at 1")
    return args


def first_use() -> dict[str, float]:
    """Compute a diagram, push and follow; return what the first time takes beyond the next."""
    import numpy as np

    from aura_tda_gpu import FeatureTracker, MultiScaleStream, vietoris_rips

    t = np.arange(0, 3, 0.01)
    points = np.column_stack([np.cos(6.4 * t), np.sin(6.4 * t)])

    def seconds_of(run: Any) -> float:
        start = time.perf_counter()
        run()
        return time.perf_counter() - start

    def diagram() -> None:
        vietoris_rips(points)

    def push() -> None:
        MultiScaleStream([1000]).push(points, t)

    def follow() -> None:
        tracker = FeatureTracker(min_persistence=0.5)
        assert any(u.events for u in tracker.follow(MultiScaleStream([1000]).push(points, t)))

    return {
        "diagram": seconds_of(diagram) - seconds_of(diagram),
        "stream": seconds_of(push) - seconds_of(push),
        "features": seconds_of(follow) - seconds_of(follow),
        "peak_mb": process_memory("VmHWM") / MB,
    }


def run_demo(folder: Path, cache: dict[str, str]) -> dict[str, tuple[float, str]]:
    """Run the demo as a user does, and return its findings with their units."""
    start = time.perf_counter()
    printed = _python(["aura_tda_gpu.cli", "demo", "--output", str(folder / "demo")], cache)
    taken = time.perf_counter() - start
    text = " ".join(printed.split())
    ended, gap = ENDED.search(text), GAP.search(text)
    if ended is None or gap is None:
        sys.exit(f"the demo does not say what it finds:\n{printed}")
    return {
        "the whole command, kernels from the cache": (taken, "s"),
        "the pulse is there from": (float(ended["onset"]), "s"),
        "windows of 1 s with one loop that dominates, from then on": (float(ended["share"]), "%"),
        "the sensor is lost from": (float(gap["first"]), "s"),
        "the sensor is lost until": (float(gap["last"]), "s"),
        "longest loop of a window of 1 s in that gap": (float(gap["loop"]), "units of the signal"),
    }


def samples_of(
    found: dict[str, list[dict[str, float]]], demo: dict[str, tuple[float, str]]
) -> dict[str, record.Samples]:
    """Return the samples: every run, and what the demo took."""
    samples = {}
    whats = {
        "diagram": "first diagram",
        "stream": "first stream after it",
        "features": "first features followed",
        "all": "aura-tda doctor, all at once",
    }
    for how, runs in found.items():
        for key, what in whats.items():
            samples[f"{what}, {how}"] = record.seconds([run[key] for run in runs])
        peaks = [run["peak_mb"] for run in runs]
        samples[f"process after all three, {how}"] = record.sampled(peaks, "MB")
    whole = "the whole command, kernels from the cache"
    samples[f"demo, {whole}"] = record.seconds([demo[whole][0]])
    return samples


def _figures(samples: dict[str, record.Samples]) -> list[Figure]:
    medians = record.medians(samples)
    return [
        Figure(name, medians[name], told["unit"])
        for name, told in samples.items()
        if not name.startswith("demo")
    ]


def _python(arguments: list[str], environment: dict[str, str]) -> str:
    command = [sys.executable, "-m", *arguments]
    done = subprocess.run(
        command,
        cwd=record.ROOT,
        env={**os.environ, **environment, "COLUMNS": "100"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


if __name__ == "__main__":
    if "--child" in sys.argv:
        print(json.dumps(first_use()))
    else:
        sys.exit(main())
