"""Births and deaths of bars from one tick to the next, by the edges that make them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from ..persistence.engine import Float32Array, Int64Array
from ..persistence.history import NOTHING, NamedBars
from ..persistence.vines import compare
from ..types import EventType, TDAStreamEvent
from .persistence_stream import WindowUpdate

__all__ = ["BarEvents"]


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
        self._last: dict[str, _Tick] = {}

    @property
    def nbytes(self) -> int:
        """Bytes kept of the last tick of every window: bars and ids, no loops."""
        return sum(tick.bars.nbytes for tick in list(self._last.values()))

    def __call__(self, updates: Sequence[WindowUpdate]) -> None:
        """Give each update its events."""
        for update in updates:
            now = _Tick(
                NamedBars.of(update.diagram, update.vertex_ids),
                update.window_id,
                update.timestamp,
                update.error_bound,
            )
            update.events = _Events(self._last.get(now.window_id), now, self.min_persistence)
            self._last[now.window_id] = now


@dataclass(frozen=True, slots=True)
class _Tick:
    """What is kept of an update; the update itself would keep all updates before it."""

    bars: NamedBars
    window_id: str
    timestamp: float
    error_bound: float


class _Events(Sequence[TDAStreamEvent]):
    """The events between two ticks, deaths first, longest bar of the lowest dimension first."""

    def __init__(self, before: _Tick | None, now: _Tick, min_persistence: float) -> None:
        self._before = before
        self._now = now
        self._min_persistence = min_persistence

    @cached_property
    def _events(self) -> list[TDAStreamEvent]:
        before, now = self._before, self._now
        former = NOTHING if before is None else before.bars
        changes = compare(former, former.ids, now.bars, now.bars.ids)
        deaths: list[TDAStreamEvent] = []
        births: list[TDAStreamEvent] = []
        for k, continued in changes.continued.items():
            old, new = changes.before[k], changes.after[k]
            old_edges, new_edges = changes.before_edges[k], changes.after_edges[k]
            counted, counts = self._counts(old, old_edges), self._counts(new, new_edges)
            rows, rows_now = continued.T
            gone, fresh = counted.copy(), counts.copy()
            gone[rows] &= ~counts[rows_now]
            fresh[rows_now] &= ~counted[rows]
            deaths += _told("feature_death", k, old[gone], old_edges[gone], now)
            births += _told("feature_birth", k, new[fresh], new_edges[fresh], now)
        return deaths + births

    def _counts(self, bars: Float32Array, edges: Int64Array) -> npt.NDArray[np.bool_]:
        """Mark the bars that have a name and are long enough."""
        births, deaths = bars.astype(np.float64).T
        long: npt.NDArray[np.bool_] = deaths - births >= self._min_persistence
        return long & (edges >= 0).any(axis=1)

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


def _told(
    event_type: EventType, dimension: int, bars: Float32Array, edges: Int64Array, tick: _Tick
) -> Iterator[TDAStreamEvent]:
    """Yield an event for each bar."""
    bound = None if math.isnan(tick.error_bound) else tick.error_bound
    for (birth, death), ids in zip(bars.tolist(), edges.tolist(), strict=True):
        metadata: dict[str, Any] = {
            "birth": birth,
            "death": death,
            "persistence": death - birth,
            "birth_edge": _edge(ids[:2]),
            "death_edge": _edge(ids[2:]),
            "error_bound": bound,
        }
        names = f"{_name(ids[:2], '-')}/{_name(ids[2:], 'open')}"
        yield TDAStreamEvent(
            event_type,
            f"{tick.window_id}/H{dimension}/{names}",
            dimension,
            tick.window_id,
            tick.timestamp,
            metadata,
        )


def _edge(ids: list[int]) -> tuple[int, int] | None:
    return None if ids[0] < 0 else (ids[0], ids[1])


def _name(ids: list[int], nothing: str) -> str:
    return nothing if ids[0] < 0 else f"{ids[0]}-{ids[1]}"
