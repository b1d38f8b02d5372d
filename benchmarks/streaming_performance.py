"""A window of a million points behind 512 landmarks: rate, latency and memory of the stream.

Every case runs in a process of its own. No time is printed before the error bound of smaller
windows of the same stream holds against the full diagram (ripser, gudhi's bottleneck distance)
and their bars are those of their landmarks. Run with ``make bench``.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aura_tda_gpu import vietoris_rips
from aura_tda_gpu.persistence.cpu import CpuEngine, warm_up
from aura_tda_gpu.streaming.window_update import WindowUpdate

from . import record
from .comparison import Bars, assert_equal, bars_of
from .peers import ripser_py
from .streaming_run import Case, measure, new_stream
from .streams import Points, torus_knot
from .suite import record_path

CASES = {"one scale": [60_000], "four scales": [100, 1_000, 10_000, 60_000]}
# points a second; seconds from the call of a push to its updates; MB of the process
TARGETS: dict[str, dict[str, float]] = {
    "one scale": {"points_per_s": 400_000, "latency_s": 0.05, "peak_mb": 600},
    "four scales": {"points_per_s": 20_000},
}
CHANGED_SHARE = 0.02  # of the landmarks, a slide
TARGET_POINTS = 1_000_000
ZERO = float(np.finfo(float).tiny)  # what gudhi tells of equal diagrams is below it
CHECKED_SCALES_MS = (60_000, 100)


def main() -> None:
    """Check, measure, print the tables, write the record."""
    args = _arguments()
    machine = record.machine()
    if warning := record.warning(machine):
        print(warning)
    warm_up()
    checks = [_check(scale, args) for scale in CHECKED_SCALES_MS]
    figures: dict[str, dict[str, Any]] = {}
    for name in args.cases:
        case = Case(
            scales=CASES[name],
            points=args.points,
            landmarks=args.landmarks,
            push=args.push,
            lengths=args.lengths,
            max_memory_mb=args.max_memory_mb,
        )
        figures[name] = measure(case)
        _print_case(name, case, figures[name])
    path = record_path("streaming_performance", args, _arguments)
    record.write(path, _record(args, machine, checks, figures))


def _arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--points", type=int, default=TARGET_POINTS, help="of the longest window")
    parser.add_argument("--landmarks", type=int, default=512)
    parser.add_argument("--push", type=int, default=5_000, help="points of a push")
    parser.add_argument("--lengths", type=float, default=1, help="window lengths that are measured")
    parser.add_argument("--max-memory-mb", type=float, default=512, help="given to the stream")
    parser.add_argument("--check-points", type=int, default=2_000, help="of the windows checked")
    parser.add_argument("--output", type=Path, help="where to write the JSON record")
    args = parser.parse_args(argv)
    if min(args.points, args.push, args.check_points) < 16 or args.lengths <= 0:
        parser.error("--points, --push and --check-points start at 16, --lengths is positive")
    return args


def _check(scale: int, args: argparse.Namespace) -> dict[str, Any]:
    """Hold the last full window of a short stream against the full diagram and its landmarks."""
    n = args.check_points
    points, times = torus_knot(int(1.3 * n), n / (scale / 1000))
    stream = new_stream([scale], n, args.landmarks, args.max_memory_mb)
    updates = [u for i in range(0, len(points), 100) for u in stream.push(*_cut(points, times, i))]
    update = updates[-1]
    local = (points - points[0]).astype(np.float32)  # the stream's origin is its first point
    who = f"a window of {scale} ms at {update.timestamp:g} s"
    assert_equal(bars_of(vietoris_rips(local[update.vertex_ids])), bars_of(update.diagram), who)
    inside = (times >= update.timestamp - scale / 1000) & (times < update.timestamp)
    distance = _bottleneck(_full_bars(local[inside]), update)
    if not distance <= update.error_bound + ZERO:
        sys.exit(f"{who}: {distance:g} from the full diagram, not {update.error_bound:g}: no times")
    print(
        f"{who}: {update.n_points} points, {update.n_vertices} landmarks, their bars to the last "
        f"bit; full diagram {distance:.3f} away, bound {update.error_bound:.3f}",
        flush=True,
    )
    return {
        "scale_ms": scale,
        "n_points": update.n_points,
        "n_vertices": update.n_vertices,
        "bottleneck_distance": distance,
        "error_bound": update.error_bound,
    }


def _cut(points: Points, times: Points, start: int) -> tuple[Points, Points]:
    return points[start : start + 100], times[start : start + 100]


def _full_bars(points: Any) -> Bars:
    D = CpuEngine().pairwise(points, "euclidean")
    if not ripser_py.available():
        sys.exit(f"ripser.py checks the error bound and is not installed: {ripser_py.INSTALL}")
    return ripser_py.bars(D)


def _bottleneck(full: Bars, update: WindowUpdate) -> float:
    """Return the larger of the bottleneck distances in H0 and H1."""
    if importlib.util.find_spec("gudhi") is None:
        sys.exit("gudhi measures the bottleneck distance and is not installed: pip install gudhi")
    import gudhi

    return max(
        gudhi.bottleneck_distance(full[k].astype(float), update.diagram[k].astype(float))
        for k in (0, 1)
    )


def _print_case(name: str, case: Case, figures: dict[str, Any]) -> None:
    met = _verdicts(name, case, figures)
    print(
        f"\n{name}: {case.points} points in the longest window, {case.landmarks} landmarks, "
        f"pushes of {case.push}\n"
        f"{figures['points_per_s']:.0f} points/s over {figures['points_timed']} points{met[0]}\n"
        f"peak memory of the process {figures['peak_mb']:.0f} MB{met[2]}, "
        f"the stream holds {figures['held_mb']:.0f} MB"
    )
    print(
        f"{'ms':<16}{'ticks':>7}{'push':>9}{'median':>8}{'tick':>8}{'median':>8}"
        f"{'points':>9}{'kept':>6}{'bound':>8}{'changed':>9}  ways"
    )
    for scale, row in figures["scales"].items():
        print(_scale_line(scale, row))
    print(f"push, tick: p99, or the maximum where there are fewer than 200 ticks{met[1]}")
    print(f"changed: median share of the landmarks that opened or closed in a slide{met[3]}")


def _scale_line(scale: str, row: dict[str, Any]) -> str:
    seconds = (row[key] for key in ("push_s", "push_median_s", "update_s", "update_median_s"))
    push, push_median, tick, tick_median = ("-" if s is None else f"{1e3 * s:.1f}" for s in seconds)
    share = row["changed_share_median"]
    ways = ", ".join(f"{way} {count}" for way, count in row["ways"].items())
    return (
        f"{scale:<16}{row['ticks']:>7}{push:>9}{push_median:>8}{tick:>8}{tick_median:>8}"
        f"{row['n_points']:>9}{row['n_vertices']:>6}{row['error_bound']:>8.3f}"
        f"{'-' if share is None else f'{share:.2%}':>9}  {ways}"
    )


def _verdicts(name: str, case: Case, figures: dict[str, Any]) -> tuple[str, str, str, str]:
    """Return what to say about the rate, the latency, the memory and the cover."""
    if case.points != TARGET_POINTS:
        return "", "", "", ""
    wanted = TARGETS[name]
    latency = max(row["push_s"] or 0.0 for row in figures["scales"].values())
    rate = _verdict(">=", wanted["points_per_s"], figures["points_per_s"])
    changed = max(row["changed_share_median"] or 0.0 for row in figures["scales"].values())
    cover = _verdict("<", 100 * CHANGED_SHARE, 100 * changed, " %")
    if "latency_s" not in wanted:
        return rate, "", "", cover
    return (
        rate,
        _verdict("<", 1e3 * wanted["latency_s"], 1e3 * latency, " ms"),
        _verdict("<", wanted["peak_mb"], figures["peak_mb"]),
        cover,
    )


def _verdict(sign: str, limit: float, found: float, unit: str = "") -> str:
    met = found >= limit if sign == ">=" else found < limit
    return f" ({sign} {limit:g}{unit} {'met' if met else 'not met'})"


def _record(
    args: argparse.Namespace,
    machine: dict[str, Any],
    checks: list[dict[str, Any]],
    figures: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    packages = ("aura-tda-gpu", "numpy", "numba", "ripser", "gudhi")
    return {
        "benchmark": "streaming_performance",
        "machine": machine,
        "versions": record.versions(packages),
        "commit": record.commit(),
        "settings": {
            **{name: value for name, value in vars(args).items() if name != "output"},
            "scales_ms": {name: CASES[name] for name in args.cases},
        },
        "unit": "seconds; memory in MB of 1024 x 1024 bytes",
        "targets": {**TARGETS, "changed_share": CHANGED_SHARE},
        "checks": checks,
        "cases": figures,
    }


if __name__ == "__main__":
    main()
