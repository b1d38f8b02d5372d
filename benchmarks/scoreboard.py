"""The scoreboard: docs/scoreboard.md and its pictures, drawn from the records and nothing else.

A figure without a record in ``benchmarks/results`` has no way into the page.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aura_tda_gpu.cli.pictures.plots import require_matplotlib
from aura_tda_gpu.errors import AuraTDAError

from . import record
from .forms import read
from .scoreboard_tables import TABLES, figure_rows, markdown, unmeasured_parts

__all__ = ["Told", "main", "page", "read_records"]

PAGE = record.ROOT / "docs" / "scoreboard.md"
# benchmark, what it measures, and the command that measures it again
ORDER = {
    "throughput": ("A stream under an offered load", "aura-tda bench throughput"),
    "throughput_cuda": ("A stream on a GPU under an offered load", "aura-tda bench throughput"),
    "streaming_performance": (
        "Streams as fast as they go",
        "python -m benchmarks.streaming_performance",
    ),
    "engine_performance": ("Diagrams of point clouds", "aura-tda bench engine"),
    "update_performance": ("Diagrams updated in place", "python -m benchmarks.update_performance"),
    "processor_performance": (
        "The asynchronous processor",
        "python -m benchmarks.processor_performance",
    ),
    "features_performance": ("Features of diagrams", "python -m benchmarks.features_performance"),
    "accuracy_metrics": ("Features against known loops", "aura-tda bench accuracy"),
    "landmark_bounds": ("Error bounds of landmarks", "python -m benchmarks.landmark_bounds"),
    "outliers": ("A loop among outliers", "python -m benchmarks.outliers"),
    "first_start": ("The first start, and the demo", "python -m benchmarks.first_start"),
    "gpu_performance": ("On a GPU", "make bench-gpu"),
}
CANNOT = 2
INTRODUCTION = """# Scoreboard

Drawn by `make scoreboard` from the records in [benchmarks/results](../benchmarks/results), and from
nothing else; `make bench` measures again and redraws it ([how](benchmarks.md)). Each record
names machine, versions, settings and commit and holds what was measured. Times are medians unless
another name stands beside them. Where diagrams are timed, their bars were held against an oracle,
before or, in streams, at the end; where they differ there is no record."""


@dataclass(frozen=True)
class Told:
    """A record and the file it is in."""

    path: Path
    record: Mapping[str, Any]

    @property
    def benchmark(self) -> str:
        """Which one it is of; a variant has a name of its own."""
        return str(self.path.name.partition(".")[0])

    @property
    def machine(self) -> str:
        """The machine kind, as people say it."""
        cpu = f"{self.record['machine']['cpu']}, {self.record['cores']} cores"
        device = self.record["device"]
        return cpu if device is None else f"{device['name']} ({cpu})"


def main(argv: Sequence[str] | None = None) -> int:
    """Write the page and its pictures."""
    parser = argparse.ArgumentParser(
        prog="aura-tda bench scoreboard", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--results", type=Path, default=record.RESULTS, help="folder of records")
    parser.add_argument("--output", type=Path, default=PAGE, help="the page")
    args = parser.parse_args(argv)
    try:
        require_matplotlib()
        told = read_records(args.results)
    except (OSError, ValueError, AuraTDAError) as error:
        print(f"error: {error}", file=sys.stderr)
        return CANNOT
    if not told:
        print(f"error: {args.results} holds no record: run make bench", file=sys.stderr)
        return 1
    pictures = args.output.parent / "img"
    from .scoreboard_pictures import draw_all

    drawn = draw_all(told, pictures)
    args.output.write_text(page(told, [path.name for path in drawn]))
    print(f"{args.output}, from {len(told)} records; {len(drawn)} pictures")
    return 0


def read_records(folder: Path) -> list[Told]:
    """Return the records of a folder, by machine and then in the order of the page.

    Raises
    ------
    OSError, ValueError
        If a file is no record; names it.
    """
    told = [Told(path, read(path)) for path in folder.glob("*.json")]
    names = list(ORDER)
    place = {name: i for i, name in enumerate(names)}
    on_gpu = {one.machine: one.record["device"] is not None for one in told}
    return sorted(
        told,
        key=lambda t: (on_gpu[t.machine], t.machine, place.get(t.benchmark, 99), t.path.name),
    )


def page(told: Sequence[Told], pictures: Sequence[str]) -> str:
    """Return the page.

    Parameters
    ----------
    told : sequence of Told
        From `read_records`.
    pictures : sequence of str
        File names beside it in ``img/``: ``scoreboard_<record>.png``.
    """
    parts = [INTRODUCTION, _overview(told)]
    machine = ""
    for one in told:
        if one.machine != machine:
            machine = one.machine
            parts.append(f"## {machine}")
        parts += _section(one, pictures)
    return "\n\n".join(parts) + "\n"


def _overview(told: Sequence[Told]) -> str:
    """Return how many targets are met, and all that are not."""
    figures = [
        (one, figure)
        for one in told
        for figure in one.record["targets"]
        if figure["wanted"] is not None
    ]
    counts = {
        verdict: sum(f["met"] is verdict for _, f in figures) for verdict in (True, False, None)
    }
    line = (
        f"{len(figures)} figures have a target: {counts[True]} are met, {counts[False]} are not, "
        f"{counts[None]} could not be measured."
    )
    missed = [
        [_short(one), *figure_rows([figure])[0]] for one, figure in figures if not figure["met"]
    ]
    for one in told:
        for part, why in unmeasured_parts(one.record):
            note = f"not measured: {why}" if why else "not measured: the record has no result"
            missed.append([_short(one), f"all of {part}", "-", "", note])
    if not missed:
        return line
    head = ["machine", "figure", "measured", "wanted", ""]
    return f"{line} Not met or not measured:\n\n{markdown(head, missed)}"


def _short(one: Told) -> str:
    device = one.record["device"]
    return f"{one.record['cores']} cores" if device is None else str(device["name"])


def _section(one: Told, pictures: Sequence[str]) -> list[str]:
    title, command = ORDER.get(one.benchmark, (one.benchmark, ""))
    told = one.record
    versions = ", ".join(f"{name} {v}" for name, v in told["versions"].items() if v)
    again = f"; again: `{command}`" if command else ""
    parts = [
        f"### {title}",
        f"Record [{one.path.name}](../benchmarks/results/{one.path.name}), commit "
        f"{_commit(told['commit'])}, {versions}{_busy(told)}{again}.",
    ]
    if one.benchmark in TABLES:
        parts += TABLES[one.benchmark](told)
    with_target = [f for f in told["targets"] if f["wanted"] is not None]
    without = [f for f in told["targets"] if f["wanted"] is None]
    if with_target:
        rows = figure_rows(with_target)
        parts.append(markdown(["figure", "measured", "wanted", ""], rows))
    if without:
        rows = [[name, value, note] for name, value, _, note in figure_rows(without)]
        parts.append(markdown(["figure without a target", "measured", ""], rows))
    picture = f"scoreboard_{one.path.stem}.png"
    if picture in pictures:
        parts.append(f"![{title}](img/{picture})")
    return parts


def _busy(told: Mapping[str, Any]) -> str:
    """Say that other work went on when a record was taken."""
    why = record.busy(told["machine"])
    return f"; the machine was busy ({why})" if why else ""


def _commit(commit: str) -> str:
    head, _, rest = commit.partition(" ")
    return f"{head[:12]} {rest}".rstrip()


if __name__ == "__main__":
    sys.exit(main())
