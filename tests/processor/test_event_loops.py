"""One processor and several event loops: one after the other, never two at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from aura_tda_gpu.errors import LifecycleError

from .helpers import (
    AWAITED,
    Call,
    Gate,
    cloud,
    point,
    processor,
    pushed,
    reading,
    told,
    worker_threads,
)


def test_two_runs_of_asyncio_with_one_object() -> None:
    tda = processor(batch_deadline_ms=60_000)
    updates = []

    async def first() -> None:
        updates.extend(await tda.process_batch(*cloud(51)))
        for k in range(51, 55):
            await tda.process_point(point(k))

    async def second() -> None:
        subscription = tda.subscribe_to_updates()
        consumer = asyncio.create_task(reading(subscription))
        await asyncio.sleep(0)
        updates.extend(await tda.process_batch(*cloud(95, 55)))
        await tda.close()
        assert told(await consumer) == told(updates)[-len(await consumer) :]
        assert len(await consumer) > 9

    asyncio.run(first())
    assert tda.stats.waiting > 0
    asyncio.run(second())
    assert told(updates) == told(pushed(150))


def test_a_run_that_ends_in_the_middle_of_a_tick(gate: Gate) -> None:
    tda = processor(hooks=[gate])
    updates = []

    async def first() -> None:
        work = asyncio.create_task(tda.process_batch(*cloud(50)))
        await gate.reached()
        work.cancel()

    async def second() -> None:
        subscription = tda.subscribe_to_updates()
        await tda.process_batch(*cloud(100, 50))
        await tda.close()
        updates.extend(await reading(subscription))

    asyncio.run(first())
    gate.open()
    asyncio.run(second())
    assert told(updates) == told(pushed(150))


class OtherLoop:
    """A second event loop that runs in a thread of its own."""

    def __enter__(self) -> OtherLoop:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="other-loop")
        self._thread.start()
        return self

    async def outcome(self, call: Callable[[], Awaitable[Any]]) -> Any:
        """Return what a call in that loop returns or raises."""

        async def there() -> Any:
            return await call()

        future = asyncio.run_coroutine_threadsafe(there(), self.loop)
        results = await asyncio.gather(asyncio.wrap_future(future), return_exceptions=True)
        return results[0]

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


@pytest.mark.asyncio
@pytest.mark.parametrize("name", [*sorted(AWAITED.keys() - {"__aenter__"}), "close"])
async def test_a_second_loop_is_refused_while_the_first_one_lives(name: str) -> None:
    calls: dict[str, Call] = {**AWAITED, "close": lambda tda: tda.close()}
    tda = processor()
    updates = await tda.process_batch(*cloud(50))
    with OtherLoop() as other:
        outcome = await other.outcome(lambda: calls[name](tda))
    assert isinstance(outcome, LifecycleError)
    assert len(worker_threads()) == 1
    updates += await tda.process_batch(*cloud(50, 50))
    await tda.close()
    assert told(updates) == told(pushed(100))
