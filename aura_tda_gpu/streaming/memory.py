"""How a promised amount of memory becomes buffer sizes."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import MemoryLimitError
from ..persistence.footprint import state_bytes

__all__ = [
    "MB",
    "MemoryPlan",
    "WindowPlan",
    "buffer_bytes",
    "cover_bytes",
    "engine_bytes",
    "plan_memory",
    "row_bytes",
    "working_bytes",
    "workspace",
]

MB = 1 << 20
MIN_POINTS = 16
MIN_LANDMARKS = 16
_WORK = 16  # bytes an entry that a rebuild takes beside them
_FIXED = 1 << 17
_MAXIMA = 1 << 13


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


def row_bytes(dim: int) -> int:
    """Return the bytes of a row in a buffer: float64 coordinates, time and id."""
    return 8 * dim + 16


def engine_bytes(n_vertices: int, dim: int) -> int:
    """Return the bytes one engine keeps from tick to tick.

    These are the state of its updates in place and the vertices themselves.
    """
    return state_bytes(n_vertices, dim) + n_vertices * (4 * dim + 16)


def cover_bytes(n_landmarks: int, dim: int) -> int:
    """Return the most bytes that the landmarks of one window take.

    These are float64 coordinates, under the cosine metric both as pushed and of length one,
    six numbers for each landmark, and the maxima of member distances.
    """
    return n_landmarks * (16 * dim + 48) + _MAXIMA


def workspace(n_vertices: int) -> int:
    """Return the bytes a rebuild takes beside what its engine keeps: keys, adjacency, relations.

    Engines tick one after another, so that a stream needs those of its largest one.
    """
    return _WORK * n_vertices * n_vertices + _FIXED


def buffer_bytes(plan: MemoryPlan, dim: int) -> int:
    """Return the most that `MultiScaleStream.get_memory_usage` says.

    Parameters
    ----------
    plan : MemoryPlan
    dim : int
        Coordinates a point.
    """
    n_rows = sum(window.max_points for window in plan.windows) + plan.pending
    return n_rows * row_bytes(dim) + sum(_kept(w.max_landmarks, dim) for w in plan.windows)


def working_bytes(plan: MemoryPlan, dim: int) -> int:
    """Return the most that a tick takes beside the buffers: a rebuild and a landmark selection.

    Parameters
    ----------
    plan : MemoryPlan
    dim : int
        Coordinates a point.
    """
    longest = max(window.max_points for window in plan.windows)
    largest = max(window.max_landmarks for window in plan.windows)
    return workspace(largest) + longest * _selection(dim)


def _selection(dim: int) -> int:
    """Return the bytes a row takes while landmarks are selected: coordinates twice, and gaps."""
    return 16 * dim + 24


def _kept(n_landmarks: int, dim: int) -> int:
    """Return the bytes one window keeps beside its rows."""
    return engine_bytes(n_landmarks, dim) + cover_bytes(n_landmarks, dim)


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

    Every window gets its engine, its landmarks and 16 rows, and all together the working memory
    of one rebuild; what is left goes to the windows in proportion to their durations, the
    pending buffer and the landmark selection counting as part of the longest one.

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
        largest = max(MIN_LANDMARKS, min(landmark_limit, _affordable(len(durations), dim, total)))
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


def _affordable(n_windows: int, dim: int, total: int) -> int:
    """Return how many landmarks each window may have: for half of the memory, or all there is."""
    most = min(total // 2, total - _fewest_rows(n_windows, dim))

    def needed(k: int) -> int:
        return n_windows * _kept(k, dim) + workspace(k)

    return bisect_right(range(1 << 16), most, key=needed) - 1


def _fewest_rows(n_windows: int, dim: int) -> int:
    """Return the bytes of the 16 rows that every window gets."""
    return MIN_POINTS * ((n_windows + 1) * row_bytes(dim) + _selection(dim))


def _share(durations: Sequence[int], dim: int, total: int, landmarks: list[int]) -> list[int]:
    """Return the rows of each window, given its landmarks."""
    longest = max(durations)
    engines = workspace(max(landmarks)) + sum(_kept(k, dim) for k in landmarks)
    needed = engines + _fewest_rows(len(durations), dim)
    if needed > total:
        raise MemoryLimitError(
            f"{len(durations)} windows of dimension {dim} need at least {needed / MB:.3g} MB, "
            f"{engines / MB:.3g} MB of it for {max(landmarks)} landmarks; max_memory_mb is "
            f"{total / MB:.3g}"
        )
    weight = (sum(durations) + longest) * row_bytes(dim) + longest * _selection(dim)
    return [MIN_POINTS + (total - needed) * duration // weight for duration in durations]
