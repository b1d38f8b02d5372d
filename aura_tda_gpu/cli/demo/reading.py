"""Reading loops over time: where one dominates, where there are several, where there is none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..pictures.plots import Span

__all__ = ["NO_LOOP", "ONE_LOOP", "SEVERAL_LOOPS", "Reading", "flat_spans", "spans_where"]

NO_LOOP, ONE_LOOP, SEVERAL_LOOPS = 0, 1, 2

Float64Array = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Reading:
    """The two longest loops of one scale at every tick, and what they amount to.

    A loop counts if it is at least a quarter as long as the median longest loop; one dominates
    if the second is at most half as long.

    Attributes
    ----------
    times : ndarray of float64, shape (n,)
        Ends of the windows in seconds.
    longest, second : ndarray of float64, shape (n,)
        Persistence of the two longest loops.
    """

    times: Float64Array
    longest: Float64Array
    second: Float64Array

    @property
    def states(self) -> npt.NDArray[np.int64]:
        """NO_LOOP, ONE_LOOP or SEVERAL_LOOPS at each tick, shape (n,)."""
        states = np.where(self.second <= self.longest / 2, ONE_LOOP, SEVERAL_LOOPS)
        states[self.longest <= np.median(self.longest) / 4] = NO_LOOP
        return states

    def share(self, state: int, within: BoolArray) -> float:
        """Return which part of the ticks in a mask has this state, nan if it is empty."""
        return float(np.mean(self.states[within] == state)) if within.any() else float("nan")

    def onset(self) -> float:
        """Return the time from which on one loop is the rule: the cut that splits best."""
        score = np.where(self.states == ONE_LOOP, 1, -1)
        return float(self.times[np.argmax(np.cumsum(score[::-1])[::-1])])

    def clearest(self, since: float) -> int:
        """Return the tick, from a time on, at which one loop stands out most."""
        ratio = self.longest / np.maximum(self.second, 1e-9)
        eligible = (self.times >= since) & (self.states == ONE_LOOP)
        return int(np.argmax(np.where(eligible, ratio, 0)))

    def most_divided(self, since: float) -> int:
        """Return the tick, from a time on, with the longest second loop."""
        return int(np.argmax(np.where(self.times >= since, self.second, 0)))

    def median(self, values: Float64Array, within: BoolArray) -> float:
        """Return the median of per-tick values over a mask, nan if it is empty."""
        return float(np.median(values[within])) if within.any() else float("nan")


def spans_where(mask: BoolArray, times: Float64Array, shortest: float = 0.0) -> list[Span]:
    """Return first and last time of every run of True that lasts at least ``shortest`` seconds."""
    first, stop = _runs(mask)
    return _spans(times[first], times[stop - 1], shortest)


def flat_spans(times: Float64Array, values: Float64Array, shortest: float) -> list[Span]:
    """Return the spans of at least ``shortest`` seconds in which a signal does not move at all."""
    first, stop = _runs(np.diff(values) == 0)
    return _spans(times[first], times[stop], shortest)


def _runs(mask: BoolArray) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return where every run of True begins, and the index after its end."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return edges[::2], edges[1::2]


def _spans(first: Float64Array, last: Float64Array, shortest: float) -> list[Span]:
    long = last - first >= shortest
    return list(zip(first[long].tolist(), last[long].tolist(), strict=True))
