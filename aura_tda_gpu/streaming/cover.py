"""A ghost cover: landmarks that outlive the rows that opened them.

A row joins the nearest landmark within rho, or opens one; a landmark closes when its newest member
has left the window. Nothing is ever reassigned, so a stream whose shape stays changes few
landmarks. With rho = 0 every distinct row is its own landmark and the diagram is exact; when the
slots run out, the cover is thinned and rho grows.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

from ..persistence.arrays import Float64Array
from ..persistence.distances import Rows as Coordinates
from ..persistence.engine import Int64Array
from .frame import origin_for
from .host_cover import HostCover
from .landmarks import Landmarks, landmark_error
from .ring_buffer import RingBuffer, Rows

__all__ = ["CoverState", "GhostCover"]

_LAST = 2**63 - 1
_MEASURED = 1 << 26  # coordinate differences at one tick, a few hundredths of a second
TINY = 2.0**-500  # more than a distance whose squares all underflow


class CoverState(Protocol):
    """The slots of a cover, where the work is done: see `HostCover`."""

    @property
    def nbytes(self) -> int:
        """Bytes held on the host."""

    @property
    def seen(self) -> int:
        """Number of the row after the last one taken."""

    @property
    def used(self) -> int:
        """Slots that hold a landmark."""

    @property
    def loose(self) -> bool:
        """Whether bounds of distances have grown since they were measured."""

    @property
    def rho(self) -> float:
        """Radius within which a row joins a landmark."""

    def fresh(self) -> CoverState:
        """Return a cover of the same sizes that has seen no row."""

    def take(self, rows: Rows, first: int, live: int) -> None:
        """Let rows join or open landmarks in their order."""

    def catch_up(self, ring: RingBuffer, n: int) -> None:
        """Take those of the ``n`` oldest rows that were not seen as they came."""

    def settle(self, live: int, tick: int) -> float:
        """Free landmarks without a live row; return the covering radius."""

    def measure(self, ring: RingBuffer, n: int) -> None:
        """Let the ``n`` oldest rows join the nearest landmarks."""

    def landmarks(self) -> tuple[Int64Array, Float64Array, Float64Array]:
        """Return ids (m,), places (m, dim), and rows as they were before they were scaled."""


class GhostCover:
    """Landmarks kept up to date row by row; a `LandmarkStrategy`.

    Parameters
    ----------
    state : CoverState
        Its slots, which have seen no row.
    max_landmarks, dim : int
        Number of slots, and coordinates of a row.
    metric : str
        Name of the metric.
    slide_ns : int
        Distance of two ticks: member distances are kept as one maximum for each.

    Attributes
    ----------
    state : CoverState
        The slots now.

    Notes
    -----
    The state depends on the rows, their order and the ticks only, not on how the rows were cut
    into calls. Each call of a kernel leaves it complete, so a call that is interrupted may be
    repeated.
    """

    def __init__(
        self, state: CoverState, max_landmarks: int, dim: int, metric: str, slide_ns: int
    ) -> None:
        self._max_landmarks = max_landmarks
        self._dim = dim
        self._metric = metric
        self._slide_ns = slide_ns
        self.state = state

    @classmethod
    def on_host(
        cls, max_landmarks: int, dim: int, metric: str, capacity: int, slide_ns: int
    ) -> GhostCover:
        """Return a cover for a window that holds at most ``capacity`` rows."""
        state = HostCover(max_landmarks, dim, metric, capacity, slide_ns)
        return cls(state, max_landmarks, dim, metric, slide_ns)

    @property
    def nbytes(self) -> int:
        """Bytes held, the same from the start."""
        return self.state.nbytes

    def take(self, rows: Rows, first: int, live: int) -> None:
        """Let rows join or open landmarks; see `LandmarkStrategy`."""
        self.state.take(rows, first, live)

    def behind(self, ring: RingBuffer) -> int:
        """Return how many rows of the buffer have not been seen; see `LandmarkStrategy`."""
        return ring.total - self.state.seen

    def catch_up(self, ring: RingBuffer) -> None:
        """See these rows."""
        self.state.catch_up(ring, len(ring))

    def choose(self, ring: RingBuffer, n: int, t_ns: int, origin: Float64Array) -> Landmarks:
        """Return the landmarks of the ``n`` oldest rows; see `LandmarkStrategy`."""
        first = ring.total - len(ring)
        tick = min(t_ns // self._slide_ns, _LAST)
        if self.state.seen > first + n:
            self._start_again(ring, n)  # it holds rows that are too young
        self.state.catch_up(ring, n)
        reach = self.state.settle(first, tick)
        affordable = n * self._max_landmarks * self._dim <= _MEASURED
        if reach > 0.0 and (n <= self._max_landmarks or (affordable and self._fits_badly)):
            self._start_again(ring, n)
            reach = self.state.settle(first, tick)
        if self.state.loose and affordable:
            self.state.measure(ring, n)
            reach = self.state.settle(first, tick)
        return self._landmarks(reach, origin)

    @property
    def _fits_badly(self) -> bool:
        """Whether the window has shrunk to a few landmarks."""
        return 8 * self.state.used < self._max_landmarks

    def _start_again(self, ring: RingBuffer, n: int) -> None:
        """Build the cover of the ``n`` oldest rows from nothing."""
        state = self.state.fresh()
        state.catch_up(ring, n)
        self.state = state

    def _landmarks(self, reach: float, origin: Float64Array) -> Landmarks:
        """Return the landmarks, given their covering radius as it was measured."""
        metric, rho = self._metric, self.state.rho
        ids, places, raw = self.state.landmarks()
        radius = _rounded_up(reach, self._dim, metric)
        if metric == "cosine":
            error = landmark_error(places, radius, metric)
            return Landmarks(raw, ids, origin, radius, _angle(rho), error)
        if len(ids):
            origin = origin_for([places], places[np.argmin(ids)], origin)
        shifted = places - origin
        points: Coordinates = np.ascontiguousarray(shifted, dtype=np.float32)
        error = landmark_error(shifted, radius, metric)
        return Landmarks(points, ids, origin, radius, rho, error)


def _rounded_up(reach: float, dim: int, metric: str) -> float:
    """Return an upper bound of a radius that was measured in float64; an angle under cosine."""
    if reach == 0.0:
        return 0.0
    unit = (dim + 8) * 2.0**-50
    radius = reach * (1 + unit)
    if metric == "cosine":
        return _angle(radius + unit)
    return radius + math.sqrt(dim) * TINY if metric == "euclidean" else radius


def _angle(chord: float) -> float:
    """Return the angle of a chord between unit vectors, rounded up."""
    return 2 * math.asin(min(1.0, chord / 2)) * (1 + 2.0**-50)
