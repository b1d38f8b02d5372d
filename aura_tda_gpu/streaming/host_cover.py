"""A ghost cover on the host: compiled kernels over numpy arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..persistence.arrays import Float64Array
from ..persistence.engine import Int64Array
from .landmarks import gap_kind
from .ring_buffer import RingBuffer, Rows

if TYPE_CHECKING:
    from ..persistence.kernels.cover import State

__all__ = ["HostCover"]

_BLOCK = 1 << 14  # rows


class HostCover:
    """The cover of one window; a `cover.CoverState`.

    Parameters
    ----------
    k : int
        Number of slots.
    dim : int
        Coordinates a row.
    metric : str
        Name of the metric.
    capacity : int
        Rows that the window holds at most.
    slide_ns : int
        Distance of two ticks.
    """

    def __init__(self, k: int, dim: int, metric: str, capacity: int, slide_ns: int) -> None:
        from ..persistence.cpu import warm_landmarks
        from ..persistence.kernels import cover as kernel

        warm_landmarks()
        self._sizes = k, dim, metric, capacity, slide_ns
        self._capacity = capacity
        self._slide_ns = slide_ns
        self._kind = gap_kind(metric)
        self.state: State = kernel.new_state(k, dim, scaled=metric == "cosine")

    @property
    def nbytes(self) -> int:
        """Bytes held, the same from the start."""
        return sum(array.nbytes for array in self.state)

    @property
    def seen(self) -> int:
        """Number of the row after the last one taken."""
        from ..persistence.kernels import cover as kernel

        return int(self.state.counts[kernel.SEEN])

    @property
    def used(self) -> int:
        """Slots that hold a landmark."""
        from ..persistence.kernels import cover as kernel

        return int(self.state.counts[kernel.USED])

    @property
    def loose(self) -> bool:
        """Whether bounds of distances have grown since they were measured."""
        from ..persistence.kernels import cover as kernel

        return bool(self.state.counts[kernel.LOOSE])

    @property
    def rho(self) -> float:
        """Radius within which a row joins a landmark."""
        return float(self.state.rho[0])

    def fresh(self) -> HostCover:
        """Return a cover of the same sizes that has seen no row."""
        return HostCover(*self._sizes)

    def take(self, rows: Rows, first: int, live: int) -> None:
        """Let rows, numbered from ``first``, join or open landmarks; ``live`` is the oldest."""
        from ..persistence.kernels import cover as kernel

        if len(rows):
            r = _read_only(rows)
            sizes = self._capacity, self._slide_ns, self._kind
            kernel.take(self.state, r.points, r.times, r.ids, first, live, *sizes)

    def catch_up(self, ring: RingBuffer, n: int) -> None:
        """Take those of the ``n`` oldest rows that were not seen as they came."""
        first = ring.total - len(ring)
        for start in range(max(0, self.seen - first), n, _BLOCK):
            rows = ring.rows(start, min(start + _BLOCK, n))
            self.take(rows, first + start, first)

    def settle(self, live: int, tick: int) -> float:
        """Free landmarks without a live row; return the covering radius."""
        from ..persistence.kernels import cover as kernel

        return float(kernel.settle(self.state, live, tick))

    def measure(self, ring: RingBuffer, n: int) -> None:
        """Let the ``n`` oldest rows, all live ones that were seen, join the nearest landmarks."""
        from ..persistence.kernels import cover as kernel

        rows, first = _read_only(ring.rows(0, n)), ring.total - len(ring)
        kernel.measure(self.state, rows.points, rows.times, first, self._slide_ns, self._kind)

    def landmarks(self) -> tuple[Int64Array, Float64Array, Float64Array]:
        """Return ids (m,), places (m, dim), and rows as they were before they were scaled."""
        from ..persistence.kernels import cover as kernel

        used = np.flatnonzero(self.state.newest != kernel.FREE)
        raw = self.state.raw[used] if len(self.state.raw) else self.state.raw
        return self.state.ids[used], self.state.columns[:, used].T, raw


def _read_only(rows: Rows) -> Rows:
    """Return views that cannot be written to, so that a kernel sees one kind of array."""
    views = rows.points.view(), rows.times.view(), rows.ids.view()
    for view in views:
        view.flags.writeable = False
    return Rows(*views)
