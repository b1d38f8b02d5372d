"""When the worker turns from the engine to the hooks."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from aura_tda_gpu.errors import WorkerError
from aura_tda_gpu.streaming import worker
from aura_tda_gpu.streaming.persistence_stream import BoundedPersistenceStream, WindowUpdate

from .helpers import BrokenTicks, cloud, processor, pushed, reading, told

pytestmark = pytest.mark.asyncio

N = 100  # points: nine instants, at the fourth and the eighth of which both scales tick
TICKS = 11
ALONE = [1, 2, 3, 5, 6, 7, 8, 10, 11]  # ticks at each instant's hooks, if no instant waits


class Turns:
    """A hook that notes how many ticks there have been at each instant.

    ``before`` has, for each tick of a scale that says what it takes, how many ticks before it have
    not been to the hook.
    """

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.takes_s = 0.0
        self.ticks_say_s: dict[str, float] = {}
        self.at: list[int] = []
        self.before: list[int] = []
        self._ticks = self._hooked = 0
        original = BoundedPersistenceStream.tick

        def tick(window: BoundedPersistenceStream, t_ns: int) -> WindowUpdate:
            name = window.scale.window_id
            if name in self.ticks_say_s:
                self.before.append(self._ticks - self._hooked)
            update = original(window, t_ns)
            update.latency_seconds = self.ticks_say_s.get(name, 0.0)
            self._ticks += 1
            return update

        patch.setattr(BoundedPersistenceStream, "tick", tick)

    def __call__(self, updates: Sequence[WindowUpdate]) -> None:
        time.sleep(self.takes_s)
        self.at.append(self._ticks)
        self._hooked += len(updates)


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> Turns:
    monkeypatch.setattr(worker, "HOLD_S", 60)
    return Turns(monkeypatch)


async def test_instants_of_a_job_go_to_the_hooks_together(turns: Turns) -> None:
    """But for the first, and for those before a scale that has never ticked."""
    async with processor(hooks=[turns]) as tda:
        await tda.process_batch(*cloud(N))
        assert turns.at == [1, 3, 3, *6 * [TICKS]]
        turns.at.clear()
        await tda.process_batch(*cloud(50, N))
        assert turns.at == [TICKS + 1, *4 * [TICKS + 6]]


async def test_without_time_to_wait_every_instant_goes_alone(
    turns: Turns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "HOLD_S", 0)
    async with processor(hooks=[turns]) as tda:
        await tda.process_batch(*cloud(N))
    assert turns.at == ALONE


async def test_no_instant_waits_for_a_tick_that_takes_long(turns: Turns) -> None:
    """As long as the one before of its scale; the tick of the other scale belongs to it."""
    turns.ticks_say_s = {"scale_400ms": 61.0}
    async with processor(hooks=[turns]) as tda:
        await tda.process_batch(*cloud(50))
        turns.ticks_say_s = {"scale_400ms": 1.0}
        await tda.process_batch(*cloud(N, 50))
    assert turns.before == [1, 1, 6]


async def test_no_instant_waits_for_hooks_that_take_long(
    turns: Turns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "HOLD_S", 0.005)
    turns.takes_s = 0.006
    async with processor(hooks=[turns]) as tda:
        await tda.process_batch(*cloud(N))
    assert turns.at == ALONE


@pytest.mark.parametrize("n", [*range(1, TICKS + 1)])
async def test_instants_before_a_tick_that_fails_are_delivered(
    n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "HOLD_S", 60)
    broken = BrokenTicks(monkeypatch)
    broken.at = {n: RuntimeError()}
    async with processor() as tda:
        subscription = tda.subscribe_to_updates()
        with pytest.raises(WorkerError):
            await tda.process_batch(*cloud(N))
        complete = n - 1 - (n in (5, 10))
        assert subscription.waiting == complete
        await tda.process_batch([], [])
    assert told(await reading(subscription)) == told(pushed(N))
