"""Cancelled at any await: nothing is left running, nothing is lost, the next call goes on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from aura_tda_gpu import processor_settings
from aura_tda_gpu.errors import LifecycleError
from aura_tda_gpu.processor import StreamingTDAProcessor
from aura_tda_gpu.streaming.multi_scale_processor import MultiScaleStream
from aura_tda_gpu.streaming.window_update import WindowUpdate
from aura_tda_gpu.types import StreamingPoint

from .helpers import (
    Gate,
    cloud,
    eventually,
    point,
    processor,
    pushed,
    reading,
    told,
    turns,
    worker_threads,
)

pytestmark = pytest.mark.asyncio

CALLS: dict[str, Callable[[StreamingTDAProcessor], Awaitable[Any]]] = {
    "process_point": lambda tda: tda.process_point(StreamingPoint(cloud(1, 50)[0][0], 0.05)),
    "process_batch": lambda tda: tda.process_batch(*cloud(1, 50)),
    "advance": lambda tda: tda.advance(0.05),
    "flush": lambda tda: tda.flush(),
}


def enter(tda: StreamingTDAProcessor) -> Awaitable[Any]:
    return tda.__aenter__()


async def cancel(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await turns()
    assert task.cancelled()


class SlowStart:
    """Holds up the making of the stream, as the compiling of kernels does."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.begun = threading.Event()
        self.go_on = threading.Event()
        self.starts = 0
        patch.setattr(processor_settings, "MultiScaleStream", self._make)

    def _make(self, *args: Any, **settings: Any) -> MultiScaleStream:
        self.starts += 1
        self.begun.set()
        assert self.go_on.wait(10), "nobody let the stream start"
        return MultiScaleStream(*args, **settings)


@pytest.fixture
def slow_start(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowStart]:
    slow = SlowStart(monkeypatch)
    yield slow
    slow.go_on.set()


@pytest.mark.parametrize("name", ["initialize", *CALLS])
async def test_cancelled_while_it_starts(slow_start: SlowStart, name: str) -> None:
    """The call ends at once; the processor is there for the next one."""
    tda = processor()
    calls = {**CALLS, "initialize": lambda tda: tda.initialize()}
    task = asyncio.ensure_future(calls[name](tda))
    await eventually(slow_start.begun.is_set)
    await cancel(task)
    slow_start.go_on.set()
    assert told(await tda.process_batch(*cloud(50))) == told(pushed(50))
    assert slow_start.starts == 1
    await tda.close()
    assert worker_threads() == []


async def test_cancelled_while_async_with_starts(slow_start: SlowStart) -> None:
    """Nothing is left running when it raises."""
    tda = processor()
    task = asyncio.ensure_future(enter(tda))
    await eventually(slow_start.begun.is_set)
    task.cancel()
    await turns()
    assert not task.done()
    slow_start.go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert worker_threads() == []
    with pytest.raises(LifecycleError, match="closed"):
        await tda.initialize()


async def test_one_of_those_who_wait_for_the_start_is_cancelled(slow_start: SlowStart) -> None:
    tda = processor()
    tasks = [asyncio.create_task(tda.process_point(point(k))) for k in range(4)]
    await eventually(slow_start.begun.is_set)
    await cancel(tasks[1])
    slow_start.go_on.set()
    await asyncio.gather(tasks[0], *tasks[2:])
    assert slow_start.starts == 1
    await tda.close()
    assert tda.stats.stream.accepted == 3


async def test_whoever_started_it_is_cancelled_and_the_others_go_on(
    slow_start: SlowStart,
) -> None:
    tda = processor()
    tasks = [asyncio.create_task(tda.process_point(point(k))) for k in range(4)]
    await eventually(slow_start.begun.is_set)
    await cancel(tasks[0])
    slow_start.go_on.set()
    await asyncio.gather(*tasks[1:])
    assert slow_start.starts == 1
    await tda.close()
    assert tda.stats.stream.accepted == 3


async def test_closed_while_it_starts(slow_start: SlowStart) -> None:
    tda = processor()
    tasks = [asyncio.create_task(tda.process_point(point(k))) for k in range(3)]
    await eventually(slow_start.begun.is_set)
    closing = asyncio.create_task(tda.close())
    await turns()
    slow_start.go_on.set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(outcome, LifecycleError) for outcome in outcomes)
    await closing
    assert worker_threads() == []


@pytest.mark.parametrize("name", CALLS)
async def test_a_call_cancelled_in_the_middle_of_its_tick(gate: Gate, name: str) -> None:
    """Its points stay taken and its updates go to the subscribers."""
    gate.shut_at = 6  # five instants up to 0.045
    stream = MultiScaleStream(processor().config.scales, max_memory_mb=4, max_landmarks=24)
    expected = stream.push(*cloud(50))
    calls: dict[str, Callable[[], list[WindowUpdate]]] = {
        "advance": lambda: stream.advance(0.05),
        "flush": stream.flush,
    }
    expected += calls.get(name, lambda: stream.push(*cloud(1, 50)))()
    expected += stream.push(*cloud(100, 51))
    async with processor(hooks=[gate]) as tda:
        subscription = tda.subscribe_to_updates()
        await tda.process_batch(*cloud(50))
        gate.shut_at = 1
        task = asyncio.ensure_future(CALLS[name](tda))
        await gate.reached()
        await cancel(task)
        gate.open()
        await tda.process_batch(*cloud(100, 51))
        assert tda.stats.stream == stream.stats
    assert told(await reading(subscription)) == told(expected)


