"""An offered load: arrival times are fixed, so waiting counts; what is lost is counted."""

from __future__ import annotations

import json

import numpy as np
import pytest

from aura_tda_gpu import vietoris_rips
from benchmarks import throughput_child
from benchmarks.comparison import bars_of
from benchmarks.offered import SOURCES, source
from benchmarks.open_loop import Clock, Load, fill, serve
from benchmarks.stage_times import StageTimes, stage_table


class Time:
    """A clock that moves only when it is told to."""

    def __init__(self):
        self.now = -0.1
        self.clock = Clock(now=lambda: self.now, sleep=self.sleep)

    def sleep(self, seconds):
        self.now += seconds


def run(load, busy=None, told=None):
    """Serve a load; ``busy`` seconds pass for each update, or what it returns for the update."""
    time, updates = Time(), []
    stream, rows = load.new_stream(), source(load.source, load.rate_hz, 10, load.dim)

    def emit(update):
        updates.append(update)
        if busy is not None:
            time.now += busy(update)

    fill(load, stream, rows, [])
    served = serve(load, stream, rows, [], time.clock, told or (lambda share: None), emit)
    return served, updates, stream, rows


LOAD = Load(rate_hz=1000, scales=(100,), landmarks=16, duration_s=1.0, fill_s=0.1, follow=False)


def test_hooks_see_every_window_before_the_load_comes():
    load = Load(**{**LOAD.__dict__, "scales": (100, 1000), "fill_s": 10.0})
    stream, rows, seen = load.new_stream(), source("knot", 1000, 20, 3), []
    fill(load, stream, rows, [seen.extend])
    assert {update.window_id for update in seen} == {"scale_100ms", "scale_1000ms"}
    assert min(update.timestamp for update in seen) >= 8.0  # pushes are of two seconds here
    assert stream.n_seen == 10_000


def test_an_idle_stream_is_late_by_a_poll_at_most():
    served, updates, _, _ = run(LOAD)
    found = served.latencies["scale_100ms"]
    assert len(found) == 99  # the tick at 1.1 s has no point behind it
    assert served.taken == 1000
    # the tick is closed by the next point, 1 ms after the last one of the window
    assert min(found.values) >= 0.001
    assert found.largest <= 0.001 + LOAD.poll_s + 1e-9
    assert [u.timestamp for u in updates[-2:]] == pytest.approx([1.08, 1.09])


def test_one_delay_shows_at_all_updates_that_wait_for_it():
    served, _, _, _ = run(LOAD, lambda update: 0.3 if abs(update.timestamp - 0.5) < 1e-6 else 0.0)
    values = np.array(served.latencies["scale_100ms"].values)
    late = values[values > 0.005]
    assert len(late) == 30  # the one that took so long, and those whose points came meanwhile
    assert late[0] == pytest.approx(0.301, abs=0.002)
    assert np.allclose(np.diff(late), -0.01, atol=1e-6)
    assert served.depth.largest == pytest.approx(300, abs=3)


def test_a_stream_that_is_too_slow_falls_behind_and_drops_points():
    load = Load(**{**LOAD.__dict__, "queue": 200})
    served, _, stream, _ = run(load, lambda update: 0.015)  # a tick is due every 10 ms
    assert served.dropped > 0
    assert served.taken + served.dropped == 1000
    assert served.depth.largest == 200
    assert stream.n_seen == 100 + served.taken
    assert served.latencies["scale_100ms"].largest > 0.2


def test_rows_are_found_again_after_a_drop():
    load = Load(**{**LOAD.__dict__, "queue": 50})
    served, updates, _, rows = run(load, lambda update: 0.05)
    assert served.dropped > 0
    places = throughput_child.rows_at(rows, served.row_of(updates[-1].vertex_ids))
    assert np.allclose(places, updates[-1].vertices, atol=1e-5)


def test_the_last_windows_are_held_against_an_oracle():
    served, _, stream, rows = run(LOAD)
    checked = throughput_child.check(LOAD, stream, rows, served)["scale_100ms"]
    assert checked["n_points"] == 100
    assert 0 < checked["reach"] <= checked["error_bound"] / 2 + 1e-6


