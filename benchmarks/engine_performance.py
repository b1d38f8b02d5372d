"""Diagrams of point clouds, in batch and updated in place, against other libraries.

Every contender gets the same matrix of distances. No time is taken before the bars of H0 and H1
agree to the last bit; where they do not, the cloud is written to a file. A peer that is not
installed is named with the line that installs it, and a run that would take too long, as predicted
from smaller clouds, with the reason. Run with ``make bench``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from aura_tda_gpu.cli.pictures.plots import require_matplotlib
from aura_tda_gpu.errors import AuraTDAError
from aura_tda_gpu.persistence.cpu import warm_up

from . import engine_growth, record
from .budget import Budget
from .clouds import CLOUDS
from .engine_rows import (
    FROM_POINTS,
    OURS,
    Limits,
    Row,
    absent,
    look_ahead,
    measure_row,
    usable,
)
from .oineus_updates import replace_one_in_both
from .peak_memory import measure as measure_peaks
from .peers import PEERS
from .suite import record_path
from .throughput import listed

__all__ = ["main"]

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
SIZES = [128, 256, 512, 1024, 2048, 4096]
LOOKED_AHEAD = SIZES[:3]  # run first where only larger clouds are asked for
REPLACED = [1, 4, 16, 64, 102]
OINEUS_SIZES = [64, 128]  # the larger one in a full run
ELSEWHERE = 3  # the limit of a run is so many times as low at sizes without targets
LARGEST_UPDATED = 2048  # of a run that is not full: at 4096 a rebuild alone takes half a second
PARTS = ("rows", "updates", "replaced", "dimension", "threads", "oineus", "memory")
PACKAGES = (
    *("aura-tda-gpu", "numpy", "numba", "scipy", "giotto-ph", "ripser", "gudhi", "scikit-learn"),
    *("oineus", "ripserplusplus"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the tables, write the record."""
    args = _arguments(argv)
    if args.plot is not None:
        try:  # before the wait
            require_matplotlib()
        except AuraTDAError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
    started = time.perf_counter()
    say: Callable[[str], None] = _quiet if args.json else _loud
    machine = record.machine()
    if warning := record.warning(machine):
        say(warning)
    compilation = warm_up()
    missing, peers = absent(args.peers), usable(args.peers)
    for name, why in missing.items():
        say(f"{name}: {why}")
    say(
        f"a peer is run where it takes at most {args.peer_limit:g} s (--peer-limit), as predicted "
        f"from smaller clouds, and a third of that at other sizes than {TARGET_N}; its fastest way "
        "is timed, bars of all ways are compared\n"
    )
    rows = _rows(args, peers, say)
    found: dict[str, Any] = {"rows": [_row_told(row, missing) for row in rows]}
    fits = engine_growth.with_points(rows)
    for part, measure in _growth(args, say).items():
        if part in args.parts:
            found[part], more = measure()
            fits += more
    found["exponents"] = [fit.as_dict() for fit in fits]
    if fits:
        say("\ntime grows as a power of")
    for fit in fits:
        say(f"{fit.what:<16}{fit.exponent:>6.2f}  {fit.who} ({fit.over})")
    peaks = _peaks(args, say)
    say(f"\n{time.perf_counter() - started:.0f} s in all")
    document = {
        "benchmark": "engine_performance",
        "machine": machine,
        "versions": record.versions(PACKAGES),
        "commit": record.commit(),
        "settings": {key: value for key, value in vars(args).items() if key != "output"},
        "unit": "seconds; peak memory in MB",
        "compilation": compilation,
        "absent": missing,
        **found,
        "peak_memory_mb": peaks,
    }
    path = record_path("engine_performance", args, _arguments)
    document = record.write(path, document, quiet=args.json)
    if args.plot is not None:
        _plot(document, args.plot, say)
    if args.json:
        print(json.dumps(document))
    return 0


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="aura-tda bench engine", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--n", type=listed(int), default=SIZES, help="points: 128,256")
    parser.add_argument("--clouds", type=listed(_one_of(CLOUDS)), default=list(CLOUDS))
    parser.add_argument("--peers", type=listed(_one_of(PEERS)), default=list(PEERS))
    parser.add_argument("--parts", type=listed(_one_of(PARTS)), default=list(PARTS))
    parser.add_argument("--full", action="store_true", help="more repeats, slower peers: an hour")
    parser.add_argument("--repeat", type=int, help="timed runs of a contender; 3, or 5 with --full")
    parser.add_argument(
        "--peer-limit",
        type=float,
        help="longest predicted run of a peer, s; 12, or 120 with --full",
    )
    parser.add_argument(
        "--cell-limit", type=float, help="seconds for the runs of a contender; 1, or 60 with --full"
    )
    parser.add_argument("--oineus-mb", type=float, default=6000, help="memory Oineus may take")
    parser.add_argument("--json", action="store_true", help="print the record, no tables")
    parser.add_argument("--plot", type=Path, help="folder of a log-log picture")
    parser.add_argument("--output", type=Path, help="where to write the JSON record")
    args = parser.parse_args(argv)
    chosen = {"repeat": (3, 5), "peer_limit": (12.0, 120.0), "cell_limit": (1.0, 60.0)}
    for name, values in chosen.items():
        if getattr(args, name) is None:
            setattr(args, name, values[args.full])
    if args.repeat < 1 or min(args.n) < 2:
        parser.error("--repeat starts at 1 and --n at 2")
    return args


