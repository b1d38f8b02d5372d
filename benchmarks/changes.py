"""How much the figures of two sides of records changed, beyond the noise or not.

A ratio is the median of B over that of A. With a record a side its interval comes from medians of
samples drawn again with replacement (bootstrap), is as wide as Student's at least, and knows
nothing of how runs differ. With several, each gives its median, and the interval is Student's for
the difference of two means of logarithms, with the spread between the runs. Both are wide enough to
hold for all figures together with 95 %. A figure is worse where the whole interval lies beyond 1,
and the ratio beyond the tolerance.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

__all__ = [
    "BETTER",
    "CONFIDENCE",
    "SAME",
    "UNKNOWN",
    "WORSE",
    "Change",
    "Record",
    "changes",
]

CONFIDENCE = 0.95
RESAMPLED = 20_000
FEW = 3  # samples without which there is no spread
SAME, WORSE, BETTER, UNKNOWN = "within the noise", "WORSE", "better", "too few samples to tell"

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
