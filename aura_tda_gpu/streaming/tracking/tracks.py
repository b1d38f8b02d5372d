"""The bars of one dimension of one window that are followed from tick to tick."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ...persistence.arrays import Float64Array
from ...persistence.engine import Int64Array
from ...persistence.kernels.track_columns import KEPT, OUTCOME, RING, ROW, SERIAL, TRACK, WIDTH
from ..window_update import WindowUpdate
from .evidence import law_of, least_weight
from .history import History

__all__ = [
    "NO_TRACKS",
    "Likeness",
    "Records",
    "Step",
    "TrackRules",
    "Tracks",
    "longest_first",
    "records",
    "shown_bars",
    "step",
]

Tracks: TypeAlias = Int64Array  # a row for each, `WIDTH` columns of which some are float64
Records: TypeAlias = npt.NDArray[Any]  # the same, by name
Likeness: TypeAlias = Callable[[Int64Array], Float64Array]

BORN, CHANGED = 1, 2  # as kernels/carrying.py tells them
MOST_ASKED, MOST_READ = 64, 18  # as kernels/matching.py and kernels/tick.py have them
_NO_EDGES, _NO_BARS = np.empty((0, 2), np.int64), np.empty((0, 2), np.float32)
_NO_LAW, _NO_LIKENESSES = np.empty((5, 0)), np.empty(0)
_NO_ROWS = np.empty(0, np.int64)
_REQUIRED = 5  # its place among the rules


NO_TRACKS: Tracks = np.empty((0, WIDTH), np.int64)


@dataclass(frozen=True, slots=True)
class TrackRules:
    """What a bar must do to become a feature and to stay one.

    Attributes
    ----------
    min_persistence : float
        A feature is born once its bar was at least so long for ``min_ticks`` ticks.
    release : float
        Bars shorter than this are not seen; at most ``min_persistence``.
    threshold : float
        Smallest ratio of the persistences at two ticks of one feature.
    min_ticks : int
        Ticks to birth, and ticks unseen to death.
    min_change : float
        Share of its persistence that birth or death must move by to be told.
    required : int
        Ticks of the run-length rule; 0 where significance is not asked for.
    alpha : float
        Its level.
    max_tracks : int
        Bars of one dimension that are followed at most, longest first.
    """

    min_persistence: float
    release: float
    threshold: float
    min_ticks: int
    min_change: float
    required: int
    alpha: float
    max_tracks: int

    @property
    def numbers(self) -> Float64Array:
        """All of them in their order, as the kernel takes them."""
        return np.array([getattr(self, name) for name in self.__slots__], np.float64)


@dataclass(frozen=True, slots=True)
class Step:
    """What a tick makes of the tracks.

    Attributes
    ----------
    tracks : ndarray of int64, shape (n, WIDTH)
        Those of the bars seen, in their order, then the features that were not seen.
    dead : ndarray of int64, shape (n, WIDTH)
        The features that have ended.
    serials : ndarray of int64, shape (n_bars,)
        Number of the feature of each bar of the diagram, -1 where it is none.
    born, changed : ndarray of int64
        Rows of ``tracks`` that became features, and whose bar has moved since that was last told.
    read : ndarray of int64
        Rows of ``tracks`` whose loops are to be worked out.
    next_serial : int
        Number of the next feature.
    """

    tracks: Tracks
    dead: Tracks
    serials: Int64Array
    born: Int64Array
    changed: Int64Array
    read: Int64Array
    next_serial: int


def records(tracks: Tracks) -> Records:
    """Return tracks as a structured array, shape (n,), of the same memory."""
    return tracks.view(TRACK).reshape(-1)


def longest_first(tracks: Records) -> Records:
    """Return the tracks by decreasing persistence, open bars first."""
    births, deaths = shown_bars(tracks).T
    ordered: Records = tracks[np.argsort(births - deaths, kind="stable")]
    return ordered


def shown_bars(tracks: Records) -> Float64Array:
    """Return births and deaths as they are told, ``inf`` while a bar is open, shape (n, 2)."""
    bars: Float64Array = tracks["bar"].copy()
    bars[tracks["open"] != 0, 1] = math.inf
    return bars


def step(
    before: Tracks,
    update: WindowUpdate,
    dimension: int,
    rules: Float64Array,
    next_serial: int,
    history: History,
    slack: float,
    likeness: Likeness,
) -> Step:
    """Follow the tracks of one dimension through one tick; ``before`` is left as it is.

    Parameters
    ----------
    before : ndarray of int64, shape (n, WIDTH)
        Tracks after the tick before.
    update : WindowUpdate
        What this tick shows.
    dimension : int
        Homology dimension.
    rules : ndarray of float64, shape (8,)
        What makes a feature, `TrackRules.numbers`.
    next_serial : int
        Number of the next feature.
    history : History
        Where the bars of features are added; what ``before`` tells of it stays.
    slack : float
        Distance between two ticks that says nothing.
    likeness : callable
        From 0 to 1, how much of their loops two bars share, for pairs (p, 2) of a row of ``before``
        and one of the diagram; asked where several bars are as near.
    """
    from ...persistence.kernels.tick import follow

    diagram = update.diagram
    bars, births, deaths = _NO_BARS, _NO_EDGES, _NO_EDGES
    if dimension in diagram.dimensions:
        bars = diagram[dimension]
        births, deaths = diagram.birth_edges[dimension], diagram.death_edges[dimension]
    is_asked = dimension > 0 and rules[_REQUIRED] > 0
    asked = np.empty((MOST_ASKED, 2), np.int64)
    read = np.empty(MOST_READ, np.int64)
    likenesses = _NO_LIKENESSES
    while True:
        tracks, dead, serials, counts = follow(
            before,
            np.ascontiguousarray(bars),
            np.ascontiguousarray(births),
            np.ascontiguousarray(deaths),
            update.vertex_ids,
            update.n_vertices,
            float(diagram.info.get("max_edge_length", math.inf)),
            least_weight(update) if is_asked else 0.0,
            law_of(update) if is_asked else _NO_LAW,
            dimension,
            rules,
            float(update.timestamp),
            update.skipped_ticks,
            slack,
            float(update.error_bound),
            next_serial,
            update.duration_seconds / 2,
            history.rings,
            likenesses,
            asked,
            read,
        )
        n_asked, n_born, n_changed, n_read = counts
        if not n_asked:
            break
        likenesses = likeness(asked[:n_asked])
    born = _rows(tracks, BORN) if n_born else _NO_ROWS
    if n_born:
        _begin_histories(tracks, born, before, history, update.timestamp)
    changed = _rows(tracks, CHANGED) if n_changed else _NO_ROWS
    return Step(tracks, dead, serials, born, changed, read[:n_read], next_serial + n_born)


def _rows(tracks: Tracks, outcome: int) -> Int64Array:
    """Return the tracks that are seen and of which this has become."""
    rows: Int64Array = ((tracks[:, OUTCOME] == outcome) & (tracks[:, ROW] >= 0)).nonzero()[0]
    return rows


def _begin_histories(
    tracks: Tracks, born: Int64Array, before: Tracks, history: History, timestamp: float
) -> None:
    """Give new features rings of their own, which those before do not need, and their first bar."""
    taken = before[before[:, SERIAL] >= 0, RING]
    tracks[born, RING] = rings = history.open(len(born), taken)
    history.write(rings, tracks[born, KEPT], timestamp, shown_bars(records(tracks[born])))
    tracks[born, KEPT] += 1