def _one_of(known: Any) -> Callable[[str], str]:
    def name(text: str) -> str:
        if text not in known:
            raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(known)}")
        return text

    return name


def _loud(text: str) -> None:
    print(text, flush=True)


def _quiet(text: str) -> None:
    """Leave standard output to the record."""


def _rows(args: argparse.Namespace, peers: list[str], say: Callable[[str], None]) -> list[Row]:
    """Measure every cloud of every size."""
    if "rows" not in args.parts:
        return []
    limits = Limits(args.repeat, args.peer_limit, args.cell_limit)
    say(_header(peers))
    rows = []
    for name in args.clouds:
        budget = Budget(args.peer_limit / ELSEWHERE)
        for n in (n for n in LOOKED_AHEAD if n < min(args.n)):
            look_ahead(name, n, peers, budget)
        for n in sorted(args.n):
            budget.limit = args.peer_limit / (1 if n == TARGET_N else ELSEWHERE)
            rows.append(measure_row(name, n, peers, budget, limits))
            say(_line(rows[-1], peers))
    return rows


def _row_told(row: Row, missing: dict[str, str]) -> dict[str, Any]:
    """Return a row for the record; peers that are not installed are among its notes."""
    notes = [*row.notes, *(f"{peer} {why}" for peer, why in missing.items())]
    ratios = {peer: row.ratio(peer) for peer in PEERS}
    return {**asdict(row), "notes": notes, "ratios": ratios, "target": _target(row)}


