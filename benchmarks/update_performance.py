"""Diagrams updated in place against diagrams computed anew, after a few points were replaced.

Contenders: one window that updates, the same window rebuilt, `vietoris_rips` of its points,
giotto-ph on its matrix of distances, and the incremental update of Oineus where it can hold the
complex. No time is printed before the bars of H0 and H1 agree exactly. Run with ``make bench``.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from aura_tda_gpu.persistence.cpu import warm_up

from . import record
from .budget import Budget
from .comparison import Bars, assert_equal, quartiles, timed
from .engine_rows import SLOW_S
from .oineus_updates import replace_one_in_both
from .peers import giotto_ph
from .replacements import FROM_POINTS, REBUILT, UPDATED, WARM_UP, Samples, Windows
from .suite import record_path

# times as fast as giotto-ph and as the own rebuild, one of 1024 points replaced
TARGETS = {
    "lorenz": (100, 10),
    "delay embedding 6-D": (100, 5),
    "torus": (100, 5),
    "gaussian 10-D": (40, 2),
    "sphere": (40, 2),
}
TARGET_N = 1024
BLOCK = 10  # replacements in a row, as in a stream; in the second table contenders alternate
ALONE = "lorenz"  # also measured with no peer in between, which would empty the caches
ALONE_BLOCKS = 10
LONGEST = 1.1  # of the rebuild's time, however many points are replaced


@dataclass
class Row:
    """One cloud: the seconds of every contender, one point replaced each time."""

    cloud: str
    n: int
    samples: Samples = field(default_factory=Samples)
    notes: list[str] = field(default_factory=list)

    def median(self, name: str) -> float:
        """Return the median seconds of a contender, nan where it did not run."""
        seconds = self.samples.seconds.get(name)
        return statistics.median(seconds) if seconds else float("nan")

    def ratios(self) -> tuple[float, float]:
        """Return how many times as long giotto-ph and the own rebuild take."""
        rebuild = min(self.median(REBUILT), self.median(FROM_POINTS))
        ours = self.median(UPDATED)
        return self.median(giotto_ph.NAME) / ours, rebuild / ours


def main() -> None:
    """Measure, print the tables, write the record."""
    args = _arguments()
    machine = record.machine()
    if warning := record.warning(machine):
        print(warning)
    warm_up()
    alone = _replace_alone(args)
    rows = _replace_one(args)
    many = _replace_many(args)
    incremental = replace_one_in_both(args.clouds, args.oineus_n, args.oineus_runs, args.oineus_mb)
    path = record_path("update_performance", args, _arguments)
    record.write(path, _record(args, machine, alone, rows, many, incremental))


def _arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--n", type=int, default=TARGET_N, help="points of a window")
    parser.add_argument("--clouds", nargs="+", choices=TARGETS, default=list(TARGETS))
    parser.add_argument("--repeat", type=int, default=40, help="timed replacements of one point")
    parser.add_argument("--peer-runs", type=int, default=3, help="runs of giotto-ph among them")
    parser.add_argument("--peer-limit", type=float, default=60, help="its longest run, in seconds")
    parser.add_argument("--many", type=int, nargs="*", help="points replaced at once")
    parser.add_argument("--many-repeat", type=int, default=15, help="timed replacements of many")
    parser.add_argument("--oineus-n", type=int, nargs="*", default=[64, 128, 256, TARGET_N])
    parser.add_argument("--oineus-runs", type=int, default=3, help="timed updates of Oineus")
    parser.add_argument("--oineus-mb", type=float, default=6000, help="memory it may take")
    parser.add_argument("--output", type=Path, help="where to write the JSON record")
    args = parser.parse_args(argv)
    if args.repeat < 1 or args.many_repeat < 1 or args.n < 16:
        parser.error("repeats start at 1 and --n at 16")
    if args.many is None:
        args.many = [1, 4, 16, 64, args.n // 10]
    return args


def _replace_one(args: argparse.Namespace) -> list[Row]:
    """Replace one point again and again, on every cloud."""
    print(
        f"one of {args.n} points replaced, diagram included, {BLOCK} in a row; "
        "median (quartiles) in ms"
    )
    print(
        f"{'':<20}{'updated':>24}{'rechecked':>10}{'rebuilt':>9}{'batch':>9}{'ratio':>8}"
        f"{'giotto-ph':>11}{'ratio':>8}  targets"
    )
    rows = []
    for name in args.clouds:
        blocks = -(-args.repeat // BLOCK)
        windows = Windows(name, args.n, BLOCK * (blocks + 1), "always")
        row = Row(name, args.n)
        variant = _fastest_giotto(row, windows, args)
        windows.replace(1, Samples(), times=BLOCK, from_points=True)
        for turn in range(blocks):
            windows.replace(1, row.samples, times=BLOCK, from_points=True)
            is_its_turn = turn * args.peer_runs % blocks < args.peer_runs
            if variant and is_its_turn and _lacks_runs(row, args.peer_runs):
                _run_giotto(row, windows, variant)
        rows.append(row)
        print(_line(row), flush=True)
    return rows


def _replace_alone(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Replace one point again and again, and run nothing else in between."""
    if ALONE not in args.clouds:
        return []
    windows = Windows(ALONE, args.n, BLOCK * (ALONE_BLOCKS + 1), "always")
    windows.replace(1, Samples(), times=BLOCK)
    samples = Samples()
    for _ in range(ALONE_BLOCKS):
        windows.replace(1, samples, times=BLOCK)
    medians = {who: statistics.median(seconds) for who, seconds in samples.seconds.items()}
    ratio = medians[REBUILT] / medians[UPDATED]
    print(
        f"{ALONE} by itself: {1e3 * medians[UPDATED]:.2f} ms updated, "
        f"{1e3 * medians[REBUILT]:.1f} ms rebuilt, {ratio:.1f}x\n",
        flush=True,
    )
    return [{"cloud": ALONE, "n": args.n, "samples": samples.seconds, "against_rebuild": ratio}]


