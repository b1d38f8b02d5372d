"""Each subscriber sees every update once and in order, at its own pace."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
import time
from collections.abc import Sequence
from typing import Any

import pytest

from aura_tda_gpu.errors import LifecycleError
from aura_tda_gpu.streaming.window_update import WindowUpdate
from aura_tda_gpu.subscriptions import Subscription

from .helpers import EVERY_BAR, Gate, cloud, eventually, processor, pushed, reading, told, turns

pytestmark = pytest.mark.asyncio

N = 300  # points
EXPECTED = 30 - 1 + 8 - 1  # updates they bring about


async def test_every_subscriber_sees_every_update_once_and_in_order() -> None:
    async with processor() as tda:
        subscriptions = [tda.subscribe_to_updates() for _ in range(20)]
        consumers = [asyncio.create_task(reading(s)) for s in subscriptions]
        returned = await tda.process_batch(*cloud(N))
        assert tda.stats.subscribers == 20
    assert len(returned) == EXPECTED
    assert told(returned) == told(pushed(N))
    for consumer in consumers:
        assert list(map(id, await consumer)) == list(map(id, returned))
    assert tda.stats.dropped_items == 0


async def test_subscribing_begins_where_the_stream_is() -> None:
    async with processor() as tda:
        early = tda.subscribe_to_updates()
        first = await tda.process_batch(*cloud(100))
        late = tda.subscribe_to_updates()
        second = await tda.process_batch(*cloud(100, 100))
    assert await reading(early) == first + second
    assert await reading(late) == second


async def test_subscribing_before_it_starts() -> None:
    tda = processor()
    subscription = tda.subscribe_to_updates()
    consumer = asyncio.create_task(reading(subscription))
    await turns()
    updates = await tda.process_batch(*cloud(N))
    await tda.close()
    assert await consumer == updates


async def test_subscribing_may_be_awaited() -> None:
    async with processor() as tda:
        subscription = await tda.subscribe_to_updates()
        events = await tda.subscribe_to_events()
        assert isinstance(subscription, Subscription)
        updates = await tda.process_batch(*cloud(N))
        assert await subscription == subscription  # again changes nothing
    assert await reading(subscription) == updates
    assert len(await reading(events)) > 0


async def test_an_update_does_not_wait_for_the_next_tick(gate: Gate) -> None:
    """What was computed is delivered, though the engine is busy for long with what follows."""

    def pause(_: Sequence[WindowUpdate]) -> None:
        time.sleep(0.003)  # the event loop has looked at what came before

    gate.shut_at = 4
    async with processor(hooks=[pause, gate]) as tda:
        subscription = tda.subscribe_to_updates()
        work = asyncio.create_task(tda.process_batch(*cloud(N)))
        await gate.reached()
        with contextlib.suppress(AssertionError):
            await eventually(lambda: subscription.waiting == 3, 1)
        delivered = subscription.waiting
        gate.open()
        await work
    assert delivered == 3


async def test_a_slow_subscriber_hurts_only_itself() -> None:
    async with processor() as tda:
        slow = tda.subscribe_to_updates(limit=4)
        quick = tda.subscribe_to_updates()
        got: list[WindowUpdate] = []

        async def crawl() -> None:
            async for update in slow:
                got.append(update)
                await asyncio.sleep(0.01)

        crawling = asyncio.create_task(crawl())
        consumer = asyncio.create_task(reading(quick))
        updates = []
        for start in range(0, N, 10):
            updates += await tda.process_batch(*cloud(10, start))
    assert await consumer == updates
    await crawling
    assert len(got) + slow.dropped == EXPECTED
    assert slow.dropped > 0
    assert [u for u in updates if u in got] == got
    assert got[-1] == updates[-1]


async def test_a_subscriber_that_raises() -> None:
    async def fail() -> None:
        async for _ in tda.subscribe_to_updates():
            raise ZeroDivisionError

    async with processor() as tda:
        quick = tda.subscribe_to_updates()
        failing = asyncio.create_task(fail())
        await turns()
        updates = await tda.process_batch(*cloud(N))
        with pytest.raises(ZeroDivisionError):
            await failing
        del failing
        gc.collect()
        assert tda.stats.subscribers == 1
        updates += await tda.process_batch(*cloud(100, N))
    assert await reading(quick) == updates


async def test_two_tasks_on_one_subscription() -> None:
    async with processor() as tda:
        subscription = tda.subscribe_to_updates()
        first = asyncio.ensure_future(subscription.__anext__())
        await turns()
        with pytest.raises(LifecycleError, match="subscribe twice"):
            await subscription.__anext__()
        updates = await tda.process_batch(*cloud(50))
        assert await first == updates[0]
        assert await subscription.__anext__() == updates[1]


async def test_a_closed_subscription_ends_behind_what_waits() -> None:
    async with processor() as tda:
        subscription = tda.subscribe_to_updates()
        updates = await tda.process_batch(*cloud(100))
        subscription.close()
        await tda.process_batch(*cloud(100, 100))
        assert await reading(subscription) == updates
        assert await reading(subscription) == []
        subscription.close()


async def test_closing_wakes_who_waits() -> None:
    async with processor() as tda:
        subscription = tda.subscribe_to_updates()
        consumer = asyncio.create_task(reading(subscription))
        await turns()
        await subscription.aclose()
        assert await consumer == []
        async with contextlib.aclosing(tda.subscribe_to_updates()) as another:
            assert tda.stats.subscribers == 1
        assert await reading(another) == []
        assert tda.stats.subscribers == 0


async def test_the_end_of_the_processor_ends_all(gate: Gate) -> None:
    async with processor(hooks=[gate]) as tda:
        gate.open()
        waits = asyncio.create_task(reading(tda.subscribe_to_updates()))
        await turns()
    assert await waits == []


async def read_elsewhere(subscription: Subscription[Any]) -> BaseException | None:
    """Take one item in an event loop of another thread."""
    outcome: list[BaseException | None] = []

    def there() -> None:
        try:
            asyncio.run(asyncio.wait_for(subscription.__anext__(), 1))
            outcome.append(None)
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=there)
    thread.start()
    await asyncio.to_thread(thread.join)
    return outcome[0]


@pytest.mark.parametrize("waiting", [False, True])
async def test_another_loop_may_not_read(waiting: bool) -> None:
    async with processor() as tda:
        subscription = tda.subscribe_to_updates()
        updates = await tda.process_batch(*cloud(50)) if waiting else []
        assert isinstance(await read_elsewhere(subscription), LifecycleError)
        updates += await tda.process_batch(*cloud(50, 50))
    assert await reading(subscription) == updates


async def test_events_are_those_of_the_updates() -> None:
    async with processor(landmarks="maxmin", **EVERY_BAR) as tda:
        events = tda.subscribe_to_events(limit=100_000)
        updates = await tda.process_batch(*cloud(N))
        late = tda.subscribe_to_events(limit=100_000)
        more = await tda.process_batch(*cloud(100, N))
    seen = await reading(events)
    assert seen == [event for update in updates + more for event in update.events]
    assert await reading(late) == [event for update in more for event in update.events]
    assert len(seen) > 30
    assert tda.stats.dropped_items == 0


async def test_events_come_behind_their_update_and_before_the_next() -> None:
    async with processor(landmarks="maxmin", **EVERY_BAR) as tda:
        order: list[tuple[float, str]] = []

        def note(timestamp: float, kind: str) -> None:
            order.append((timestamp, kind))

        async def watch(subscription: Subscription[Any], kind: str) -> None:
            async for item in subscription:
                note(item.timestamp, kind)

        watching = [
            asyncio.create_task(watch(tda.subscribe_to_updates(limit=1, policy="block"), "u")),
            asyncio.create_task(watch(tda.subscribe_to_events(limit=1, policy="block"), "e")),
        ]
        await turns()
        await tda.process_batch(*cloud(N))
        await asyncio.wait_for(tda.close(), 5)
        await asyncio.gather(*watching)
    assert sum(kind == "u" for _, kind in order) == EXPECTED
    times = [t for t, kind in order if kind == "e"]
    assert times == sorted(times)
    assert len(times) > 30
