"""All benchmarks, one after another, each in a process of its own: ``make bench`` runs this.

What stands here are the standard settings. A run with other settings leaves the record in
``benchmarks/results`` alone, see `record_path`.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from . import record

__all__ = ["PARTS", "Part", "is_standard", "main", "record_path"]

OTHER = record.OTHER
NO_SETTING = ("output", "json", "plot", "trace", "pictures", "jobs")
Parser: TypeAlias = Callable[[Sequence[str]], argparse.Namespace]


@dataclass(frozen=True)
class Part:
    """One benchmark.

    Attributes
    ----------
    module : str
    short, full : str
        Options of ``make bench`` and of ``make bench-full``.
    has_short_record : bool
        Whether the short run writes the record; where it does not, it is a look only.
    in_short : bool
        Whether ``make bench`` runs it.
    """

    module: str
    short: str = ""
    full: str = ""
    has_short_record: bool = True
    in_short: bool = True

    @property
    def standard(self) -> list[list[str]]:
        """The options with which a run writes the record."""
        kept = [self.full, self.short] if self.in_short and self.has_short_record else [self.full]
        return [shlex.split(options) for options in kept]


SOURCES = "--source=knot,lorenz,recording"
PARTS = (
    Part("engine_performance", full="--full"),
    Part(
        "update_performance",
        "--repeat=20 --peer-runs=1 --peer-limit=12 --many-repeat=5 --oineus-n=64 --oineus-runs=2",
    ),
    Part("throughput", SOURCES, f"{SOURCES} --duration=30 --find-max"),
    Part("streaming_performance", "--cases 'one scale' --check-points=1000"),
    Part("processor_performance", "--n=5000 --repeat=3"),
    Part("landmark_bounds", "--seeds 0 1 2"),
    Part("outliers"),
    Part("features_performance"),
    Part("accuracy_metrics", "--quick", has_short_record=False),
    Part("first_start", in_short=False),
)


def record_path(
    benchmark: str, args: argparse.Namespace, parse: Parser, *, name: str | None = None
) -> Path:
    """Return where a run writes its record, and say so where that is not the usual place.

    Parameters
    ----------
    benchmark : str
        A module of `PARTS`.
    args : Namespace
        The settings; ``output`` goes first.
    parse : callable
        Reads options, as ``args`` were read.
    name : str, optional
        Of the record; that of the benchmark by default.
    """
    if args.output is not None:
        return Path(args.output)
    name = name or benchmark
    if is_standard(benchmark, args, parse):
        return record.default_output(name)
    path = OTHER / f"{name}.json"
    print(
        f"these are not the settings of make bench or make bench-full: the record of {name} in "
        f"benchmarks/results is left alone, this one goes to {path}",
        file=sys.stderr,
    )
    return path


def is_standard(benchmark: str, args: argparse.Namespace, parse: Parser) -> bool:
    """Whether these settings are those of ``make bench`` or ``make bench-full``."""
    (part,) = (part for part in PARTS if part.module == benchmark)
    return any(_settings(args) == _settings(parse(options)) for options in part.standard)


def _settings(args: argparse.Namespace) -> dict[str, Any]:
    return {key: value for key, value in vars(args).items() if key not in NO_SETTING}


def main(argv: Sequence[str] | None = None) -> int:
    """Run all, draw the scoreboard, and tell how long each took; stops where one fails."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--full", action="store_true", help="more sizes and repeats: an hour")
    args = parser.parse_args(argv)
    parts = [part for part in PARTS if args.full or part.in_short]
    todo = {part.module: shlex.split(part.full if args.full else part.short) for part in parts}
    taken: dict[str, float] = {}
    code = 0
    for module, options in {**todo, "scoreboard": []}.items():
        start = time.perf_counter()
        command = [sys.executable, "-m", f"benchmarks.{module}", *options]
        code = subprocess.call(command, cwd=record.ROOT)
        taken[module] = time.perf_counter() - start
        if code:
            print(f"{' '.join(command[1:])} ended with code {code}", file=sys.stderr)
            break
    print("\nseconds:")
    for module, seconds in {**taken, "in all": sum(taken.values())}.items():
        print(f"{module:<24}{seconds:>7.0f}")
    print("README.md and docs quote records: python -m benchmarks.quotes puts new figures in")
    return code


if __name__ == "__main__":
    sys.exit(main())
