"""Micro-batches, their deadline, and a queue that never grows beyond its bound."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from aura_tda_gpu.errors import AuraTDAError, WorkerError
from aura_tda_gpu.processor import StreamingTDAProcessor
from aura_tda_gpu.streaming.input_queue import InputQueue
from aura_tda_gpu.streaming.multi_scale_processor import MultiScaleStream

from .helpers import (
    SCALES,
    SETTINGS,
    BrokenTicks,
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

FOREVER = 60_000  # ms


@pytest.fixture
def peak(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """The most points that ever waited in a queue."""
    sizes = [0]
    original = InputQueue.add

    def add(queue: InputQueue[Any], entry: Any) -> None:
        original(queue, entry)
        sizes.append(queue.n_points)

    monkeypatch.setattr(InputQueue, "add", add)
    return lambda: max(sizes)


async def held(tda: StreamingTDAProcessor, gate: Gate, n: int) -> asyncio.Task[Any]:
    """Let the worker hang over the first ``n`` points."""
    task = asyncio.create_task(tda.process_batch(*cloud(n)))
    await gate.reached()
    return task


async def test_the_deadline_pushes_a_lonely_point() -> None:
    async with processor(batch_deadline_ms=5) as tda:
        await tda.process_batch(*cloud(21))
        assert await tda.process_point(point(21)) is None
        assert (tda.stats.batches, tda.stats.waiting, tda.stats.stream.accepted) == (1, 1, 21)
        await eventually(lambda: tda.stats.batches == 2)
        assert (tda.stats.waiting, tda.stats.stream.accepted) == (0, 22)


async def test_a_long_deadline_pushes_nothing() -> None:
    async with processor(batch_deadline_ms=FOREVER) as tda:
        await tda.process_batch(*cloud(21))
        for k in range(21, 30):
            await tda.process_point(point(k))
            await asyncio.sleep(0.001)
        assert (tda.stats.batches, tda.stats.waiting) == (1, 9)
        update = await tda.process_point(point(30))
        assert update is not None
        assert (tda.stats.batches, tda.stats.waiting) == (2, 0)


@pytest.mark.parametrize("batch_size", [1, 3, 9])
async def test_a_full_batch_is_pushed_without_a_deadline(batch_size: int) -> None:
    async with processor(batch_deadline_ms=FOREVER, batch_size=batch_size) as tda:
        await tda.process_batch(*cloud(21))
        for k in range(21, 30):
            await tda.process_point(point(k))
        await eventually(lambda: not tda.stats.waiting)
        assert tda.stats.stream.accepted == 30
        assert 1 + 9 / batch_size >= tda.stats.batches >= 2


async def test_calls_that_wait_together_go_in_batches(gate: Gate) -> None:
    async with processor(hooks=[gate], batch_size=25) as tda:
        first = await held(tda, gate, 20)
        tasks = [asyncio.create_task(tda.process_point(point(k))) for k in range(20, 120)]
        await turns()
        assert tda.stats.waiting == 120
        gate.open()
        await asyncio.gather(first, *tasks)
        await tda.process_batch([], [])
        assert tda.stats.batches == 1 + 4 + 1
        assert tda.stats.stream.accepted == 120


async def test_a_batch_larger_than_the_batch_size_is_pushed_whole() -> None:
    async with processor(batch_size=10) as tda:
        updates = await tda.process_batch(*cloud(95))
        assert tda.stats.batches == 1
    assert told(updates) == told(pushed(95))


async def test_block_keeps_the_bound_and_the_order(gate: Gate, peak: Callable[[], int]) -> None:
    limit = 30
    async with processor(hooks=[gate], input_points=limit, batch_size=7) as tda:
        subscription = tda.subscribe_to_updates()
        first = await held(tda, gate, 20)
        tasks = [asyncio.create_task(tda.process_point(point(k))) for k in range(20, 200)]
        await turns()
        assert tda.stats.waiting == 20 + limit
        gate.open()
        results = [*await first]
        for task in tasks:
            update = await task
            results += update.all if update else ()
        assert tda.stats.dropped == 0
        assert peak() == limit
    assert told(results) == told(pushed(200))
    assert told(await reading(subscription)) == told(pushed(200))


async def test_a_later_call_of_somebody_else_does_not_overtake(gate: Gate) -> None:
    """Ten sources take turns; whoever called first is taken first."""
    order: list[int] = []
    async with processor(hooks=[gate], input_points=5, batch_size=3) as tda:
        first = await held(tda, gate, 20)

        async def source(number: int) -> None:
            for turn in range(8):
                order.append(len(order))
                await tda.process_point(point(20 + len(order) // 20, id=order[-1]))
                assert turn < 8

        sources = [asyncio.create_task(source(number)) for number in range(10)]
        await turns()
        gate.open()
        await asyncio.gather(first, *sources)
        await tda.process_batch([], [])
        taken = [tda.metadata_of(20 + k) for k in range(80)]
    assert [(found or {}).get("id") for found in taken] == order


async def test_a_batch_larger_than_the_queue_waits_until_it_is_empty(gate: Gate) -> None:
    async with processor(hooks=[gate], input_points=10) as tda:
        first = await held(tda, gate, 20)
        some = asyncio.create_task(tda.process_batch(*cloud(5, 20)))
        large = asyncio.create_task(tda.process_batch(*cloud(75, 25)))
        behind = asyncio.create_task(tda.process_batch(*cloud(5, 100)))
        await turns()
        assert tda.stats.waiting == 25
        gate.open()
        results = await first + await some + await large + await behind
    assert told(results) == told(pushed(105))


async def test_drop_oldest(gate: Gate) -> None:
    async with processor(hooks=[gate], input_points=10, input_policy="drop_oldest") as tda:
        first = await held(tda, gate, 21)
        tasks = [asyncio.create_task(tda.process_batch(*cloud(4, k))) for k in range(21, 61, 4)]
        await turns()
        # ten points wait: the last two calls and half of the one before
        assert (tda.stats.waiting, tda.stats.dropped) == (21 + 10, 30)
        assert [task.done() for task in tasks] == [True] * 7 + [False] * 3
        assert [task.result() for task in tasks[:7]] == [[]] * 7
        gate.open()
        results = await first
        for task in tasks[7:]:
            results += await task
        assert (tda.stats.waiting, tda.stats.dropped) == (0, 30)
        assert tda.stats.stream.accepted == 31
    stream = MultiScaleStream(SCALES, **SETTINGS)
    stream_points, stream_times = cloud(61)
    kept = np.r_[0:21, 51:61]
    assert [u.timestamp for u in results] == [
        u.timestamp for u in stream.push(stream_points[kept], stream_times[kept])
    ]


async def test_drop_oldest_keeps_commands_and_takes_a_batch_larger_than_the_queue(
    gate: Gate,
) -> None:
    async with processor(hooks=[gate], input_points=10, input_policy="drop_oldest") as tda:
        first = await held(tda, gate, 21)
        dropped = asyncio.create_task(tda.process_batch(*cloud(9, 21)))
        advancing = asyncio.create_task(tda.advance(0.04))
        large = asyncio.create_task(tda.process_batch(*cloud(50, 41)))
        await turns()
        assert (tda.stats.waiting, tda.stats.dropped) == (71, 9)
        gate.open()
        assert await dropped == []
        assert [round(u.timestamp, 3) for u in await advancing] == [0.03, 0.04, 0.04]
        assert len(await large) > 0
        await first
        assert tda.stats.stream.accepted == 71


@pytest.mark.parametrize("policy", ["block", "drop_oldest"])
async def test_a_flood_of_tasks(policy: str, peak: Callable[[], int]) -> None:
    n, limit = 5000, 50
    async with processor(input_points=limit, input_policy=policy, batch_size=20) as tda:
        subscription = tda.subscribe_to_updates(limit=10_000)
        await tda.process_batch(*cloud(1))
        tasks = [asyncio.create_task(tda.process_point(point(k))) for k in range(1, n)]
        await asyncio.gather(*tasks)
        await tda.process_batch([], [])
        stats = tda.stats
        assert peak() <= limit
        assert stats.stream.accepted + stats.dropped == n
        assert (stats.dropped > 0) == (policy == "drop_oldest")
        returned = [u for task in tasks if (first := task.result()) for u in first.all]
    delivered = await reading(subscription)
    assert sorted(map(id, delivered)) == sorted(map(id, returned))
    if policy == "block":
        assert told(delivered) == told(pushed(n))
        assert returned == delivered


async def test_other_tasks_have_their_turn_under_full_load() -> None:
    beats = 0

    async def heart() -> None:
        nonlocal beats
        while True:
            beats += 1
            await asyncio.sleep(0)

    async with processor(batch_deadline_ms=FOREVER, batch_size=100_000) as tda:
        await tda.process_batch(*cloud(21))
        beating = asyncio.create_task(heart())
        beats_before = beats
        for _ in range(2000):  # none of these waits for anything
            await tda.process_batch([[0.0, 0.0]], [0.021])
        assert beats > beats_before
        assert tda.stats.batches == 1
        beating.cancel()


@pytest.mark.parametrize("policy", ["block", "drop_oldest"])
async def test_a_stuck_worker_keeps_the_bound(
    policy: str, monkeypatch: pytest.MonkeyPatch, peak: Callable[[], int]
) -> None:
    broken, limit = BrokenTicks(monkeypatch), 10
    async with processor(input_points=limit, input_policy=policy, batch_size=5) as tda:
        await tda.process_batch(*cloud(21))
        broken.at = {broken.calls + k: RuntimeError() for k in range(1, 10_000)}
        with pytest.raises(WorkerError):
            await tda.process_batch(*cloud(20, 21))
        tasks = [asyncio.create_task(tda.process_point(point(k))) for k in range(41, 200)]
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(o is None or isinstance(o, WorkerError) for o in outcomes)
        assert peak() <= 21 + limit  # the first batch is larger than the queue
        broken.at = {}
        await tda.process_batch(*cloud(1, 250))
        assert tda.stats.waiting == 0


async def test_a_full_queue_behind_a_stuck_worker_opens_again(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Callers have left their points in the queue, so that nobody else would have them taken."""
    broken = BrokenTicks(monkeypatch)
    async with processor(hooks=[gate], input_points=10, batch_deadline_ms=FOREVER) as tda:
        gate.shut_at = 100
        await tda.process_batch(*cloud(21))
        gate.shut_at = 1
        broken.at = {broken.calls + n: RuntimeError() for n in (3, 4)}
        failing = asyncio.create_task(tda.process_batch(*cloud(30, 21)))
        await gate.reached()
        leaves = asyncio.create_task(tda.process_batch(*cloud(10, 51)))
        await turns()
        leaves.cancel()
        waits = asyncio.create_task(tda.process_batch(*cloud(5, 61)))
        await turns()
        gate.open()
        with pytest.raises(WorkerError):
            await failing
        outcome: Any
        (outcome,) = await asyncio.wait_for(asyncio.gather(waits, return_exceptions=True), 5)
        assert isinstance(outcome, list | AuraTDAError)
        await tda.process_batch(*cloud(20, 70))
        assert tda.stats.waiting == 0
        assert tda.stats.stream.accepted in (81, 86)


