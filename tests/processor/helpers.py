"""What the tests of the processor share: data, a reference, and ways to hold the worker up."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pytest

from aura_tda_gpu.processor import StreamingTDAProcessor
from aura_tda_gpu.streaming.multi_scale_processor import MultiScaleStream
from aura_tda_gpu.streaming.persistence_stream import BoundedPersistenceStream
from aura_tda_gpu.streaming.window_update import WindowUpdate
from aura_tda_gpu.types import StreamingPoint

from ..streaming.test_interruption import told

__all__ = [
    "AWAITED",
    "EVERY_BAR",
    "SCALES",
    "SETTINGS",
    "BrokenTicks",
    "Call",
    "Fails",
    "Gate",
    "cloud",
    "eventually",
    "overlook_old_threads",
    "point",
    "processor",
    "pushed",
    "reading",
    "told",
    "turns",
    "worker_threads",
]

SCALES = [100, 400]
SETTINGS: dict[str, Any] = {"max_memory_mb": 4, "max_landmarks": 24}
EVERY_BAR: dict[str, Any] = {"min_persistence": 0.0, "min_ticks": 1, "alpha": 1.0}
HZ = 1000


def cloud(n: int, start: int = 0) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Points ``start`` to ``start + n`` of one endless recording, and their times."""
    k = np.arange(start, start + n)
    noise = np.sin(k * 12.9898) * 43758.5453 % 1
    points = np.column_stack([np.cos(k * 0.6) + noise / 9, np.sin(k * 0.6) + noise**2 / 9])
    return points, k / HZ


def point(k: int, /, **metadata: Any) -> StreamingPoint:
    """The point ``k`` of that recording."""
    points, times = cloud(1, k)
    return StreamingPoint(points[0], float(times[0]), metadata or None)


def processor(scales: Any = SCALES, **settings: Any) -> StreamingTDAProcessor:
    return StreamingTDAProcessor(scales, **{**SETTINGS, **settings})


def pushed(n: int, *, flush: bool = False, **settings: Any) -> list[WindowUpdate]:
    """What a plain stream says of the first ``n`` points."""
    stream = MultiScaleStream(SCALES, **{**SETTINGS, **settings})
    return stream.push(*cloud(n)) + (stream.flush() if flush else [])


async def reading(subscription: AsyncIterator[Any]) -> list[Any]:
    """Everything a subscription says until it ends."""
    return [item async for item in subscription]


async def turns(n: int = 20) -> None:
    """Let every other task of the loop have some turns."""
    for _ in range(n):
        await asyncio.sleep(0)


async def eventually(condition: Callable[[], object], seconds: float = 5) -> None:
    """Wait until something holds, and fail if it never does."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it never came true"
        await asyncio.sleep(0.001)


Call: TypeAlias = Callable[[StreamingTDAProcessor], Awaitable[Any]]

AWAITED: dict[str, Call] = {
    "initialize": lambda tda: tda.initialize(),
    "process_point": lambda tda: tda.process_point(point(0)),
    "process_batch": lambda tda: tda.process_batch(*cloud(5)),
    "advance": lambda tda: tda.advance(1.0),
    "flush": lambda tda: tda.flush(),
    "get_current_features": lambda tda: tda.get_current_features(),
    "__aenter__": lambda tda: tda.__aenter__(),
}

_OLD_THREADS: set[int] = set()


def overlook_old_threads() -> None:
    """Let a test that leaks a thread fail alone."""
    _OLD_THREADS.clear()
    _OLD_THREADS.update(map(id, threading.enumerate()))


def worker_threads() -> list[str]:
    """The threads of processors that this test has started; the engine's own wait for all."""
    names = {
        id(thread): thread.name
        for thread in threading.enumerate()
        if thread.name.startswith("aura-tda") and id(thread) not in _OLD_THREADS
    }
    return [name for name in names.values() if not name.startswith("aura-tda-update")]


class BrokenTicks:
    """Makes given ticks of the windows fail, counted from 1 over all scales."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.calls = 0
        self.at: dict[int, BaseException] = {}
        original = BoundedPersistenceStream.tick

        def tick(window: BoundedPersistenceStream, t_ns: int) -> WindowUpdate:
            self.calls += 1
            if self.calls in self.at:
                raise self.at[self.calls]
            return original(window, t_ns)

        patch.setattr(BoundedPersistenceStream, "tick", tick)


class Gate:
    """A hook that holds the worker up until it is opened, from the n-th instant on."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.instants = 0
        self.shut_at = 1
        self._free = threading.Event()

    def __call__(self, updates: Sequence[WindowUpdate]) -> None:
        self.instants += 1
        if self.instants >= self.shut_at:
            self.entered.set()
            assert self._free.wait(10), "the gate was never opened"

    def open(self) -> None:
        self._free.set()

    async def reached(self) -> None:
        """Wait until the worker stands before it."""
        await eventually(self.entered.is_set)


class Fails:
    """A hook that raises at given calls, counted from 1."""

    def __init__(self, at: dict[int, BaseException]) -> None:
        self.at = at
        self.calls = 0

    def __call__(self, updates: Sequence[WindowUpdate]) -> None:
        self.calls += 1
        if self.calls in self.at:
            raise self.at[self.calls]