def test_wrong_bars_stop_the_run_and_leave_the_cloud(monkeypatch, tmp_path):
    served, _, stream, rows = run(LOAD)
    monkeypatch.setattr("benchmarks.comparison.MISMATCHES", tmp_path)

    def one_bit_off(points):
        bars = bars_of(vietoris_rips(points))
        bars[0] = np.nextafter(bars[0], np.float32(9))
        return "an oracle", bars

    monkeypatch.setattr(throughput_child, "_oracle", one_bit_off)
    with pytest.raises(SystemExit, match=r"against an oracle: other bars in H0 .*the cloud is in"):
        throughput_child.check(LOAD, stream, rows, served)
    (file,) = tmp_path.glob("*.npy")
    cloud = np.load(file)
    assert cloud.shape == (len(served.last["scale_100ms"].vertex_ids), 3)
    assert np.isfinite(cloud).all()


def test_a_row_beyond_the_bound_stops_the_run():
    served, _, stream, rows = run(LOAD)
    served.last["scale_100ms"].error_bound /= 100
    with pytest.raises(SystemExit, match="away from all landmarks, more than"):
        throughput_child.check(LOAD, stream, rows, served)


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("dim", [2, 3, 5])
def test_rows_of_a_source_do_not_depend_on_how_they_are_asked_for(name, dim):
    rows = source(name, 1000, 2, dim, seed=3)
    whole = rows.block(0, 1500)
    assert whole.shape == (1500, dim)
    assert np.isfinite(whole).all()
    assert np.array_equal(rows.block(700, 900), whole[700:900])
    assert np.array_equal(source(name, 1000, 2, dim, seed=3).block(5, 9), whole[5:9])
    assert not np.array_equal(whole[:-1], whole[1:])


def test_a_profile_adds_up_to_the_time_of_the_ticks(tmp_path):
    stream, rows = LOAD.new_stream(), source("knot", 1000, 10, 3)
    fill(LOAD, stream, rows, [])
    stages, time = StageTimes(0.0), Time()
    stages.attach(stream)
    hook = stages.hook("track", lambda updates: None)
    served = serve(LOAD, stream, rows, [hook], time.clock, emit=stages.emit(lambda update: None))
    table = {(row["stage"], row["scale"]): row for row in stages.table()}
    ticks = len(served.latencies["scale_100ms"])
    assert table["diagram", "scale_100ms"]["calls"] >= ticks
    # a choice at each tick, and the rows before it; few rows wait for their tick
    assert table["cover", "scale_100ms"]["calls"] >= 2 * ticks
    assert {"ingest", "cover", "forest", "reduce", "track", "emit"} <= {key[0] for key in table}
    assert all(row["seconds"] >= 0 for row in table.values())
    text = stage_table(stages.table(), 1.0)
    assert "cover" in text
    stages.write_trace(tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    spans = [event for event in events if event["ph"] == "X"]
    assert {"name", "ts", "dur", "pid", "tid"} <= set(spans[0])
    names = {event["args"]["name"] for event in events if event["ph"] == "M"}
    assert names == {"all", "scale_100ms"}


def test_spans_of_a_trace_lie_in_each_other_or_apart(tmp_path):
    stream, rows = LOAD.new_stream(), source("knot", 1000, 10, 3)
    fill(LOAD, stream, rows, [])
    stages = StageTimes(0.0)
    stages.attach(stream)
    serve(LOAD, stream, rows, [], Time().clock)
    stages.write_trace(tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    spans = [event for event in events if event["ph"] == "X"]
    assert len(spans) > 500
    for lane in {event["tid"] for event in spans}:
        ends = []
        mine = [
            (round(1000 * e["ts"]), round(1000 * e["dur"]), e["name"])
            for e in spans
            if e["tid"] == lane
        ]
        for start, length, name in sorted(mine, key=lambda span: (span[0], -span[1])):
            while ends and ends[-1] <= start:
                ends.pop()
            assert not ends or start + length <= ends[-1], (name, start)
            ends.append(start + length)


def test_without_a_profile_nothing_of_a_stream_is_replaced():
    _, _, stream, _ = run(LOAD)
    window = stream._lanes[0].window
    for owner in (stream, window, window._landmarks):
        assert not any(
            callable(value) and hasattr(value, "__closure__") for value in vars(owner).values()
        )
