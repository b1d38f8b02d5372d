"""The features of one time scale: what a tick shows of them, and what is kept."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np

from ...errors import InvalidInputError
from ...persistence.engine import Int64Array
from ..persistence_stream import WindowUpdate
from .evidence import asked
from .history import History
from .links import LINKED_AT_ONCE
from .loops import Loop, LoopReader, nearby
from .matching import Likeness
from .tracks import ENDLESS, NO_TRACKS, Seen, Step, TrackRules, Tracks, shown_bars, step

__all__ = ["Key", "ScaleState", "Tick", "keep", "name", "refuse_past", "tick"]

Key: TypeAlias = tuple[int, int]  # dimension and number of a feature

_READ = 16  # loops worked out at one tick of features that are born, longest first
_PARTS = 64  # closed bars of dimension 0: a part has a twentieth of the vertices at least
_REREAD = 2  # and of others, because they are outdated


@dataclass(frozen=True, slots=True, eq=False)
class ScaleState:
    """The features of one scale after a tick.

    Attributes
    ----------
    scale : str
        Name of the time scale.
    duration : float
        Length of its window in seconds.
    timestamp : float
        Event time of the tick in seconds; ``-inf`` before the first.
    error_bound : float
        That of the diagram.
    error : float
        How far the diagram may be from that of all rows, for matching.
    tracks : dict of int to structured ndarray
        By homology dimension.
    next_serial : dict of int to int
        Number of the next feature of each dimension.
    loops : dict of (int, int) to Loop
        Of the features of dimension 1.
    histories : dict of int to History
        By homology dimension; what a tick writes there is not seen from the state before it.
    """

    scale: str
    duration: float = 0.0
    timestamp: float = -math.inf
    error_bound: float = 0.0
    error: float = 0.0
    tracks: dict[int, Tracks] = field(default_factory=dict)
    next_serial: dict[int, int] = field(default_factory=dict)
    loops: dict[Key, Loop] = field(default_factory=dict)
    histories: dict[int, History] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        tracks = sum(tracks.nbytes for tracks in self.tracks.values())
        loops = sum(loop.nbytes for loop in self.loops.values())
        return tracks + loops + sum(history.nbytes for history in self.histories.values())

    def name(self, dimension: int, serial: int) -> str:
        """Return the id of a feature."""
        return name(self.scale, dimension, serial)


def name(scale: str, dimension: int, serial: int) -> str:
    """Return the id of a feature."""
    return f"{scale}/H{dimension}/{serial}"


@dataclass(frozen=True, slots=True, eq=False)
class Tick:
    """One update, followed.

    Attributes
    ----------
    update : WindowUpdate
        The update.
    before, after : ScaleState
        What was kept, and what is to be kept.
    steps : dict of int to Step
        By homology dimension.
    """

    update: WindowUpdate
    before: ScaleState
    after: ScaleState
    steps: dict[int, Step]


def refuse_past(states: Mapping[str, ScaleState], updates: Sequence[WindowUpdate]) -> None:
    """Check that updates follow on what was followed.

    Raises
    ------
    InvalidInputError
        If an update is not later than the one before of its scale.
    """
    newest = {name: state.timestamp for name, state in states.items()}
    for update in updates:
        former = newest.get(update.window_id, -math.inf)
        if not update.timestamp > former:
            raise InvalidInputError(
                f"the update of {update.window_id} at {update.timestamp:g} s does not come after "
                f"the one at {former:g} s: a tracker follows one stream, in its order"
            )
        newest[update.window_id] = update.timestamp


def tick(
    before: ScaleState,
    update: WindowUpdate,
    rules: TrackRules,
    *,
    max_tracks: int,
) -> Tick:
    """Follow the features of a scale through one update; ``before`` is left as it is."""
    error = update.diagram.info.get("landmark_error", update.error_bound)
    error = float(error) if math.isfinite(error) else 0.0
    reader = LoopReader(update)
    steps: dict[int, Step] = {}
    loops: dict[Key, Loop] = {}
    for k in sorted({*before.tracks, *update.diagram.dimensions}):
        former = before.tracks.get(k, NO_TRACKS)
        seen = _seen(update, k, rules, before.error + error, max_tracks)
        steps[k] = done = step(
            former,
            seen,
            rules,
            before.next_serial.get(k, 0),
            _likeness(before, reader, error) if k == 1 else _unlike,
        )
        if k == 1:
            loops = _loops(done, before, reader, update)
    after = replace(
        before,
        duration=update.duration_seconds,
        timestamp=update.timestamp,
        error_bound=update.error_bound,
        error=error,
        tracks={k: done.tracks for k, done in steps.items()},
        next_serial={k: done.next_serial for k, done in steps.items()},
        loops=loops,
        histories=dict(before.histories),
    )
    return Tick(update, before, after, steps)


def _seen(update: WindowUpdate, k: int, rules: TrackRules, slack: float, most: int) -> Seen:
    """Return the bars of one dimension that are long enough to be followed."""
    diagram = update.diagram
    if k not in diagram.dimensions:
        return _nothing(update, slack)
    bars = diagram[k].astype(np.float64)
    limit = float(diagram.info.get("max_edge_length", math.inf))
    matched = bars.copy()
    is_open = np.isinf(bars[:, 1])
    matched[is_open, 1] = limit if math.isfinite(limit) else ENDLESS
    long = is_open | (bars[:, 1] - bars[:, 0] >= rules.release)
    if k == 0 and rules.run_length is not None:
        most = min(most, max(_PARTS, int(is_open.sum())))
    m = min(int(long.sum()), most)  # bars go by decreasing persistence
    known = matched if k > 0 and math.isfinite(limit) else bars  # cut off: at least so long
    values, evidence = asked(update, k, known, rules.alpha)
    return Seen(
        _names(update, k, m),
        matched[:m],
        is_open[:m],
        values[:m],
        evidence[:m],
        update.timestamp,
        update.skipped_ticks,
        slack,
        update.error_bound,
    )


def _nothing(update: WindowUpdate, slack: float) -> Seen:
    edges, none = np.empty((0, 4), np.int64), np.empty((0, 2))
    return Seen(
        edges,
        none,
        np.empty(0, np.bool_),
        none[:, 0],
        none[:, 0],
        update.timestamp,
        update.skipped_ticks,
        slack,
        update.error_bound,
    )


def _names(update: WindowUpdate, k: int, m: int) -> Int64Array:
    """Return point ids of birth edge and death edge, each ascending, of the ``m`` longest bars."""
    diagram = update.diagram
    ends = np.concatenate([diagram.birth_edges[k][:m], diagram.death_edges[k][:m]], axis=1)
    ids: Int64Array = np.append(update.vertex_ids, -1)[ends]
    names = np.empty_like(ids)
    np.minimum(ids[:, ::2], ids[:, 1::2], out=names[:, ::2])
    np.maximum(ids[:, ::2], ids[:, 1::2], out=names[:, 1::2])
    return names


def _unlike(serial: int, row: int) -> float:
    return 0.0


def _likeness(before: ScaleState, reader: LoopReader, error: float) -> Likeness:
    """Return what tells how alike the loops of a former feature and of a bar are.

    It is the mean of two shares: points that are in both, and points near the other loop.
    """

    def likeness(serial: int, row: int) -> float:
        former, now = before.loops[1, serial], reader.loop(row)
        tracks = before.tracks[1]
        birth = float(tracks["bar"][tracks["serial"] == serial][0, 0])
        reach = max(birth, reader.birth(row)) + (before.error + error) / 2
        return (former.likeness(now.ids) + nearby(former, now, reach)) / 2

    return likeness


def _loops(
    done: Step, before: ScaleState, reader: LoopReader, update: WindowUpdate
) -> dict[Key, Loop]:
    """Return the loops of the features: those of new ones, and outdated ones, worked out."""
    serials, rows = done.tracks["serial"].tolist(), done.tracks["row"].tolist()
    loops = {
        (1, serial): before.loops[1, serial] for serial in serials if (1, serial) in before.loops
    }
    old = []
    longest = np.flatnonzero((done.tracks["serial"] >= 0) & (done.tracks["row"] >= 0))
    for i in longest[:LINKED_AT_ONCE].tolist():
        loop = loops.get((1, serials[i]))
        age = math.inf if loop is None else update.timestamp - loop.timestamp
        if age > update.duration_seconds / 2:
            old.append((-age, i))
    for i in {*done.born[:_READ].tolist(), *(i for _, i in sorted(old)[:_REREAD])}:
        loops[1, serials[i]] = reader.loop(rows[i])
        done.tracks["looped"][i] = True
    return loops


def keep(done: Tick, length: int) -> None:
    """Write what a tick has shown into the histories, those of new features opened.

    Nothing of the state before is overwritten.
    """
    for k, step_ in done.steps.items():
        history = done.after.histories.setdefault(k, History(length))
        tracks = step_.tracks
        if len(step_.born):
            former = done.before.tracks.get(k, NO_TRACKS)
            taken = former["ring"][former["serial"] >= 0]
            tracks["ring"][step_.born] = history.open(len(step_.born), taken)
        rows = ((tracks["serial"] >= 0) & (tracks["row"] >= 0)).nonzero()[0]
        if not len(rows):
            continue
        shown = tracks[rows]
        history.write(shown["ring"], shown["kept"], done.update.timestamp, shown_bars(shown))
        tracks["kept"][rows] += 1
