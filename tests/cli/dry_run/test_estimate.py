"""The dry run: what it predicts, against a stream that really runs."""

from __future__ import annotations

import itertools
import json
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from aura_tda_gpu import MultiScaleStream, estimate
from aura_tda_gpu.cli.dry_run import estimate as estimate_module
from aura_tda_gpu.cli.dry_run import speed as speed_module
from aura_tda_gpu.cli.dry_run.estimate import estimate_run, show_estimate
from aura_tda_gpu.cli.dry_run.speed import Speed, measure_speed
from aura_tda_gpu.cli.sources.takens import DelayEmbedding
from aura_tda_gpu.config import Config
from aura_tda_gpu.errors import MemoryLimitError
from aura_tda_gpu.persistence import cuda_device
from aura_tda_gpu.streaming.memory import WindowPlan, cover_bytes, engine_bytes

from ..fakes import FakeSource, chunk, rows

FAST = Speed((8, 16), (1e-3, 1e-3), (1e-9, 1e-9), {16: ((32, 128), (4e-3, 2e-3))}, {}, 1e-6)


@pytest.fixture(autouse=True)
def known_speed(monkeypatch):
    """Let the estimates of these tests not depend on the machine."""
    monkeypatch.setattr(estimate_module, "measure_speed", lambda *_: FAST)


@pytest.fixture
def still_clock(monkeypatch):
    """Let rows take no time to read."""
    monkeypatch.setattr(estimate_module, "time", SimpleNamespace(perf_counter=lambda: 0.0))


def settings(**sections) -> Config:
    memory = {"max_mb": 1, "max_landmarks": 16, **sections.pop("memory", {})}
    return Config(scales=(100, 1000), memory=memory, **sections)


def at_rate(hz: float, n: int = 500, start: float = 1.7e9) -> FakeSource:
    """Return a source whose time column runs at ``hz``."""
    return FakeSource([chunk(np.ones((n, 2)), start + np.arange(n) / hz)])


def test_the_sizes_are_those_of_the_stream():
    found = estimate_run(at_rate(150.0), settings(), None)
    told = estimate(settings(), found.points_per_second, 2)
    assert found.buffer_bytes == told.buffer_bytes
    assert found.engine_bytes == told.working_bytes
    assert found.overflow_points_per_second == told.overflow_rate
    stream = MultiScaleStream(settings())
    stream.push(np.zeros((1, 2)), [0.0])
    assert [w.max_points for w in found.windows] == [w.max_points for w in stream.windows.values()]


def test_the_engine_is_that_of_the_stream_where_a_gpu_would_pay(monkeypatch):
    engine = SimpleNamespace(name="cuda")
    monkeypatch.setattr(cuda_device, "load_driver", lambda: object())
    monkeypatch.setattr(cuda_device, "why_not", lambda: None)
    monkeypatch.setattr(cuda_device, "cuda_engine", lambda: engine)
    monkeypatch.setattr(cuda_device, "check_size", lambda n: None)
    speed = replace(FAST, covered={512: FAST.covered[16]})
    monkeypatch.setattr(estimate_module, "measure_speed", lambda *_: speed)
    large = settings(memory={"max_mb": 100, "max_landmarks": 512})
    assert estimate_run(FakeSource([rows(100)], rate=9000.0), large, None).backend == "cpu"


def test_windows_at_a_known_rate():
    found = estimate_run(FakeSource([rows(100)], rate=150.0), settings(), None)
    assert found.points_per_second == 150
    fine, coarse = found.windows
    assert (fine.window_id, fine.duration_ms, fine.ticks_per_second) == ("scale_100ms", 100, 100)
    assert (fine.points_needed, fine.n_vertices, fine.exact) == (15, 15, True)
    assert (coarse.points_needed, coarse.n_vertices, coarse.exact) == (150, 16, False)
    assert (fine.seconds_per_tick, coarse.seconds_per_tick) == pytest.approx((1e-3, 2e-3))
    # reading the rows is the one thing that is timed here
    reading = found.busy_share - (100 * 1e-3 + 10 * 2e-3 + 150e-6)
    assert 0 <= reading < 0.1
    kept = sum(engine_bytes(k, 2) + cover_bytes(k, 2) for k in (15, 16))
    # a row waits for the watermark
    assert found.filled_bytes == 166 * 32 + kept
    assert found.buffer_bytes + found.engine_bytes <= found.memory_limit_bytes == 1 << 20


