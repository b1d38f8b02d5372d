"""What is told of features: events, lifelines, loops."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ...persistence.engine import Int64Array
from ...persistence.kernels.track_columns import SERIAL
from ...persistence.significance import certain
from ...types import EventType, TDAStreamEvent
from .lifeline import Lifeline
from .links import LINKED_AT_ONCE, LoopOfScale
from .scale import Key, ScaleState, Tick, name
from .tracks import Tracks, longest_first, records, shown_bars

__all__ = ["FeatureIds", "born_in", "events_of", "lifeline_of", "loops_of"]


def events_of(
    tick: Tick, former_groups: Mapping[str, int], groups: Mapping[str, int]
) -> list[TDAStreamEvent]:
    """Return the events of one update: deaths, births, changes; longest bar first.

    Parameters
    ----------
    tick : Tick
        The update, followed.
    former_groups, groups : mapping of str to int
        Groups of the features after the instant before, and after this one.
    """
    deaths: list[TDAStreamEvent] = []
    births: list[TDAStreamEvent] = []
    changes: list[TDAStreamEvent] = []
    for k, done in tick.steps.items():
        if len(done.dead):
            deaths += _told("feature_death", k, done.dead, tick, tick.before, former_groups)
        if len(done.born):
            births += _told("feature_birth", k, done.tracks[done.born], tick, tick.after, groups)
        if len(done.changed):
            changed = done.tracks[done.changed]
            changes += _told("feature_update", k, changed, tick, tick.after, groups)
    return deaths + births + changes


def born_in(tick: Tick) -> list[str]:
    """Return the names of the features that are new."""
    return [
        tick.after.name(k, serial)
        for k, step in tick.steps.items()
        if len(step.born)
        for serial in step.tracks[step.born, SERIAL].tolist()
    ]


class FeatureIds(Mapping[int, Sequence[str | None]]):
    """The feature of each bar of a diagram, by dimension; written out when looked at."""

    def __init__(self, tick: Tick) -> None:
        self._scale = tick.after.scale  # the state itself would be kept as long as the update
        self._serials: dict[int, Int64Array] = {}
        for k in tick.update.diagram.dimensions:
            self._serials[k] = tick.steps[k].serials

    def __getitem__(self, dimension: int) -> tuple[str | None, ...]:
        serials = self._serials[dimension].tolist()
        return tuple(None if s < 0 else name(self._scale, dimension, s) for s in serials)

    def __iter__(self) -> Iterator[int]:
        return iter(self._serials)

    def __len__(self) -> int:
        return len(self._serials)

    def __repr__(self) -> str:
        return repr(dict(self))


def lifeline_of(
    state: ScaleState, dimension: int, track: np.void, groups: Mapping[str, int]
) -> Lifeline:
    """Return a feature as its scale knows it."""
    key: Key = dimension, int(track["serial"])
    called = state.name(*key)
    history = state.histories[dimension]
    times, births, deaths = history.of(int(track["ring"]), int(track["kept"])).T
    loop = state.loops.get(key)
    return Lifeline(
        id=called,
        dimension=dimension,
        scale=state.scale,
        first_seen=float(track["first"]),
        last_seen=float(track["last"]),
        n_ticks=int(track["ticks"]),
        times=times,
        births=births,
        deaths=deaths,
        stability=float(track["stability"]),
        last_ratio=float(track["ratio"]),
        p_value=float(track["p_value"]),
        significant=bool(track["significant"]),
        certain=bool(certain(track["bar"][np.newaxis], float(track["bound"]))[0]),
        group=groups[called],
        cycle=() if loop is None else loop.walks,
        row=int(track["row"]),
    )


def loops_of(state: ScaleState) -> list[LoopOfScale]:
    """Return the longest features of dimension 1 whose loop is known."""
    if not state.loops:
        return []
    tracks = state.tracks[1]
    features = records(tracks[tracks[:, SERIAL] >= 0])
    bars = zip(features["serial"].tolist(), features["bar"].tolist(), strict=True)
    known = [(serial, bar) for serial, bar in bars if (1, serial) in state.loops]
    longest = sorted(known, key=lambda one: one[1][0] - one[1][1])
    return [
        LoopOfScale(
            state.name(1, serial), birth, death - birth, state.error / 2, state.loops[1, serial]
        )
        for serial, (birth, death) in longest[:LINKED_AT_ONCE]
    ]


def _told(
    event_type: EventType,
    dimension: int,
    tracks: Tracks,
    tick: Tick,
    state: ScaleState,
    groups: Mapping[str, int],
) -> list[TDAStreamEvent]:
    """Return one event for each of these features, ``state`` being where they are known."""
    ordered = longest_first(records(tracks))
    births, deaths = shown_bars(ordered).T.tolist()
    events = []
    for i, track in enumerate(ordered):
        key: Key = dimension, int(track["serial"])
        called = state.name(*key)
        bound = float(track["bound"])
        loop = state.loops.get(key)
        metadata: dict[str, Any] = {
            "birth": births[i],
            "death": deaths[i],
            "persistence": deaths[i] - births[i],
            "stability": _or_none(track["stability"]),
            "p_value": _or_none(track["p_value"]),
            "significant": bool(track["significant"]),
            "certain": bool(certain(track["bar"][np.newaxis], bound)[0]),
            "group": groups[called],
            "first_seen": float(track["first"]),
            "last_seen": float(track["last"]),
            "n_ticks": int(track["ticks"]),
            "birth_edge": _edge(track["edges"][:2].tolist()),
            "death_edge": _edge(track["edges"][2:].tolist()),
            "error_bound": _or_none(bound),
            "cycle": [] if loop is None else [list(walk) for walk in loop.walks],
            "cycle_points": [] if loop is None else loop.walked(),
        }
        events.append(
            TDAStreamEvent(
                event_type, called, dimension, state.scale, tick.update.timestamp, metadata
            )
        )
    return events


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _edge(ids: list[int]) -> tuple[int, int] | None:
    return None if ids[0] < 0 else (ids[0], ids[1])
