"""What makes a feature true, found, stable, late: plain functions of bars and of ticks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

__all__ = [
    "Verdict",
    "above_noise",
    "certain_and_lost",
    "consistency",
    "delays",
    "detection",
    "judge",
    "partners",
    "stability",
    "switches",
    "uniform_of_smallest",
]

Bars = npt.NDArray[np.floating[Any]]

_FAR = 1e9
_CLEAR = 1.2  # of the persistence of the next loop: then ranks tell loops apart


@dataclass(frozen=True, slots=True)
class Verdict:
    """One tick of one scale against the full window, loops by decreasing persistence.

    Attributes
    ----------
    there : int
        Loops that the batch diagram shows above twice the noise.
    shown : tuple of bool, one a loop
        Whether the stream's diagram has a bar for it within the error bound.
    ids : tuple of (str or None), one a loop
        The live feature whose bar that is.
    lengths : tuple of float, one a loop
        Persistence of the bar of that feature; nan where there is none.
    kinds : tuple of int, one a loop
        Which of the known loops it is, -1 where that is not clear.
    """

    there: int
    shown: tuple[bool, ...] = ()
    ids: tuple[str | None, ...] = ()
    lengths: tuple[float, ...] = ()
    kinds: tuple[int, ...] = ()


def above_noise(bars: Bars, loops: int, deviation: float = 0.0) -> Bars:
    """Return the bars of known loops that are longer than twice the noise, longest first.

    The noise of a window is its longest bar after those of as many loops as the stream can have,
    and at least the deviation of the points.

    Parameters
    ----------
    bars : ndarray, shape (n, 2)
        Of dimension 1.
    loops : int
        Most loops of the stream.
    deviation : float
        Of the noise that was added to its points.
    """
    lengths = bars[:, 1] - bars[:, 0]
    order = np.argsort(-lengths, kind="stable")
    noise = max(deviation, *lengths[order[loops : loops + 1]].tolist(), 0.0)
    first = order[:loops]
    return bars[first[lengths[first] > 2 * noise]]


def partners(wanted: Bars, bars: Bars, tolerance: float) -> npt.NDArray[np.int64]:
    """Return for each wanted bar the row of its own bar within a distance, -1 where there is none.

    As many as possible get one, and of these matchings the nearest is taken.
    """
    found = np.full(len(wanted), -1)
    if len(wanted) and len(bars):
        gaps = _gaps(wanted, bars)
        rows, columns = linear_sum_assignment(np.where(gaps <= tolerance, gaps, _FAR))
        near = gaps[rows, columns] <= tolerance
        found[rows[near]] = columns[near]
    return found


def certain_and_lost(bars: Bars, batch: Bars, error_bound: float) -> tuple[int, int]:
    """Count the bars that are certain, and those that have no partner all the same.

    A bar of the stream longer than twice the bound must have a bar of the full window within it,
    each its own, and the other way round; at a bound of 0 both diagrams are one.
    """
    bars, batch = (some[some[:, 1] > some[:, 0]] for some in (bars, batch))
    if error_bound == 0:
        one, other = (Counter(map(tuple, some.tolist())) for some in (bars, batch))
        return one.total() + other.total(), (one - other).total() + (other - one).total()
    certain = lost = 0
    for some, others in ((bars, batch), (batch, bars)):
        sure = some[some[:, 1] - some[:, 0] > 2 * error_bound]
        certain += len(sure)
        if len(sure):
            near = csr_array(_gaps(sure, others) <= error_bound)
            lost += int((maximum_bipartite_matching(near, perm_type="column") < 0).sum())
    return certain, lost


def judge(
    batch: Bars,
    bars: Bars,
    ids: Sequence[str | None],
    error_bound: float,
    *,
    loops: int,
    deviation: float = 0.0,
    parts: Sequence[int] | None = None,
) -> Verdict:
    """Hold the diagram of a tick, and the features of its bars, against the batch diagram.

    Parameters
    ----------
    batch, bars : ndarray, shape (m, 2) and (n, 2)
        Bars of dimension 1 of the full window and of the stream.
    ids : sequence of (str or None), length n
        Feature of each bar of the stream.
    error_bound : float
        Of the stream's diagram.
    loops, deviation
        See `above_noise`.
    parts : sequence of int, optional
        Which known loop each bar of the stream is, -1 where that is not clear. When left out,
        loops are told apart by rank where their persistences differ by a fifth and are more than
        twice the error bound: shorter ones may have the bar of another one as theirs.
    """
    true = above_noise(batch, loops, deviation)
    live = np.array([i for i, name in enumerate(ids) if name is not None], np.int64)
    rows = partners(true, bars[live], error_bound)
    any_rows = partners(true, bars, error_bound)
    own = np.append(live, -1)[rows]
    if parts is None:
        lengths = [np.inf, *(true[:, 1] - true[:, 0]).tolist(), 0.0]
        apart = [a > _CLEAR * b for a, b in pairwise(lengths)]
        sure = [length > 2 * error_bound for length in lengths[1:]]
        kinds = [i if apart[i] and apart[i + 1] and sure[i] else -1 for i in range(len(true))]
    else:
        kinds = [
            -1 if max(i, j) < 0 else parts[j if i < 0 else i]
            for i, j in zip(own.tolist(), any_rows.tolist(), strict=True)
        ]
    return Verdict(
        there=len(true),
        shown=tuple((any_rows >= 0).tolist()),
        ids=tuple(None if i < 0 else ids[i] for i in own),
        lengths=tuple(np.nan if i < 0 else float(bars[i, 1] - bars[i, 0]) for i in own),
        kinds=tuple(kinds),
    )


def detection(verdicts: Sequence[Verdict], patience: int) -> dict[str, int]:
    """Count loops, over the ticks of one scale.

    Parameters
    ----------
    verdicts : sequence of Verdict
        All ticks in order.
    patience : int
        Ticks that the rules of the tracker need to call a loop a feature.

    Returns
    -------
    dict
        ``there``: loops of all ticks; ``shown``: those with a bar; ``followed``: those with a
        live feature; ``due``: those that have been there for as many ticks as the rules need;
        ``due_followed``: those of them with a live feature.
    """
    counts = dict.fromkeys(("there", "shown", "followed", "due", "due_followed"), 0)
    for t, verdict in enumerate(verdicts):
        lasting = min(v.there for v in verdicts[max(0, t - patience + 1) : t + 1])
        due = lasting if t + 1 >= patience else 0
        followed = verdict.there - verdict.ids.count(None)
        counts["there"] += verdict.there
        counts["shown"] += sum(verdict.shown)
        counts["followed"] += followed
        counts["due"] += due
        counts["due_followed"] += min(due, followed)
    return counts


def delays(verdicts: Sequence[Verdict], patience: int, loops: int) -> list[int | None]:
    """Return for each time a loop came up the ticks until as many loops were followed.

    A loop that was there within the last ``patience`` ticks has not come up anew. None stands for
    a loop that stayed for ``patience`` ticks and was never followed; shorter ones are left out.
    """
    found: list[int | None] = []
    for rank in range(loops):
        there = [v.there > rank for v in verdicts]
        for start, end in _spans(there):
            if any(there[max(0, start - patience) : start]):
                continue
            followed = (
                t - start
                for t in range(start, end)
                if verdicts[t].there - verdicts[t].ids.count(None) > rank
            )
            delay = next(followed, None)
            if delay is not None or end - start >= patience:
                found.append(delay)
    return found


def switches(verdicts: Sequence[Verdict]) -> tuple[int, int]:
    """Count changes of name of loops that are there all the time, and the ticks looked at.

    A known loop is there until a tick shows all its loops clearly and not this one, or none. A
    name that comes back after ticks without a feature is no change, another one is.
    """
    changed = looked_at = 0
    former: dict[int, str] = {}
    for verdict in verdicts:
        if -1 not in verdict.kinds:
            former = {kind: name for kind, name in former.items() if kind in verdict.kinds}
        for kind, name in zip(verdict.kinds, verdict.ids, strict=True):
            if kind < 0 or verdict.kinds.count(kind) > 1:
                continue
            looked_at += 1
            if name is not None:
                changed += former.get(kind, name) != name
                former[kind] = name
    return changed, looked_at


def stability(verdicts: Sequence[Verdict], threshold: float) -> tuple[int, int]:
    """Count the live features of loops that are stable from a tick to the next, and all of them.

    Stable: alive at both, the smaller persistence over the larger above the threshold. Where
    fewer loops are there at the second tick, a feature that is no longer there does not count.
    """
    stable = total = 0
    for one, other in pairwise(verdicts):
        after = dict(zip(other.ids, other.lengths, strict=True))
        for name, length in zip(one.ids, one.lengths, strict=True):
            if name is None or (name not in after and other.there < one.there):
                continue
            total += 1
            if name in after:
                stable += min(length, after[name]) > threshold * max(length, after[name])
    return stable, total


def consistency(pairs: Iterable[tuple[float, float]]) -> float:
    """Return the uncentred correlation of persistences at two scales; nan where there is none.

    ``sum(x y) / sqrt(sum(x^2) sum(y^2))`` over the loops of neighbouring scales; 0 stands for the
    persistence of a partner that is missing.
    """
    table = np.array(list(pairs), np.float64).reshape(-1, 2)
    x, y = table.T
    norm = np.sqrt((x @ x) * (y @ y))
    if norm > 0:
        return float(x @ y / norm)
    return 0.0 if table.any() else float("nan")


def uniform_of_smallest(p: npt.NDArray[np.float64]) -> float:
    """Return ``1 - (1 - min p)^n``: uniform over windows of noise, were its bars independent."""
    p = p[~np.isnan(p)]
    return float(-np.expm1(len(p) * np.log1p(-p.min()))) if len(p) and p.min() < 1 else 1.0


def _gaps(some: Bars, others: Bars) -> Bars:
    """Return the distances of bars in the maximum norm, shape (m, n); two open ends are equal."""
    one, other = some[:, np.newaxis], others[np.newaxis]
    with np.errstate(invalid="ignore"):
        gaps = np.abs(one.astype(np.float64) - other)
    gaps[np.isinf(one) & np.isinf(other)] = 0.0
    return gaps.max(axis=2)


def _spans(flags: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Yield start and end of each run of True."""
    edges = np.flatnonzero(np.diff([0, *map(int, flags), 0]))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
