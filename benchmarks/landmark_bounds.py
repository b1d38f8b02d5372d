"""The error bound of a cover against that of farthest points selected anew at each tick.

Streams of known shape run through one window, once with each strategy and as many landmarks.
Bounds do not depend on the machine; times do. Run with ``make bench``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aura_tda_gpu import MultiScaleStream
from aura_tda_gpu.persistence.cpu import warm_up

from . import record
from .clouds import CLOUDS, Points
from .streams import torus_knot
from .suite import record_path

KNOT = "torus knot"
STREAMS = (KNOT, *CLOUDS)
STRATEGIES = ("cover", "maxmin")
SCALE_MS = 60_000
WINDOWS = 3  # lengths of a stream; the last one counts
PUSHES = 20  # a window


def main() -> None:
    """Measure, print the table, write the record."""
    args = _arguments()
    machine = record.machine()
    warm_up()
    print(
        f"{args.landmarks} landmarks, a window of {args.points} points, its third length: medians "
        f"over the ticks, and over {len(args.seeds)} seeds\n"
        f"{'':<20}{'error bound':<29}{'at':>8}{'   landmarks changed a slide'}\n"
        f"{'stream':<20}{'cover':>9}{'maxmin':>9}{'larger by':>11}{'most':>8}"
        f"{'cover':>9}{'maxmin':>9}"
    )
    rows = []
    for name in args.streams:
        rows.append(_compare(name, args))
        print(_line(rows[-1]), flush=True)
    least, most = min(row["larger_by"] for row in rows), max(row["larger_by"] for row in rows)
    print(f"the bound of the cover is larger by {least:.0%} to {most:.0%}")
    path = record_path("landmark_bounds", args, _arguments)
    record.write(path, _record(args, machine, rows))


def _arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--streams", nargs="+", choices=STREAMS, default=list(STREAMS))
    parser.add_argument("--points", type=int, default=20_000, help="of the window")
    parser.add_argument("--landmarks", type=int, default=512)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(5)))
    parser.add_argument("--output", type=Path, help="where to write the JSON record")
    args = parser.parse_args(argv)
    if not 16 <= args.landmarks < args.points:
        parser.error("--landmarks starts at 16 and stays below --points")
    return args


def _compare(name: str, args: argparse.Namespace) -> dict[str, Any]:
    """Run one stream under both strategies, once for each seed."""
    runs = [
        {who: _follow(_points(name, seed, args), who, args) for who in STRATEGIES}
        for seed in args.seeds
    ]
    larger = [run["cover"]["error_bound"] / run["maxmin"]["error_bound"] - 1 for run in runs]
    return {
        "stream": name,
        "larger_by": float(np.median(larger)),
        "larger_by_seed": larger,
        "medians": {
            who: {key: float(np.median([run[who][key] for run in runs])) for key in runs[0][who]}
            for who in STRATEGIES
        },
    }


def _points(name: str, seed: int, args: argparse.Namespace) -> Points:
    """Return the rows of a stream, shape (WINDOWS * points, dim)."""
    n = WINDOWS * args.points
    if name == KNOT:
        return torus_knot(n, args.points / (SCALE_MS / 1000), seed)[0]
    return CLOUDS[name](n, np.random.default_rng(seed))


def _follow(points: Points, strategy: str, args: argparse.Namespace) -> dict[str, float]:
    """Return medians over the ticks of the last window, and the seconds it took."""
    stream = MultiScaleStream(
        [SCALE_MS],
        dim=points.shape[1],
        max_points=args.points + 1,
        max_landmarks=args.landmarks,
        landmarks=strategy,
    )
    rate = args.points / (SCALE_MS / 1000)
    settled, push = (WINDOWS - 1) * args.points, args.points // PUSHES
    updates, seconds = [], 0.0
    for start in range(0, len(points), push):
        rows = points[start : start + push]
        times = np.arange(start, start + len(rows)) / rate
        before = time.perf_counter()
        due = stream.push(rows, times)
        if start >= settled:
            seconds += time.perf_counter() - before
            updates += [update for update in due if update.timestamp > settled / rate]
    if stream.stats.overflowed or {update.n_points for update in updates} != {args.points}:
        raise SystemExit(f"a window lost points ({stream.stats}): no figures")
    return {
        "error_bound": float(np.median([update.error_bound for update in updates])),
        "n_vertices": float(np.median([update.n_vertices for update in updates])),
        "n_changed": float(np.median([update.diagram.info["n_changed"] for update in updates])),
        "seconds": seconds,
    }


def _line(row: dict[str, Any]) -> str:
    cover, maxmin = (row["medians"][who] for who in STRATEGIES)
    return (
        f"{row['stream']:<20}{cover['error_bound']:>9.3g}{maxmin['error_bound']:>9.3g}"
        f"{row['larger_by']:>11.1%}{max(row['larger_by_seed']):>8.0%}"
        f"{cover['n_changed']:>9.0f}{maxmin['n_changed']:>9.0f}"
    )


def _record(
    args: argparse.Namespace, machine: dict[str, Any], rows: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "benchmark": "landmark_bounds",
        "machine": machine,
        "versions": record.versions(("aura-tda-gpu", "numpy", "numba")),
        "commit": record.commit(),
        "settings": {name: value for name, value in vars(args).items() if name != "output"},
        "unit": "bounds in those of the data; seconds for the last window; larger_by: cover / "
        "maxmin - 1",
        "rows": rows,
    }


if __name__ == "__main__":
    main()
