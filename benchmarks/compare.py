"""Records of one benchmark before and after: how much each figure changed, beyond the noise or not.

A target that wants none at all, such as points lost, or all of them needs no interval: it is worse
where every run of A met it, and one of B does not. The intervals of other figures are those of
`changes`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import combinations
from pathlib import Path
from typing import Any

from . import record
from .changes import BETTER, CONFIDENCE, SAME, UNKNOWN, WORSE, Change, Record, changes
from .forms import read

__all__ = ["Change", "changes", "main"]

CANNOT = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Compare two files; 1 if a figure became worse, 2 if they cannot be compared."""
    args = _arguments(argv)
    try:
        before, after = ([read(path) for path in side] for side in (args.before, args.after))
        refusal = _refusal(before, after, args.other_machine)
    except (OSError, ValueError, KeyError, TypeError) as error:
        refusal = f"{error}"
    if refusal:
        print(f"error: {refusal}", file=sys.stderr)
        return CANNOT
    found, broken = changes(before, after, args.tolerance), _broken(before, after)
    if not found:
        print("error: the records share no figure", file=sys.stderr)
        return CANNOT
    if args.json:
        told = {
            "records": {"before": len(before), "after": len(after)},
            "changes": [asdict(change) for change in found],
            "no_longer_met": _no_longer_met(before, after),
            "broken": broken,
            **_lacking(before, after),
        }
        print(json.dumps(told))
    else:
        print("\n".join(_lines(before, after, found, broken)))
    return int(bool(broken) or any(change.verdict == WORSE for change in found))


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="aura-tda bench compare", description=__doc__.partition("\n")[0]
    )
    for name, letter in (("before", "A"), ("after", "B")):
        files = f"{letter}.json[,{letter}2.json...]"
        parser.add_argument(name, type=_paths, metavar=files, help="of one run or of several")
    parser.add_argument("--tolerance", type=float, default=0.05, help="share, beside the noise")
    parser.add_argument("--other-machine", action="store_true", help="machines may differ")
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args(argv)
    if not 0 <= args.tolerance < 100:
        parser.error("--tolerance starts at 0")
    return args


def _paths(text: str) -> list[Path]:
    return [Path(part) for part in text.split(",")]


def _refusal(before: Sequence[Record], after: Sequence[Record], other_machine: bool) -> str | None:
    """Return why records say nothing about each other."""
    names = [told["benchmark"] for told in (*before, *after)]
    if len(set(names)) > 1:
        other = next(name for name in names if name != names[0])
        return f"one is of {names[0]}, the other of {other}"
    for side in (before, after):
        if any(one["samples"] == other["samples"] for one, other in combinations(side, 2)):
            return "a record is given twice on one side: runs that were not made have no spread"
    machines = list(dict.fromkeys(_machine(told) for told in (*before, *after)))
    if len(machines) > 1 and not other_machine:
        return f"different machines, {machines[0]} and {machines[1]}: --other-machine compares them"
    return None


def _machine(told: Mapping[str, Any]) -> str:
    device = "" if told["device"] is None else f", {told['device']['name']}"
    return f"{told['machine']['cpu']} with {told['cores']} cores{device}"


def _lacking(before: Sequence[Record], after: Sequence[Record]) -> dict[str, list[str]]:
    a, b = ({name: 0 for told in side for name in told["samples"]} for side in (before, after))
    return {"only_before": [n for n in a if n not in b], "only_after": [n for n in b if n not in a]}


def _notes(before: Sequence[Record], after: Sequence[Record]) -> list[str]:
    """Say what the spread does not know, and which records were taken while other work went on."""
    notes = []
    if len(before) + len(after) == 2:
        notes.append("one run a side: how much runs differ is not known; give several, with commas")
    for name, side in (("A", before), ("B", after)):
        busy = "; ".join(why for told in side if (why := record.busy(told["machine"])))
        if busy:
            notes.append(
                f"{name} was measured on a busy machine ({busy}): its times may be too long"
            )
        commits = sorted({told["commit"][:12] for told in side})
        if len(commits) > 1:
            notes.append(f"{name} is of different commits: {', '.join(commits)}")
    return notes


def _no_longer_met(before: Sequence[Record], after: Sequence[Record]) -> list[str]:
    """Say which targets every run of A met and none of B; single values have no interval."""
    met, missed = (
        {figure["name"] for figure in side[0]["targets"]}.intersection(
            *({f["name"] for f in told["targets"] if f["met"] is wanted} for told in side)
        )
        for side, wanted in ((before, True), (after, False))
    )
    return [
        f"was met and is not: {figure['name']}, {figure['value']:.4g} {figure['unit']}"
        for figure in after[0]["targets"]
        if figure["name"] in met & missed and not _wants_all(figure)
    ]


def _broken(before: Sequence[Record], after: Sequence[Record]) -> list[str]:
    """Say which targets without any room every run of A met, and not every run of B."""
    kept = set.intersection(*({f["name"] for f in told["targets"] if f["met"]} for told in before))
    missed: dict[str, Mapping[str, Any]] = {}
    others = [f for told in after for f in told["targets"] if f["met"] is False]
    for figure in sorted(others, key=_off):
        if figure["name"] in kept and _wants_all(figure):
            missed[figure["name"]] = figure  # the last is the furthest from what is wanted
    return [
        f"{WORSE}: {name}: {f['value']:.4g} {f['unit']}, and it was {f['wanted']:g}; none of that "
        "is noise"
        for name, f in missed.items()
    ]


def _off(figure: Mapping[str, Any]) -> float:
    return float(abs(figure["value"] - figure["wanted"]))


def _wants_all(figure: Mapping[str, Any]) -> bool:
    """Tell whether a target wants none at all, or all there are."""
    if figure["at_least"]:
        return bool(figure["unit"] == "%" and figure["wanted"] == 100)
    return bool(figure["wanted"] == 0)


def _who(side: Sequence[Record]) -> str:
    runs = f" ({len(side)} runs)" if len(side) > 1 else ""
    return f"{side[0]['commit'][:12]}{runs}"


def _lines(
    before: Sequence[Record],
    after: Sequence[Record],
    found: Sequence[Change],
    broken: Sequence[str],
) -> list[str]:
    width = max(len(change.name) for change in found)
    lines = [
        f"A {_who(before)}, B {_who(after)}: B over A, and where that ratio lies "
        f"with {CONFIDENCE:.0%} for all figures together",
        *_notes(before, after),
        f"{'':<{width}}{'A':>12}{'B':>12} {'':<10}{'ratio':>7}{'':>18}",
    ]
    for change in found:
        spread = "" if change.low is None else f"({change.low:.3f} to {change.high:.3f})"
        lines.append(
            f"{change.name:<{width}}{change.before:>12.4g}{change.after:>12.4g} {change.unit:<10}"
            f"{change.ratio:>7.3f}{spread:>18}  {change.verdict}"
        )
    lines += _no_longer_met(before, after)
    for key, names in _lacking(before, after).items():
        if names:
            lines.append(f"{key.replace('_', ' ')}: {len(names)} figures, the first {names[0]!r}")
    verdicts = [*(change.verdict for change in found), *len(broken) * [WORSE]]
    counts = [f"{verdicts.count(v)} {v}" for v in (WORSE, BETTER, SAME, UNKNOWN)]
    return [*lines, *broken, ", ".join(counts)]


if __name__ == "__main__":
    sys.exit(main())