def _fastest_giotto(row: Row, windows: Windows, args: argparse.Namespace) -> str | None:
    """Return the mode of giotto-ph that is faster on this cloud, None where it cannot run."""
    if not giotto_ph.available():
        row.notes.append(f"giotto-ph is not installed: {giotto_ph.INSTALL}")
        return None
    budget = Budget(args.peer_limit)
    taken: dict[str, float] = {}
    for m in (args.n // 4, args.n // 2, args.n):
        D = windows.distances()[:m, :m].copy()
        taken = {}
        for variant in giotto_ph.VARIANTS:
            refusal = budget.refusal(giotto_ph.NAME, variant, m)
            if refusal and m == args.n:
                row.notes.append(f"giotto-ph {variant} not run: {refusal}")
            if refusal:
                continue
            run = partial(giotto_ph.bars, D, variant)
            taken[variant], bars = budget.timed(giotto_ph.NAME, variant, m, run)
            if m == args.n:
                _assert_giotto(row, windows, variant, bars)
    if not taken:
        return None
    best = min(taken, key=lambda variant: taken[variant])
    if taken[best] >= SLOW_S:
        row.samples.seconds[giotto_ph.NAME] = [taken[best]]
    return best


def _lacks_runs(row: Row, wanted: int) -> bool:
    return len(row.samples.seconds.get(giotto_ph.NAME, [])) < wanted


def _run_giotto(row: Row, windows: Windows, variant: str) -> None:
    D = windows.distances()
    seconds, bars = timed(lambda: giotto_ph.bars(D, variant))
    _assert_giotto(row, windows, variant, bars)
    row.samples.seconds.setdefault(giotto_ph.NAME, []).append(seconds)


def _assert_giotto(row: Row, windows: Windows, variant: str, bars: Bars) -> None:
    assert_equal(windows.bars(), bars, f"giotto-ph {variant}, {row.cloud}, n = {row.n}")


def _line(row: Row) -> str:
    low, middle, high = (1000 * q for q in quartiles(row.samples.seconds[UPDATED]))
    rechecked = statistics.median(row.samples.rechecked)
    peer, rebuild = row.ratios()
    cells = (
        f"{row.cloud:<20}{f'{middle:.2f} ({low:.2f}-{high:.2f})':>24}{rechecked:>10.0f}"
        f"{1000 * row.median(REBUILT):>9.1f}{1000 * row.median(FROM_POINTS):>9.1f}{rebuild:>7.1f}x"
        f"{1000 * row.median(giotto_ph.NAME):>11.1f}{peer:>7.1f}x"
    )
    if set(row.samples.paths) != {"update"}:
        cells += f"  {row.samples.paths.count('rebuild')} of {len(row.samples.paths)} rebuilt"
    if row.n == TARGET_N:
        wanted = zip((peer, rebuild), TARGETS[row.cloud], strict=True)
        cells += "  " + ", ".join(
            f">= {least}x {'met' if ratio >= least else 'not met'}" for ratio, least in wanted
        )
    return cells + "".join(f"\n    {note}" for note in row.notes)


def _replace_many(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Replace several points at once, with the way left to the window."""
    if not args.many:
        return []
    print(f"\nm of {args.n} points replaced, the way left to the window; medians in ms")
    print(f"{'':<20}{'m':>6}{'auto':>9}{'rebuilt':>9}{'ratio':>8}{'rechecked':>11}  way")
    rows = []
    for name in args.clouds:
        for m in sorted(set(args.many)):
            windows = Windows(name, args.n, m * (args.many_repeat + WARM_UP), "auto")
            samples = Samples()
            for _ in range(WARM_UP):
                windows.replace(m, Samples())
            for _ in range(args.many_repeat):
                windows.replace(m, samples)
            rows.append(_many_row(name, m, samples))
            print(_many_line(rows[-1]), flush=True)
    worst = max(row["ratio"] for row in rows)
    verdict = "met" if worst <= LONGEST else "not met"
    print(f"at most {worst:.2f} times the rebuild: <= {LONGEST} {verdict}")
    return rows


def _many_row(name: str, m: int, samples: Samples) -> dict[str, Any]:
    pairs = zip(samples.seconds[UPDATED], samples.seconds[REBUILT], strict=True)
    return {
        "cloud": name,
        "m": m,
        "samples": samples.seconds,
        "medians": {who: statistics.median(s) for who, s in samples.seconds.items()},
        "ratio": statistics.median(auto / rebuilt for auto, rebuilt in pairs),
        "ways": {way: samples.paths.count(way) for way in sorted(set(samples.paths))},
        "rechecked": statistics.median(samples.rechecked),
    }


def _many_line(row: dict[str, Any]) -> str:
    medians = row["medians"]
    ways = ", ".join(f"{way} {count}" for way, count in row["ways"].items())
    return (
        f"{row['cloud']:<20}{row['m']:>6}{1000 * medians[UPDATED]:>9.2f}"
        f"{1000 * medians[REBUILT]:>9.2f}{row['ratio']:>8.2f}{row['rechecked']:>11.0f}  {ways}"
    )


def _record(
    args: argparse.Namespace,
    machine: dict[str, Any],
    alone: list[dict[str, Any]],
    rows: list[Row],
    many: list[dict[str, Any]],
    incremental: list[dict[str, Any]],
) -> dict[str, Any]:
    packages = ("aura-tda-gpu", "numpy", "numba", "giotto-ph", "oineus")
    return {
        "benchmark": "update_performance",
        "machine": machine,
        "versions": record.versions(packages),
        "commit": record.commit(),
        "settings": {name: value for name, value in vars(args).items() if name != "output"},
        "unit": "seconds; peak memory in MB",
        "targets": {"replace_one": TARGETS, "replace_many_at_most": LONGEST},
        "replace_one": [_one_row(row) for row in rows],
        "replace_alone": alone,
        "replace_many": many,
        "oineus": incremental,
    }


def _one_row(row: Row) -> dict[str, Any]:
    against_giotto, against_rebuild = row.ratios()
    return {
        "cloud": row.cloud,
        "n": row.n,
        "samples": row.samples.seconds,
        "quartiles": {who: quartiles(seconds) for who, seconds in row.samples.seconds.items()},
        "against_giotto_ph": None if against_giotto != against_giotto else against_giotto,
        "against_rebuild": against_rebuild,
        "paths": row.samples.paths,
        "rechecked": row.samples.rechecked,
        "notes": row.notes,
    }


if __name__ == "__main__":
    main()
