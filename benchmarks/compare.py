"""Records of one benchmark before and after: how much each figure changed, beyond the noise or not.

A ratio is the median of B over that of A. With a record a side its interval comes from medians of
samples drawn again with replacement (bootstrap), is as wide as Student's at least, and knows
nothing of how runs differ. With several, each gives its median, and the interval is Student's for
the difference of two means of logarithms, with the spread between the runs. Both are wide enough to
hold for all figures together with 95 %. A figure is worse where the whole interval lies beyond 1,
and the ratio beyond the tolerance. A target that wants none at all, such as points lost, or all of
them needs no interval: it is worse where every run of A met it, and one of B does not.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from . import record
from .forms import read

__all__ = ["Change", "changes", "main"]

CONFIDENCE = 0.95
RESAMPLED = 20_000
FEW = 3  # samples without which there is no spread
SAME, WORSE, BETTER, UNKNOWN = "within the noise", "WORSE", "better", "too few samples to tell"
CANNOT = 2

Record: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """One figure in both records.

    Attributes
    ----------
    name, unit : str
    before, after : float
        Medians; of several runs the geometric mean of theirs.
    ratio : float
        After over before.
    low, high : float or None
        Ends of its interval; None where samples are too few.
    verdict : str
    """

    name: str
    unit: str
    before: float
    after: float
    ratio: float
    low: float | None
    high: float | None
    verdict: str


def changes(
    before: Sequence[Record], after: Sequence[Record], tolerance: float, seed: int = 0
) -> list[Change]:
    """Compare the figures that the records of both sides share, in the order of the first one."""
    shared = _shared(before, after)
    rng = np.random.default_rng(seed)
    beyond = (1 - CONFIDENCE) / (2 * max(1, len(shared)))
    return [_change(name, before, after, tolerance, beyond, rng) for name in shared]


def _shared(before: Sequence[Record], after: Sequence[Record]) -> list[str]:
    units = [{name: of["unit"] for name, of in told["samples"].items()} for told in before]
    units += [{name: of["unit"] for name, of in told["samples"].items()} for told in after]
    return [name for name, unit in units[0].items() if all(u.get(name) == unit for u in units)]


def _change(
    name: str,
    before: Sequence[Record],
    after: Sequence[Record],
    tolerance: float,
    beyond: float,
    rng: np.random.Generator,
) -> Change:
    a, b = (
        [np.asarray(told["samples"][name]["values"], float) for told in side]
        for side in (before, after)
    )
    first = before[0]["samples"][name]
    medians = [[float(np.median(values)) for values in side] for side in (a, b)]
    is_positive = min(float(values.min()) for values in (*a, *b)) > 0
    middle = [statistics.geometric_mean(m) if is_positive else statistics.fmean(m) for m in medians]
    ratio = middle[1] / middle[0] if middle[0] else float("nan")
    interval = None
    if is_positive and len(a) + len(b) > 2:
        interval = _between_runs(medians[0], medians[1], beyond)
    elif is_positive and min(len(a[0]), len(b[0])) >= FEW:
        interval = _between_samples(a[0], b[0], beyond, rng)
    if interval is None:
        return Change(name, first["unit"], middle[0], middle[1], ratio, None, None, UNKNOWN)
    low, high = interval
    is_more = low > 1 and ratio > 1 + tolerance
    is_less = high < 1 and ratio < 1 / (1 + tolerance)
    worse, better = (is_more, is_less) if first["better"] == "lower" else (is_less, is_more)
    verdict = WORSE if worse else BETTER if better else SAME
    return Change(name, first["unit"], middle[0], middle[1], ratio, low, high, verdict)


def _between_samples(before: Any, after: Any, beyond: float, rng: Any) -> tuple[float, float]:
    """Return where the ratio of two medians lies, from the samples of one run a side.

    Medians drawn again are never beyond the few samples there are, so Student's interval counts
    where it is the wider one.
    """
    drawn = _medians(after, rng) / _medians(before, rng)
    low, high = (float(q) for q in np.quantile(drawn, [beyond, 1 - beyond]))
    least, most = _between_runs(before, after, beyond)
    return min(low, least), max(high, most)


def _between_runs(before: Any, after: Any, beyond: float) -> tuple[float, float]:
    """Return where the ratio lies, from a median of each run; runs of both sides spread alike."""
    from scipy.stats import t

    a, b = np.log(before), np.log(after)
    freedom = len(a) + len(b) - 2
    squares = float(((a - a.mean()) ** 2).sum() + ((b - b.mean()) ** 2).sum())
    error = math.sqrt(squares / freedom * (1 / len(a) + 1 / len(b)))
    half = float(t.ppf(1 - beyond, freedom)) * error
    middle = float(b.mean() - a.mean())
    return math.exp(min(middle - half, 700)), math.exp(min(middle + half, 700))


def _medians(values: Any, rng: np.random.Generator) -> Any:
    """Return the medians of samples drawn again, in blocks of little memory."""
    step = max(1, (1 << 20) // len(values))
    blocks = [
        np.median(rng.choice(values, (min(step, RESAMPLED - i), len(values))), axis=1)
        for i in range(0, RESAMPLED, step)
    ]
    return np.concatenate(blocks)


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
