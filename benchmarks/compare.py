"""Two records of one benchmark: how much each figure changed, and whether that is more than noise.

A ratio is the median of B over that of A. Its interval comes from medians of samples drawn again
with replacement (bootstrap), wide enough to hold for all figures together with 95 %. A figure is
worse where the whole interval lies beyond 1, and the ratio beyond the tolerance.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .forms import read

__all__ = ["Change", "changes", "main"]

CONFIDENCE = 0.95
RESAMPLED = 20_000
BUSY = 0.5  # load of a machine above which times say little
FEW = 3  # samples without which there is no spread
SAME, WORSE, BETTER, UNKNOWN = "within the noise", "WORSE", "better", "too few samples to tell"
CANNOT = 2


@dataclass(frozen=True, slots=True)
class Change:
    """One figure in both records.

    Attributes
    ----------
    name, unit : str
    before, after : float
        Medians.
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
    before: Mapping[str, Any], after: Mapping[str, Any], tolerance: float, seed: int = 0
) -> list[Change]:
    """Compare the figures that two records share, in the order of the first one."""
    a, b = before["samples"], after["samples"]
    names = [name for name in a if name in b and a[name]["unit"] == b[name]["unit"]]
    rng = np.random.default_rng(seed)
    return [_change(name, a[name], b[name], len(names), tolerance, rng) for name in names]


def _change(
    name: str,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    n_figures: int,
    tolerance: float,
    rng: np.random.Generator,
) -> Change:
    a, b = (np.asarray(told["values"], float) for told in (before, after))
    medians = float(np.median(a)), float(np.median(b))
    if min(len(a), len(b)) < FEW or min(a.min(), b.min()) <= 0:
        ratio = medians[1] / medians[0] if medians[0] else float("nan")
        return Change(name, before["unit"], *medians, ratio, None, None, UNKNOWN)
    drawn = _medians(b, rng) / _medians(a, rng)
    beyond = (1 - CONFIDENCE) / (2 * n_figures)
    low, high = (float(q) for q in np.quantile(drawn, [beyond, 1 - beyond]))
    ratio = medians[1] / medians[0]
    is_more = low > 1 and ratio > 1 + tolerance
    is_less = high < 1 and ratio < 1 / (1 + tolerance)
    worse, better = (is_more, is_less) if before["better"] == "lower" else (is_less, is_more)
    verdict = WORSE if worse else BETTER if better else SAME
    return Change(name, before["unit"], *medians, ratio, low, high, verdict)


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
        before, after = read(args.before), read(args.after)
        refusal = _refusal(before, after, args.other_machine)
    except (OSError, ValueError, KeyError, TypeError) as error:
        refusal = f"{error}"
    if refusal:
        print(f"error: {refusal}", file=sys.stderr)
        return CANNOT
    found = changes(before, after, args.tolerance)
    if not found:
        print("error: the records share no figure", file=sys.stderr)
        return CANNOT
    if args.json:
        told = {
            "changes": [asdict(change) for change in found],
            "no_longer_met": _no_longer_met(before, after),
            **_lacking(before, after),
        }
        print(json.dumps(told))
    else:
        print("\n".join(_lines(before, after, found)))
    return int(any(change.verdict == WORSE for change in found))


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="aura-tda bench compare", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("before", type=Path, metavar="A.json")
    parser.add_argument("after", type=Path, metavar="B.json")
    parser.add_argument("--tolerance", type=float, default=0.05, help="share, beside the noise")
    parser.add_argument("--other-machine", action="store_true", help="machines may differ")
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args(argv)
    if not 0 <= args.tolerance < 100:
        parser.error("--tolerance starts at 0")
    return args


def _refusal(
    before: Mapping[str, Any], after: Mapping[str, Any], other_machine: bool
) -> str | None:
    """Return why two records say nothing about each other."""
    if before["benchmark"] != after["benchmark"]:
        return f"one is of {before['benchmark']}, the other of {after['benchmark']}"
    machines = [_machine(told) for told in (before, after)]
    if machines[0] != machines[1] and not other_machine:
        return f"different machines, {machines[0]} and {machines[1]}: --other-machine compares them"
    return None


def _machine(told: Mapping[str, Any]) -> str:
    device = "" if told["device"] is None else f", {told['device']['name']}"
    return f"{told['machine']['cpu']} with {told['cores']} cores{device}"


def _lacking(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[str]]:
    a, b = before["samples"], after["samples"]
    return {"only_before": [n for n in a if n not in b], "only_after": [n for n in b if n not in a]}


def _busy(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Say which record was taken while other work went on."""
    loads = {"A": before["machine"]["load_average"], "B": after["machine"]["load_average"]}
    return [
        f"{name} was measured on a busy machine (load {load}): its times may be too long"
        for name, load in loads.items()
        if load > BUSY
    ]


def _no_longer_met(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Say which targets were met and are not; single values have no spread to be judged by."""
    met = {figure["name"] for figure in before["targets"] if figure["met"]}
    return [
        f"was met and is not: {figure['name']}, {figure['value']:.4g} {figure['unit']}"
        for figure in after["targets"]
        if figure["name"] in met and figure["met"] is False
    ]


def _lines(
    before: Mapping[str, Any], after: Mapping[str, Any], found: Sequence[Change]
) -> list[str]:
    width = max(len(change.name) for change in found)
    lines = [
        f"A {before['commit'][:12]}, B {after['commit'][:12]}: B over A, and where that ratio lies "
        f"with {CONFIDENCE:.0%} for all figures together",
        *_busy(before, after),
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
    counts = [f"{sum(c.verdict == v for c in found)} {v}" for v in (WORSE, BETTER, SAME, UNKNOWN)]
    return [*lines, ", ".join(counts)]


if __name__ == "__main__":
    sys.exit(main())