def test_the_rate_is_that_of_the_times():
    found = estimate_run(at_rate(25.0), settings(), None)
    assert found.points_per_second == pytest.approx(25)
    assert found.rows_read == 500


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (FakeSource([]), "too few rows to tell"),
        (FakeSource([rows(1)]), "too few rows to tell"),
        (FakeSource([rows(9)]), "too few rows to tell"),
        (at_rate(np.inf), "not known from the rows read"),
    ],
)
def test_a_rate_that_the_rows_do_not_tell(source, why, capsys):
    found = estimate_run(source, settings(), None)
    assert found.points_per_second is found.busy_share is found.filled_bytes is None
    assert {window.points_needed for window in found.windows} == {None}
    show_estimate(found, as_json=False)
    text = capsys.readouterr().out
    assert f"rate: {why}, 2 coordinates" in text
    assert "exact up to 16" in text


@pytest.mark.parametrize(("n", "told"), [(10, False), (99, False), (100, True)])
def test_a_few_rows_do_not_tell_how_long_rows_take_to_read(n, told, capsys):
    found = estimate_run(at_rate(10, n), settings(), None)
    assert found.points_per_second == pytest.approx(10)
    assert (found.max_points_per_second is not None) == (found.busy_share is not None) == told
    show_estimate(found, as_json=False)
    text = capsys.readouterr().out
    assert ("highest rate of this machine: too few rows to tell" in text) == (not told)
    assert ("keeps up with roughly" in text) == ("work: " in text) == told


def test_no_more_rows_are_read_than_are_needed(monkeypatch):
    monkeypatch.setattr(estimate_module, "_ROWS", 1000)
    source = FakeSource([rows(400) for _ in range(10)])
    assert estimate_run(source, settings(), None).rows_read == 1000
    assert source.taken == 3


