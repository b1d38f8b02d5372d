"""All that has to be measured on a GPU, in one run: python -m benchmarks.gpu_performance.

Bars are compared before a time is printed. A part that fails is named and the others go on; the
record is written after each part. ``--emulated`` runs all of it on the host with tiny sizes: its
figures say nothing.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from aura_tda_gpu.errors import AuraTDAError

from . import record
from .clouds import CLOUDS
from .expected import Oracle
from .figures import Figure, as_rows, table
from .gpu_peers import measure_against_peers
from .gpu_sizes import measure_sizes
from .gpu_stages import measure_stages
from .gpu_streams import FOUR_SCALES, check_stream, measure_memory, measure_stream
from .gpu_target import Target, emulated_target, target_at_hand
from .gpu_windows import measure_batch, measure_replacements

PACKAGES = (
    *("aura-tda-gpu", "numpy", "numba", "cupy-cuda12x", "cupy-cuda13x", "cupy", "nvidia-ml-py"),
    *("ripserplusplus", "giotto-ph"),
)
TINY = {
    **{"sizes": [48], "repeats": 2, "cases": [(32, 0.0), (32, 0.1)], "batch": [3, 24]},
    **{"peer_n": 40, "peer_clouds": ["torus"], "rate": 500.0, "seconds": 0.4, "landmarks": 16},
    **{"push": 100, "window_points": 300, "scales": [100, 400], "paying": [24]},
}

Measured = tuple[Any, list[Figure]]
Part = Callable[[Target, Oracle, argparse.Namespace], Measured | Iterator[Measured]]


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, write the record; return 1 if a part could not be measured."""
    args = _arguments(arguments)
    if args.emulated:
        with emulated_target() as target:
            return _run(target, args)
    try:
        target = target_at_hand()
    except AuraTDAError as error:
        print(f"nothing was measured: {error}")
        return 1
    return _run(target, args)


def _run(target: Target, args: argparse.Namespace) -> int:
    oracle = Oracle(False if args.without_numba else None)
    description = target.description()
    print(f"{description['name']}; bars are compared with {oracle.name}", flush=True)
    found: dict[str, Any] = {
        "benchmark": "gpu_performance",
        "emulated": target.emulated,
        "machine": record.machine(),
        "device": description,
        "versions": record.versions(PACKAGES),
        "commit": record.commit(),
        "compared_with": oracle.name,
        "settings": {key: value for key, value in vars(args).items() if key != "output"},
        "targets": [],
        "failed": {},
    }
    path = args.output or record.default_output(f"gpu_performance.{_slug(description['name'])}")
    targets: list[dict[str, Any]] = []
    for name in args.only:
        figures: list[Figure] = []
        try:
            told = PARTS[name](target, oracle, args)
            for found[name], figures in [told] if isinstance(told, tuple) else told:
                found["targets"] = targets + as_rows(figures)
                record.write(path, found, quiet=True)
        except (Exception, SystemExit) as error:  # time on a device is short: the others go on
            found["failed"][name] = f"{type(error).__name__}: {error}"
            print(f"\n{name}: not measured, {found['failed'][name]}", flush=True)
        else:
            print(f"\n{name}\n{table(figures)}", flush=True)
        targets += as_rows(figures)
        record.write(path, found, quiet=name != args.only[-1])
    return 1 if found["failed"] else 0


def _stages(target: Target, oracle: Oracle, args: argparse.Namespace) -> tuple[Any, list[Figure]]:
    return measure_stages(target, oracle, args.sizes, args.repeats)


def _replacements(
    target: Target, oracle: Oracle, args: argparse.Namespace
) -> tuple[Any, list[Figure]]:
    return measure_replacements(target, oracle, args.cases, args.repeats)


def _batch(target: Target, oracle: Oracle, args: argparse.Namespace) -> tuple[Any, list[Figure]]:
    return measure_batch(target, oracle, *args.batch, args.repeats)


def _peers(
    target: Target, oracle: Oracle, args: argparse.Namespace
) -> Iterator[tuple[Any, list[Figure]]]:
    repeats = min(5, args.repeats)
    sizes = args.peer_n, repeats, args.peer_limit, args.peer_clouds, args.peer_budget
    return measure_against_peers(oracle, *sizes)


def _sizes(target: Target, oracle: Oracle, args: argparse.Namespace) -> tuple[Any, list[Figure]]:
    return measure_sizes(args.paying, args.repeats)


def _window(target: Target, oracle: Oracle, args: argparse.Namespace) -> tuple[Any, list[Figure]]:
    sizes = args.window_points, args.landmarks, args.push
    return measure_memory(target, *sizes, args.stream_limit)


def _stream(target: Target, oracle: Oracle, args: argparse.Namespace) -> tuple[Any, list[Figure]]:
    checked = check_stream(oracle)
    sizes = args.scales, args.rate, args.seconds, args.landmarks, args.push
    row, figures = measure_stream(target, *sizes, args.stream_limit)
    return {"checked": checked, **row}, figures


PARTS: dict[str, Part] = {
    "stages": _stages,
    "replacements": _replacements,
    "batch": _batch,
    "sizes": _sizes,
    "window": _window,
    "stream": _stream,
    "peers": _peers,  # last: a peer that fails may end the process
}


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--sizes", type=int, nargs="+", default=[1024, 2048, 4096])
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--peer-n", type=int, default=1024)
    parser.add_argument(
        "--paying", type=int, nargs="+", default=[128, 256, 512, 1024, 2048], help="both engines"
    )
    parser.add_argument("--peer-limit", type=float, default=10, help="seconds of one contender")
    parser.add_argument("--scales", type=int, nargs="+", default=FOUR_SCALES, help="milliseconds")
    parser.add_argument("--rate", type=float, default=1e6, help="points a second of event time")
    parser.add_argument("--seconds", type=float, default=30, help="event time of the stream")
    parser.add_argument("--landmarks", type=int, default=512, help="of a window of the stream")
    parser.add_argument("--push", type=int, default=10_000, help="points of a push")
    parser.add_argument("--window-points", type=int, default=1_000_000)
    parser.add_argument("--stream-limit", type=float, default=300, help="seconds of one stream")
    parser.add_argument("--without-numba", action="store_true", help="compare as if it was missing")
    parser.add_argument("--emulated", action="store_true", help="a dry run on the host")
    parser.add_argument("--output", type=Path, help="where to write the JSON record")
    parser.add_argument("--peer-budget", type=float, default=600, help="seconds of all of them")
    parser.add_argument("--peer-clouds", nargs="+", choices=CLOUDS, help="all when left out")
    parser.set_defaults(cases=[(2048, 0.0), (1024, 0.1)], batch=[256, 512])
    args = parser.parse_args(arguments)
    if args.emulated:
        vars(args).update(TINY)
    return args


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower().partition(":")[0]).strip("-")


if __name__ == "__main__":
    sys.exit(main())
