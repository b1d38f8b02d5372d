"""When the worker turns from the engine to the hooks, and the event loop to what they completed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import pytest

from aura_tda_gpu.errors import WorkerError
from aura_tda_gpu.streaming import job_runner, worker
from aura_tda_gpu.streaming.persistence_stream import BoundedPersistenceStream
from aura_tda_gpu.streaming.window_update import WindowUpdate

from .helpers import BrokenTicks, Gate, cloud, eventually, processor, pushed, reading, told

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


async def test_a_long_job_is_looked_at_where_somebody_asks(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Features are new, and a subscription does not get what was finished before it."""
    monkeypatch.setattr(worker, "HOLD_S", 0)
    monkeypatch.setattr(job_runner, "LOOK_S", 0)
    monkeypatch.setattr(job_runner, "LOOK_UNHEARD_S", 60)
    gate.shut_at = 7
    expected = pushed(N)

    def note(updates: Sequence[WindowUpdate]) -> None:
        for update in updates:
            update.features = update.vertices[:1].astype("float32") * 0 + update.timestamp

    async with processor(hooks=[note, gate]) as tda:
        work = asyncio.create_task(tda.process_batch(*cloud(N)))
        await gate.reached()
        assert tda._broadcast.features == {}
        features = await tda.get_current_features()
        assert {name: round(float(f[0, 0]), 3) for name, f in features.items()} == {
            "scale_100ms": 0.06,
            "scale_400ms": 0.04,
        }
        subscription = tda.subscribe_to_updates()
        gate.open()
        await work
    assert told(await reading(subscription)) == told(expected[7:])


async def test_a_subscription_that_comes_late_has_a_long_job_looked_at(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "HOLD_S", 0)
    monkeypatch.setattr(job_runner, "LOOK_UNHEARD_S", 60)
    later = Gate()
    gate.shut_at, later.shut_at = 2, 6
    async with processor(hooks=[gate, later]) as tda:
        work = asyncio.create_task(tda.process_batch(*cloud(N)))
        await gate.reached()
        subscription = tda.subscribe_to_updates()
        gate.open()
        await later.reached()
        await eventually(lambda: subscription.waiting == 5)
        later.open()
        await work