@pytest.mark.parametrize("n", [10_000, 10_001, 25_000])
async def test_large_batches(n: int) -> None:
    """They are checked elsewhere, and still keep their place."""
    points, times = cloud(n)
    times = times / 50
    stream = MultiScaleStream(SCALES, **SETTINGS)
    expected = stream.push(points, times)
    bad = points.copy()
    bad[n - 1, 1] = np.nan
    async with processor() as tda:
        refused = asyncio.create_task(tda.process_batch(bad, times))
        work = asyncio.create_task(tda.process_batch(points, times))
        behind = asyncio.create_task(tda.process_batch([[0.0, 0.0]], [times[-1] + 0.01]))
        with pytest.raises(AuraTDAError, match="not finite") as caught:
            await refused
        assert caught.value.row == n - 1  # type: ignore[attr-defined]
        assert told(await work) == told(expected)
        assert told(await behind) == told(stream.push([[0.0, 0.0]], [times[-1] + 0.01]))
        assert tda.stats.stream == stream.stats


async def test_closing_while_a_large_batch_is_checked(gate: Gate) -> None:
    tda = processor(hooks=[gate])
    first = await held(tda, gate, 21)
    large = asyncio.create_task(tda.process_batch(*cloud(200_000, 21)))
    await turns(3)
    closing = asyncio.create_task(tda.close())
    await turns(3)
    gate.open()
    assert len(await first) > 0
    outcome: Any
    (outcome,) = await asyncio.gather(large, return_exceptions=True)
    assert isinstance(outcome, AuraTDAError)
    await closing
    assert worker_threads() == []
