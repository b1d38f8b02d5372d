"""Names, lives, events: on streams whose loops are known, and what a tracker keeps of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from aura_tda_gpu import FeatureTracker, MultiScaleStream, WindowUpdate
from aura_tda_gpu.errors import SnapshotError
from aura_tda_gpu.streaming.tracking.lapsed import LAPSE
from tests.held import bytes_of

from .test_feature_tracker import tracker


def noisy_circle(n: int, seed: int, scale: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    t = np.arange(n) * 0.01
    circle = np.column_stack([np.cos(6.4 * t), np.sin(6.4 * t)])
    return circle + rng.normal(scale=scale, size=(n, 2)), t


def two_scales(n: int = 1500, **settings: Any) -> list[WindowUpdate]:
    return MultiScaleStream([1000, 2000], **settings).push(*noisy_circle(n, 0))


@pytest.mark.parametrize("settings", [{}, {"max_landmarks": 40}], ids=["exact", "landmarks"])
def test_a_loop_of_a_stream_has_one_name_and_one_group(settings: dict[str, Any]) -> None:
    updates = two_scales(**settings)
    following = FeatureTracker(min_persistence=0.5)
    following.follow(updates)
    events = [e for u in updates for e in u.events if e.dimension == 1]
    births = [e for e in events if e.event_type == "feature_birth"]
    assert sorted(e.feature_id for e in births) == ["scale_1000ms/H1/0", "scale_2000ms/H1/0"]
    assert not [e for e in events if e.event_type == "feature_death"]
    lines = [line for line in following.features() if line.dimension == 1]
    assert len({line.group for line in lines}) == 1
    for line in lines:
        newest = [u for u in updates if u.window_id == line.scale][-1]
        assert (line.birth, line.death) == tuple(newest.diagram[1][line.row])
        assert line.stability > 0.9
        assert line.certain
        assert line.significant


def test_what_a_birth_tells() -> None:
    updates = two_scales()
    FeatureTracker(min_persistence=0.5).follow(updates)
    tick, event = next((u, e) for u in updates for e in u.events if e.dimension == 1)
    metadata = event.metadata
    row = tick.feature_ids[1].index(event.feature_id)
    birth, death = tick.diagram[1][row].tolist()
    assert (metadata["birth"], metadata["death"]) == (birth, death)
    assert metadata["persistence"] == death - birth
    assert 0 <= metadata["p_value"] <= 0.05
    ids = tick.vertex_ids.tolist()
    assert metadata["cycle"] == [[ids[v] for v in walk] for walk in tick.diagram.cycle(1, row)]
    points, _ = noisy_circle(1500, 0)
    for walk, places in zip(metadata["cycle"], metadata["cycle_points"], strict=True):
        assert np.abs(points[walk] - places).max() < 1e-6
    edges = tick.diagram.birth_edges[1][row], tick.diagram.death_edges[1][row]
    for name, edge in zip(("birth_edge", "death_edge"), edges, strict=True):
        assert metadata[name] == tuple(sorted(ids[v] for v in edge))


def lives_of(updates: Sequence[WindowUpdate]) -> Iterator[tuple[WindowUpdate, set[str], list[str]]]:
    """Each update with the features that the events so far leave alive in its scale."""
    alive: dict[str, set[str]] = {}
    for tick in updates:
        here = alive.setdefault(tick.window_id, set())
        names = [e.feature_id for e in tick.events]
        for event in tick.events:
            if event.event_type == "feature_birth":
                assert event.feature_id not in here
                here.add(event.feature_id)
            else:
                assert event.feature_id in here
                if event.event_type == "feature_death":
                    here.remove(event.feature_id)
        yield tick, here, names


@pytest.mark.parametrize("min_ticks", [1, 3])
@pytest.mark.parametrize("settings", [{}, {"max_landmarks": 30}, {"max_edge_length": 0.5}])
def test_events_tell_the_whole_life(settings: dict[str, Any], min_ticks: int) -> None:
    points, t = noisy_circle(1200, 1, 0.2)
    points[400:700] *= 0.3
    updates = MultiScaleStream([500, 1000], **settings).push(points, t)
    following = FeatureTracker(min_persistence=0.05, min_ticks=min_ticks, alpha=1.0)
    born: set[str] = set()
    ended: dict[str, float] = {}
    for tick in updates:
        following([tick])
        for line in following.features(tick.window_id):
            if line.row >= 0:
                assert tick.feature_ids[line.dimension][line.row] == line.id
                assert (line.birth, line.death) == tuple(tick.diagram[line.dimension][line.row])
            assert len(line.times) <= line.n_ticks
    for tick, alive, names in lives_of(updates):
        assert len(names) == len(set(names))
        shown = {name for names in tick.feature_ids.values() for name in names if name}
        assert shown <= alive
        for event in tick.events:
            if event.event_type == "feature_death":
                ended[event.feature_id] = event.metadata["last_seen"]
            if event.event_type == "feature_birth":
                if event.feature_id in born:  # given back: a loop that ended lately
                    assert event.dimension == 1
                    gone = event.timestamp - ended.pop(event.feature_id)
                    assert gone <= LAPSE * tick.duration_seconds
                born.add(event.feature_id)
    assert len(born) > 20


def test_pieces_of_a_stream_make_the_same_events() -> None:
    points, t = noisy_circle(900, 2)
    whole, pieces = MultiScaleStream([500, 1000]), MultiScaleStream([500, 1000])
    at_once = tracker().follow(whole.push(points, t))
    following, cut = tracker(), []
    for start in range(0, 900, 37):
        cut += following.follow(pieces.push(points[start : start + 37], t[start : start + 37]))
    assert [repr(u.events) for u in cut] == [repr(u.events) for u in at_once]


def test_a_restored_tracker_goes_on_as_if_nothing_had_happened() -> None:
    updates, again = two_scales(600), two_scales(600)
    following = FeatureTracker(0.05, min_ticks=2, alpha=1.0, history=8)
    moved = FeatureTracker(0.05, min_ticks=2, alpha=1.0, history=8)
    for tick, other in zip(updates, again, strict=True):
        following([tick])
        moved([other])
        assert repr(other.events) == repr(tick.events)
        data = moved.snapshot()
        assert data == following.snapshot()
        moved = FeatureTracker.restore(data)
        for a, b in zip(moved.features(), following.features(), strict=True):
            assert repr(a) == repr(b)
            assert a.births.tolist() == b.births.tolist()
            assert (a.cycle, a.group) == (b.cycle, b.group)
    assert repr(moved.finished()) == repr(following.finished()) != "[]"


def test_a_spoilt_snapshot_is_refused() -> None:
    following = tracker()
    following.follow(two_scales(300))
    data = following.snapshot()
    for spoilt in (data[:-1], data[:100], b"", data[:50] + b"?" + data[51:]):
        with pytest.raises(SnapshotError):
            FeatureTracker.restore(spoilt)


def test_what_is_kept_is_counted_and_bounded() -> None:
    points, t = noisy_circle(1600, 3, 0.3)
    stream = MultiScaleStream([250, 500])
    following = tracker(history=16, finished=32)
    sizes = []
    for start in range(0, 1600, 50):
        following.follow(stream.push(points[start : start + 50], t[start : start + 50]))
        sizes.append(following.nbytes)
    assert following.nbytes >= bytes_of(following)
    assert following.nbytes <= 1.2 * bytes_of(following)
    assert max(sizes[16:]) < 1.5 * max(sizes[5:16])
    assert len(following.finished()) == 32
    assert max(len(line.times) for line in following.features()) == 16


def test_reading_beside_following() -> None:
    updates = two_scales(800)
    following, failures, done = tracker(), [], threading.Event()

    def read() -> None:
        try:
            while not done.is_set():
                for line in following.features():
                    assert len(line.births) == len(line.times)
                _ = following.nbytes, following.finished()
        except Exception as error:
            failures.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    following.follow(updates)
    done.set()
    reader.join()
    assert failures == []