async def test_cancelled_before_the_worker_has_begun(gate: Gate) -> None:
    async with processor(hooks=[gate]) as tda:
        subscription = tda.subscribe_to_updates()
        held = asyncio.create_task(tda.process_batch(*cloud(20)))
        await gate.reached()
        waits = asyncio.create_task(tda.process_batch(*cloud(80, 20)))
        await turns()
        assert tda.stats.waiting == 100
        await cancel(waits)
        await cancel(held)
        gate.open()
    assert tda.stats.stream.accepted == 100
    assert told(await reading(subscription)) == told(pushed(100))


async def test_cancelled_while_it_waits_for_room(gate: Gate) -> None:
    """Points that were not in the queue yet are not taken, and whoever is next goes on."""
    async with processor(hooks=[gate], input_points=30) as tda:
        held = asyncio.create_task(tda.process_batch(*cloud(20)))
        await gate.reached()
        full = asyncio.create_task(tda.process_batch(*cloud(30, 20)))
        await turns()
        outside = asyncio.create_task(tda.process_batch([[9.0, 9.0]], [0.05]))
        behind = asyncio.create_task(tda.process_batch(*cloud(10, 50)))
        commanded = asyncio.create_task(tda.advance(0.07))
        await turns()
        assert tda.stats.waiting == 50
        await cancel(outside)
        gate.open()
        updates = await held + await full + await behind + await commanded
        assert tda.stats.stream.accepted == 60
    stream = MultiScaleStream([100, 400], max_memory_mb=4, max_landmarks=24)
    assert told(updates) == told(stream.push(*cloud(60)) + stream.advance(0.07))


async def test_all_who_wait_for_room_are_cancelled(gate: Gate) -> None:
    async with processor(hooks=[gate], input_points=10) as tda:
        held = asyncio.create_task(tda.process_batch(*cloud(20)))
        await gate.reached()
        tasks = [asyncio.create_task(tda.process_point(point(k))) for k in range(20, 60)]
        await turns()
        waiting = [task for task in tasks if not task.done()]
        for task in reversed(waiting):
            task.cancel()
        await turns()
        gate.open()
        await held
        await tda.process_batch([], [])
        assert 20 <= tda.stats.stream.accepted <= 30
        await tda.process_batch(*cloud(20, 60))
    assert tda.stats.waiting == 0


async def test_a_consumer_cancelled_while_it_waits() -> None:
    async with processor() as tda:
        subscription = tda.subscribe_to_updates()
        consumer = asyncio.ensure_future(subscription.__anext__())
        await turns()
        await cancel(consumer)
        updates = await tda.process_batch(*cloud(50))
        assert [await subscription.__anext__() for _ in updates] == updates


async def test_a_consumer_cancelled_as_its_update_arrives() -> None:
    async with processor() as tda:
        subscription = tda.subscribe_to_updates()
        consumer = asyncio.ensure_future(subscription.__anext__())
        await turns()
        updates = await tda.process_batch(*cloud(50))
        consumer.cancel()
        await turns()
        taken = [] if consumer.cancelled() else [consumer.result()]
        left = [await subscription.__anext__() for _ in range(len(updates) - len(taken))]
        assert taken + left == updates


@pytest.mark.parametrize("how", ["close", "__aexit__"])
async def test_close_cancelled_in_the_middle_of_a_tick(gate: Gate, how: str) -> None:
    """It ends after the tick under way, then says that it was cancelled."""
    tda = processor(hooks=[gate])
    subscription = tda.subscribe_to_updates()
    work = asyncio.create_task(tda.process_batch(*cloud(200)))
    await gate.reached()
    behind = asyncio.create_task(tda.process_batch(*cloud(10, 200)))
    await turns()
    call = tda.close() if how == "close" else tda.__aexit__(None, None, None)
    closing = asyncio.ensure_future(call)
    await turns()
    closing.cancel()
    await turns()
    assert not closing.done()
    gate.open()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert worker_threads() == []
    for task in (work, behind):
        with pytest.raises(LifecycleError, match="closed meanwhile"):
            await task
    delivered = told(await reading(subscription))
    assert delivered == told(pushed(200))[: len(delivered)]
    assert gate.instants < 10
    await tda.close()


async def test_the_body_of_async_with_cancelled_in_the_middle_of_a_tick(gate: Gate) -> None:
    async def body() -> None:
        async with processor(hooks=[gate]) as tda:
            await tda.process_batch(*cloud(2000))

    task = asyncio.create_task(body())
    await gate.reached()
    task.cancel()
    await turns()
    gate.open()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert worker_threads() == []
    assert gate.instants < 10


async def test_a_time_limit_on_a_call(gate: Gate) -> None:
    async with processor(hooks=[gate]) as tda:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(tda.process_batch(*cloud(50)), 0.02)
        gate.open()
        updates = await tda.process_batch(*cloud(50, 50))
        assert told(updates) == told(pushed(100))[-len(updates) :]