def _growth(args: argparse.Namespace, say: Callable[[str], None]) -> dict[str, Callable[[], Any]]:
    """Return what measures each part that is not a batch of one size."""
    clouds = [name for name in engine_growth.UPDATE_CLOUDS if name in args.clouds]
    repeat = 4 * args.repeat
    n = min(TARGET_N, max(args.n))
    largest = max(args.n) if args.full else LARGEST_UPDATED
    replaced = sorted({m for m in REPLACED if m <= n // 8} | {1})
    oineus_sizes = OINEUS_SIZES if args.full else OINEUS_SIZES[:1]
    sizes = [size for size in oineus_sizes if size <= max(args.n)]

    def updates() -> Any:
        say("\none point replaced, ms: in place, rebuilt")
        found = engine_growth.with_updates(args.n, clouds, repeat, largest)
        return _said(found, say, lambda row: f"{row['cloud']}, n = {row['n']}")

    def many() -> Any:
        say(f"\npoints of {n} replaced at a time, ms: in place, rebuilt")
        found = engine_growth.with_replaced(n, replaced, clouds, repeat // 2)
        return _said(found, say, lambda row: f"{row['cloud']}, m = {row['m']}")

    def dimension() -> Any:
        say(f"\ngaussian points, n = {n}, ms")
        found = engine_growth.with_dimension(n, args.repeat)
        return _said(found, say, lambda row: f"{row['dim']}-D")

    def threads() -> Any:
        say(f"\nthreads, n = {min(2048, max(args.n))}, ms")
        found = engine_growth.with_threads(min(2048, max(args.n)), clouds, args.repeat)
        return _said(found, say, lambda row: f"{row['cloud']}, {row['threads']} threads")

    def oineus() -> Any:
        if "oineus" not in args.peers:
            return [], []
        return replace_one_in_both(clouds, sizes, 3, args.oineus_mb, say), []

    return {
        "updates": updates,
        "replaced": many,
        "dimension": dimension,
        "threads": threads,
        "oineus": oineus,
    }


def _said(found: Any, say: Callable[[str], None], name: Callable[[Any], str]) -> Any:
    for row in found[0]:
        medians = "".join(f"{1e3 * seconds:>10.2f}" for seconds in row["medians"].values())
        say(f"{name(row):<32}{medians}")
    return found


def _peaks(args: argparse.Namespace, say: Callable[[str], None]) -> dict[str, dict[str, float]]:
    """Measure the memory of the largest clouds, each in a process of its own."""
    if "memory" not in args.parts:
        return {}
    sizes = sorted(args.n) if args.full else [max(args.n)]
    peaks = {str(n): measure_peaks(n, args.clouds) for n in sizes}
    say("\npeak memory above the import baseline, from points, the worst cloud")
    for n, clouds in peaks.items():
        name = max(clouds, key=lambda cloud: clouds[cloud])
        verdict = ""
        if int(n) == MEMORY_TARGET_N:
            met = "met" if clouds[name] <= MEMORY_TARGET_MB else "not met"
            verdict = f"  <= {MEMORY_TARGET_MB} MB {met}"
        say(f"n = {n:>5}: {clouds[name]:7.1f} MB ({name}){verdict}")
    return peaks


def _plot(document: dict[str, Any], folder: Path, say: Callable[[str], None]) -> None:
    from aura_tda_gpu.cli.pictures.plots import style

    from .scoreboard_pictures import draw_engine

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "engine.png"
    with style():
        draw_engine(document).savefig(path, dpi=110)
    say(f"picture: {path}")


def _target(row: Row) -> str:
    """Say whether the target of this row is met, or nothing where there is none."""
    if not row.checked:
        return "bars unchecked"
    wanted = TARGETS.get(row.cloud) if row.n == TARGET_N else None
    ratio = row.ratio(TARGET_PEER)
    if wanted is None or ratio is None:
        return ""
    return f">= {wanted}x {'met' if ratio >= wanted else 'not met'}"


def _header(peers: list[str]) -> str:
    cells = "".join(f"{peer:>12}{'ratio':>8}" for peer in peers)
    return f"{'median ms':<20}{'n':>6}{'ours':>10}{'points':>10}{cells}  target"


def _line(row: Row, peers: list[str]) -> str:
    cells = [f"{row.cloud:<20}{row.n:>6}"]
    cells += [f"{1000 * row.medians[name]:>10.1f}" for name in (OURS, FROM_POINTS)]
    for peer in peers:
        ratio = row.ratio(peer)
        cells.append(
            f"{'-':>12}{'':>8}"
            if ratio is None
            else f"{1000 * row.medians[peer]:>12.1f}{ratio:>7.1f}x"
        )
    chosen = [f"{p} {v}" for p, v in row.variants.items() if v != PEERS[p].VARIANTS[0]]
    notes = "".join(f"\n    {note}" for note in row.notes)
    return f"{''.join(cells)}  {_target(row)}{'; '.join(chosen)}".rstrip() + notes


if __name__ == "__main__":
    sys.exit(main())
