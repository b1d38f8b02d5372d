"""A ghost cover: landmarks that outlive the rows that opened them.

A row joins the nearest landmark within rho, or opens one; a landmark closes when its newest member
has left the window. Nothing is ever reassigned, so a stream whose shape stays changes few
landmarks. With rho = 0 every distinct row is its own landmark and the diagram is exact; when the
slots run out, the cover is thinned and rho grows.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..persistence.arrays import Float64Array
from ..persistence.distances import Rows as Coordinates
from .frame import origin_for
from .landmarks import Landmarks, gap_kind, landmark_error
from .ring_buffer import RingBuffer, Rows

if TYPE_CHECKING:
    from ..persistence.kernels.cover import State

__all__ = ["GhostCover"]

_BLOCK = 1 << 14  # rows
_LAST = 2**63 - 1
_MEASURED = 1 << 26  # coordinate differences at one tick, a few hundredths of a second


class GhostCover:
    """Landmarks kept up to date row by row; a `LandmarkStrategy`.

    Parameters
    ----------
    max_landmarks : int
        Number of slots.
    dim : int
        Coordinates a row.
    metric : str
        Name of the metric.
    capacity : int
        Rows that the window holds at most.
    slide_ns : int
        Distance of two ticks: member distances are kept as one maximum for each.

    Notes
    -----
    The state depends on the rows, their order and the ticks only, not on how the rows were cut
    into calls. Each call of a kernel leaves it complete, so a call that is interrupted may be
    repeated.
    """

    def __init__(
        self, max_landmarks: int, dim: int, metric: str, capacity: int, slide_ns: int
    ) -> None:
        self._max_landmarks = max_landmarks
        self._dim = dim
        self._metric = metric
        self._capacity = capacity
        self._slide_ns = slide_ns
        self._kind = gap_kind(metric)
        self._state = self._new_state()

    @property
    def nbytes(self) -> int:
        """Bytes held, the same from the start."""
        return sum(array.nbytes for array in self._state)

    def take(self, rows: Rows, first: int, live: int) -> None:
        """Let rows join or open landmarks; see `LandmarkStrategy`."""
        self._take(self._state, rows, first, live)

    def choose(self, ring: RingBuffer, n: int, t_ns: int, origin: Float64Array) -> Landmarks:
        """Return the landmarks of the ``n`` oldest rows; see `LandmarkStrategy`."""
        from ..persistence.kernels import cover as kernel

        first = ring.total - len(ring)
        tick = min(t_ns // self._slide_ns, _LAST)
        if self._state.counts[kernel.SEEN] > first + n:
            self._start_again(ring, n)  # it holds rows that are too young
        self._catch_up(self._state, ring, n)
        reach = kernel.settle(self._state, first, tick)
        affordable = n * self._state.columns.size <= _MEASURED
        if reach > 0.0 and (n <= self._max_landmarks or (affordable and self._fits_badly)):
            self._start_again(ring, n)
            reach = kernel.settle(self._state, first, tick)
        if self._state.counts[kernel.LOOSE] and affordable:
            rows = _read_only(ring.rows(0, n))
            kernel.measure(self._state, rows.points, rows.times, first, self._slide_ns, self._kind)
            reach = kernel.settle(self._state, first, tick)
        return self._landmarks(float(reach), origin)

    @property
    def _fits_badly(self) -> bool:
        """Whether the window has shrunk to a few landmarks."""
        from ..persistence.kernels import cover as kernel

        return bool(8 * self._state.counts[kernel.USED] < self._max_landmarks)

    def _new_state(self) -> State:
        """Return a cover that has seen no row."""
        from ..persistence.kernels import cover as kernel

        return kernel.new_state(self._max_landmarks, self._dim, scaled=self._metric == "cosine")

    def _start_again(self, ring: RingBuffer, n: int) -> None:
        """Build the cover of the ``n`` oldest rows from nothing."""
        state = self._new_state()
        self._catch_up(state, ring, n)
        self._state = state

    def _catch_up(self, state: State, ring: RingBuffer, n: int) -> None:
        """Take those of the ``n`` oldest rows that were not seen as they came."""
        from ..persistence.kernels import cover as kernel

        first = ring.total - len(ring)
        for start in range(max(0, int(state.counts[kernel.SEEN]) - first), n, _BLOCK):
            rows = ring.rows(start, min(start + _BLOCK, n))
            self._take(state, rows, first + start, first)

    def _take(self, state: State, rows: Rows, first: int, live: int) -> None:
        from ..persistence.kernels import cover as kernel

        if len(rows):
            r = _read_only(rows)
            capacity, slide, kind = self._capacity, self._slide_ns, self._kind
            kernel.take(state, r.points, r.times, r.ids, first, live, capacity, slide, kind)

    def _landmarks(self, reach: float, origin: Float64Array) -> Landmarks:
        """Return the landmarks, given their covering radius as it was measured."""
        from ..persistence.kernels import cover as kernel

        state, metric = self._state, self._metric
        used = np.flatnonzero(state.newest != kernel.FREE)
        ids, places = state.ids[used], state.columns[:, used].T
        radius = _rounded_up(reach, self._dim, metric)
        rho = float(state.rho[0])
        if metric == "cosine":
            error = landmark_error(places, radius, metric)
            return Landmarks(state.raw[used], ids, origin, radius, _angle(rho), error)
        if len(used):
            origin = origin_for([places], places[np.argmin(ids)], origin)
        shifted = places - origin
        points: Coordinates = np.ascontiguousarray(shifted, dtype=np.float32)
        error = landmark_error(shifted, radius, metric)
        return Landmarks(points, ids, origin, radius, rho, error)


def _read_only(rows: Rows) -> Rows:
    """Return views that cannot be written to, so that a kernel sees one kind of array."""
    views = rows.points.view(), rows.times.view(), rows.ids.view()
    for view in views:
        view.flags.writeable = False
    return Rows(*views)


def _rounded_up(reach: float, dim: int, metric: str) -> float:
    """Return an upper bound of a radius that was measured in float64; an angle under cosine."""
    from ..persistence.kernels import cover as kernel

    if reach == 0.0:
        return 0.0
    unit = (dim + 8) * 2.0**-50
    radius = reach * (1 + unit)
    if metric == "cosine":
        return _angle(radius + unit)
    return radius + math.sqrt(dim) * kernel.TINY if metric == "euclidean" else radius


def _angle(chord: float) -> float:
    """Return the angle of a chord between unit vectors, rounded up."""
    return 2 * math.asin(min(1.0, chord / 2)) * (1 + 2.0**-50)
