"""Births and deaths of bars from one tick to the next, by the edges that make them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, TypeAlias, overload

import numpy as np

from ..types import EventType, TDAStreamEvent
from .persistence_stream import WindowUpdate

__all__ = ["BarEvents"]

# dimension, birth edge, death edge; edges as point ids, -1 where there is none
Key: TypeAlias = tuple[int, int, int, int, int]
Bar: TypeAlias = tuple[float, float]


class BarEvents:
    """The hook that compares each window with its previous tick: ``update.events``.

    A bar is the same as long as the same two pairs of points give its birth and its death. A
    bar that is not there any more has died, one that was not there before is born. Bars without
    any edge, the components that never merge, have no name and make no events.

    Parameters
    ----------
    min_persistence : float
        Shortest bar that counts, in the unit of the data; open bars always count.

    Notes
    -----
    Events are worked out when somebody looks at them.
    """

    def __init__(self, min_persistence: float = 0.0) -> None:
        self.min_persistence = min_persistence
        self._last: dict[str, _NamedBars] = {}

    def __call__(self, updates: Sequence[WindowUpdate]) -> None:
        """Give each update its events."""
        for update in updates:
            now = _NamedBars(update, self.min_persistence)
            update.events = _Changes(self._last.get(update.window_id), now)
            self._last[update.window_id] = now


class _NamedBars:
    """The bars of one tick that count, by name."""

    def __init__(self, update: WindowUpdate, min_persistence: float) -> None:
        self._diagram = update.diagram
        self._vertex_ids = update.vertex_ids
        self._min_persistence = min_persistence
        self.window_id = update.window_id
        self.timestamp = update.timestamp
        self.error_bound = update.error_bound

    @cached_property
    def bars(self) -> dict[Key, Bar]:
        """Birth and death by name, longest bar of the lowest dimension first."""
        found: dict[Key, Bar] = {}
        names = np.append(self._vertex_ids, -1)  # index -1 stays -1
        for dimension in self._diagram.dimensions:
            bars = self._diagram[dimension].astype(np.float64)
            births = np.sort(names[self._diagram.birth_edges[dimension]], axis=1)
            deaths = np.sort(names[self._diagram.death_edges[dimension]], axis=1)
            edges = np.concatenate([births, deaths], axis=1)
            counts = bars[:, 1] - bars[:, 0] >= self._min_persistence
            counts &= (edges >= 0).any(axis=1)
            for edge, bar in zip(edges[counts].tolist(), bars[counts].tolist(), strict=True):
                found[(dimension, *edge)] = (bar[0], bar[1])
        return found


class _Changes(Sequence[TDAStreamEvent]):
    """The events between two ticks, deaths first."""

    def __init__(self, before: _NamedBars | None, now: _NamedBars) -> None:
        self._before = before
        self._now = now

    @cached_property
    def _events(self) -> list[TDAStreamEvent]:
        now = self._now
        before: dict[Key, Bar] = {} if self._before is None else self._before.bars
        gone = [(key, bar) for key, bar in before.items() if key not in now.bars]
        new = [(key, bar) for key, bar in now.bars.items() if key not in before]
        return [
            *(_event("feature_death", key, bar, now) for key, bar in gone),
            *(_event("feature_birth", key, bar, now) for key, bar in new),
        ]

    def __len__(self) -> int:
        return len(self._events)

    @overload
    def __getitem__(self, index: int) -> TDAStreamEvent: ...

    @overload
    def __getitem__(self, index: slice) -> list[TDAStreamEvent]: ...

    def __getitem__(self, index: int | slice) -> TDAStreamEvent | list[TDAStreamEvent]:
        return self._events[index]

    def __iter__(self) -> Iterator[TDAStreamEvent]:
        return iter(self._events)

    def __repr__(self) -> str:
        return repr(self._events)


def _event(event_type: EventType, key: Key, bar: Bar, tick: _NamedBars) -> TDAStreamEvent:
    dimension, *edges = key
    birth, death = bar
    metadata: dict[str, Any] = {
        "birth": birth,
        "death": death,
        "persistence": death - birth,
        "birth_edge": _edge(edges[:2]),
        "death_edge": _edge(edges[2:]),
        "error_bound": None if math.isnan(tick.error_bound) else tick.error_bound,
    }
    return TDAStreamEvent(
        event_type,
        f"{tick.window_id}/H{dimension}/{_name(edges[:2], '-')}/{_name(edges[2:], 'open')}",
        dimension,
        tick.window_id,
        tick.timestamp,
        metadata,
    )


def _edge(ids: list[int]) -> tuple[int, int] | None:
    return None if ids[0] < 0 else (ids[0], ids[1])


def _name(ids: list[int], nothing: str) -> str:
    return nothing if ids[0] < 0 else f"{ids[0]}-{ids[1]}"
