"""How many points a second a stream bears, and how late its updates then are.

Points arrive at times fixed before the run (open loop), one stream for each process. A latency is
the time from the arrival of the last point of a tick to the delivery of its update, so that
waiting counts. The last window of each scale is held against ripser.py before a figure is printed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from aura_tda_gpu.cli.pictures.plots import require_matplotlib
from aura_tda_gpu.errors import AuraTDAError

from . import record
from .figures import Figure, table
from .offered import SOURCES
from .open_loop import Load
from .peak_memory import MB
from .suite import OTHER, record_path
from .throughput_loads import Run, load_of
from .throughput_run import LIMIT_S, Outcome
from .throughput_told import case_of, samples_of

__all__ = ["main"]

PACKAGES = ("aura-tda-gpu", "numpy", "numba", "scipy", "ripser", "cupy-cuda12x", "cupy-cuda13x")
SCALES = (100, 1_000, 10_000, 60_000)
WANTED_RATE, WANTED_S, WANTED_LANDMARKS = 50_000, 0.05, 512
BRIEF_MB = 2048  # for a window of a million points
WRONG_OPTION = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, write the record; 0 whether or not targets are met."""
    args = _arguments(argv)
    try:  # before the wait
        if args.plot is not None:
            require_matplotlib()
        load_of(args, args.source[0], args.rate[0]).new_stream()
    except AuraTDAError as error:
        print(f"error: {error}", file=sys.stderr)
        return WRONG_OPTION
    machine = record.machine()
    if warning := record.warning(machine):
        print(warning, file=sys.stderr)
    say: Callable[[str], None] = (lambda text: None) if args.json else print
    run = Run(args, say)
    failure = run.measure()
    outcomes = {name: found for name, found in run.outcomes.items() if found}
    if failure is not None and not outcomes:
        print(failure, file=sys.stderr)
        return 1
    figures = _figures(outcomes, run.limits, args.rate)
    say("\n" + table(figures))
    document = _document(args, machine, outcomes, run.limits, figures, failure)
    document = record.write(_path(args, failure), document, quiet=args.json)
    if args.plot is not None:
        from .throughput_pictures import draw

        for path in draw(outcomes, args.plot):
            say(f"picture: {path}")
    if args.json:
        print(json.dumps(document))
    if failure is not None:
        print(f"{failure}\nthe loads before it are in the record", file=sys.stderr)
    return int(failure is not None)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="aura-tda bench throughput", description=__doc__.partition("\n")[0]
    )
    parser.add_argument(
        "--rate", type=listed(float), default=[float(WANTED_RATE)], help="points/s: 1000,50000"
    )
    parser.add_argument(
        "--source", type=listed(_source), default=["knot"], help=f"of {', '.join(SOURCES)}"
    )
    parser.add_argument(
        "--scales", type=listed(int), default=list(SCALES), help="milliseconds: 100,1000"
    )
    parser.add_argument("--dim", type=int, default=3, help="coordinates of a point")
    parser.add_argument("--landmarks", type=int, default=WANTED_LANDMARKS)
    parser.add_argument("--backend", default="auto", choices=["auto", "cpu", "cuda"])
    parser.add_argument("--streams", type=int, default=1, help="at once, each a process")
    parser.add_argument("--duration", type=float, default=21.0, help="seconds that are measured")
    parser.add_argument("--fill", type=float, help="seconds pushed before; the longest scale")
    parser.add_argument("--batch", type=int, default=1000, help="points taken at once, at most")
    parser.add_argument("--queue", type=int, help="points that may wait; a second of the load")
    parser.add_argument("--threads", type=int, help="of the engine; the cores shared by streams")
    parser.add_argument("--no-features", action="store_true", help="follow no features")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--find-max", action="store_true", help="the highest load within 100 ms")
    parser.add_argument("--precision", type=float, default=0.1, help="of --find-max")
    parser.add_argument("--profile", action="store_true", help="time each stage")
    parser.add_argument("--trace", type=Path, help="Chrome trace of --profile")
    parser.add_argument("--plot", type=Path, help="folder of pictures")
    parser.add_argument("--json", action="store_true", help="print the record, no tables")
    parser.add_argument("--output", type=Path, help="where to write the JSON record")
    args = parser.parse_args(argv)
    if args.fill is None:
        args.fill = max(args.scales) / 1000
    for name in ("rate", "duration", "precision"):
        values = getattr(args, name)
        if not all(0 < v < 1e9 for v in (values if isinstance(values, list) else [values])):
            parser.error(f"--{name} must be positive, and below 1e9")
    for name in ("dim", "landmarks", "streams", "batch", "queue", "threads"):
        value = getattr(args, name)
        if value is not None and value < 1:
            parser.error(f"--{name} starts at 1, not {value}")
    if not 0 <= args.fill < 1e9 or min(args.rate) * (args.fill + args.duration) < 2:
        parser.error(
            "--fill starts at 0 and is below 1e9, --rate x (--fill + --duration) starts at 2 points"
        )
    if args.trace is not None and not args.profile:
        parser.error("--trace goes with --profile")
    return args


