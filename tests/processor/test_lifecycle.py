"""Starting, closing, and calls that come too early, too late, twice or from elsewhere."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from aura_tda_gpu.config import Config
from aura_tda_gpu.errors import ConfigError, LifecycleError, MemoryLimitError
from aura_tda_gpu.processor import StreamingTDAProcessor

from .helpers import (
    AWAITED,
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


@pytest.mark.asyncio
async def test_async_with() -> None:
    assert worker_threads() == []
    async with processor() as tda:
        assert len(worker_threads()) == 1
        updates = await tda.process_batch(*cloud(300))
        assert tda.get_memory_usage() > 0
        stats = tda.stats
        assert stats.stream.accepted == 300
        assert stats.batches == 1
    assert worker_threads() == []
    assert told(updates) == told(pushed(300))
    assert tda.get_memory_usage() == 0
    assert tda.stats == stats


@pytest.mark.asyncio
async def test_it_starts_at_the_first_call_that_needs_it() -> None:
    for name, call in AWAITED.items():
        tda = processor()
        assert worker_threads() == []
        assert tda.get_memory_usage() == 0
        assert tda.stats.stream.ticks == {}
        await call(tda)
        assert len(worker_threads()) == 1, name
        await tda.close()
        assert worker_threads() == []


@pytest.mark.asyncio
async def test_calls_at_once_start_it_once() -> None:
    tda = processor()
    await asyncio.gather(*(tda.process_point(point(k)) for k in range(50)))
    assert len(worker_threads()) == 1
    assert tda.stats.stream.accepted + tda.stats.waiting == 50
    await tda.close()


@pytest.mark.asyncio
async def test_what_waits_is_pushed_at_the_end_of_the_body() -> None:
    async with processor(batch_deadline_ms=60_000) as tda:
        subscription = tda.subscribe_to_updates()
        await tda.process_batch(*cloud(21))
        for k in range(21, 25):
            assert await tda.process_point(point(k)) is None
        assert (tda.stats.waiting, tda.stats.stream.accepted) == (4, 21)
    assert (tda.stats.waiting, tda.stats.stream.accepted) == (0, 25)
    assert told(await reading(subscription)) == told(pushed(25))


@pytest.mark.asyncio
async def test_an_exception_in_the_body_passes_and_ends_everything() -> None:
    tda = processor(batch_deadline_ms=60_000)

    async def body() -> None:
        async with tda:
            await tda.process_batch(*cloud(21))
            subscriptions.append(tda.subscribe_to_updates())
            for k in range(21, 25):
                await tda.process_point(point(k))
            raise ZeroDivisionError

    subscriptions: list[Any] = []
    with pytest.raises(ZeroDivisionError):
        await body()
    assert worker_threads() == []
    assert await reading(subscriptions[0]) == []
    with pytest.raises(LifecycleError, match="closed"):
        await tda.process_point(point(30))


@pytest.mark.asyncio
async def test_an_exception_in_the_body_does_not_wait_for_all_the_work(gate: Gate) -> None:
    gate.shut_at = 5
    tda = processor(hooks=[gate])

    async def body() -> None:
        async with tda:
            work.append(asyncio.create_task(tda.process_batch(*cloud(20_000))))
            await gate.reached()
            asyncio.get_running_loop().call_later(0.01, gate.open)
            raise ZeroDivisionError

    work: list[asyncio.Task[Any]] = []
    with pytest.raises(ZeroDivisionError):
        await body()
    assert gate.instants < 200  # of 2000; those that were held go to the hooks
    with pytest.raises(LifecycleError, match="closed meanwhile"):
        await work[0]


@pytest.mark.asyncio
@pytest.mark.parametrize("name", AWAITED)
async def test_use_after_close(name: str) -> None:
    tda = processor()
    await tda.process_batch(*cloud(50))
    await tda.close()
    with pytest.raises(LifecycleError, match="closed"):
        await AWAITED[name](tda)
    with pytest.raises(LifecycleError, match="closed"):
        tda.subscribe_to_updates()
    with pytest.raises(LifecycleError, match="closed"):
        tda.subscribe_to_events()
    assert tda.stats.stream.accepted == 50
    assert tda.stats.subscribers == 0
    assert tda.config.scales == (100, 400)
    assert tda.metadata_of(0) is None
    await tda.close()


@pytest.mark.asyncio
async def test_closed_before_it_started() -> None:
    tda = processor()
    subscription = tda.subscribe_to_updates()
    await tda.close()
    assert await reading(subscription) == []
    with pytest.raises(LifecycleError):
        await tda.initialize()


@pytest.mark.asyncio
async def test_close_twice_and_at_once(gate: Gate) -> None:
    tda = processor(hooks=[gate])
    work = asyncio.create_task(tda.process_batch(*cloud(50)))
    await gate.reached()
    closings = [asyncio.create_task(tda.close()) for _ in range(3)]
    await turns()
    assert not any(task.done() for task in closings)
    gate.open()
    await asyncio.gather(*closings)
    assert worker_threads() == []
    assert told(await work) == told(pushed(50))
    await tda.close()


@pytest.mark.asyncio
async def test_the_second_of_two_closes_may_be_cancelled(gate: Gate) -> None:
    tda = processor(hooks=[gate])
    work = asyncio.create_task(tda.process_batch(*cloud(50)))
    await gate.reached()
    first, second = asyncio.create_task(tda.close()), asyncio.create_task(tda.close())
    await turns()
    second.cancel()
    await turns()
    assert second.cancelled()
    gate.open()
    await first
    assert told(await work) == told(pushed(50))


@pytest.mark.asyncio
async def test_initialize_twice() -> None:
    tda = processor()
    await tda.initialize()
    with pytest.raises(LifecycleError, match="once"):
        await tda.initialize()
    with pytest.raises(LifecycleError, match="once"):
        await tda.initialize({"scales": [50]})
    assert tda.config.scales == (100, 400)
    await tda.close()
    both = processor()
    outcome = await asyncio.gather(both.initialize(), both.initialize(), return_exceptions=True)
    assert outcome[0] is None
    assert isinstance(outcome[1], LifecycleError)
    await both.close()


@pytest.mark.asyncio
async def test_initialize_after_use() -> None:
    async with processor() as tda:
        await tda.process_batch(*cloud(50))
        with pytest.raises(LifecycleError, match="once"):
            await tda.initialize()
        assert tda.stats.stream.accepted == 50


@pytest.mark.asyncio
async def test_a_start_that_fails_may_be_tried_again() -> None:
    tda = StreamingTDAProcessor(max_memory_mb=1)
    scales = range(100, 100_000, 100)
    with pytest.raises(MemoryLimitError):
        await tda.initialize({"scales": [*scales]})
    with pytest.raises(ConfigError, match="scale"):
        await tda.initialize({"scale": [100]})
    await eventually(lambda: not worker_threads())
    await tda.initialize({"scales": [100]})
    assert len(await tda.process_batch(*cloud(100))) > 0
    await tda.close()


@pytest.mark.asyncio
async def test_a_start_that_fails_inside_async_with_closes_it() -> None:
    tda = StreamingTDAProcessor(range(100, 100_000, 100), max_memory_mb=1)
    with pytest.raises(MemoryLimitError):
        async with tda:
            pass
    with pytest.raises(LifecycleError, match="closed"):
        await tda.initialize()


@pytest.mark.asyncio
async def test_a_call_after_a_failed_start_reports_the_same_error() -> None:
    tda = StreamingTDAProcessor(range(100, 100_000, 100), max_memory_mb=1)
    for _ in range(2):
        with pytest.raises(MemoryLimitError):
            await tda.process_point(point(0))
    await tda.close()


@pytest.mark.asyncio
async def test_a_config_in_place_of_scales() -> None:
    async with StreamingTDAProcessor(Config(scales=(100,)), max_memory_mb=4) as tda:
        assert {u.window_id for u in await tda.process_batch(*cloud(50))} == {"scale_100ms"}
