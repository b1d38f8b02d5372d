"""However points come in, the updates are those of a plain stream fed the same."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pytest

from aura_tda_gpu.processor import StreamingTDAProcessor
from aura_tda_gpu.streaming.multi_scale_processor import MultiScaleStream
from aura_tda_gpu.streaming.window_update import WindowUpdate
from aura_tda_gpu.types import StreamingPoint

from .helpers import SCALES, SETTINGS, Gate, cloud, point, processor, pushed, reading, told, turns

pytestmark = pytest.mark.asyncio

Rows: TypeAlias = npt.NDArray[np.float64]
Step: TypeAlias = tuple[Any, ...]
LATENESS_MS = 30


def random_steps(seed: int, n: int = 600) -> list[Step]:
    """Calls that together push ``n`` points, some of them late, some of them too late."""
    rng = np.random.default_rng(seed)
    points, times = cloud(n)
    times = times + 2.0 * (np.arange(n) > 0.7 * n) * rng.integers(2)  # a gap, in half of the cases
    times = np.maximum(times - rng.exponential(0.01, n), 0) if seed % 2 else times
    steps: list[Step] = []
    k = 0
    while k < n:
        kind = rng.choice(["point", "batch", "advance", "flush"], p=[0.8, 0.15, 0.04, 0.01])
        if kind == "advance":
            steps.append(("advance", times[k] + rng.uniform(-0.1, 0.02)))
        elif kind == "flush":
            steps.append(("flush",))
        else:
            m = 1 if kind == "point" else int(rng.integers(0, 60))
            steps.append((kind, points[k : k + m], times[k : k + m]))
            k += m
    return [*steps, ("flush",)]


def in_a_plain_stream(steps: list[Step], **settings: Any) -> tuple[list[WindowUpdate], Any]:
    stream = MultiScaleStream(SCALES, **{**SETTINGS, **settings})
    updates: list[WindowUpdate] = []
    for kind, *arguments in steps:
        name = "push" if kind in ("point", "batch") else kind
        updates += getattr(stream, name)(*arguments)
    return updates, stream.stats


async def do(tda: StreamingTDAProcessor, step: Step) -> list[WindowUpdate]:
    kind, *arguments = step
    if kind == "point":
        rows, times = arguments
        update = await tda.process_point(StreamingPoint(rows[0], float(times[0])))
        return [] if update is None else [*update.all]
    name = "process_batch" if kind == "batch" else kind
    updates: list[WindowUpdate] = await getattr(tda, name)(*arguments)
    return updates


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("batch_size", [1, 7, 100])
@pytest.mark.parametrize("deadline_ms", [0, 20])
async def test_one_call_after_the_other(seed: int, batch_size: int, deadline_ms: int) -> None:
    steps = random_steps(seed)
    lateness = LATENESS_MS if seed % 2 else 0
    expected, stats = in_a_plain_stream(steps, allowed_lateness_ms=lateness)
    async with processor(
        batch_size=batch_size, batch_deadline_ms=deadline_ms, allowed_lateness_ms=lateness
    ) as tda:
        subscription = tda.subscribe_to_updates(limit=10_000)
        returned = [update for step in steps for update in await do(tda, step)]
        assert tda.stats.stream == stats
        assert tda.stats.waiting == 0
    delivered = await reading(subscription)
    assert told(returned) == told(expected)
    assert told(delivered) == told(expected)
    assert [id(u) for u in delivered] == [id(u) for u in returned]
    assert len(expected) > 60
    if seed % 2:
        assert stats.late > 0


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("batch_size", [1, 7, 100])
async def test_calls_at_once(seed: int, batch_size: int) -> None:
    steps = random_steps(seed)[:-1]
    lateness = LATENESS_MS if seed % 2 else 0
    expected, stats = in_a_plain_stream(steps, allowed_lateness_ms=lateness)
    async with processor(batch_size=batch_size, allowed_lateness_ms=lateness) as tda:
        subscription = tda.subscribe_to_updates(limit=10_000)
        results = await asyncio.gather(*(do(tda, step) for step in steps))
        await tda.process_batch([], [])
        assert tda.stats.stream == stats
    assert told(await reading(subscription)) == told(expected)
    # calls begin in the order in which their tasks were made
    assert told([update for result in results for update in result]) == told(expected)


@pytest.mark.parametrize("batch_size", [1, 7, 100])
async def test_an_update_belongs_to_the_caller_whose_point_closed_the_tick(batch_size: int) -> None:
    stream = MultiScaleStream(SCALES, **SETTINGS)
    expected = [told(stream.push(*cloud(1, k))) for k in range(150)]
    async with processor(batch_size=batch_size) as tda:
        results = await asyncio.gather(*(tda.process_point(point(k)) for k in range(150)))
    assert [told([*u.all]) if u else [] for u in results] == expected
    assert sum(map(bool, expected)) == 14


async def test_the_value_is_the_finest_scales_latest_update() -> None:
    async with processor() as tda:
        await tda.process_point(point(0))
        update = await tda.process_point(StreamingPoint([5.0, 5.0], 0.1))
        assert update is not None
        assert (update.window_id, update.timestamp) == ("scale_100ms", 0.1)
        seen = [(u.window_id, round(1000 * u.timestamp)) for u in update.all]
        fine = [("scale_100ms", 10 * k) for k in range(1, 11)]
        coarse = [("scale_400ms", 40), ("scale_400ms", 80)]
        assert sorted(seen) == sorted(fine + coarse)
        assert [t for _, t in seen] == sorted(t for _, t in seen)
        assert seen[3:5] == [("scale_100ms", 40), ("scale_400ms", 40)]
        assert all(u.all == () for u in update.all)
        assert (await tda.process_point(StreamingPoint([5.0, 5.0], 0.1001))) is None


async def test_only_the_coarse_scale_ticks() -> None:
    async with processor([100, 400], slide_intervals_ms=[100, 30]) as tda:
        assert await tda.process_point(point(0)) is None
        update = await tda.process_point(StreamingPoint([1.0, 0.0], 0.03))
        assert update is not None
        assert (update.window_id, len(update.all)) == ("scale_400ms", 1)


async def test_points_pushed_while_a_tick_is_computed(gate: Gate) -> None:
    expected = pushed(200)
    async with processor(hooks=[gate], batch_size=9) as tda:
        subscription = tda.subscribe_to_updates(limit=10_000)
        first = asyncio.create_task(tda.process_batch(*cloud(50)))
        await gate.reached()
        later = [asyncio.create_task(tda.process_point(point(k))) for k in range(50, 200)]
        await turns()
        assert not first.done()
        gate.open()
        returned = await first
        for task in later:
            update = await task
            returned += update.all if update else ()
    assert told(returned) == told(expected)
    assert told(await reading(subscription)) == told(expected)


async def test_the_caller_may_use_its_arrays_again() -> None:
    rows, times = np.empty(2), np.empty(3)
    many = np.empty((3, 2))
    stream = MultiScaleStream(SCALES, **SETTINGS)
    expected: list[WindowUpdate] = []
    returned: list[WindowUpdate] = []
    async with processor() as tda:
        for k in range(0, 400, 4):
            rows[:] = cloud(1, k)[0][0]
            expected += stream.push(rows, k / 1000)
            update = await tda.process_point(StreamingPoint(rows, k / 1000))
            returned += update.all if update else ()
            many[:], times[:] = cloud(3, k + 1)
            expected += stream.push(many, times)
            returned += await tda.process_batch(many, times)
            rows[:] = many[:] = times[:] = -1e6
    assert told(returned) == told(expected)


async def test_a_too_late_point_is_dropped_whatever_it_holds() -> None:
    stream = MultiScaleStream(SCALES, **SETTINGS)
    calls = [([float(k), 0.0], k / 1000) for k in range(8)]
    calls += [([1e30, 0.0], 0.005), ([2.0, 2.0], 0.02)]
    expected = [told(stream.push([row], [t])) for row, t in calls]
    async with processor() as tda:
        returned = [told(await tda.process_batch([row], [t])) for row, t in calls]
        assert tda.stats.stream == stream.stats
    assert returned == expected


class Instants:
    """A hook that notes what it is called with."""

    def __init__(self) -> None:
        self.seen: list[list[WindowUpdate]] = []

    def __call__(self, updates: Sequence[WindowUpdate]) -> None:
        self.seen.append(list(updates))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("scales", [[100, 400], [100, 400, 1200], [100, 150, 350]])
async def test_a_hook_is_called_once_for_each_instant(seed: int, scales: list[int]) -> None:
    hook = Instants()
    lateness = LATENESS_MS if seed % 2 else 0
    async with processor(scales, hooks=[hook], allowed_lateness_ms=lateness) as tda:
        subscription = tda.subscribe_to_updates(limit=10_000)
        for step in random_steps(seed):
            await do(tda, step)
    assert [u for updates in hook.seen for u in updates] == await reading(subscription)
    times = [{u.timestamp for u in updates} for updates in hook.seen]
    assert all(len(instant) == 1 for instant in times)
    instants = [instant.pop() for instant in times]
    assert all(a < b for a, b in pairwise(instants))
    order = [f"scale_{scale}ms" for scale in scales]
    for updates in hook.seen:
        ranks = [order.index(u.window_id) for u in updates]
        assert ranks == sorted(set(ranks))


async def test_a_flush_keeps_the_instants_apart() -> None:
    """A scale that has come to its end is not waited for."""
    hook = Instants()
    async with processor([100, 400, 1200], hooks=[hook]) as tda:
        await tda.process_batch(*cloud(66))
        await tda.flush()
    ends = [sorted({round(u.timestamp, 3) for u in updates}) for updates in hook.seen[-3:]]
    assert ends == [[0.07], [0.08], [0.12]]


async def test_the_metadata_of_a_point_is_found_by_its_id() -> None:
    async with processor(batch_size=7) as tda:
        await tda.process_batch(*cloud(10))
        await tda.process_point(point(10))
        jobs = [tda.process_point(point(k, number=k)) for k in range(11, 60)]
        await asyncio.gather(*jobs)
        await tda.process_batch([], [])
        assert [tda.metadata_of(k) for k in (0, 10, 60)] == [None] * 3
        assert [tda.metadata_of(k) for k in range(11, 60)] == [{"number": k} for k in range(11, 60)]
        assert tda.metadata_of(int(np.int64(20))) == {"number": 20}
    assert tda.metadata_of(20) is None  # forgotten with everything else


async def test_features_of_each_scale_are_those_of_its_latest_update() -> None:
    async with processor() as tda:
        assert await tda.get_current_features() == {}
        updates = await tda.process_batch(*cloud(100))
        features = await tda.get_current_features()
        assert list(features) == ["scale_100ms", "scale_400ms"]
        for name, table in features.items():
            last = [u for u in updates if u.window_id == name][-1]
            assert table is last.features
            assert table.tolist() == [
                [np.float32(b), np.float32(d), k]
                for b, d, k in zip(last.births, last.deaths, last.dimensions, strict=True)
            ]
            assert not table.flags.writeable
