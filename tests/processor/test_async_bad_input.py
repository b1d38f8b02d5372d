"""A refused call raises one typed error and leaves no trace, through the async face, too."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from aura_tda_gpu.errors import InvalidInputError, MemoryLimitError
from aura_tda_gpu.processor import StreamingTDAProcessor
from aura_tda_gpu.streaming.multi_scale_processor import MultiScaleStream
from aura_tda_gpu.types import StreamingPoint

from ..streaming.test_bad_input import BAD_PUSHES, Untouchable
from .helpers import Gate, cloud, point, processor, pushed, reading, told

NAN, INF = float("nan"), float("inf")
SAME = [[0.0, 0.0]]

# coordinates, timestamp, words of the message; the points before it are two-dimensional
BAD_POINTS: dict[str, tuple[Any, Any, str]] = {
    "NaN": ([0.0, NAN], 0.5, "not finite"),
    "infinity": ([INF, 0.0], 0.5, "not finite"),
    "an array with NaN": (np.array([0.0, NAN]), 0.5, "not finite"),
    "text": (["a", "b"], 0.5, "real numbers"),
    "None": (None, 0.5, "real numbers"),
    "booleans": ([True, False], 0.5, "real numbers"),
    "complex": ([1j, 0], 0.5, "real numbers"),
    "a number": (1.0, 0.5, "two-dimensional"),
    "no coordinates": ([], 0.5, "coordinate|two-dimensional"),
    "an object": (object(), 0.5, "real numbers"),
    "something untouchable": (Untouchable(), 0.5, "cannot be read"),
    "NaN time": ([0.0, 0.0], NAN, "not finite"),
    "infinite time": ([0.0, 0.0], -INF, "not finite"),
    "text time": ([0.0, 0.0], "noon", "datetime64"),
    "no time": ([0.0, 0.0], None, "datetime64"),
    "boolean time": ([0.0, 0.0], True, "datetime64"),
    "time beyond int64": ([0.0, 0.0], 1e10, "292 years"),
    "not a time": ([0.0, 0.0], np.datetime64("NaT", "s"), "not a time"),
    "two points": ([[0.0, 0.0], [1.0, 1.0]], [0.5, 0.6], "one point"),
    "no point": ([], [], "one point"),
    "ragged times": ([0.0, 0.0], [[0.5], [1, 2]], "cannot be read|one point"),
    "an untouchable time": ([0.0, 0.0], Untouchable(), "cannot be read|one point"),
    "a list of one time": ([[0.0, 0.0]], [0.5], "one point"),
}


@pytest.mark.asyncio
@pytest.mark.parametrize("name", BAD_PUSHES)
async def test_a_refused_batch_names_the_row_and_leaves_no_trace(name: str) -> None:
    points, times, row, words = BAD_PUSHES[name]
    expected = pushed(80)

    async def refused(tda: StreamingTDAProcessor) -> None:
        with pytest.raises(InvalidInputError, match=words) as caught:
            await tda.process_batch(points, times)
        assert caught.value.row == row

    async with processor(batch_deadline_ms=60_000) as tda:
        subscription = tda.subscribe_to_updates()
        await refused(tda)
        assert (tda.stats.stream.watermark, tda.get_memory_usage()) == (None, 0)
        returned = await tda.process_batch(*cloud(41))
        for k in range(41, 45):
            await tda.process_point(point(k))
        stats, memory = tda.stats, tda.get_memory_usage()
        assert stats.waiting == 4
        await refused(tda)
        assert (tda.stats, tda.get_memory_usage()) == (stats, memory)
        returned += await tda.process_batch(*cloud(35, 45))
    assert told(returned) == told(expected)
    assert told(await reading(subscription)) == told(expected)


@pytest.mark.asyncio
@pytest.mark.parametrize("name", BAD_POINTS)
@pytest.mark.parametrize("first", [True, False])
async def test_a_refused_point_leaves_no_trace(name: str, first: bool) -> None:
    coordinates, timestamp, words = BAD_POINTS[name]
    n = 0 if first else 41
    async with processor(batch_deadline_ms=60_000) as tda:
        returned = await tda.process_batch(*cloud(n)) if n else []
        stats = tda.stats
        with pytest.raises(InvalidInputError, match=words):
            await tda.process_point(StreamingPoint(coordinates, timestamp, {"bad": 1}))
        assert tda.stats == stats
        returned += await tda.process_batch(*cloud(80 - n, n))
        assert [tda.metadata_of(k) for k in range(80)] == [None] * 80
    assert told(returned) == told(pushed(80))


@pytest.mark.asyncio
@pytest.mark.parametrize("given", [None, (0.0, 0.0), [1.0, 2.0], {"coordinates": [0.0]}, 5])
async def test_something_that_is_not_a_point(given: Any) -> None:
    async with processor() as tda:
        with pytest.raises(InvalidInputError, match="StreamingPoint is expected"):
            await tda.process_point(given)
        assert tda.stats.waiting == 0


@pytest.mark.asyncio
async def test_another_dimension() -> None:
    async with processor(dim=2, batch_deadline_ms=60_000) as tda:
        with pytest.raises(InvalidInputError, match="3 coordinates, the stream has 2"):
            await tda.process_point(StreamingPoint([1.0, 2.0, 3.0], 0.0))
        await tda.process_batch(*cloud(21))
        await tda.process_point(point(21))
        for bad in ([1.0], [1.0, 2.0, 3.0]):
            words = f"{len(bad)} coordinates, the stream has 2"
            with pytest.raises(InvalidInputError, match=words) as caught:
                await tda.process_point(StreamingPoint(bad, 0.022))
            assert caught.value.row == 0
            with pytest.raises(InvalidInputError, match=words):
                await tda.process_batch([bad] * 3, [0.022] * 3)
        assert (tda.stats.stream.accepted, tda.stats.waiting) == (21, 1)


@pytest.mark.asyncio
async def test_another_dimension_at_once_with_the_first_point() -> None:
    """Whoever is first decides."""
    tda = processor()
    calls = [
        tda.process_point(point(0)),
        tda.process_point(StreamingPoint([1.0, 2.0, 3.0], 0.0)),
        tda.process_batch([[1.0]] * 2, [0.0, 0.5]),
        tda.process_point(point(1)),
        tda.process_batch(*cloud(40, 2)),
    ]
    outcomes: list[Any] = await asyncio.gather(*calls, return_exceptions=True)
    assert outcomes[0] is None
    assert isinstance(outcomes[1], InvalidInputError)
    assert isinstance(outcomes[2], InvalidInputError)
    assert outcomes[3] is None
    assert told(outcomes[4]) == told(pushed(42))
    assert (tda.stats.stream.accepted, tda.stats.refused) == (42, 0)
    await tda.close()


@pytest.mark.asyncio
async def test_a_first_point_that_is_too_large_for_the_next_one(gate: Gate) -> None:
    """Points of several calls are pushed together; the fault is told to the right caller."""
    tda = processor(dim=2)
    calls = [
        tda.process_point(point(0)),
        tda.process_point(StreamingPoint([1e30, 0.0], 0.001)),
        tda.process_batch([[0.0, 0.0], [0.0, 1e30]], [0.001, 0.001]),
        tda.process_batch(*cloud(41, 1)),
    ]
    outcomes: list[Any] = await asyncio.gather(*calls, return_exceptions=True)
    assert outcomes[0] is None
    assert isinstance(outcomes[1], InvalidInputError)
    assert isinstance(outcomes[2], InvalidInputError)
    assert (outcomes[1].row, outcomes[2].row) == (0, 1)
    assert told(outcomes[3]) == told(pushed(42))
    await tda.close()


@pytest.mark.asyncio
async def test_a_zero_vector_has_no_angle() -> None:
    async with processor(metric="cosine") as tda:
        with pytest.raises(InvalidInputError, match="zero vector"):
            await tda.process_point(StreamingPoint([0.0, 0.0], 0.0))
        await tda.process_batch(*cloud(15))
        for zero in ([0.0, 0.0], np.zeros(2), (0.0, -0.0)):
            with pytest.raises(InvalidInputError, match="zero vector"):
                await tda.process_point(StreamingPoint(zero, 0.5))
        assert tda.stats.stream.accepted + tda.stats.waiting == 15


@pytest.mark.asyncio
@pytest.mark.parametrize("now", [NAN, INF, "noon", None, [1.0, 2.0], True, 1e12])
async def test_a_refused_advance(now: Any) -> None:
    async with processor() as tda:
        await tda.process_batch(*cloud(25))
        before = tda.stats
        with pytest.raises(InvalidInputError):
            await tda.advance(now)
        assert tda.stats == before


@pytest.mark.asyncio
async def test_too_many_points_waiting_for_the_watermark() -> None:
    settings: dict[str, Any] = {"max_points": 60, "allowed_lateness_ms": 1000}
    stream = MultiScaleStream([100, 400], max_memory_mb=4, max_landmarks=24, **settings)
    async with processor(**settings) as tda:
        await tda.process_batch(*cloud(50))
        tasks = [tda.process_batch(*cloud(10, 50)), tda.process_batch(*cloud(1, 60))]
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert outcomes[0] == []
        assert isinstance(outcomes[1], MemoryLimitError)
        assert tda.stats.stream.accepted == 60
        returned = await tda.advance(0.05) + await tda.process_batch(*cloud(20, 60))
        returned += await tda.flush()
    expected = stream.push(*cloud(60)) + stream.advance(0.05)
    expected += stream.push(*cloud(20, 60)) + stream.flush()
    assert told(returned) == told(expected)


@pytest.mark.asyncio
async def test_a_source_that_goes_back_in_time(gate: Gate) -> None:
    gate.open()
    async with processor(hooks=[gate]) as tda:
        await tda.process_batch(*cloud(50))
        for _ in range(3):
            assert await tda.process_batch(*cloud(30)) == []
            assert await tda.process_point(StreamingPoint([0.0, 0.0], -1e9)) is None
        await tda.process_batch([], [])
        assert (tda.stats.stream.accepted, tda.stats.stream.late) == (50, 93)
        assert await tda.advance(-5.0) == []
        assert len(await tda.process_batch(*cloud(30, 50))) > 0


@pytest.mark.asyncio
async def test_a_batch_without_times_says_what_is_expected() -> None:
    async with processor() as tda:
        for given in (cloud(3)[0], [StreamingPoint([0.0, 0.0], 0.0)]):
            with pytest.raises(InvalidInputError, match=r"timestamps .*process_point"):
                await tda.process_batch(given)
