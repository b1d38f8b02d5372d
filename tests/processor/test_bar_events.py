"""Events against the difference of two sets of bars, written down another way."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
import pytest

from aura_tda_gpu.streaming.bar_events import BarEvents
from aura_tda_gpu.streaming.multi_scale_processor import MultiScaleStream
from aura_tda_gpu.streaming.persistence_stream import WindowUpdate
from aura_tda_gpu.types import TDAStreamEvent
from tests.held import bytes_of
from tests.persistence.test_window_memory import joined_simplices

from .helpers import cloud, processor

Edge: TypeAlias = "frozenset[int] | None"
Feature: TypeAlias = tuple[int, Edge, Edge]

STREAMS: dict[str, dict[str, Any]] = {
    "exact": {"max_landmarks": 128},
    "landmarks": {"max_landmarks": 24},
    "cut short": {"max_landmarks": 128, "max_edge_length": 0.45},
    "landmarks cut short": {"max_landmarks": 24, "max_edge_length": 0.6},
    "parts only": {"max_landmarks": 128, "homology_dimensions": [0]},
    "loops only": {"max_landmarks": 128, "homology_dimensions": [1]},
}


def updates_of(n: int = 1600, **settings: Any) -> list[WindowUpdate]:
    """A few hundred ticks of a moving loop, a cluster that comes and goes, and a gap."""
    stream = MultiScaleStream([100, 300], max_memory_mb=4, **settings)
    points, times = cloud(n)
    points[:, 0] += 0.3 * np.sin(times * 40)
    points[n // 3 : n // 2] *= 0.2
    times[n // 2 :] += 0.5
    return stream.push(points, times) + stream.flush()


def features_of(update: WindowUpdate, min_persistence: float) -> dict[Feature, tuple[float, float]]:
    """The bars that count, by the points that make them."""
    found = {}
    diagram, ids = update.diagram, update.vertex_ids.tolist()
    for k in diagram.dimensions:
        for i, (birth, death) in enumerate(diagram[k].tolist()):
            ends = [
                frozenset(ids[v] for v in edge) if edge[0] >= 0 else None
                for edge in (diagram.birth_edges[k][i].tolist(), diagram.death_edges[k][i].tolist())
            ]
            if death - birth >= min_persistence and ends != [None, None]:
                assert (k, *ends) not in found
                found[k, ends[0], ends[1]] = (birth, death)
    return found


def feature(event: TDAStreamEvent) -> Feature:
    birth, death = event.metadata["birth_edge"], event.metadata["death_edge"]
    return (
        event.dimension,
        None if birth is None else frozenset(birth),
        None if death is None else frozenset(death),
    )


def by_window(updates: list[WindowUpdate]) -> Iterator[list[WindowUpdate]]:
    for name in ("scale_100ms", "scale_300ms"):
        yield [update for update in updates if update.window_id == name]


@pytest.mark.parametrize("min_persistence", [0.0, 0.1])
@pytest.mark.parametrize("name", STREAMS)
def test_events_are_the_difference_of_two_ticks(name: str, min_persistence: float) -> None:
    updates = updates_of(**STREAMS[name])
    hook = BarEvents(min_persistence)
    for update in updates:
        hook([update])
    n_events = 0
    for window in by_window(updates):
        assert len(window) > 50
        before: dict[Feature, tuple[float, float]] = {}
        for update in window:
            now = features_of(update, min_persistence)
            events = list(update.events)
            died = {feature(e): e for e in events if e.event_type == "feature_death"}
            born = {feature(e): e for e in events if e.event_type == "feature_birth"}
            assert len(died) + len(born) == len(events) == len(update.events)
            assert died.keys() == before.keys() - now.keys()
            assert born.keys() == now.keys() - before.keys()
            assert [e.event_type for e in events] == sorted(e.event_type for e in events)[::-1]
            for key, event in [*died.items(), *born.items()]:
                check(event, update, now[key] if key in born else before[key])
            before = now
            n_events += len(events)
    assert n_events > 100


def check(event: TDAStreamEvent, update: WindowUpdate, bar: tuple[float, float]) -> None:
    """Compare what an event says with the bar it speaks of and the tick that shows it."""
    metadata = event.metadata
    assert set(metadata) == {
        "birth",
        "death",
        "persistence",
        "birth_edge",
        "death_edge",
        "error_bound",
    }
    assert (event.scale, event.timestamp) == (update.window_id, update.timestamp)
    assert (metadata["birth"], metadata["death"]) == bar
    assert metadata["persistence"] == bar[1] - bar[0]
    bound = None if math.isnan(update.error_bound) else update.error_bound
    assert metadata["error_bound"] == bound
    assert event.feature_id.startswith(f"{update.window_id}/H{event.dimension}/")
    for edge in (metadata["birth_edge"], metadata["death_edge"]):
        assert edge is None or (type(edge) is tuple and edge[0] < edge[1])


@pytest.mark.parametrize("name", STREAMS)
def test_births_less_deaths_are_the_bars_there_are(name: str) -> None:
    updates = updates_of(**STREAMS[name])
    hook = BarEvents(0.05)
    alive: dict[str, set[str]] = {"scale_100ms": set(), "scale_300ms": set()}
    emptied = 0
    for update in updates:
        hook([update])
        known = alive[update.window_id]
        for event in update.events:
            if event.event_type == "feature_birth":
                assert event.feature_id not in known
                known.add(event.feature_id)
            else:
                known.remove(event.feature_id)
        assert len(known) == len(features_of(update, 0.05))
        emptied += not update.n_points
    assert emptied > 10


def test_a_feature_keeps_its_id_and_no_two_share_one() -> None:
    updates = updates_of(max_landmarks=128)
    hook = BarEvents()
    features: dict[str, tuple[str, Feature]] = {}
    for update in updates:
        hook([update])
        for event in update.events:
            told = (event.scale, feature(event))
            assert features.setdefault(event.feature_id, told) == told
    assert len(set(features.values())) == len(features) > 1000


def test_open_bars_count_and_parts_that_never_merge_make_no_events() -> None:
    update = updates_of(max_landmarks=128, max_edge_length=0.45)[30]
    hook = BarEvents(1e9)
    hook([update])
    loops = [e for e in update.events if e.dimension == 1]
    parts = [e for e in update.events if e.dimension == 0]
    n_open = int(np.isinf(update.diagram[1][:, 1]).sum())
    assert len(loops) == n_open > 0
    assert all(e.metadata["death"] == math.inf for e in loops)
    assert all(e.feature_id.endswith("/open") for e in loops)
    assert all(e.metadata["death_edge"] is None for e in loops)
    assert parts == []


def test_windows_do_not_mix() -> None:
    updates = updates_of(max_landmarks=24)
    together, apart = BarEvents(), {name: BarEvents() for name in ("scale_100ms", "scale_300ms")}
    for update in updates:
        together([update])
        first = list(update.events)
        apart[update.window_id]([update])
        assert list(update.events) == first


def test_events_behave_as_a_list() -> None:
    updates = updates_of(400, max_landmarks=24)
    BarEvents()(updates)
    events = next(update.events for update in updates if len(update.events) > 3)
    assert events[0] == next(iter(events))
    assert events[-1] == list(events)[-1]
    assert list(events[1:3]) == list(events)[1:3]
    assert events[0] in events
    assert len(events) == len(list(events))
    assert repr(events) == repr(list(events))
    with pytest.raises(IndexError):
        events[len(events)]


def test_looking_late_changes_nothing() -> None:
    late, early = updates_of(600, max_landmarks=24), updates_of(600, max_landmarks=24)
    BarEvents()(late)
    hook = BarEvents()
    for update in early:
        hook([update])
        len(update.events)
    assert [list(u.events) for u in reversed(late)] == [list(u.events) for u in reversed(early)]


@pytest.mark.asyncio
async def test_the_processor_counts_bars_from_min_persistence_on() -> None:
    expected = {}
    for min_persistence in (0.05, 0.3):
        async with processor(min_persistence=min_persistence) as tda:
            updates = await tda.process_batch(*cloud(300))
        plain = BarEvents(min_persistence)
        events = [list(u.events) for u in updates]
        plain(updates)
        assert [list(u.events) for u in updates] == events
        expected[min_persistence] = sum(map(len, events))
    assert expected[0.05] > expected[0.3] > 0


def test_what_is_kept_of_a_tick_has_no_loops_and_is_counted() -> None:
    events, last = BarEvents(), {}
    for update in updates_of(max_landmarks=64):
        events([update])
        last[update.window_id] = update
    assert events.nbytes == bytes_of(events._last) > 0
    assert events.nbytes < sum(u.diagram.nbytes + u.vertex_ids.nbytes for u in last.values())


@pytest.mark.asyncio
async def test_the_processor_counts_what_its_hooks_keep() -> None:
    class Hook:
        nbytes = 0

        def __call__(self, updates: Any) -> None:
            pass

    hook = Hook()
    async with processor(hooks=(hook,)) as tda:
        await tda.process_batch(*cloud(50))
        without = tda.get_memory_usage()
        hook.nbytes = 12_345
        assert tda.get_memory_usage() == without + 12_345


@pytest.mark.asyncio
async def test_nothing_of_an_update_is_kept_uncounted() -> None:
    points, times = joined_simplices(128, np.random.default_rng(0), 1e-5), np.arange(128) / 1000
    settings: dict[str, Any] = {"max_landmarks": 128, "max_points": 200, "max_memory_mb": 8}
    async with processor([128], **settings) as tda:
        for start in range(3):
            await tda.process_batch(points, times + 0.128 * start)
        (update,) = (await tda.flush())[-1:]
        # the window has no room for the loops of so many bars
        assert tda._stream is not None
        diagram_bytes, held = update.diagram.nbytes, bytes_of(tda)
        assert diagram_bytes > 0.3 * held
        assert 0.9 * held <= tda.get_memory_usage() <= 1.1 * held