def listed(kind: Callable[[str], Any]) -> Callable[[str], list[Any]]:
    """Return a reader of values with commas between them."""

    def read(text: str) -> list[Any]:
        return [kind(part.strip()) for part in text.split(",")]

    read.__name__ = f"list of {kind.__name__.strip('_')}"
    return read


def _source(name: str) -> str:
    if name not in SOURCES:
        raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(SOURCES)}")
    return name


def _path(args: argparse.Namespace, failure: str | None) -> Path:
    if failure is not None and args.output is None:
        return OTHER / "throughput.json"
    on_gpu = load_of(args, args.source[0], args.rate[0]).on_gpu
    name = "throughput_cuda" if on_gpu else "throughput"
    return record_path("throughput", args, _arguments, name=name)


def _figures(
    outcomes: dict[str, list[Outcome]],
    limits: dict[str, tuple[float | None, float | None]],
    rates: Sequence[float],
) -> list[Figure]:
    """Return what was measured beside what is wanted."""
    figures = []
    for source, found in outcomes.items():
        for outcome in found:
            if outcome.load.rate_hz in rates:  # not those tried on the way to the highest load
                figures += _figures_of(source, outcome)
        if source in limits:
            borne, failed = limits[source]
            note = "no load that was tried is borne" if borne is None else ""
            note = f"not borne: {failed:,.0f}" if borne and failed else note
            wanted = WANTED_RATE if _is_strict(found[0].load) else None
            figures.append(Figure(f"highest load, {source}", borne, "points/s", wanted, True, note))
    return figures


def _is_strict(load: Load) -> bool:
    """Whether this is at least what the target is about, but for the rate."""
    return load.landmarks >= WANTED_LANDMARKS and set(load.scales) >= set(SCALES)


def _figures_of(source: str, outcome: Outcome) -> list[Figure]:
    load = outcome.load
    who = f"{source}, {outcome.offered_per_s:,.0f} points/s offered"
    is_strict = load.rate_hz >= WANTED_RATE and _is_strict(load)
    wanted_ms = 1e3 * (WANTED_S if is_strict else LIMIT_S)
    figures = [
        Figure(
            f"taken, {who}",
            outcome.points_per_s,
            "points/s",
            round(0.98 * outcome.offered_per_s),
            True,
        ),
        Figure(f"points lost, and ticks left out, {who}", outcome.lost, "in all", 0),
    ]
    for name, of_scale in outcome.latencies.items():
        what, high = of_scale.high()
        figures.append(
            Figure(
                f"{what} of {name}, {who}",
                None if high is None else 1e3 * high,
                "ms",
                wanted_ms,
                note="no tick in this time" if high is None else "",
            )
        )
    peak = max(told["peak_bytes"] for told in outcome.streams) / MB
    figures.append(Figure(f"process at most, {who}", peak, "MB", BRIEF_MB))
    return figures


def _document(
    args: argparse.Namespace,
    machine: dict[str, Any],
    outcomes: dict[str, list[Outcome]],
    limits: dict[str, tuple[float | None, float | None]],
    figures: list[Figure],
    failure: str | None,
) -> dict[str, Any]:
    samples: dict[str, record.Samples] = {}
    cases = []
    for source, found in outcomes.items():
        for outcome in found:
            cases.append(case_of(outcome))
            samples |= samples_of(outcome)
        borne = limits.get(source, (None, None))[0]
        if borne is not None:
            found_max = record.sampled([borne], "points/s", better="higher")
            samples[f"{source}, highest load"] = found_max
    device = next((told["device"] for case in cases for told in case["streams"]), None)
    return record.document(
        "throughput",
        machine=machine,
        settings={name: value for name, value in vars(args).items() if name != "output"},
        packages=PACKAGES,
        samples=samples,
        targets=figures,
        device=device,
        unit="seconds, points and bytes",
        cases=cases,
        highest_load={name: list(pair) for name, pair in limits.items()},
        **({} if failure is None else {"failed": failure}),
    )


if __name__ == "__main__":
    sys.exit(main())
