"""What windows and tracker find of known loops, against the full diagram of every window.

Streams of known shape, with noise, outliers and drift, run at two rates through windows of
several lengths, once exact and once behind landmarks. An outside library (ripser) computes the
full Rips diagram of every window. The run fails if a bar that is certain has no partner there.
Run with ``make bench``, or ``aura-tda bench accuracy``.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from aura_tda_gpu.persistence.backends import usable_cores
from aura_tda_gpu.persistence.cpu import warm_up

from . import record
from .accuracy_cases import Case, Row, cases, run_case
from .accuracy_pictures import can_draw, draw_p_values
from .accuracy_summary import TARGETS, summary, table_lines, verdict_lines
from .accuracy_tracker_time import tracker_times
from .known_streams import NOISE_SHAPES, SHAPES
from .suite import record_path

__all__ = ["main", "run"]

METRICS = ("euclidean", "dtm")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the tables, write the record; 1 if what is certain was not there."""
    args = _arguments(argv)
    machine = record.machine()
    warm_up()
    _tell(f"the tracker, {args.ticks} ticks of each pace")
    times = tracker_times(args.ticks)
    pictures = args.pictures if can_draw() else None
    if pictures is None:
        _tell("no pictures: matplotlib is not installed")
    todo = cases(args.metric, pictures, quick=args.quick)
    rows = run([c for c in todo if c.stream.shape in (args.shapes or SHAPES)], args.jobs)
    figures = summary(rows, times)
    if pictures is not None:
        draw_p_values(_smallest(rows), pictures / "p_values.png")
    document = _record(args, machine, rows, times, figures)
    path = args.output or _default_output(args)
    document = record.write(path, document, quiet=args.json)
    if args.json:
        print(json.dumps(document))
    else:
        print("\n".join([*table_lines(rows), "", *verdict_lines(figures, times)]))
        if pictures is not None:
            print(f"pictures: {pictures}")
    if figures["lost"]:
        print(f"FAILED: {figures['lost']} certain bars have no partner", file=sys.stderr)
    return int(figures["lost"] > 0)


def run(todo: Sequence[Case], jobs: int) -> list[Row]:
    """Return the rows of all cases in their order, worked out by some processes."""
    found: list[list[Row]] = [[] for _ in todo]
    for done, (i, rows) in enumerate(_done(todo, jobs), 1):
        found[i] = rows
        stream = todo[i].stream
        _tell(f"{done} of {len(todo)}: {stream.label}, {stream.rate:g}/s")
    return [row for rows in found for row in rows]


def _done(todo: Sequence[Case], jobs: int) -> Iterator[tuple[int, list[Row]]]:
    if jobs == 1:
        for i, case in enumerate(todo):
            yield i, run_case(case)
        return
    spawn = multiprocessing.get_context("spawn")  # threads do not survive a fork
    with ProcessPoolExecutor(jobs, mp_context=spawn) as pool:
        futures = {pool.submit(run_case, case): i for i, case in enumerate(todo)}
        for future in as_completed(futures):
            yield futures[future], future.result()


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="two short streams, for a trial")
    parser.add_argument(
        "--metric", choices=METRICS, default=METRICS[0], help="dtm: weights against outliers"
    )
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, help="only streams of these")
    parser.add_argument("--jobs", type=int, help="processes; one for each core, if not --quick")
    parser.add_argument("--ticks", type=int, help="of the tracker that are timed, at each pace")
    parser.add_argument("--pictures", type=Path, default=record.ROOT / "out" / "accuracy")
    parser.add_argument("--json", action="store_true", help="print the record, no tables")
    parser.add_argument("--output", type=Path, help="where to write the JSON record")
    args = parser.parse_args(argv)
    if args.ticks is None:
        args.ticks = 30 if args.quick else 400
    if args.jobs is None:
        args.jobs = 1 if args.quick else usable_cores()
    if args.jobs < 1 or args.ticks < 2:
        parser.error("--jobs starts at 1, --ticks at 2")
    return args


def _default_output(args: argparse.Namespace) -> Path:
    """Return the record's path; a part of the streams leaves that of all of them alone."""
    if args.quick or args.shapes:
        return record.ROOT / "out" / "accuracy" / "part.json"
    name = "accuracy_metrics" if args.metric == METRICS[0] else f"accuracy_metrics_{args.metric}"
    return record_path(
        "accuracy_metrics",
        args,
        lambda options: _arguments([*options, "--metric", args.metric]),
        name=name,
    )


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _smallest(rows: Sequence[Row]) -> dict[str, dict[str, list[float]]]:
    """Return the smallest p-values by way and stream."""
    found: dict[str, dict[str, list[float]]] = {}
    for row in rows:
        if row["shape"] in NOISE_SHAPES:
            streams = found.setdefault(row["way"], {})
            streams.setdefault(row["shape"], []).extend(row["smallest"])
    return found


def _record(
    args: argparse.Namespace,
    machine: dict[str, Any],
    rows: Sequence[Row],
    times: Sequence[dict[str, Any]],
    figures: dict[str, Any],
) -> dict[str, Any]:
    long = ("pairs", "all_pairs", "smallest")
    packages = ("aura-tda-gpu", "numpy", "numba", "scipy", "ripser")
    paths = ("output", "pictures")
    return {
        "benchmark": "accuracy_metrics",
        "machine": machine,
        "versions": record.versions(packages),
        "commit": record.commit(),
        "settings": {name: value for name, value in vars(args).items() if name not in paths},
        "unit": "loops, bars, features and ticks counted; shares from 0 to 1; times in seconds",
        "targets": TARGETS,
        "figures": figures,
        "tracker": list(times),
        "rows": [{name: row[name] for name in row if name not in long} for row in rows],
    }


if __name__ == "__main__":
    sys.exit(main())
