"""Ends that nobody planned: loops that only stop, events that raise, consumers of another time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from aura_tda_gpu import (
    MultiScaleStream,
    StreamingTDAProcessor,
    TDAStreamEvent,
    WindowUpdate,
    processor_settings,
)
from aura_tda_gpu.errors import WorkerError

from .helpers import cloud, point, processor, pushed, reading, told
from .test_left_alone import Script


@pytest.mark.parametrize(
    "body",
    [
        # a loop that is stopped and never closed
        """
        tda = processor()

        async def main():
            return asyncio.create_task(tda.process_batch(ROWS, TIMES)), await asyncio.sleep(1)

        loop = asyncio.new_event_loop()
        kept = loop.run_until_complete(main())
        del kept, asyncio.tasks._all_tasks
        """,
        # a loop in a daemon thread, and a subscriber that holds the stream up
        """
        async def main():
            tda = processor()
            held = tda.subscribe_to_updates(limit=1, policy="block")
            await tda.process_batch(ROWS[:5000], TIMES[:5000])

        thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
        thread.start()
        thread.join(1.5)
        """,
    ],
)
def test_an_interpreter_exits_in_the_middle_of_a_job(body: str) -> None:
    code, _ = Script(body).ended()
    assert code in (0, 1)


class Unreadable(Sequence[TDAStreamEvent]):
    """Events that raise when they are looked at."""

    def __len__(self) -> int:
        raise ValueError("no events")

    def __getitem__(self, index: Any) -> Any:
        raise ValueError("no events")

    def __iter__(self) -> Iterator[TDAStreamEvent]:
        raise ValueError("no events")


def spoil(updates: Sequence[WindowUpdate]) -> None:
    for update in updates:
        update.events = Unreadable()


@pytest.mark.asyncio
async def test_events_that_raise_are_an_error_of_the_worker() -> None:
    async with processor(hooks=[spoil]) as tda:
        updates, events = tda.subscribe_to_updates(), tda.subscribe_to_events()
        with pytest.raises(WorkerError, match="no events"):
            await tda.process_batch(*cloud(15))
        events.close()
        returned = await tda.process_batch(*cloud(85, 15))
    assert told(returned) == told(await reading(updates)) == told(pushed(100))


@pytest.mark.asyncio
async def test_events_that_raise_for_a_late_subscriber_stop_nothing() -> None:
    async with processor(hooks=[spoil]) as tda:
        updates = tda.subscribe_to_updates()
        await tda.process_batch(*cloud(50))
        late = tda.subscribe_to_events()
        tda._broadcast.put(await anext(updates))
        assert late.waiting == 0
        assert len(await tda.process_batch([], [])) == 0


def test_a_blocking_subscription_left_between_two_loops_lets_go() -> None:
    tda = processor()
    kept: list[Any] = []

    async def first() -> None:
        kept.append(tda.subscribe_to_updates(limit=2, policy="block"))
        work = asyncio.create_task(tda.process_batch(*cloud(100)))
        await asyncio.sleep(0.3)
        work.cancel()

    async def second() -> None:
        rest = tda.subscribe_to_updates()
        await asyncio.wait_for(tda.process_batch(*cloud(100, 100)), 5)
        await tda.close()
        assert len(await reading(rest)) > 9

    asyncio.run(first())
    kept.pop().close()
    asyncio.run(second())


def test_a_consumer_that_waits_in_a_closed_loop_costs_nobody_an_update() -> None:
    tda = processor()
    kept: list[Any] = []

    async def first() -> None:
        await tda.initialize()
        kept.append(asyncio.create_task(reading(tda.subscribe_to_updates())))
        await asyncio.sleep(0.01)

    async def second() -> None:
        faults: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, what: faults.append(what))
        mine = tda.subscribe_to_updates()
        returned = await tda.process_batch(*cloud(100))
        await tda.close()
        assert await reading(mine) == returned
        assert faults == []

    loop = asyncio.new_event_loop()
    loop.run_until_complete(first())
    kept[0]._log_destroy_pending = False
    loop.close()
    asyncio.run(second())


@pytest.mark.parametrize("then", ["close", "process_batch"])
def test_a_start_left_behind_in_a_loop_that_ended(monkeypatch: Any, then: str) -> None:
    go_on = threading.Event()

    def slow(*args: Any, **settings: Any) -> MultiScaleStream:
        assert go_on.wait(10)
        return MultiScaleStream(*args, **settings)

    monkeypatch.setattr(processor_settings, "MultiScaleStream", slow)
    tda = processor()

    async def first() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(tda.initialize(), 0.02)

    async def second() -> None:
        if then == "process_batch":
            assert len(await asyncio.wait_for(tda.process_batch(*cloud(100)), 10)) > 0
        await asyncio.wait_for(tda.close(), 10)

    asyncio.run(first())
    go_on.set()
    asyncio.run(second())


def test_a_subscription_is_read_on_in_another_loop_once_the_first_one_stopped() -> None:
    tda = processor()
    loop = asyncio.new_event_loop()
    mine = tda.subscribe_to_updates()
    returned = loop.run_until_complete(tda.process_batch(*cloud(50)))

    async def second() -> None:
        assert await anext(mine) is returned[0]
        await tda.close()

    asyncio.run(second())
    loop.close()


@pytest.mark.asyncio
async def test_a_keyword_of_none_leaves_the_configuration_alone() -> None:
    nothing: dict[str, Any] = {"max_memory_mb": None, "batch_size": None, "metric": None}
    tda = StreamingTDAProcessor([100], **nothing)
    await tda.initialize(
        {"memory": {"max_mb": 64}, "performance": {"batch_size": 7}, "engine": {"metric": "cosine"}}
    )
    assert tda.config.memory.max_mb == 64
    assert tda.config.performance.batch_size == 7
    assert tda.config.engine.metric == "cosine"
    await tda.close()


@pytest.mark.asyncio
async def test_dimensions_may_come_from_an_iterator() -> None:
    async with StreamingTDAProcessor([100], homology_dimensions=iter([0, 1])) as tda:
        assert tda.config.engine.homology_dimensions == (0, 1)


@pytest.mark.asyncio
async def test_metadata_is_bounded_and_ends_with_the_processor() -> None:
    tda = processor()
    for k in range(11_000):
        await tda.process_point(point(k, number=k))
    assert tda.metadata_of(500) is None
    assert tda.metadata_of(10_500) == {"number": 10_500}
    await tda.close()
    assert tda.metadata_of(10_500) is None


@pytest.mark.asyncio
async def test_a_large_batch_does_not_keep_drop_oldest_waiting() -> None:
    """Its points are checked beside the job under way, not behind it."""
    async with processor(input_policy="drop_oldest", input_points=100) as tda:
        large = asyncio.create_task(tda.process_batch(*cloud(10_001)))
        small = asyncio.create_task(tda.process_batch(*cloud(10_001, 10_001)))
        calls = [asyncio.create_task(tda.process_point(point(20_002 + k))) for k in range(500)]
        await asyncio.wait_for(asyncio.gather(large, small, *calls), 30)
        assert tda.stats.stream.accepted + tda.stats.dropped == 20_502


@pytest.mark.asyncio
async def test_the_loop_goes_on_beside_many_subscribers() -> None:
    async with processor() as tda:
        subscriptions = [tda.subscribe_to_updates() for _ in range(1000)]
        consumers = [asyncio.create_task(reading(one)) for one in subscriptions]
        updates = await tda.process_batch(*cloud(300))
    assert await asyncio.gather(*consumers) == [updates] * 1000
