"""How far one true loop stands out among outliers, with and without weights.

A noisy circle, a share of whose points lies anywhere in a square around it: the longest H1 bar
against the second longest one, by vietoris_rips, and in a window that landmarks stand for. Ratios
do not depend on the machine; times do. Run with ``make bench``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aura_tda_gpu import Diagram, MultiScaleStream, vietoris_rips
from aura_tda_gpu.persistence.cpu import warm_up

from . import record
from .clouds import Points, noisy_circle
from .suite import record_path

SQUARE = 1.5  # half of its side; the circle has radius 1
SCALE_MS = 1000


def main() -> None:
    """Measure, print the tables, write the record."""
    args = _arguments()
    machine = record.machine()
    warm_up()
    batch = _cloud_rows(args)
    stream = _window_rows(args)
    path = record_path("outliers", args, _arguments)
    record.write(path, _record(args, machine, batch, stream))


def circle_with_outliers(n: int, share: float, rng: np.random.Generator) -> Points:
    """Return a noisy circle, a share of whose points is uniform in the square instead."""
    points = noisy_circle(n, rng)
    outliers = rng.permutation(n)[: round(share * n)]
    points[outliers] = rng.uniform(-SQUARE, SQUARE, (len(outliers), 2))
    return points


def ratio_of(diagram: Diagram) -> float:
    """Return the length of the longest H1 bar over that of the second longest."""
    lengths = diagram[1][:, 1] - diagram[1][:, 0]
    return float(lengths[0] / lengths[1]) if len(lengths) > 1 else np.inf


def _arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--points", type=int, default=400, help="of the cloud")
    parser.add_argument("--window", type=int, default=10_000, help="rows of the window")
    parser.add_argument("--landmarks", type=int, default=256)
    parser.add_argument("--shares", type=float, nargs="+", default=[0.0, 0.05, 0.1, 0.2])
    parser.add_argument("--masses", type=float, nargs="+", default=[0.02, 0.05, 0.1, 0.2])
    parser.add_argument("--mass", type=float, default=0.1, help="in the window")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(20)))
    parser.add_argument("--output", type=Path, help="where to write the JSON record")
    args = parser.parse_args(argv)
    if not 16 <= args.landmarks < args.window:
        parser.error("--landmarks starts at 16 and stays below --window")
    return args


def _cloud_rows(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Compare the metrics on clouds; one row for each share of outliers."""
    metrics: dict[str, dict[str, Any]] = {
        "euclidean": {},
        **{f"dtm {mass:g}": {"metric": "dtm", "dtm_mass": mass} for mass in args.masses},
    }
    print(
        f"{args.points} points, longest H1 bar / second longest: median (least) of "
        f"{len(args.seeds)} seeds\n{'outliers':<10}" + "".join(f"{name:>18}" for name in metrics)
    )
    rows = []
    for share in args.shares:
        found: dict[str, list[float]] = {name: [] for name in metrics}
        for seed in args.seeds:
            points = circle_with_outliers(args.points, share, np.random.default_rng(seed))
            for name, given in metrics.items():
                found[name].append(ratio_of(vietoris_rips(points, **given)))
        ratios = {name: _summary(values) for name, values in found.items()}
        rows.append({"outliers": share, "ratios": ratios})
        cells = (f"{r['median']:>10.1f} ({r['least']:.1f})".rjust(18) for r in ratios.values())
        print(f"{share:<10.0%}" + "".join(cells), flush=True)
    return rows


def _window_rows(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Compare the metrics in a window with landmarks; one row for each share of outliers."""
    print(
        f"a window of {args.window} rows, {args.landmarks} landmarks: median (least) of the ratio, "
        "loops that are certain, error bound, ms a tick"
    )
    metrics = {
        "euclidean": {"metric": "euclidean"},
        f"dtm {args.mass:g}": {"metric": "dtm", "dtm_mass": args.mass},
    }
    rows = []
    for share in args.shares:
        row: dict[str, Any] = {"outliers": share}
        for name, given in metrics.items():
            ticks = [_tick(args, share, seed, given) for seed in args.seeds]
            row[name] = {
                "ratio": _summary([tick["ratio"] for tick in ticks]),
                "certain": float(np.mean([tick["certain"] for tick in ticks])),
                "error_bound": float(np.median([tick["error_bound"] for tick in ticks])),
                "seconds": float(np.median([tick["seconds"] for tick in ticks])),
            }
        rows.append(row)
        cells = (
            f"{name}: {row[name]['ratio']['median']:.1f} ({row[name]['ratio']['least']:.1f}), "
            f"{row[name]['certain']:.0%}, {row[name]['error_bound']:.2f}, "
            f"{1000 * row[name]['seconds']:.0f}"
            for name in metrics
        )
        print(f"{share:<10.0%}" + "   ".join(cells), flush=True)
    return rows


def _tick(
    args: argparse.Namespace, share: float, seed: int, given: dict[str, Any]
) -> dict[str, Any]:
    """Return what the last tick of a stream two windows long says, and the seconds it took."""
    n = args.window
    points = circle_with_outliers(2 * n, share, np.random.default_rng(seed))
    times = np.arange(2 * n) / n * (SCALE_MS / 1000)
    stream = MultiScaleStream(
        [SCALE_MS], dim=2, max_points=n + 1, max_landmarks=args.landmarks, **given
    )
    stream.push(points, times)
    started = time.perf_counter()
    (update,) = stream.advance(2 * SCALE_MS / 1000)
    seconds = time.perf_counter() - started
    if stream.stats.overflowed or update.n_points != n:
        raise SystemExit(f"the window lost points ({stream.stats}): no figures")
    bars = update.diagram[1]
    return {
        "ratio": ratio_of(update.diagram),
        "certain": bool(bars[0, 1] - bars[0, 0] > 2 * update.error_bound),
        "error_bound": update.error_bound,
        "seconds": seconds,
    }


def _summary(values: list[float]) -> dict[str, float]:
    return {"median": float(np.median(values)), "least": float(np.min(values))}


def _record(
    args: argparse.Namespace,
    machine: dict[str, Any],
    batch: list[dict[str, Any]],
    stream: list[dict[str, Any]],
) -> dict[str, Any]:
    return {
        "benchmark": "outliers",
        "machine": machine,
        "versions": record.versions(("aura-tda-gpu", "numpy", "numba")),
        "commit": record.commit(),
        "settings": {name: value for name, value in vars(args).items() if name != "output"},
        "unit": "ratio: longest H1 bar / second longest; certain: share of the seeds whose longest "
        "bar is longer than twice the error bound; seconds: the last tick",
        "cloud": batch,
        "window": stream,
    }


if __name__ == "__main__":
    main()
