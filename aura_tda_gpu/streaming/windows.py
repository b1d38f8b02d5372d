"""When a sliding window ticks, and the windows of several time scales side by side.

A window that ticks at ``T`` holds the points of ``[T - duration, T)``. Ticks are multiples of
the slide, counted from time 0; times are integer nanoseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from ..persistence.engine import Int64Array
from .settings import Scale, StreamSettings

__all__ = [
    "MultiScaleManager",
    "TemporalWindow",
    "TickClock",
    "boundary_after",
    "count_before",
]


def boundary_after(t_ns: int, slide_ns: int) -> int:
    """Return the smallest multiple of the slide that is greater than ``t_ns``."""
    return (t_ns // slide_ns + 1) * slide_ns


def count_before(times: Int64Array, t_ns: int) -> int:
    """Return how many ascending times are smaller than ``t_ns``, which may be beyond int64."""
    n = len(times)
    if not n or times.item(n - 1) < t_ns:
        return n
    return int(times.searchsorted(t_ns)) if times.item(0) < t_ns else 0


@dataclass(frozen=True, slots=True)
class TickClock:
    """Where one scale stands between two ticks.

    Attributes
    ----------
    slide_ns : int
        Distance of two boundaries.
    next_ns : int or None
        The next boundary; None before the first point.
    empty_run : int
        Consecutive ticks so far whose window held no point.
    skipped : int
        Boundaries left out since the last tick.
    ticks, skipped_ticks : int
        Boundaries that ticked and that were left out, since the start.
    """

    slide_ns: int
    next_ns: int | None = None
    empty_run: int = 0
    skipped: int = 0
    ticks: int = 0
    skipped_ticks: int = 0

    def started(self, t_ns: int) -> TickClock:
        """Return the clock set to the first boundary after ``t_ns``, if it does not run yet."""
        if self.next_ns is not None:
            return self
        return replace(self, next_ns=boundary_after(t_ns, self.slide_ns))

    def due(self, until_ns: int) -> int | None:
        """Return the next boundary if it is not later than ``until_ns``."""
        return self.next_ns if self.next_ns is not None and self.next_ns <= until_ns else None

    def ticked(self, *, empty: bool) -> TickClock:
        """Return the clock after a tick."""
        assert self.next_ns is not None
        return replace(
            self,
            next_ns=self.next_ns + self.slide_ns,
            empty_run=self.empty_run + 1 if empty else 0,
            skipped=0,
            ticks=self.ticks + 1,
        )

    def skipped_past(self, t_ns: int) -> TickClock:
        """Return the clock at the first boundary after ``t_ns``, those before it left out."""
        if self.next_ns is None or self.next_ns > t_ns:
            return self
        target = boundary_after(t_ns, self.slide_ns)
        left_out = (target - self.next_ns) // self.slide_ns
        return replace(
            self,
            next_ns=target,
            skipped=self.skipped + left_out,
            skipped_ticks=self.skipped_ticks + left_out,
        )


@dataclass
class TemporalWindow:
    """One time scale as a person reads it.

    Parameters
    ----------
    window_id : str
        For example ``"scale_100ms"``.
    duration_ms : int
        Length of the window.
    slide_interval_ms : float
        Distance of two ticks, a tenth of the duration unless told otherwise.
    max_points : int
        Rows the window holds at most; 0 while the dimension of a stream is unknown.
    current_points : ndarray of float64, shape (n, dim)
        Coordinates of the live rows in time order, as they were when this record was made.
    """

    window_id: str
    duration_ms: int
    slide_interval_ms: float
    max_points: int
    current_points: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 0)))

    @classmethod
    def of(cls, scale: Scale, max_points: int) -> TemporalWindow:
        """Return the empty window of a scale."""
        slide_ms = scale.slide_ns / 1_000_000
        return cls(
            scale.window_id,
            scale.duration_ms,
            int(slide_ms) if slide_ms.is_integer() else slide_ms,
            max_points,
        )


class MultiScaleManager:
    """The temporal windows of several scales, finest first.

    Parameters
    ----------
    scales : iterable of int
        Lengths of the windows in milliseconds.
    slide_intervals_ms : sequence of float, optional
        Distance of two ticks, one value a scale; a tenth of the scale when left out.
    dim : int
        Coordinates a point; with ``max_memory_mb`` it decides ``max_points``.
    max_memory_mb : float
        Memory of all windows together, in MB of 1024 x 1024 bytes.
    max_points : int, optional
        Upper limit of the rows of each window.

    Attributes
    ----------
    windows : dict of str to TemporalWindow
        By window id.

    Raises
    ------
    ConfigError
        If a scale or another setting is out of range.
    MemoryLimitError
        If the memory does not hold these windows.
    """

    def __init__(
        self,
        scales: Iterable[int],
        *,
        slide_intervals_ms: Sequence[float] | None = None,
        dim: int = 3,
        max_memory_mb: float = 1024,
        max_points: int | None = None,
    ) -> None:
        settings = StreamSettings(
            scales=scales,
            slide_intervals_ms=slide_intervals_ms,
            dim=dim,
            max_memory_mb=max_memory_mb,
            max_points=max_points,
        )
        plan = settings.memory_plan(dim)
        self.windows = {
            scale.window_id: TemporalWindow.of(scale, window.max_points)
            for scale, window in zip(settings.timeline, plan.windows, strict=True)
        }
