"""What becomes of updates that are too many for one subscriber."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from aura_tda_gpu.errors import ConfigError, LifecycleError
from aura_tda_gpu.streaming.window_update import WindowUpdate
from aura_tda_gpu.subscriptions import Subscription

from .helpers import EVERY_BAR, cloud, eventually, point, processor, pushed, reading, told, turns

pytestmark = pytest.mark.asyncio

N = 300  # points
EXPECTED = 30 - 1 + 8 - 1  # updates they bring about


async def test_drop_oldest() -> None:
    async with processor() as tda:
        subscription = tda.subscribe_to_updates(limit=5, policy="drop_oldest")
        updates = await tda.process_batch(*cloud(N))
        assert (subscription.waiting, subscription.dropped) == (5, EXPECTED - 5)
        assert tda.stats.dropped_items == EXPECTED - 5
        assert await subscription.__anext__() == updates[-5]
    assert await reading(subscription) == updates[-4:]


async def test_coalesce_keeps_the_newest_update_of_each_window() -> None:
    async with processor() as tda:
        subscription = tda.subscribe_to_updates(limit=5, policy="coalesce")
        await tda.process_batch(*cloud(N))
        assert (subscription.waiting, subscription.dropped) == (2, EXPECTED - 2)
    left = await reading(subscription)
    assert [(u.window_id, round(u.timestamp, 3)) for u in left] == [
        ("scale_400ms", 0.28),
        ("scale_100ms", 0.29),
    ]


async def test_coalesce_with_less_room_than_windows() -> None:
    async with processor() as tda:
        subscription = tda.subscribe_to_updates(limit=1, policy="coalesce")
        updates = await tda.process_batch(*cloud(N))
        assert subscription.dropped == EXPECTED - 1
    assert await reading(subscription) == updates[-1:]


@pytest.mark.parametrize("limit", [1, 3, EXPECTED - 1])
async def test_block_makes_the_stream_wait_and_loses_nothing(limit: int) -> None:
    async with processor() as tda:
        subscription = tda.subscribe_to_updates(limit=limit, policy="block")
        other = tda.subscribe_to_updates()
        work = asyncio.create_task(tda.process_batch(*cloud(N)))
        await eventually(lambda: subscription.waiting == limit)
        await asyncio.sleep(0.02)
        assert (subscription.waiting, other.waiting) == (limit, limit)
        assert not work.done()
        taken = []
        for _ in range(EXPECTED):
            taken.append(await subscription.__anext__())
            assert subscription.waiting <= limit
        assert await work == taken
        assert subscription.dropped == 0
    assert await reading(other) == taken


async def test_block_makes_the_worker_wait() -> None:
    """It runs ahead by a bounded number of instants."""
    n = 1500
    async with processor() as tda:
        subscription = tda.subscribe_to_updates(limit=1, policy="block")
        work = asyncio.create_task(tda.process_batch(*cloud(n)))
        await eventually(lambda: tda.stats.stream.ticks["scale_100ms"] > 60)
        await asyncio.sleep(0.05)
        assert tda.stats.stream.ticks["scale_100ms"] < 70
        assert not work.done()
        consumer = asyncio.create_task(reading(subscription))
        updates = await work
        assert len(updates) == 149 + 37
    assert await consumer == updates


@pytest.mark.parametrize("how", ["closed", "forgotten", "left"])
async def test_a_blocking_subscriber_that_leaves_lets_go(how: str) -> None:
    async with processor() as tda:
        other = tda.subscribe_to_updates()
        subscription: Subscription[WindowUpdate] | None
        subscription = tda.subscribe_to_updates(limit=2, policy="block")
        work = asyncio.create_task(tda.process_batch(*cloud(N)))
        await eventually(lambda: other.waiting == 2)
        await turns()
        assert not work.done()
        if how == "closed":
            subscription.close()
        elif how == "forgotten":
            subscription = None
            gc.collect()
        else:
            async with subscription:
                async for _ in subscription:
                    break
        updates = await work
        assert tda.stats.subscribers == 1
        assert other.waiting == EXPECTED
    assert await reading(other) == updates


async def test_leaving_a_loop_early_is_enough() -> None:
    async with processor() as tda:
        await tda.process_batch(*cloud(50))
        work = asyncio.create_task(tda.process_batch(*cloud(N - 50, 50)))
        async for update in tda.subscribe_to_updates(limit=1, policy="block"):
            assert round(update.timestamp, 3) == 0.05
            break
        await work
        assert tda.stats.subscribers == 0


@pytest.mark.parametrize("drain", [True, False])
async def test_closing_with_a_full_blocking_subscriber(drain: bool) -> None:
    tda = processor()
    subscription = tda.subscribe_to_updates(limit=2, policy="block")
    work = asyncio.create_task(tda.process_batch(*cloud(1500)))
    await eventually(lambda: tda.stats.stream.ticks.get("scale_100ms", 0) > 60)
    if drain:
        await asyncio.wait_for(tda.close(), 5)
        updates = await work
        assert await reading(subscription) == updates
        assert len(updates) == 149 + 37
        return
    closing = tda.__aexit__(ValueError, ValueError(), None)
    await asyncio.wait_for(closing, 5)
    with pytest.raises(LifecycleError):
        await work
    left = await reading(subscription)
    assert told(left) == told(pushed(1500))[: len(left)]
    assert 60 < len(left) < 186


@pytest.mark.parametrize("limit", [0, -1, 1.5, True, "5"])
async def test_a_limit_that_cannot_be(limit: Any) -> None:
    async with processor() as tda:
        with pytest.raises(ConfigError, match="limit"):
            tda.subscribe_to_updates(limit=limit)
        with pytest.raises(ConfigError, match="policy"):
            tda.subscribe_to_events(policy="drop_newest")  # type: ignore[arg-type]
        assert tda.stats.subscribers == 0


async def test_the_settings_decide_where_the_subscriber_says_nothing() -> None:
    async with processor(subscriber_updates=3, subscriber_policy="coalesce") as tda:
        subscription = tda.subscribe_to_updates()
        assert (subscription.limit, subscription.policy) == (3, "coalesce")
        subscription = tda.subscribe_to_updates(limit=7, policy="block")
        assert (subscription.limit, subscription.policy) == (7, "block")


async def test_coalesced_events_keep_the_newest_of_each_feature() -> None:
    async with processor(**EVERY_BAR) as tda:
        everything = tda.subscribe_to_events(limit=100_000)
        newest = tda.subscribe_to_events(limit=100_000, policy="coalesce")
        await tda.process_batch(*cloud(N))
    last = {event.feature_id: event for event in await reading(everything)}
    seen = await reading(newest)
    assert {event.feature_id: event for event in seen} == last
    assert len(seen) == len(last)
    assert newest.dropped > 0


async def test_points_one_by_one_with_a_blocking_consumer() -> None:
    async with processor(batch_size=7, input_points=20) as tda:
        subscription = tda.subscribe_to_updates(limit=1, policy="block")
        consumer = asyncio.create_task(reading(subscription))
        for k in range(N):
            await tda.process_point(point(k))
    assert told(await consumer) == told(pushed(N))
