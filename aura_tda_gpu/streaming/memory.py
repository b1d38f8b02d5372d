"""How a promised amount of memory becomes buffer sizes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import MemoryLimitError

__all__ = [
    "MB",
    "MemoryPlan",
    "WindowPlan",
    "buffer_bytes",
    "plan_memory",
    "row_bytes",
    "vertex_bytes",
]

MB = 1 << 20
MIN_POINTS = 16
MIN_LANDMARKS = 16
_FIXED = 1 << 16


@dataclass(frozen=True, slots=True)
class WindowPlan:
    """Sizes of one window.

    Attributes
    ----------
    max_points : int
        Capacity of its ring buffer.
    max_landmarks : int
        Largest number of vertices its engine sees.
    """

    max_points: int
    max_landmarks: int


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """Sizes of all buffers of a stream.

    Attributes
    ----------
    windows : tuple of WindowPlan
        In the order of the durations.
    pending : int
        Capacity of the buffer that waits for the watermark.
    """

    windows: tuple[WindowPlan, ...]
    pending: int


def workspace(n_vertices: int) -> int:
    """Return the bytes reserved for one engine: distances, sorted keys, adjacency."""
    return 12 * n_vertices * n_vertices + _FIXED


def row_bytes(dim: int) -> int:
    """Return the bytes of a row in a buffer: float64 coordinates, time and id."""
    return 8 * dim + 16


def vertex_bytes(n_vertices: int, dim: int) -> int:
    """Return the bytes of the points an engine holds: float32 coordinates and two ids."""
    return n_vertices * (4 * dim + 16)


def buffer_bytes(plan: MemoryPlan, dim: int) -> int:
    """Return the bytes of all buffers of a plan: `MultiScaleStream.get_memory_usage` at the start.

    Parameters
    ----------
    plan : MemoryPlan
    dim : int
        Coordinates a point.
    """
    n_rows = sum(window.max_points for window in plan.windows) + plan.pending
    vertices = sum(vertex_bytes(window.max_landmarks, dim) for window in plan.windows)
    return n_rows * row_bytes(dim) + vertices


def plan_memory(
    durations: Sequence[int],
    dim: int,
    *,
    max_memory_mb: float,
    max_points: int | None = None,
    max_landmarks: int | None = None,
    landmark_ratio: float = 0.1,
    landmark_limit: int = 512,
) -> MemoryPlan:
    """Split memory over the windows of a stream.

    Every window gets an engine workspace and 16 rows; what is left goes to the windows in
    proportion to their durations, the pending buffer and the landmark selection counting as
    part of the longest one.

    Parameters
    ----------
    durations : sequence of int
        Window lengths, in any unit.
    dim : int
        Coordinates a point.
    max_memory_mb : float
        Memory of the stream, in MB of 1024 x 1024 bytes.
    max_points : int, optional
        Upper limit of the rows of each window.
    max_landmarks : int, optional
        Landmarks of each window. None takes ``landmark_ratio`` of its rows, from 16 up to
        ``landmark_limit``, and at most half of the memory for the engines.

    Raises
    ------
    MemoryLimitError
        If that is not enough; names what is needed and what is given.
    """
    total = int(max_memory_mb * MB)
    limit = len(durations) * [math.inf if max_points is None else max_points]
    if max_landmarks is not None:
        landmarks = [int(min(max_landmarks, cap)) for cap in limit]
        points = _share(durations, dim, total, landmarks)
    else:
        affordable = math.isqrt(max(0, total) // (24 * len(durations)))
        largest = max(MIN_LANDMARKS, min(landmark_limit, affordable))
        landmarks = [int(min(largest, cap)) for cap in limit]
        points = _share(durations, dim, total, landmarks)
        landmarks = [
            min(k, max(MIN_LANDMARKS, int(landmark_ratio * min(n, cap))))
            for k, n, cap in zip(landmarks, points, limit, strict=True)
        ]
        points = _share(durations, dim, total, landmarks)
    windows = tuple(
        WindowPlan(int(min(n, cap)), int(min(k, n)))
        for n, k, cap in zip(points, landmarks, limit, strict=True)
    )
    return MemoryPlan(windows, max(window.max_points for window in windows))


def _share(durations: Sequence[int], dim: int, total: int, landmarks: list[int]) -> list[int]:
    """Return the rows of each window, given its landmarks."""
    row = row_bytes(dim)
    selection = 16 * dim + 24
    longest = max(durations)
    engines = sum(workspace(k) for k in landmarks)
    needed = engines + MIN_POINTS * ((len(durations) + 1) * row + selection)
    if needed > total:
        raise MemoryLimitError(
            f"{len(durations)} windows of dimension {dim} need at least {needed / MB:.3g} MB, "
            f"{engines / MB:.3g} MB of it for {max(landmarks)} landmarks; max_memory_mb is "
            f"{total / MB:.3g}"
        )
    weight = (sum(durations) + longest) * row + longest * selection
    return [MIN_POINTS + (total - needed) * duration // weight for duration in durations]
