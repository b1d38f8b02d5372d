"""The batch engine against ripser.py and giotto-ph, every one on the same matrix of distances.

No ratio is printed before the bars of H0 and H1 agree exactly; a row that no peer checked says so.
Run with ``make bench``.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from aura_tda_gpu.persistence.cpu import CpuEngine, warm_up
from aura_tda_gpu.persistence.rips import vietoris_rips

from . import record
from .budget import Budget
from .clouds import CLOUDS, cloud
from .comparison import Bars, assert_equal, bars_of, timed
from .peak_memory import measure as measure_peaks
from .peers import PEERS

OURS = "ours"
FROM_POINTS = "ours, from points"
# times as fast as giotto-ph with all cores, n = 1024, H0 and H1
TARGETS = {
    "noisy circle": 100,
    "delay embedding 6-D": 30,
    "torus": 15,
    "cube 3-D": 5,
    "sphere": 5,
    "gaussian 10-D": 5,
}
TARGET_N = 1024
TARGET_PEER = "giotto-ph"
MEMORY_TARGET_N, MEMORY_TARGET_MB = 4096, 600
TOO_LARGE = "n above --peer-max-n"

Run = Callable[[], Bars]


@dataclass
class Row:
    """One cloud of one size: seconds of every contender, and why others were not run."""

    cloud: str
    n: int
    bars: dict[str, int] = field(default_factory=dict)
    variants: dict[str, str] = field(default_factory=dict)
    samples: dict[str, list[float]] = field(default_factory=dict)
    medians: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)

    def ratio(self, peer: str) -> float | None:
        """How many times as long the peer takes, on the same matrix."""
        return self.medians[peer] / self.medians[OURS] if peer in self.medians else None

    def target(self) -> str:
        """Whether the target of this row is met, or nothing where there is none."""
        if set(self.medians) <= {OURS, FROM_POINTS}:
            return f"bars checked: {', '.join(self.checked)}" if self.checked else "bars unchecked"
        wanted = TARGETS.get(self.cloud) if self.n == TARGET_N else None
        ratio = self.ratio(TARGET_PEER)
        if wanted is None or ratio is None:
            return ""
        return f">= {wanted}x {'met' if ratio >= wanted else 'not met'}"


def main() -> None:
    """Measure, print the table, write the record."""
    args = _arguments()
    started = time.perf_counter()
    machine = record.machine()
    if machine["load_average"] > 0.5:
        print(f"the machine is busy (load {machine['load_average']}): times may be too long")
    compilation = warm_up()
    print(
        f"compilation: {compilation['seconds']:.1f} s, {compilation['compiled']} kernels compiled, "
        f"{compilation['cached']} from the cache\n"
    )
    peers = _usable(args.peers)
    print(
        f"peers are timed up to n = {args.peer_max_n} (--peer-max-n), with their defaults unless a "
        "variant is named; above, one run checks the bars if it takes at most "
        f"{args.check_limit:g} s (--check-limit)\n"
    )
    rows = []
    print(_header())
    for name in args.clouds:
        budget = Budget(args.peer_limit)
        for n in sorted(args.n):
            row = _measure(name, n, peers, budget, args)
            rows.append(row)
            print(_line(row), flush=True)
    peaks = {str(n): measure_peaks(n, args.clouds) for n in sorted(args.n)}
    _print_peaks(peaks)
    print(f"\n{time.perf_counter() - started:.0f} s in all")
    path = args.output or record.default_output("engine_performance")
    record.write(path, _record(args, machine, compilation, rows, peaks))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--n", type=int, nargs="+", default=[256, 512, 1024, 2048, 4096])
    parser.add_argument("--clouds", nargs="+", choices=CLOUDS, default=list(CLOUDS))
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=list(PEERS))
    parser.add_argument("--repeat", type=int, default=5, help="timed runs after a warm-up")
    parser.add_argument(
        "--peer-limit", type=float, default=120, help="longest run of a peer, in seconds, predicted"
    )
    parser.add_argument(
        "--peer-max-n", type=int, default=1024, help="largest n the peers get (they take minutes)"
    )
    parser.add_argument(
        "--check-limit",
        type=float,
        default=60,
        help="longest predicted run, in seconds, of a peer that only checks a larger size",
    )
    parser.add_argument("--output", type=Path, help="where to write the JSON record")
    args = parser.parse_args()
    if args.repeat < 1 or min(args.n) < 2:
        parser.error("--repeat starts at 1 and --n at 2")
    return args


def _usable(names: list[str]) -> list[str]:
    usable = [name for name in names if PEERS[name].available()]
    for name in sorted(set(names) - set(usable)):
        print(f"{name} is not installed: {PEERS[name].INSTALL}")
    for name in usable:
        for variant in PEERS[name].VARIANTS:
            PEERS[name].bars(np.zeros((2, 2), np.float32), variant)  # imports it
    return usable


def _measure(name: str, n: int, peers: list[str], budget: Budget, args: argparse.Namespace) -> Row:
    """Check that all bars agree, then time the contenders in turns."""
    row = Row(name, n)
    points = cloud(name, n)
    D = CpuEngine().pairwise(points, "euclidean")
    runs: dict[str, Run] = {
        OURS: lambda: bars_of(vietoris_rips(D, metric="precomputed")),
        FROM_POINTS: lambda: bars_of(vietoris_rips(points)),
    }
    expected = runs[OURS]()
    row.bars = {f"H{k}": len(bars) for k, bars in expected.items()}
    assert_equal(expected, runs[FROM_POINTS](), f"{FROM_POINTS}, {name}, n = {n}")
    for peer in peers:
        run = _fastest_variant(row, peer, D, expected, budget, args)
        if run is not None:
            runs[peer] = run
    if args.peer_max_n < n:
        _check_once(row, peers, D, expected, budget, args)
    row.samples = {contender: [] for contender in runs}
    for _ in range(args.repeat):
        for contender, run in runs.items():
            row.samples[contender].append(timed(run)[0])
    row.medians = {contender: statistics.median(s) for contender, s in row.samples.items()}
    return row


def _check_once(
    row: Row,
    peers: list[str],
    D: npt.NDArray[np.float32],
    expected: Bars,
    budget: Budget,
    args: argparse.Namespace,
) -> None:
    """Compare the bars of a size that is too large to time with one run of the first quick peer."""
    for peer in peers:
        module, variant = PEERS[peer], PEERS[peer].VARIANTS[0]
        if budget.predicted(peer, variant, row.n) <= args.check_limit:
            seconds, bars = timed(partial(module.bars, D, variant))
            assert_equal(expected, bars, f"{peer}, {row.cloud}, n = {row.n}")
            budget.saw(peer, variant, row.n, seconds)
            row.checked.append(f"one {peer} run of {seconds:.1f} s")
            return


def _fastest_variant(
    row: Row,
    peer: str,
    D: npt.NDArray[np.float32],
    expected: Bars,
    budget: Budget,
    args: argparse.Namespace,
) -> Run | None:
    """Run each variant of a peer once, compare its bars, and return the fastest one."""
    module = PEERS[peer]
    if row.n > args.peer_max_n:
        row.notes.append(f"{peer} not run: {TOO_LARGE} {args.peer_max_n}")
        return None
    taken: dict[str, float] = {}
    for variant in module.VARIANTS:
        label = peer if len(module.VARIANTS) == 1 else f"{peer} {variant}"
        refusal = budget.refusal(peer, variant, row.n)
        if refusal:
            row.notes.append(f"{label} not run: {refusal}")
            continue
        seconds, bars = timed(lambda variant=variant: module.bars(D, variant))
        assert_equal(expected, bars, f"{label}, {row.cloud}, n = {row.n}")
        budget.saw(peer, variant, row.n, seconds)
        taken[variant] = seconds
    if not taken:
        return None
    best = min(taken, key=lambda variant: taken[variant])
    row.variants[peer] = best
    return lambda: module.bars(D, best)


def _header() -> str:
    peers = "".join(f"{peer:>12}{'ratio':>8}" for peer in PEERS)
    return f"{'median ms':<20}{'n':>6}{'ours':>10}{'points':>10}{peers}  target"


def _line(row: Row) -> str:
    cells = [f"{row.cloud:<20}{row.n:>6}"]
    cells += [f"{1000 * row.medians[name]:>10.1f}" for name in (OURS, FROM_POINTS)]
    for peer in PEERS:
        ratio = row.ratio(peer)
        cells.append(
            f"{'-':>12}{'':>8}"
            if ratio is None
            else f"{1000 * row.medians[peer]:>12.1f}{ratio:>7.1f}x"
        )
    notes = "".join(f"\n    {note}" for note in row.notes if TOO_LARGE not in note)
    chosen = [f"{p} {v}" for p, v in row.variants.items() if v != PEERS[p].VARIANTS[0]]
    line = f"{''.join(cells)}  {row.target()}{'; '.join(chosen)}"
    return line.rstrip() + notes


def _print_peaks(peaks: dict[str, dict[str, float]]) -> None:
    print("\npeak memory above the import baseline, from points, the worst cloud")
    for n, clouds in peaks.items():
        name = max(clouds, key=lambda cloud: clouds[cloud])
        verdict = ""
        if int(n) == MEMORY_TARGET_N:
            met = "met" if clouds[name] <= MEMORY_TARGET_MB else "not met"
            verdict = f"  <= {MEMORY_TARGET_MB} MB {met}"
        print(f"n = {n:>5}: {clouds[name]:7.1f} MB ({name}){verdict}")


def _record(
    args: argparse.Namespace,
    machine: dict[str, Any],
    compilation: dict[str, Any],
    rows: list[Row],
    peaks: dict[str, dict[str, float]],
) -> dict[str, Any]:
    packages = ("aura-tda-gpu", "numpy", "numba", "scipy", "giotto-ph", "ripser")
    settings = {key: value for key, value in vars(args).items() if key != "output"}
    return {
        "benchmark": "engine_performance",
        "machine": machine,
        "versions": record.versions(packages),
        "commit": record.commit(),
        "settings": settings,
        "unit": "seconds; peak memory in MB",
        "compilation": compilation,
        "rows": [
            {**asdict(row), "ratios": {p: row.ratio(p) for p in PEERS}, "target": row.target()}
            for row in rows
        ],
        "peak_memory_mb": peaks,
    }


if __name__ == "__main__":
    main()
