"""How a promised amount of memory becomes buffer sizes."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..errors import MemoryLimitError
from ..persistence.footprint import state_bytes
from ..persistence.weights import BLOCK as WEIGHT_BLOCK

__all__ = [
    "MB",
    "MemoryPlan",
    "WindowPlan",
    "buffer_bytes",
    "cover_bytes",
    "engine_bytes",
    "plan_memory",
    "row_bytes",
    "workspace",
]

MB = 1 << 20
MIN_POINTS = 16
MIN_LANDMARKS = 16
_WORK = 16  # bytes an entry that a rebuild takes beside them
_FIXED = 1 << 17
_MAXIMA = 1 << 13
COVER_BLOCK = 1 << 14  # rows that a cover reads at once
COVER_MEASURED = 1 << 26  # coordinate differences up to which it measures all rows again
FRAME_BLOCK = 1 << 16  # rows that are cast to float32 at once
UNIT_BLOCK = 1 << 10  # rows that are scaled to length one at once


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
    working : int
        Bytes that a tick takes beside the buffers at most: a rebuild, a choice of landmarks, and
        late rows on their way.
    """

    windows: tuple[WindowPlan, ...]
    pending: int
    working: int


def row_bytes(dim: int) -> int:
    """Return the bytes of a row in a buffer: float64 coordinates, time and id."""
    return 8 * dim + 16


def engine_bytes(n_vertices: int, dim: int) -> int:
    """Return the bytes one engine keeps from tick to tick.

    These are the state of its updates in place, the last two diagrams, the vertices themselves
    with two ids each, and the origin.
    """
    return state_bytes(n_vertices, dim) + n_vertices * (4 * dim + 16) + 8 * dim


def cover_bytes(n_landmarks: int, dim: int) -> int:
    """Return the most bytes that the landmarks of one window take.

    These are float64 coordinates, under the cosine metric both as pushed and of length one,
    six numbers and three ids for each landmark, the maxima of member distances, and two origins.
    """
    return n_landmarks * (16 * dim + 72) + 16 * dim + _MAXIMA


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


def plan_memory(
    durations: Sequence[int],
    dim: int,
    *,
    max_memory_mb: float,
    max_points: int | None = None,
    max_landmarks: int | None = None,
    landmark_ratio: float = 0.1,
    landmark_limit: int = 512,
    landmarks: str = "cover",
    late: bool = False,
    weighted: bool = False,
) -> MemoryPlan:
    """Split memory over the windows of a stream.

    Every window gets its engine, its landmarks and 16 rows, and all together the working memory
    of one tick; what is left goes to the windows in proportion to their durations, beside a
    buffer as large as the longest one for the rows that wait.

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
    landmarks : str
        ``"cover"``, or ``"maxmin"``, which needs all rows of a window once more to choose.
    late : bool
        Whether rows wait for late ones, so that a jump of the clock may release as many as wait.
    weighted : bool
        Whether landmarks are weighted by all rows.

    Raises
    ------
    MemoryLimitError
        If that is not enough; names what is needed and what is given.
    """
    total = int(max_memory_mb * MB)
    needs = _Needs(dim, landmarks, late, weighted)
    limit = len(durations) * [math.inf if max_points is None else max_points]
    if max_landmarks is not None:
        sizes = [int(min(max_landmarks, cap)) for cap in limit]
        points = _share(durations, total, sizes, needs)
    else:
        largest = max(MIN_LANDMARKS, min(landmark_limit, _affordable(len(durations), total, needs)))
        sizes = [int(min(largest, cap)) for cap in limit]
        points = _share(durations, total, sizes, needs)
        sizes = [
            min(k, max(MIN_LANDMARKS, int(landmark_ratio * min(n, cap))))
            for k, n, cap in zip(sizes, points, limit, strict=True)
        ]
        points = _share(durations, total, sizes, needs)
    return needs.plan(
        WindowPlan(int(min(n, cap)), int(min(k, n)))
        for n, k, cap in zip(points, sizes, limit, strict=True)
    )


