"""The bars of one dimension of one window that are followed from tick to tick."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ...persistence.arrays import Float64Array
from ...persistence.engine import Int64Array
from ...persistence.significance import RunLength
from .matching import Likeness, match

__all__ = [
    "ENDLESS",
    "NO_TRACKS",
    "Seen",
    "Step",
    "TrackRules",
    "Tracks",
    "longest_first",
    "persistence_of",
    "shown_bars",
    "step",
]

Tracks: TypeAlias = npt.NDArray[Any]

ENDLESS = 1e30  # stands for the death of a bar that never ends
BORN, CHANGED, FADED = 1, 2, 3  # as kernels/carrying.py tells them

_TRACK = np.dtype(
    [
        ("serial", np.int64),  # -1 until it is a feature
        ("edges", np.int64, 4),
        ("bar", np.float64, 2),  # as it is matched
        ("open", np.bool_),
        ("first", np.float64),
        ("last", np.float64),
        ("ticks", np.int64),
        ("strong", np.int64),
        ("missed", np.int64),
        ("ratio", np.float64),
        ("stability", np.float64),
        ("peak", np.float64),  # longest persistence so far
        ("p_value", np.float64),
        ("run", np.int64),
        ("significant", np.bool_),
        ("told", np.float64, 2),
        ("bound", np.float64),  # error bound of the diagram that showed it last
        ("row", np.int64),
        ("looped", np.bool_),  # whether its loop is known
        ("ring", np.int64),  # of its history
        ("kept", np.int64),  # bars written there so far
    ]
)
NO_TRACKS: Tracks = np.empty(0, _TRACK)
_NEW = np.zeros(1, _TRACK)
_NEW["serial"] = _NEW["edges"] = _NEW["row"] = _NEW["ring"] = -1
_NEW["ratio"] = _NEW["stability"] = _NEW["p_value"] = math.nan


@dataclass(frozen=True, slots=True)
class TrackRules:
    """What a bar must do to become a feature and to stay one.

    Attributes
    ----------
    min_persistence : float
        A feature is born once its bar was at least so long for ``min_ticks`` ticks.
    release : float
        Bars shorter than this are not seen; at most ``min_persistence``.
    min_ticks : int
        Ticks to birth, and ticks unseen to death.
    threshold : float
        Smallest ratio of the persistences at two ticks of one feature.
    min_change : float
        Share of its persistence that birth or death must move by to be told.
    run_length : RunLength or None
        When a feature of dimension 1 is significant; None where that is not asked for.
    """

    min_persistence: float
    release: float
    min_ticks: int
    threshold: float
    min_change: float
    run_length: RunLength | None

    @property
    def alpha(self) -> float | None:
        """Level of significance, None where that is not asked for."""
        return None if self.run_length is None else self.run_length.alpha


@dataclass(frozen=True, slots=True)
class Seen:
    """What one tick shows of one dimension, the bars that are long enough to be followed.

    Attributes
    ----------
    edges : ndarray of int64, shape (m, 4)
        Names of the bars.
    bars : ndarray of float64, shape (m, 2)
        Births and deaths; open bars end at the threshold of the diagram or at ``ENDLESS``.
    is_open : ndarray of bool, shape (m,)
        Which bars are open.
    corrected : ndarray of float64, shape (m,)
        p-values, corrected for the number of bars; nan where there is none.
    evidence : ndarray of float64, shape (m,)
        What the run-length rule goes by; nan where a bar is not asked.
    timestamp : float
        Event time in seconds.
    skipped : int
        Ticks left out since the one before.
    slack : float
        Distance between two ticks that says nothing.
    error_bound : float
        That of the diagram.
    """

    edges: Int64Array
    bars: Float64Array
    is_open: npt.NDArray[np.bool_]
    corrected: Float64Array
    evidence: Float64Array
    timestamp: float
    skipped: int
    slack: float
    error_bound: float


@dataclass(frozen=True, slots=True)
class Step:
    """What a tick makes of the tracks.

    Attributes
    ----------
    tracks : structured ndarray
        Those of the bars seen, in their order, then the features that were not seen.
    born, changed : ndarray of int64
        Rows of ``tracks`` that became features, and whose bar has moved since that was last told.
    dead : structured ndarray
        The features that have ended.
    next_serial : int
        Number of the next feature.
    """

    tracks: Tracks
    born: Int64Array
    changed: Int64Array
    dead: Tracks
    next_serial: int


def persistence_of(tracks: Tracks) -> Float64Array:
    """Return the lengths of the bars, shape (n,)."""
    length: Float64Array = tracks["bar"][:, 1] - tracks["bar"][:, 0]
    return length


def longest_first(tracks: Tracks) -> Tracks:
    """Return the tracks by decreasing persistence, open bars first."""
    births, deaths = shown_bars(tracks).T
    ordered: Tracks = tracks[np.argsort(births - deaths, kind="stable")]
    return ordered


def shown_bars(tracks: Tracks) -> Float64Array:
    """Return births and deaths as they are told, ``inf`` while a bar is open, shape (n, 2)."""
    bars: Float64Array = tracks["bar"].copy()
    bars[tracks["open"], 1] = math.inf
    return bars


def step(
    before: Tracks, seen: Seen, rules: TrackRules, next_serial: int, likeness: Likeness
) -> Step:
    """Follow the tracks through one tick; ``before`` is left as it is.

    Parameters
    ----------
    before : structured ndarray
        Tracks after the tick before.
    seen : Seen
        What this tick shows.
    rules : TrackRules
        What makes a feature.
    next_serial : int
        Number of the next feature.
    likeness : callable
        See `match`; of the number of a feature and a row of ``seen``.
    """
    before, overdue = _over_a_gap(before, seen.skipped, rules.min_ticks)
    source = match(
        before["edges"],
        before["bar"],
        seen.edges,
        seen.bars,
        slack=seen.slack,
        ratio=rules.threshold,
        is_known=before["looped"],
        likeness=lambda u, v: likeness(int(before["serial"][u]), v),
    )
    now, outcome = _carried_on(before, source, seen, rules)
    faded = _faded(now, before, source, (outcome == FADED).nonzero()[0])
    born = (outcome == BORN).nonzero()[0]
    now["serial"][born] = next_serial + np.arange(len(born))
    unseen = _unseen(before, source)
    is_dead = unseen["missed"] >= rules.min_ticks
    return Step(
        _joined(now, unseen[~is_dead]),
        born,
        (outcome == CHANGED).nonzero()[0],
        _joined(_joined(overdue, unseen[is_dead]), faded),
        next_serial + len(born),
    )


def _joined(one: Tracks, other: Tracks) -> Tracks:
    """Return two tables as one; numpy's own way compares the fields each time."""
    if not len(other):
        return one
    both = np.empty(len(one) + len(other), _TRACK)
    both[: len(one)] = one
    both[len(one) :] = other
    return both