def test_a_live_source_is_waited_for_a_second(monkeypatch):
    clock = itertools.count(0.0, 0.25)
    monkeypatch.setattr(estimate_module, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    found = estimate_run(FakeSource([rows(12)], live=True), settings(), None)
    assert found.rows_read == 12
    assert found.points_per_second == 1
    assert found.max_points_per_second is not None


def test_an_embedding_decides_the_dimension():
    one = chunk(np.ones((100, 1)), np.arange(100) / 10)
    found = estimate_run(FakeSource([one]), settings(), DelayEmbedding(3, 7))
    assert found.dimension == 3
    assert found.points_per_second == pytest.approx(10)


def test_a_window_that_is_too_small():
    found = estimate_run(at_rate(1e6), settings(), None)
    assert [window.overflows for window in found.windows] == [True, True]
    room = min(w.max_points / (w.duration_ms / 1000) for w in found.windows)
    assert found.overflow_points_per_second == pytest.approx(room)
    below = estimate_run(at_rate(0.99 * room), settings(), None)
    assert not any(window.overflows for window in below.windows)


def test_memory_that_does_not_hold_the_windows():
    with pytest.raises(MemoryLimitError, match="need at least"):
        estimate_run(at_rate(10), settings(memory={"max_landmarks": 600}), None)


@pytest.mark.usefixtures("still_clock")
def test_the_highest_rate_is_one_second_of_work_a_second():
    highest = estimate_run(at_rate(10), settings(), None).max_points_per_second
    at_it = estimate_run(FakeSource([rows(100)], rate=highest), settings(), None)
    assert at_it.busy_share == pytest.approx(1, rel=0.01)


def test_ticks_that_alone_take_too_long(monkeypatch, capsys):
    slow = Speed((8, 16), (0.1, 0.1), (1e-9, 1e-9), {}, {16: 0.0}, 0.0)
    monkeypatch.setattr(estimate_module, "measure_speed", lambda *_: slow)
    found = estimate_run(at_rate(10), settings(), None)
    assert found.max_points_per_second == 0
    assert found.busy_share == pytest.approx(11, rel=0.01)
    show_estimate(found, as_json=False)
    assert "keeps up with no rate" in capsys.readouterr().out


def test_for_machines(capsys):
    show_estimate(estimate_run(at_rate(25), settings(), None), as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {
        "source",
        "rows_read",
        "dimension",
        "points_per_second",
        "backend",
        "windows",
        "memory_limit_bytes",
        "buffer_bytes",
        "filled_bytes",
        "engine_bytes",
        "busy_share",
        "max_points_per_second",
        "overflow_points_per_second",
    }
    assert set(found["windows"][0]) == {
        "window_id",
        "duration_ms",
        "points_needed",
        "max_points",
        "overflows",
        "max_landmarks",
        "n_vertices",
        "exact",
        "seconds_per_tick",
        "ticks_per_second",
    }


def test_for_people(capsys):
    show_estimate(estimate_run(at_rate(1e6), settings(), None), as_json=False)
    text = capsys.readouterr().out
    assert max(map(len, text.split("rate:")[0].splitlines())) <= 80
    for words in (
        "rate: 1,000,000 points/s, 2 coordinates, engine cpu",
        "landmarks, overflows",
        "out of 1 MB",
        "this machine keeps up with roughly",
        "counted: reading, ticks, features and lines of JSON, not how late they come",
        "a window overflows above",
    ):
        assert words in text


@pytest.fixture
def speed() -> Speed:
    """Return the speed of this machine, measured on little."""
    windows = [WindowPlan(300, 64), WindowPlan(1000, 64), WindowPlan(16, 16)]
    return measure_speed(settings(memory={"max_landmarks": 64}), windows, np.zeros(2), np.ones(2))


def test_this_machine_can_be_timed(speed):
    assert speed.vertices == (8, 16, 32, 64)
    assert speed.row_landmarks == {}
    ((sizes, seconds),) = speed.covered.values()
    assert sizes == (128, 512, 1000)
    assert min(*speed.ticks, *speed.records, *seconds, speed.row_push) > 0
    assert speed.tick(64, 64) == pytest.approx(speed.ticks[-1])
    assert speed.tick(65, 64) == speed.tick(128, 64) == pytest.approx(seconds[0])
    assert speed.tick(10**6, 64) == pytest.approx(seconds[-1])
    assert speed.record(1000, 64) == pytest.approx(speed.records[-1])


def test_between_and_beyond_what_was_timed():
    speed = Speed((10, 1000), (1.0, 100.0), (1.0, 2.0), {}, {4000: 0.5}, 0.0)
    assert speed.tick(100, 1000) == pytest.approx(10)
    assert speed.tick(0, 1000) == speed.tick(1, 1000) == pytest.approx(1)
    assert speed.tick(4000, 4000) == pytest.approx(100 * 4**2.5)
    assert speed.record(4000, 4000) == pytest.approx(8)
    assert speed.tick(6000, 4000) == pytest.approx(100 * 4**2.5 + 3000)


def test_landmarks_that_are_kept_cost_a_tick_nothing_for_each_row():
    assert FAST.tick(64, 16) == pytest.approx((4e-3 * 2e-3) ** 0.5)
    assert FAST.tick(10**6, 16) == FAST.tick(128, 16) == pytest.approx(2e-3)


@pytest.mark.usefixtures("still_clock")
def test_the_highest_rate_may_lie_above_one_that_is_too_high(monkeypatch):
    # 100 ticks a second of 20 ms while the fine window is exact, of 1 ms once it has landmarks
    odd = Speed((8, 16), (2e-2, 2e-2), (1e-9, 1e-9), {16: ((32,), (1e-3,))}, {}, 1e-6)
    monkeypatch.setattr(estimate_module, "measure_speed", lambda *_: odd)
    found = estimate_run(at_rate(100), settings(), None)
    assert found.busy_share > 1
    at_it = estimate_run(
        FakeSource([rows(100)], rate=found.max_points_per_second), settings(), None
    )
    assert at_it.busy_share == pytest.approx(1, rel=0.01)
    assert found.max_points_per_second > 1e5


@pytest.mark.parametrize("landmarks", ["cover", "maxmin"])
def test_both_strategies_are_timed_as_they_are_set(monkeypatch, landmarks):
    monkeypatch.setattr(speed_module, "_ROWS", 64)
    told = []

    class Watched(speed_module.BoundedPersistenceStream):
        def __init__(self, *args, **settings):
            told.append(settings["landmarks"])
            super().__init__(*args, **settings)

    monkeypatch.setattr(speed_module, "BoundedPersistenceStream", Watched)
    config = settings(memory={"landmarks": landmarks})
    speed = measure_speed(config, [WindowPlan(100, 16)], np.zeros(2), np.ones(2))
    assert set(told) == {landmarks}
    assert set(speed.covered) == ({16} if landmarks == "cover" else set())
    assert set(speed.row_landmarks) == ({16} if landmarks == "maxmin" else set())


@pytest.mark.parametrize("n", [8, 33, 512])
def test_the_windows_timed_stay_full_and_move_by_a_tenth(monkeypatch, n):
    monkeypatch.setattr(speed_module, "_PATIENCE", np.inf)
    ticks = []

    class Watched(speed_module.BoundedPersistenceStream):
        def tick(self, t_ns):
            update = super().tick(t_ns)
            ticks.append((update.n_points, update.n_overflowed, update.vertex_ids.min()))
            return update

    monkeypatch.setattr(speed_module, "BoundedPersistenceStream", Watched)
    windows = [WindowPlan(n, n)]
    measure_speed(settings(memory={"max_mb": 16}), windows, np.zeros(2), np.ones(2))
    assert ticks[-8:] == [(n, 0, -(-n * i // 10)) for i in range(8)]


def points_of(monkeypatch, n, own):
    """Return the newest points of the windows of ``n`` that are timed."""
    monkeypatch.setattr(speed_module, "_PATIENCE", np.inf)
    seen = []

    class Watched(speed_module.BoundedPersistenceStream):
        def tick(self, t_ns):
            update = super().tick(t_ns)
            seen.append(update.vertices[np.argsort(update.vertex_ids)][-1])
            return update

    monkeypatch.setattr(speed_module, "BoundedPersistenceStream", Watched)
    measure_speed(settings(), [WindowPlan(n, n)], np.zeros(2), np.ones(2), own)
    return np.array(seen[-8:])


@pytest.mark.parametrize(("n", "room"), [(16, 28), (17, 29)])
def test_windows_slide_over_the_rows_read_where_they_suffice(monkeypatch, n, room):
    own = np.random.default_rng(1).normal(size=(room, 2)).astype(np.float32).astype(float)
    newest = [-(-n * (10 + i) // 10) - 1 for i in range(8)]
    assert newest[-1] == room - 1
    assert points_of(monkeypatch, n, own) == pytest.approx(own[newest])
    random = points_of(monkeypatch, n, own[:-1])
    assert not np.isclose(random[:, None], own).all(axis=2).any()
    assert random == pytest.approx(points_of(monkeypatch, n, None))


def test_a_silent_sensor_does_not_tell_how_long_ticks_take(monkeypatch):
    silent = np.repeat(np.random.default_rng(1).normal(size=(13, 2)), [16, *[1] * 12], axis=0)
    for own in (silent, np.empty((0, 0))):
        found = points_of(monkeypatch, 16, own)
        assert found == pytest.approx(points_of(monkeypatch, 16, None))


def test_following_features_counts(monkeypatch):
    seconds = []

    def slow(tracker, updates):
        seconds.append(0.02)
        time.sleep(0.02)

    monkeypatch.setattr(speed_module.FeatureTracker, "follow", slow)
    found = measure_speed(settings(), [WindowPlan(8, 8)], np.zeros(2), np.ones(2))
    assert seconds
    assert found.record(8, 8) > 0.02


@pytest.mark.parametrize("backend", ["reference", "cpu"])
@pytest.mark.parametrize("metric", ["euclidean", "cosine", "dtm"])
def test_every_engine_and_metric_can_be_timed(backend, metric):
    config = settings(engine={"backend": backend, "metric": metric, "max_edge_length": 0.5})
    speed = measure_speed(config, [WindowPlan(16, 16)], np.zeros(2), np.ones(2))
    assert speed.vertices == (8, 16)
    assert speed.row_landmarks == {}


@pytest.mark.parametrize("landmarks", ["cover", "maxmin"])
def test_rows_that_weigh_landmarks_count_at_each_tick(landmarks):
    config = settings(
        memory={"max_mb": 64, "landmarks": landmarks}, engine={"metric": "dtm", "dtm_mass": 0.2}
    )
    speed = measure_speed(config, [WindowPlan(40_000, 32)], np.zeros(2), np.ones(2))
    assert speed.covered == {}
    assert speed.tick(4_000_000, 32) > 5 * speed.tick(40_000, 32) > 0


@pytest.mark.parametrize("landmarks", ["cover", "maxmin"])
def test_many_landmarks_are_not_all_timed(monkeypatch, landmarks):
    def timed(settings, sample, n, max_landmarks, tracker):
        assert max_landmarks <= 32
        return (1.0 if n <= 32 or landmarks == "cover" else 1.5), 1e-9

    monkeypatch.setattr(speed_module, "_LARGEST", 32)
    monkeypatch.setattr(speed_module, "_ROWS", 64)
    monkeypatch.setattr(speed_module, "_time_ticks", timed)
    config = settings(memory={"max_mb": 64, "landmarks": landmarks})
    speed = measure_speed(config, [WindowPlan(5000, 1024)], np.zeros(2), np.ones(2))
    assert speed.vertices == (8, 16, 32)
    more = {"cover": 0.0, "maxmin": 0.5 * 32 * 2000 / 128}[landmarks]
    assert speed.tick(2000, 1024) == pytest.approx(32**2.5 + more)
