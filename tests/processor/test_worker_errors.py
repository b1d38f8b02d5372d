"""An exception in the worker: told once, then the work goes on, nothing lost or doubled."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import numpy as np
import pytest

from aura_tda_gpu.errors import AuraTDAError, LifecycleError, MemoryLimitError, WorkerError
from aura_tda_gpu.processor import StreamingTDAProcessor
from aura_tda_gpu.streaming.window_update import WindowUpdate

from .helpers import (
    BrokenTicks,
    Fails,
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

ERRORS = [RuntimeError, MemoryError, KeyboardInterrupt, StopIteration]


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> BrokenTicks:
    return BrokenTicks(monkeypatch)


async def insist(tda: StreamingTDAProcessor, *batch: Any) -> tuple[list[WindowUpdate], int]:
    """Push points until they are taken, and count the errors."""
    wanted = tda.stats.stream.accepted + tda.stats.waiting + len(batch[1])
    errors = 0
    while True:
        try:
            updates = await tda.process_batch(*batch)
        except AuraTDAError:
            errors += 1
            if tda.stats.stream.accepted + tda.stats.waiting >= wanted:
                batch = ([], [])
            continue
        return updates, errors


@pytest.mark.parametrize("kind", ERRORS)
async def test_an_engine_that_raises(broken: BrokenTicks, kind: type[BaseException]) -> None:
    expected = pushed(100)
    for tick in (1, 2, 5, 6, 9, len(expected)):
        error = kind("it broke")
        async with processor() as tda:
            subscription = tda.subscribe_to_updates()
            broken.calls, broken.at = 0, {tick: error}
            with pytest.raises(WorkerError, match=f"{kind.__name__}: it broke") as caught:
                await tda.process_batch(*cloud(100))
            assert caught.value.__cause__ is error
            assert isinstance(caught.value, AuraTDAError)
            assert tda.stats.stream.accepted == 100
            # the caller who was told of the error gets what was computed before, too
            returned = await tda.process_batch([], [])
        assert told(returned) == told(expected)
        assert told(await reading(subscription)) == told(expected)


async def test_an_error_of_the_package_stays_as_it_is(broken: BrokenTicks) -> None:
    broken.at = {2: MemoryLimitError("too much")}
    async with processor() as tda:
        with pytest.raises(MemoryLimitError, match="too much"):
            await tda.process_batch(*cloud(100))
        assert told(await tda.process_batch([], [])) == told(pushed(100))


async def test_an_engine_that_raises_again_and_again(broken: BrokenTicks) -> None:
    expected = pushed(200)
    broken.calls, broken.at = 0, {n: RuntimeError() for n in (3, 4, 5, 9, 10, 20, 21, 25)}
    async with processor() as tda:
        subscription = tda.subscribe_to_updates()
        returned, errors = [], 0
        for start in range(0, 200, 20):
            updates, raised = await insist(tda, *cloud(20, start))
            returned += updates
            errors += raised
    assert errors == 8
    assert told(returned) == told(expected)
    assert told(await reading(subscription)) == told(expected)


@pytest.mark.parametrize("batch_size", [1, 7, 100])
async def test_an_engine_that_raises_under_calls_at_once(
    broken: BrokenTicks, batch_size: int
) -> None:
    """Each refused call is repeated; the points whose call was not refused stay taken."""
    broken.calls, broken.at = 0, {n: RuntimeError() for n in (3, 4, 9)}
    async with processor(batch_size=batch_size) as tda:
        subscription = tda.subscribe_to_updates()
        tasks = [tda.process_point(point(k)) for k in range(120)]
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        errors = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        assert all(isinstance(error, WorkerError) for error in errors)
        assert errors
        rest = await tda.process_batch([], [])
        lost = 120 - tda.stats.stream.accepted - tda.stats.waiting
        assert 0 <= lost <= len(errors)
        returned = [u for o in outcomes if isinstance(o, WindowUpdate) for u in o.all] + rest
        assert tda.stats.refused == 0
    delivered = await reading(subscription)
    assert [id(u) for u in delivered] == [id(u) for u in returned]
    names = [(u.window_id, u.timestamp) for u in delivered]
    assert len(set(names)) == len(names)
    assert sum(tda.stats.stream.ticks.values()) == len(names)


async def test_while_it_fails_no_point_is_taken_and_no_watermark_moves(
    broken: BrokenTicks,
) -> None:
    async with processor() as tda:
        await tda.process_batch(*cloud(50))
        broken.at = dict.fromkeys(range(broken.calls + 1, broken.calls + 500), RuntimeError())
        with pytest.raises(WorkerError):
            await tda.process_batch(*cloud(20, 50))
        before, held = tda.stats, tda.get_memory_usage()
        assert before.stream.accepted == 70
        for _ in range(5):
            for call in (
                lambda: tda.process_batch(*cloud(20, 70)),
                lambda: tda.process_point(point(70)),
                lambda: tda.advance(0.2),
                tda.flush,
            ):
                with pytest.raises(WorkerError):
                    await call()
                assert (tda.stats, tda.get_memory_usage()) == (before, held)
        broken.at = {}
        updates = await tda.process_batch(*cloud(30, 70))
        expected = told(pushed(100))
        assert told(updates) == expected[len(expected) - len(updates) :]
        assert updates[0].timestamp == 0.05


async def test_points_that_wait_are_kept(broken: BrokenTicks) -> None:
    async with processor(batch_deadline_ms=60_000) as tda:
        subscription = tda.subscribe_to_updates()
        await tda.process_batch(*cloud(21))
        broken.at = {broken.calls + 1: RuntimeError()}
        for k in range(21, 30):
            assert await tda.process_point(point(k, k=k)) is None
        with pytest.raises(WorkerError):
            await tda.process_point(point(30))
        assert (tda.stats.stream.accepted, tda.stats.waiting) == (31, 0)
        await tda.process_batch(*cloud(70, 31))
        assert tda.metadata_of(25) == {"k": 25}
    assert told(await reading(subscription)) == told(pushed(101))


async def test_points_behind_a_failing_tick_whose_caller_left_are_kept(
    broken: BrokenTicks, gate: Gate
) -> None:
    async with processor(hooks=[gate], batch_deadline_ms=60_000) as tda:
        subscription = tda.subscribe_to_updates()
        gate.shut_at = 100
        await tda.process_batch(*cloud(21))
        gate.shut_at = 1
        broken.at = {broken.calls + n: RuntimeError() for n in (3, 4)}
        failing = asyncio.create_task(tda.process_batch(*cloud(30, 21)))
        await gate.reached()
        leaves = asyncio.create_task(tda.process_batch(*cloud(20, 51)))
        await turns()
        leaves.cancel()
        await turns()
        gate.open()
        with pytest.raises(WorkerError):
            await failing
        await eventually(lambda: broken.calls >= max(broken.at))
        await turns()
        assert (tda.stats.waiting, tda.stats.stream.accepted) == (20, 51)
        await tda.process_batch(*cloud(30, 71))
        assert (tda.stats.waiting, tda.stats.stream.accepted) == (0, 101)
    assert told(await reading(subscription)) == told(pushed(101))


@pytest.mark.parametrize("kind", ERRORS)
async def test_a_hook_that_raises(kind: type[BaseException]) -> None:
    """The updates of that instant are delivered without what the hook adds."""
    expected = pushed(100)
    for call in range(1, 10):
        error = kind("it broke")
        hook = Fails({call: error})
        async with processor(hooks=[hook]) as tda:
            subscription = tda.subscribe_to_updates()
            with pytest.raises(WorkerError, match=f"{kind.__name__}: it broke") as caught:
                await tda.process_batch(*cloud(100))
            assert caught.value.__cause__ is error
            returned = await tda.process_batch([], [])
            assert hook.calls == 9
        assert told(await reading(subscription)) == told(expected)
        assert told(returned) == told(expected)


async def test_a_hook_that_raises_every_time() -> None:
    hook = Fails(dict.fromkeys(range(1, 100), ValueError("no")))
    async with processor(hooks=[hook]) as tda:
        subscription = tda.subscribe_to_updates()
        returned, errors = [], 0
        for start in range(0, 100, 5):
            updates, raised = await insist(tda, *cloud(5, start))
            returned += updates
            errors += raised
    assert errors == hook.calls == 9
    assert told(returned) == told(pushed(100))
    assert told(await reading(subscription)) == told(pushed(100))


async def test_leftover_updates_survive_a_refused_push(broken: BrokenTicks, gate: Gate) -> None:
    """A failed tick is made up for by calls of which one cannot be taken."""
    limits: dict[str, Any] = {"allowed_lateness_ms": 1000, "max_points": 60, "hooks": [gate]}
    async with processor(**limits) as tda:
        subscription = tda.subscribe_to_updates()
        await tda.process_batch(*cloud(40))
        broken.at = {broken.calls + 3: RuntimeError()}
        failing = asyncio.create_task(tda.advance(0.039))
        await gate.reached()
        behind = [asyncio.create_task(tda.process_batch(*cloud(30, 40 + k))) for k in (0, 30)]
        await turns()
        gate.open()
        with pytest.raises(WorkerError):
            await failing
        with pytest.raises(MemoryLimitError):
            await behind[1]
        returned = await behind[0] + await tda.process_batch([], [])
        assert [round(u.timestamp, 3) for u in returned] == [0.01, 0.02, 0.03]
        delivered = [await subscription.__anext__() for _ in range(3)]
        assert [id(u) for u in delivered] == [id(u) for u in returned]


async def test_closing_after_an_error_computes_what_is_left(broken: BrokenTicks) -> None:
    expected = pushed(100)
    broken.calls, broken.at = 0, {4: RuntimeError()}
    async with processor() as tda:
        subscription = tda.subscribe_to_updates()
        with pytest.raises(WorkerError):
            await tda.process_batch(*cloud(100))
    assert told(await reading(subscription)) == told(expected)


async def test_points_that_cannot_be_pushed_at_the_end(broken: BrokenTicks, gate: Gate) -> None:
    """`close` says so, and closes everything all the same."""
    tda = processor(hooks=[gate], batch_deadline_ms=60_000)
    subscription = tda.subscribe_to_updates()
    failing = asyncio.create_task(tda.process_batch(*cloud(30)))
    await gate.reached()
    broken.at = dict.fromkeys(range(broken.calls + 1, broken.calls + 50), MemoryError("full"))
    leaves = asyncio.create_task(tda.process_batch(*cloud(20, 30)))
    await turns()
    leaves.cancel()
    gate.open()
    with pytest.raises(WorkerError):
        await failing
    with pytest.raises(WorkerError, match="full"):
        await tda.close()
    assert worker_threads() == []
    assert tda.stats.stream.accepted == 30
    broken.at = {}
    delivered = told(await reading(subscription))
    assert delivered == told(pushed(30))[: len(delivered)]
    with pytest.raises(LifecycleError):
        await tda.flush()
    await tda.close()


async def test_points_refused_after_their_caller_left_are_counted(
    gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, "aura_tda_gpu")
    tda = processor(hooks=[gate], allowed_lateness_ms=1000, max_points=30)
    await tda.process_batch(*cloud(20))
    held = asyncio.create_task(tda.advance(0.012))
    await gate.reached()
    leaves = asyncio.create_task(tda.process_batch(*cloud(40, 20)))
    await asyncio.sleep(0.005)
    leaves.cancel()
    gate.open()
    await held
    await eventually(lambda: tda.stats.refused)
    assert tda.stats.refused == 40
    told_of: list[Any] = [record.msg for record in caplog.records]
    assert [message["event"] for message in told_of] == ["points_refused"]
    await tda.close()
    assert tda.stats.stream.accepted == 20


async def test_the_error_of_a_worker_is_logged(
    broken: BrokenTicks, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, "aura_tda_gpu")
    broken.at = {2: RuntimeError("the engine broke")}
    async with processor() as tda:
        with pytest.raises(WorkerError):
            await tda.process_batch(*cloud(100))
        await tda.process_batch([], [])
    (record,) = caplog.records
    assert isinstance(record.msg, dict)
    assert record.msg["event"] == "tick_failed"
    assert record.msg["error"] == "RuntimeError: the engine broke"
    assert "Traceback" in record.msg["exception"]


async def test_a_metadata_error_names_no_point_wrongly(broken: BrokenTicks) -> None:
    async with processor() as tda:
        await tda.process_batch(*cloud(21))
        broken.at = {broken.calls + 1: RuntimeError()}
        with pytest.raises(WorkerError):
            await tda.process_point(point(30, k="taken"))
        broken.at = {broken.calls + 1: RuntimeError()}
        with pytest.raises(WorkerError):
            await tda.process_point(point(40, k="not taken"))
        await tda.process_point(point(50, k="after"))
        found = {k: tda.metadata_of(k) for k in range(20, 25)}
    assert found == {**dict.fromkeys((20, 23, 24)), 21: {"k": "taken"}, 22: {"k": "after"}}
    assert np.isclose(tda.stats.stream.watermark or 0, 0.05)