def _over_a_gap(before: Tracks, skipped: int, min_ticks: int) -> tuple[Tracks, Tracks]:
    """Return the tracks that outlive the ticks left out, and the features that do not."""
    if not skipped:
        return before, NO_TRACKS
    features = before[before["serial"] >= 0]
    features["missed"] += skipped
    features["row"] = -1
    is_dead = features["missed"] >= min_ticks
    return features[~is_dead], features[is_dead]


def _carried_on(
    before: Tracks, source: Int64Array, seen: Seen, rules: TrackRules
) -> tuple[Tracks, npt.NDArray[np.int8]]:
    """Return the tracks of the bars seen, and what has become of each."""
    from ...persistence.kernels.carrying import carry_on

    now = _joined(before, _NEW)[source]
    outcome = np.empty(len(now), np.int8)
    run_length = rules.run_length
    carry_on(
        now,
        source,
        (seen.edges, seen.bars, seen.is_open, seen.corrected, seen.evidence),
        seen.timestamp,
        seen.error_bound,
        seen.slack,
        (rules.min_persistence, rules.threshold, rules.min_ticks, rules.min_change),
        (0, 1.0) if run_length is None else (run_length.required, run_length.alpha),
        outcome,
    )
    return now, outcome


def _faded(now: Tracks, before: Tracks, source: Int64Array, rows: Int64Array) -> Tracks:
    """Return the features that have shrunk to noise, as they were; their bars begin anew."""
    if not len(rows):
        return NO_TRACKS
    anew = now[rows]
    now[rows] = _NEW
    for name in ("edges", "bar", "open", "bound", "last", "p_value", "row"):
        now[name][rows] = anew[name]
    now["first"][rows], now["ticks"][rows] = anew["last"], 1
    now["peak"][rows] = persistence_of(anew)
    faded = before[source[rows]]
    faded["row"] = -1
    return faded


def _unseen(before: Tracks, source: Int64Array) -> Tracks:
    """Return the features that no bar continues; other tracks end without a word."""
    left = before["serial"] >= 0
    left[source[source >= 0]] = False
    unseen = before[left]
    unseen["missed"] += 1
    unseen["row"] = -1
    return unseen
