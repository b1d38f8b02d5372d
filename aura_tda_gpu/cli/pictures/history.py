"""What a run leaves for its pictures, in bounded memory."""

from __future__ import annotations

import math

import numpy as np

from ...streaming.window_update import WindowUpdate
from ..sources.base import Chunk
from ..trace import Trace

__all__ = ["History", "longest_loops"]

_MAX_SIGNALS = 3


def longest_loops(update: WindowUpdate) -> tuple[float, float]:
    """Return the persistence of the longest and the second longest closed bar of H1, or 0."""
    if 1 not in update.diagram.dimensions:
        return 0.0, 0.0
    bars = update.diagram[1]
    closed = bars[np.isfinite(bars[:, 1])]
    lengths = np.append(closed[:2, 1] - closed[:2, 0], [0.0, 0.0])
    return float(lengths[0]), float(lengths[1])


class History:
    """A watcher that keeps the signals, the longest loops, and the last diagrams.

    Attributes
    ----------
    signals : list of Trace
        The first columns read, three at most.
    n_columns : int
        Columns read.
    longest, second : dict of str to Trace
        Persistence of the two longest loops at each tick, by window id.
    bounds : dict of str to Trace
        Error bound at each tick; inf where none is known. A loop is certain to be in the full
        window if its persistence is above twice the bound.
    last : dict of str to WindowUpdate
        The latest update with a point in it, by window id.
    """

    def __init__(self) -> None:
        self.signals: list[Trace] = []
        self.n_columns = 0
        self.longest: dict[str, Trace] = {}
        self.second: dict[str, Trace] = {}
        self.bounds: dict[str, Trace] = {}
        self.last: dict[str, WindowUpdate] = {}

    def see(self, raw: Chunk, points: Chunk, updates: list[WindowUpdate]) -> None:
        """Note what passes; see `Watcher`."""
        self.n_columns = raw.points.shape[1]
        while len(self.signals) < min(_MAX_SIGNALS, raw.points.shape[1]):
            self.signals.append(Trace())
        for trace, signal in zip(self.signals, raw.points.T, strict=False):
            trace.add(raw.times, signal)
        for update in updates:
            self._note(update)

    def _note(self, update: WindowUpdate) -> None:
        name = update.window_id
        first, second = longest_loops(update)
        bound = update.error_bound if math.isfinite(update.error_bound) else math.inf
        traces = ((self.longest, first), (self.second, second), (self.bounds, bound))
        for group, value in traces:
            trace = group.setdefault(name, Trace())
            trace.add(np.array([update.timestamp]), np.array([value]))
        if update.n_points:
            self.last[name] = update
