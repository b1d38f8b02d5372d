"""What a live view knows: the latest tick of every scale, and rates of the last seconds."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ...streaming.window_update import WindowUpdate

__all__ = ["Rates", "ScaleState", "WatchState"]

_SPAN = 5.0  # seconds that a rate looks back
_RECENT = 512  # ticks that a latency looks back


@dataclass
class ScaleState:
    """One time scale.

    Attributes
    ----------
    window_id : str
        Its name.
    last : WindowUpdate or None
        The latest update.
    ticks, skipped_ticks : int
        Updates seen, and ticks left out before them.
    latencies : deque of float
        Seconds of work for each of the latest ticks.
    """

    window_id: str
    last: WindowUpdate | None = None
    ticks: int = 0
    skipped_ticks: int = 0
    latencies: deque[float] = field(default_factory=lambda: deque(maxlen=_RECENT))

    def take(self, update: WindowUpdate) -> None:
        """Note one more update."""
        self.ticks += 1
        self.skipped_ticks += update.skipped_ticks
        self.latencies.append(update.latency_seconds)
        self.last = update

    def latency(self) -> tuple[float, float]:
        """Return median and 99th percentile of the latest ticks in seconds, nan without any."""
        # one call copies the deque whole, while another thread appends to it
        recent = list(self.latencies)
        if not recent:
            return math.nan, math.nan
        median, high = np.quantile(recent, (0.5, 0.99)).tolist()
        return median, high


class Rates:
    """Rates of some counters over the last seconds.

    Parameters
    ----------
    now : float
        Wall-clock time at which all counters are 0, in seconds.
    """

    def __init__(self, now: float) -> None:
        self._marks: deque[tuple[float, tuple[int, ...]]] = deque([(now, ())])

    def mark(self, now: float, counters: Sequence[int]) -> list[float]:
        """Note the counters, always the same ones, and return by how much each grows a second."""
        values = tuple(counters)
        self._marks.append((now, values))
        while len(self._marks) > 2 and self._marks[1][0] <= now - _SPAN:
            self._marks.popleft()
        then, before = self._marks[0]
        before = before or (0,) * len(values)
        seconds = now - then
        if seconds <= 0:
            return [0.0] * len(values)
        return [(value - start) / seconds for value, start in zip(values, before, strict=True)]


class WatchState:
    """All that a view shows of a run.

    Only one thread may call `take`; another one may read meanwhile.

    Parameters
    ----------
    window_ids : iterable of str
        The scales, finest first.

    Attributes
    ----------
    points : int
        Points pushed.
    scales : dict of str to ScaleState
        By window id, finest first.
    """

    def __init__(self, window_ids: Sequence[str]) -> None:
        self.points = 0
        self.scales = {name: ScaleState(name) for name in window_ids}

    def take(self, n_points: int, updates: Sequence[WindowUpdate]) -> None:
        """Count what one push brought."""
        self.points += n_points
        for update in updates:
            self.scales[update.window_id].take(update)

    def counters(self) -> tuple[int, ...]:
        """Return the points, then the ticks of every scale."""
        return (self.points, *(scale.ticks for scale in self.scales.values()))