@dataclass(frozen=True, slots=True)
class _Needs:
    """What decides how many bytes windows of given sizes take."""

    dim: int
    landmarks: str
    late: bool
    weighted: bool

    def plan(self, windows: Iterable[WindowPlan]) -> MemoryPlan:
        """Return the sizes of all that comes with some windows."""
        windows = tuple(windows)
        pending = max(window.max_points for window in windows)
        working = workspace(max(window.max_landmarks for window in windows))
        working += max(max(self._choice(w), self._weights(w)) for w in windows)
        working += pending * row_bytes(self.dim) if self.late else 0
        return MemoryPlan(windows, pending, working)

    def total(self, windows: Iterable[WindowPlan]) -> int:
        """Return the bytes of some windows and of all that comes with them."""
        plan = self.plan(windows)
        return buffer_bytes(plan, self.dim) + plan.working

    def _choice(self, window: WindowPlan) -> int:
        """Return the most bytes that choosing the landmarks of a window takes.

        Farthest points need the coordinates of all rows, copied where they wrap around the end of
        the buffer, in float32 and by columns, and their gaps. A cover may be built anew; it reads
        rows by blocks, or all of them where it measures their distances.
        """
        n, k, dim = window.max_points, window.max_landmarks, self.dim
        if self.landmarks == "maxmin":
            blocks = min(n, FRAME_BLOCK) + min(n, UNIT_BLOCK)
            return n * (12 * dim + 24) + 8 * dim * blocks
        read = min(n, max(COVER_BLOCK, COVER_MEASURED // (k * dim), k))
        return read * row_bytes(dim) + cover_bytes(k, dim)

    def _weights(self, window: WindowPlan) -> int:
        """Return the most bytes that weighing the landmarks of a window takes.

        These are the coordinates of all rows in float32, twice, with the blocks they are cast from,
        and squares of distances; they go before the rebuild.
        """
        if not self.weighted:
            return 0
        n, dim = window.max_points, self.dim
        return n * (8 * dim + 16) + 16 * dim * min(n, FRAME_BLOCK) + 16 * WEIGHT_BLOCK


def _affordable(n_windows: int, total: int, needs: _Needs) -> int:
    """Return how many landmarks each window may have: for half of the memory, or all there is."""

    def needed(k: int) -> int:
        engines = n_windows * _kept(k, needs.dim) + workspace(k)
        return max(2 * engines, needs.total(n_windows * [WindowPlan(MIN_POINTS, k)]))

    return bisect_right(range(1, 1 << 16), total, key=needed)


def _share(durations: Sequence[int], total: int, sizes: Sequence[int], needs: _Needs) -> list[int]:
    """Return the rows of each window, given its landmarks."""
    longest = max(durations)

    def rows(n: int) -> list[int]:
        return [MIN_POINTS + (n - MIN_POINTS) * duration // longest for duration in durations]

    def needed(n: int) -> int:
        return needs.total(WindowPlan(*window) for window in zip(rows(n), sizes, strict=True))

    if needed(MIN_POINTS) > total:
        engines = workspace(max(sizes)) + sum(_kept(k, needs.dim) for k in sizes)
        raise MemoryLimitError(
            f"{len(durations)} windows of dimension {needs.dim} need at least "
            f"{needed(MIN_POINTS) / MB:.3g} MB, {engines / MB:.3g} MB of it for {max(sizes)} "
            f"landmarks; max_memory_mb is {total / MB:.3g}"
        )
    more = range(MIN_POINTS + 1, total // row_bytes(needs.dim))
    return rows(MIN_POINTS + bisect_right(more, total, key=needed))


def _kept(n_landmarks: int, dim: int) -> int:
    """Return the bytes one window keeps beside its rows."""
    return engine_bytes(n_landmarks, dim) + cover_bytes(n_landmarks, dim)
