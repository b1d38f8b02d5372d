"""What happens to points before they are in the queue: callers in line, checks of many points."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy.typing as npt

from ..persistence.engine import Int64Array
from .stepwise import StepwiseStream
from .worker_thread import WorkerThread

__all__ = ["Entrance", "LargeChecks", "count_of", "is_large"]

_LARGE = 20_000  # coordinates that are checked off the event loop


class Entrance:
    """Where callers wait in the order of their calls.

    Attributes
    ----------
    n_entering : int
        Those who wait or hold it.
    """

    def __init__(self) -> None:
        self.n_entering = 0
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Hold the entrance."""
        # a lock says that it is free before the next in line has taken it
        self.n_entering += 1
        try:
            async with self._lock:
                yield
        finally:
            self.n_entering -= 1


class LargeChecks:
    """Checks of many points, each in a thread of its own.

    Parameters
    ----------
    stream : StepwiseStream
        Where they are to be taken.
    """

    def __init__(self, stream: StepwiseStream) -> None:
        self._stream = stream
        self._threads: set[WorkerThread] = set()

    @property
    def under_way(self) -> bool:
        """Whether one has not ended, though its caller may have left."""
        return any(thread.is_alive() for thread in self._threads)

    async def check(
        self, points: Any, timestamps: Any, watermark_ns: int | None
    ) -> tuple[npt.NDArray[Any], Int64Array]:
        """Validate points as `StepwiseStream.check` does, off the event loop.

        Raises
        ------
        InvalidInputError
            If a row cannot be used; names the first one.
        """
        thread = WorkerThread("aura-tda-check")
        self._threads = {thread, *filter(WorkerThread.is_alive, self._threads)}
        try:
            return await asyncio.get_running_loop().run_in_executor(
                thread, self._stream.check, points, timestamps, watermark_ns
            )
        finally:
            thread.shutdown(wait=False)


def count_of(timestamps: Any) -> int:
    """Return how many points a call brings, 1 if that is not plain."""
    try:
        return len(timestamps)
    except TypeError:
        return 1


def is_large(points: Any, timestamps: Any) -> bool:
    """Tell whether a call brings so many coordinates that their check would hold the loop up."""
    return type(timestamps) is not float and _size(points, timestamps) > _LARGE


def _size(points: Any, timestamps: Any) -> int:
    """Return about how many coordinates a call brings."""
    n_points = count_of(timestamps)
    if n_points == 1:
        return 1
    try:
        return n_points * max(1, count_of(points[0]))
    except (TypeError, LookupError, ValueError, RuntimeError, AttributeError):
        return n_points
