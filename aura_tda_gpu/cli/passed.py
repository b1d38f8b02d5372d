"""What passed in a run: the span of its times, its ticks, its bounds, and a column in doubt."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ..streaming.window_update import WindowUpdate
from .sources.base import Chunk, Source

__all__ = ["Passed", "TimeDoubt"]

_TIMES = {"time", "t", "timestamp", "date", "datetime"}
_ENOUGH = 20  # rows
_SLACK = 1e-6  # seconds; float64 seconds since 1970 are not as fine


class Passed:
    """A watcher that notes what the summary tells.

    Attributes
    ----------
    largest_bound : float
        Largest error bound of the updates, those without one left aside.
    """

    def __init__(self) -> None:
        self.largest_bound = 0.0
        self._first, self._last = math.inf, -math.inf
        self._ticks: dict[str, float] = {}

    @property
    def seconds(self) -> float:
        """Event time from the first row to the last one, 0 without rows."""
        return max(self._last - self._first, 0.0)

    def see(self, raw: Chunk, points: Chunk, updates: list[WindowUpdate]) -> None:
        """Note what passes; see `Watcher`."""
        if len(points):
            self._first = min(self._first, float(points.times.min()))
            self._last = max(self._last, float(points.times.max()))
        for update in updates:
            self._ticks[update.window_id] = update.timestamp
            if update.error_bound > self.largest_bound:
                self.largest_bound = update.error_bound

    def was_full(self, window_id: str, duration: float) -> bool:
        """Tell whether a window of so many seconds has ticked with the first row at its end."""
        tick = self._ticks.get(window_id, -math.inf)
        return tick - duration >= self._first - _SLACK


class TimeDoubt:
    """A watcher that says so where a column is taken as a coordinate that looks like the time.

    Parameters
    ----------
    source : Source
        A source whose columns nobody has chosen, with times by ``--rate``.
    say : callable
        Told once, of the first such column, as soon as 20 rows have come.
    """

    def __init__(self, source: Source, say: Callable[[str], None]) -> None:
        names = enumerate(source.columns)
        self._doubtful = [i for i, name in names if name.strip().lower() in _TIMES]
        self._names = source.columns
        self._say = say
        self._seen: list[npt.NDArray[np.float64]] = []

    def see(self, raw: Chunk, points: Chunk, updates: list[WindowUpdate]) -> None:
        """Look at the first rows; see `Watcher`."""
        if not self._doubtful:
            return
        self._seen += [*raw.points[:_ENOUGH]]
        if len(self._seen) >= _ENOUGH:
            self.tell()

    def tell(self) -> None:
        """Say what the rows seen so far tell, if nothing has been said."""
        steps = np.diff(np.array(self._seen), axis=0)
        for i in self._doubtful if len(steps) else []:
            if (steps[:, i] >= 0).all() and steps[:, i].any():
                name = self._names[i]
                self._say(
                    f'column "{name}" is taken as a coordinate: pass --time-column {name} '
                    "if it is the time"
                )
                break
        self._doubtful = []
