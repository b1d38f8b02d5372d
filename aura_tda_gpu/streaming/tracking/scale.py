"""The features of one time scale: what a tick shows of them, and what is kept."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from ...errors import InvalidInputError
from ...persistence.arrays import Float64Array
from ...persistence.engine import Int64Array
from ..window_update import WindowUpdate
from .history import History
from .lapsed import Lapsed, given_back, still_known
from .loops import Loop, LoopReader, warm_up
from .tracks import NO_TRACKS, Likeness, Step, TrackRules, Tracks, records, step

__all__ = ["Key", "ScaleState", "Tick", "name", "refuse_past", "tick"]

Key: TypeAlias = tuple[int, int]  # dimension and number of a feature


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
    tracks : dict of int to ndarray of int64, shape (n, WIDTH)
        By homology dimension.
    next_serial : dict of int to int
        Number of the next feature of each dimension.
    loops : dict of (int, int) to Loop
        Of the features of dimension 1.
    histories : dict of int to History
        By homology dimension; what a tick writes there is not seen from the state before it.
    lapsed : tuple of Lapsed
        Features of dimension 1 that ended lately; a loop that is born may be one of them.
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
    lapsed: tuple[Lapsed, ...] = ()

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        tracks = sum(tracks.nbytes for tracks in self.tracks.values())
        loops = sum(loop.nbytes for loop in self.loops.values())
        loops += sum(one.loop.nbytes for one in self.lapsed)
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


def tick(before: ScaleState, update: WindowUpdate, rules: TrackRules, *, length: int) -> Tick:
    """Follow the features of a scale through one update; ``before`` is left as it is.

    What is written into its histories, of ``length`` bars each, is not seen from there.
    """
    warm_up()
    error = update.diagram.info.get("landmark_error", update.error_bound)
    error = float(error) if math.isfinite(error) else 0.0
    reader = LoopReader(update)
    steps: dict[int, Step] = {}
    loops, lapsed, numbers = before.loops, before.lapsed, rules.numbers
    histories = before.histories
    for k in sorted({*before.tracks, *update.diagram.dimensions}):
        if k not in histories:
            histories = {**histories, k: History(length)}
        steps[k] = done = step(
            before.tracks.get(k, NO_TRACKS),
            update,
            k,
            numbers,
            before.next_serial.get(k, 0),
            histories[k],
            before.error + error,
            _likeness(before, reader, error) if k == 1 else _unlike,
        )
        if k == 1 and (len(done.dead) or len(done.read)):
            lapsed = still_known(lapsed, update.timestamp, update.duration_seconds)
            lapsed = _named_again(done, lapsed, reader, (before.error + error) / 2)
            loops, ended = _loops(done, loops, reader, update.timestamp)
            lapsed = still_known(lapsed + ended, update.timestamp, update.duration_seconds)
    after = ScaleState(
        before.scale,
        update.duration_seconds,
        update.timestamp,
        update.error_bound,
        error,
        {k: done.tracks for k, done in steps.items()},
        {k: done.next_serial for k, done in steps.items()},
        loops,
        histories,
        lapsed,
    )
    return Tick(update, before, after, steps)


def _unlike(asked: Int64Array) -> Float64Array:
    return np.zeros(len(asked))


def _likeness(before: ScaleState, reader: LoopReader, error: float) -> Likeness:
    """Return what tells how alike the loops of former features and of bars are."""

    def likeness(asked: Int64Array) -> Float64Array:
        features, places = np.unique(asked[:, 0], return_inverse=True)
        tracks = records(before.tracks[1][features])
        births = tracks["bar"][places, 0]
        return reader.likenesses(
            [before.loops[1, serial] for serial in tracks["serial"].tolist()],
            np.column_stack([places, asked[:, 1]]),
            np.maximum(births, reader.births(asked[:, 1])) + (before.error + error) / 2,
        )

    return likeness


def _named_again(
    done: Step, lapsed: tuple[Lapsed, ...], reader: LoopReader, error: float
) -> tuple[Lapsed, ...]:
    """Give loops that were there before their names back, and return what is still lapsed."""
    if not lapsed or not len(done.born):
        return lapsed
    tracks = records(done.tracks)
    rows = [i for i in done.read.tolist() if i in done.born]
    born = [(i, tracks["bar"][i], reader.loop(int(tracks["row"][i]))) for i in rows]
    found = given_back(lapsed, born, error)
    for i, one in found.items():
        tracks["serial"][i] = done.serials[i] = one.serial
    again = {one.serial for one in found.values()}
    return tuple(one for one in lapsed if one.serial not in again)


def _loops(
    done: Step,
    before: dict[Key, Loop],
    reader: LoopReader,
    timestamp: float,
) -> tuple[dict[Key, Loop], tuple[Lapsed, ...]]:
    """Return the loops of the features, new ones and outdated ones worked out, and the ended."""
    loops, ended = dict(before), []
    for track in records(done.dead):
        serial, bar = int(track["serial"]), track["bar"]
        loop = loops.pop((1, serial), None)
        if loop is not None:
            length = float(bar[1] - bar[0])
            ended.append(Lapsed(serial, float(bar[0]), length, float(track["last"]), loop))
    tracks = records(done.tracks)
    for i in done.read.tolist():
        loops[1, int(tracks["serial"][i])] = reader.loop(int(tracks["row"][i]))
        tracks["looped"][i] = timestamp
    return loops, tuple(ended)
