"""What a stream will hold, told before it runs."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Real
from typing import Any

from ..config import Config
from ..errors import ConfigError
from .memory import (
    MB,
    MemoryPlan,
    WindowPlan,
    buffer_bytes,
    cover_bytes,
    engine_bytes,
    row_bytes,
)
from .multi_scale_processor import MultiScaleStream
from .settings import Scale, StreamSettings

__all__ = ["StreamEstimate", "WindowEstimate", "estimate"]

_SLACK = 1e-6  # rows; a product such as 0.1 x 30 must not become one more


@dataclass(frozen=True, slots=True)
class WindowEstimate:
    """What one window will hold. What depends on the rate is None where that is unknown.

    Attributes
    ----------
    window_id : str
        The time scale.
    duration_ms : int
        Length of the window.
    ticks_per_second : float
        Ticks in a second of event time.
    points_needed : int or None
        Rows that come while the window lasts.
    max_points : int
        Rows it has room for.
    overflows : bool or None
        Whether it is too small, so that rows leave it early.
    max_landmarks : int
        Largest number of vertices its engine sees.
    n_vertices : int or None
        Vertices its engine will see at most.
    exact : bool or None
        Whether these are all rows that the window holds.
    ring_bytes, engine_bytes, cover_bytes : int
        Sizes of the buffer of its rows, of the state of its engine, and of its landmarks.
    filled_bytes : int or None
        How much of them will be used.
    """

    window_id: str
    duration_ms: int
    ticks_per_second: float
    points_needed: int | None
    max_points: int
    overflows: bool | None
    max_landmarks: int
    n_vertices: int | None
    exact: bool | None
    ring_bytes: int
    engine_bytes: int
    cover_bytes: int
    filled_bytes: int | None

    @property
    def nbytes(self) -> int:
        """Size of all that the window holds."""
        return self.ring_bytes + self.engine_bytes + self.cover_bytes


@dataclass(frozen=True, slots=True)
class StreamEstimate:
    """What a stream will hold; ``print`` shows it as a table.

    Attributes
    ----------
    rate : float or None
        Rows a second; None where it is unknown, and with it all that depends on it.
    dim : int
        Coordinates a point.
    windows : tuple of WindowEstimate
        Finest first.
    points_waiting : int or None
        Rows that wait for the watermark; the push that brings more than ``max_waiting`` is
        refused.
    max_waiting : int
        Rows that may wait.
    pending_bytes : int
        Size of the buffer for them.
    buffer_bytes : int
        Size of all buffers: the most that `MultiScaleStream.get_memory_usage` says.
    filled_bytes : int or None
        How much of them this rate will use.
    working_bytes : int
        The most that a tick takes on top; windows tick one after another.
    total_bytes : int
        Buffers and working memory.
    limit_bytes : int
        ``max_memory_mb``; the total never exceeds it.
    overflow_rate : float
        Rows a second above which a window overflows.
    """

    rate: float | None
    dim: int
    windows: tuple[WindowEstimate, ...]
    points_waiting: int | None
    max_waiting: int
    pending_bytes: int
    buffer_bytes: int
    filled_bytes: int | None
    working_bytes: int
    total_bytes: int
    limit_bytes: int
    overflow_rate: float

    def __str__(self) -> str:
        head = ("window", "points", "room", "vertices", "memory", "diagram")
        rows = [head, *(_cells(window) for window in self.windows)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        table = ["  ".join(_aligned(row, widths)).rstrip() for row in rows]
        rate = "points" if self.rate is None else f"{_number(self.rate)} points/s"
        used = "" if self.filled_bytes is None else f", {_size(self.filled_bytes)} used"
        lines = [
            f"{rate} of {self.dim} {'coordinate' if self.dim == 1 else 'coordinates'}",
            *table,
            f"buffers {_size(self.buffer_bytes)}{used}; working memory "
            f"{_size(self.working_bytes)}; limit {_size(self.limit_bytes)}",
            f"waiting for the watermark: {_number(self.points_waiting)}, room for "
            f"{_number(self.max_waiting)}",
            f"a window overflows above {_number(self.overflow_rate)} points/s",
        ]
        return "\n".join(lines)


def estimate(
    scales: Iterable[int] | Config, rate: float | None, dim: int, **settings: Any
) -> StreamEstimate:
    """Tell what a `MultiScaleStream` of these settings will hold, without running it.

    Parameters
    ----------
    scales : iterable of int, or Config
        As in `MultiScaleStream`.
    rate : float or None
        Rows a second of event time, evenly spread; None if it is unknown.
    dim : int
        Coordinates a point.
    **settings
        The keywords of `MultiScaleStream`, with the same defaults.

    Returns
    -------
    StreamEstimate
        Sizes of all buffers, which hold for any data, and what of them the rate will use.

    Raises
    ------
    ConfigError, UnsupportedError, BackendUnavailable, MemoryLimitError
        As `MultiScaleStream`, and if the rate is no positive number.

    Notes
    -----
    A push needs a few times the size of its points on top, and data without any geometry makes
    the reduction take more.

    Examples
    --------
    >>> told = estimate([100, 1000], rate=2000, dim=3, max_memory_mb=64)
    >>> [window.exact for window in told.windows]
    [True, False]
    """
    if rate is not None:
        number = isinstance(rate, Real) and not isinstance(rate, bool)
        if not number or not 0 < rate < math.inf:
            raise ConfigError(f"rate must be a positive number of points a second, not {rate!r}")
        rate = float(rate)
    checked = MultiScaleStream(scales, dim=dim, **settings).settings
    assert checked.dim is not None
    return _estimate(checked, checked.memory_plan(checked.dim), rate, checked.dim)


def _estimate(
    settings: StreamSettings, plan: MemoryPlan, rate: float | None, dim: int
) -> StreamEstimate:
    pairs = list(zip(settings.timeline, plan.windows, strict=True))
    windows = tuple(_window(scale, window, rate, dim) for scale, window in pairs)
    waiting = filled = None
    if rate is not None:
        # a row as old as the watermark waits, too
        waiting = math.floor(rate * settings.allowed_lateness_ms / 1000 + _SLACK) + 1
        used = sum(window.filled_bytes or 0 for window in windows)
        filled = used + min(waiting, plan.pending) * row_bytes(dim)
    held = buffer_bytes(plan, dim)
    return StreamEstimate(
        rate=rate,
        dim=dim,
        windows=windows,
        points_waiting=waiting,
        max_waiting=plan.pending,
        pending_bytes=plan.pending * row_bytes(dim),
        buffer_bytes=held,
        filled_bytes=filled,
        working_bytes=plan.working,
        total_bytes=held + plan.working,
        limit_bytes=int(settings.max_memory_mb * MB),
        overflow_rate=min(1000 * w.max_points / w.duration_ms for w in windows),
    )


def _window(scale: Scale, plan: WindowPlan, rate: float | None, dim: int) -> WindowEstimate:
    needed = held = vertices = filled = None
    if rate is not None:
        needed = max(1, math.ceil(rate * scale.duration_ms / 1000 - _SLACK))
        held = min(needed, plan.max_points)
        vertices = min(held, plan.max_landmarks)
        filled = held * row_bytes(dim) + engine_bytes(vertices, dim) + cover_bytes(vertices, dim)
    return WindowEstimate(
        window_id=scale.window_id,
        duration_ms=scale.duration_ms,
        ticks_per_second=1e9 / scale.slide_ns,
        points_needed=needed,
        max_points=plan.max_points,
        overflows=None if needed is None else needed > plan.max_points,
        max_landmarks=plan.max_landmarks,
        n_vertices=vertices,
        exact=None if held is None else held <= plan.max_landmarks,
        ring_bytes=plan.max_points * row_bytes(dim),
        engine_bytes=engine_bytes(plan.max_landmarks, dim),
        cover_bytes=cover_bytes(plan.max_landmarks, dim),
        filled_bytes=filled,
    )


def _cells(window: WindowEstimate) -> tuple[str, ...]:
    words = "?" if window.exact is None else "exact" if window.exact else "landmarks"
    return (
        window.window_id,
        _number(window.points_needed) + ("!" if window.overflows else ""),
        _number(window.max_points),
        _number(window.max_landmarks if window.n_vertices is None else window.n_vertices),
        _size(window.nbytes),
        words,
    )


def _aligned(row: tuple[str, ...], widths: list[int]) -> list[str]:
    """Return the cells of a row, the first and the last from the left."""
    last = len(row) - 1
    return [
        f"{cell:<{width}}" if column in (0, last) else f"{cell:>{width}}"
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]


def _number(value: float | None) -> str:
    if value is None:
        return "?"
    return f"{value:,.0f}" if 100 <= value < 1e7 else f"{value:.3g}"


def _size(n_bytes: int) -> str:
    if n_bytes < MB:
        return f"{_number(n_bytes / 1024)} KB"
    return (
        f"{_number(n_bytes / MB)} MB" if n_bytes < 10_000 * MB else f"{n_bytes / MB / 1024:,.4g} GB"
    )
