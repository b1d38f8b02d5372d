"""The benchmarks: seeded clouds, no time for other bars, and nothing left out in silence."""

from __future__ import annotations

import argparse
import json
import sys

import numpy as np
import pytest

from aura_tda_gpu import vietoris_rips
from benchmarks import (
    budget,
    oineus_updates,
    processor_performance,
    replacements,
    streaming_performance,
    update_performance,
)
from benchmarks.budget import Budget
from benchmarks.clouds import CLOUDS, cloud
from benchmarks.comparison import bars_of, quartiles
from benchmarks.peers import giotto_ph, oineus_py
from benchmarks.replacements import REBUILT, UPDATED, Samples, Windows
from benchmarks.streaming_run import ScaleSamples
from benchmarks.streams import torus_knot, torus_knot_pushes


@pytest.mark.parametrize("name", CLOUDS)
def test_clouds_are_seeded_and_of_the_size_asked_for(name):
    points = cloud(name, 40)
    assert points.shape[0] == 40
    assert points.dtype == np.float32
    assert np.isfinite(points).all()
    assert np.array_equal(points, cloud(name, 40))
    assert not np.array_equal(points, cloud(name, 40, seed=1))


@pytest.fixture
def run_processor(monkeypatch, tmp_path, capsys):
    """Measure the processor on few points; return what was printed and the record."""

    def run():
        path = tmp_path / "processor.json"
        sizes = ["--n", "300", "--repeat", "2", "--subscribers", "1", "5", "--updates", "4"]
        command = ["processor_performance", *sizes, "--output", str(path)]
        monkeypatch.setattr(sys, "argv", command)
        processor_performance.main()
        return capsys.readouterr().out, json.loads(path.read_text())

    return run


def test_the_processor_is_measured_against_the_plain_stream(run_processor):
    printed, record = run_processor()
    assert "process_batch reaches" in printed
    assert {"machine", "versions", "commit", "settings", "wanted"} <= set(record)
    assert {len(rates) for rates in record["samples_points_per_s"].values()} == {2}
    assert record["process_batch_against_push"] > 0
    assert record["process_batch_against_push_with_hooks"] > 0
    assert set(record["delivery_s"]) == {"1", "5"}


def test_other_updates_stop_the_measurement(run_processor, monkeypatch, capsys):
    async def one_too_few(tda, points, times):
        return (await in_batches(tda, points, times))[1:]

    in_batches = processor_performance._in_batches
    monkeypatch.setattr(processor_performance, "_in_batches", one_too_few)
    with pytest.raises(SystemExit, match="process_batch does not return the updates of push"):
        run_processor()
    assert "points/s" not in capsys.readouterr().out


def test_a_run_that_was_held_up_does_not_speak_for_its_size():
    budget = Budget(limit=10)
    budget.saw("slow", "a", 256, 0.02)
    for seconds in (3.0, 0.1, 2.0):
        budget.saw("slow", "a", 512, seconds)
    assert budget.refusal("slow", "a", 1024) is None


@pytest.mark.parametrize(("n", "first", "runs"), [(1024, 9.0, 2), (1024, 1.0, 1), (512, 9.0, 1)])
def test_a_run_that_seems_held_up_is_made_again(monkeypatch, n, first, runs):
    told = [first, 0.3]
    monkeypatch.setattr(budget, "timed", lambda run: (told.pop(0), run()))
    one = Budget(limit=10)
    if n > 512:  # without a size before there is no prediction
        one.saw("slow", "a", 512, 0.1)
    assert one.timed("slow", "a", n, lambda: "bars") == (0.3 if runs == 2 else first, "bars")
    assert len(told) == 2 - runs
    assert one.predicted("slow", "a", n) == (0.3 if runs == 2 else first)


def test_the_budget_predicts_from_the_sizes_before():
    budget = Budget(limit=10)
    assert budget.refusal("peer", "a", 100) is None
    budget.saw("peer", "a", 100, 0.5)
    assert budget.refusal("peer", "a", 200) is None
    assert budget.refusal("peer", "a", 300) == "predicted 40 s"
    budget.saw("peer", "a", 200, 1.0)
    assert budget.refusal("peer", "a", 400) is None
    assert budget.refusal("peer", "a", 500) == "predicted 16 s"


@pytest.mark.parametrize("fast", [1.3, 3.0])
def test_the_budget_drops_a_variant_that_is_far_slower(fast):
    budget = Budget(limit=1000)
    for n, slow in ((100, 0.1), (200, 0.9)):
        budget.saw("peer", "fast", n, 0.1 * n / 100)
        assert budget.refusal("peer", "slow", n) is None
        budget.saw("peer", "slow", n, slow)
    assert budget.refusal("peer", "fast", 400) is None
    budget.saw("peer", "fast", 400, fast)
    reason = budget.refusal("peer", "slow", 400)  # 0.9 s times 2 to the power of log2(9)
    told = "predicted 6 times as slow as its other variant" if fast == 1.3 else None
    assert reason == told
    assert budget.refusal("other peer", "slow", 400) is None


@pytest.fixture
def run_updates(monkeypatch, tmp_path, capsys):
    """Measure updates of few points; return what was printed and the record."""

    def run_with(*arguments):
        path = tmp_path / "updates.json"
        sizes = ["--n", "32", "--repeat", "4", "--many-repeat", "2", "--oineus-n"]
        command = ["update_performance", *sizes, *arguments, "--output", str(path)]
        monkeypatch.setattr(sys, "argv", command)
        monkeypatch.setattr(update_performance, "BLOCK", 2)
        update_performance.main()
        return capsys.readouterr().out, json.loads(path.read_text())

    return run_with


def test_updates_leave_a_record(run_updates, monkeypatch):
    monkeypatch.setattr(giotto_ph, "available", lambda: False)
    printed, record = run_updates("--clouds", "torus", "--many", "1", "3")
    assert "giotto-ph is not installed: pip install giotto-ph" in printed
    assert "times the rebuild: <= 1.1" in printed
    assert {"machine", "versions", "commit", "settings", "targets"} <= set(record)
    (row,) = record["replace_one"]
    assert {who: len(s) for who, s in row["samples"].items()} == {
        "updated": 4,
        "rebuilt": 4,
        "vietoris_rips": 2,
    }
    assert row["against_giotto_ph"] is None
    assert row["against_rebuild"] > 0
    assert row["paths"] == 4 * ["update"]
    assert [(many["m"], sum(many["ways"].values())) for many in record["replace_many"]] == [
        (1, 2),
        (3, 2),
    ]


def test_the_lorenz_attractor_is_measured_by_itself_before_the_peers(run_updates, monkeypatch):
    monkeypatch.setattr(giotto_ph, "available", lambda: False)
    monkeypatch.setattr(update_performance, "ALONE_BLOCKS", 3)
    printed, record = run_updates("--clouds", "lorenz", "--many")
    assert printed.index("lorenz by itself: ") < printed.index("one of 32 points replaced")
    (row,) = record["replace_alone"]
    assert {who: len(s) for who, s in row["samples"].items()} == {"updated": 6, "rebuilt": 6}
    figures = {figure["name"]: figure["value"] for figure in record["targets"]}
    name = "one of 32 points replaced, lorenz by itself, against the own rebuild"
    assert figures[name] == row["against_rebuild"] > 0
    _, other = run_updates("--clouds", "torus", "--many")
    assert other["replace_alone"] == []


def test_slow_runs_of_giotto_are_not_made_again(run_updates, monkeypatch):
    calls = []

    def slow(D, variant):
        calls.append(len(D))
        return bars_of(vietoris_rips(D, metric="precomputed"))

    monkeypatch.setattr(giotto_ph, "available", lambda: True)
    monkeypatch.setattr(giotto_ph, "bars", slow)
    monkeypatch.setattr(update_performance, "SLOW_S", 0.0)  # as if each took half a second
    monkeypatch.setattr(budget, "SLOWER", float("inf"))
    monkeypatch.setattr(budget, "HELD_UP", float("inf"))
    _, record = run_updates("--clouds", "torus", "--many", "--peer-runs", "1")
    assert calls == [8, 8, 16, 16, 32, 32]
    assert len(record["replace_one"][0]["samples"]["giotto-ph"]) == 1


def test_a_mode_of_giotto_that_is_not_run_is_noted(run_updates, monkeypatch):
    monkeypatch.setattr(giotto_ph, "available", lambda: True)
    monkeypatch.setattr(budget.Budget, "refusal", lambda *_: "predicted 99 s")
    printed, record = run_updates("--clouds", "torus", "--many")
    notes = record["replace_one"][0]["notes"]
    assert notes == [f"giotto-ph {mode} not run: predicted 99 s" for mode in giotto_ph.VARIANTS]
    assert "giotto-ph default not run: predicted 99 s" in printed


def test_giotto_runs_beside_some_of_the_updates(run_updates, monkeypatch):
    matrices = []

    def by_rebuild(D, variant):
        matrices.append(len(D))
        return bars_of(vietoris_rips(D, metric="precomputed"))

    monkeypatch.setattr(giotto_ph, "available", lambda: True)
    monkeypatch.setattr(giotto_ph, "bars", by_rebuild)
    monkeypatch.setattr(budget, "SLOWER", float("inf"))  # one slow run leaves no mode out
    monkeypatch.setattr(budget, "HELD_UP", float("inf"))
    _, record = run_updates("--clouds", "lorenz", "--many", "--peer-runs", "2")
    assert matrices == [8, 8, 16, 16, 32, 32, 32, 32]
    assert len(record["replace_one"][0]["samples"]["giotto-ph"]) == 2
    assert record["replace_many"] == []


def test_other_bars_of_an_update_stop_the_measurement(run_updates, monkeypatch, capsys):
    def one_bit_off(diagram):
        bars = dict(bars_of(diagram))
        if diagram.info["path"] == "update":
            bars[0] = bars[0].copy()
            bars[0][-1, 1] = np.nextafter(bars[0][-1, 1], np.float32(0))
        return bars

    monkeypatch.setattr(giotto_ph, "available", lambda: False)
    monkeypatch.setattr(replacements, "bars_of", one_bit_off)
    with pytest.raises(SystemExit, match="updated after replacing 1 of 32, torus: other bars"):
        run_updates("--clouds", "torus", "--many")
    assert "\ntorus" not in capsys.readouterr().out


def test_the_two_windows_get_the_same_replacements():
    windows = Windows("torus", 24, 6, "always")
    before = windows.points
    samples = Samples()
    for _ in range(3):
        windows.replace(2, samples)
    assert {who: len(seconds) for who, seconds in samples.seconds.items()} == {
        UPDATED: 3,
        REBUILT: 3,
    }
    stayed = (windows.points[:, np.newaxis] == before).all(axis=2).any(axis=1)
    assert stayed.sum() <= 22
    with pytest.raises(ValueError, match="only 0 fresh points are left, not 1"):
        windows.replace(1, samples)


def test_oineus_is_named_where_it_is_not_installed(monkeypatch, capsys):
    monkeypatch.setattr(oineus_py, "available", lambda: False)
    assert oineus_updates.replace_one_in_both(["torus"], [16], 1, 1000) == []
    assert "oineus is not installed: pip install oineus" in capsys.readouterr().out


def test_oineus_gets_no_size_it_cannot_hold(capsys):
    pytest.importorskip("oineus")
    rows = oineus_updates.replace_one_in_both(["torus"], [16, 4096], 2, 1000)
    assert rows[0]["simplices"] > 16
    assert {len(seconds) for seconds in rows[0]["samples"].values()} == {2}
    assert rows[1]["note"].startswith("not run: about")
    assert "MB predicted" in capsys.readouterr().out


def test_memory_that_was_free_before_does_not_make_oineus_look_small(monkeypatch):
    """A small complex may fit into memory of this process that was freed: its peak is nothing."""

    def row(name, n, runs):
        assert n <= 64, "it would take all memory"
        medians = dict.fromkeys((UPDATED, "oineus", oineus_updates.ALONE, oineus_updates.FRESH), 1)
        return {"cloud": name, "n": n, "medians": medians, "ratio": 1, "simplices": 20_000,
                "peak_mb": -0.1}  # fmt: skip

    monkeypatch.setattr(oineus_py, "available", lambda: True)
    monkeypatch.setattr(oineus_updates, "_row", row)
    rows = oineus_updates.replace_one_in_both(["torus"], [64, 1024], 1, 6000)
    assert rows[1]["note"] == "not run: about 78125 MB predicted"
    (alone,) = oineus_updates.replace_one_in_both(["torus"], [1024], 1, 6000)
    assert alone["note"].startswith("not run: up to 178 million triangles")


def test_quartiles():
    assert quartiles([3.0, 1.0, 2.0, 5.0, 4.0]) == [2.0, 3.0, 4.0]
    assert quartiles([7.0]) == [7.0, 7.0, 7.0]


def test_the_knot_is_the_same_in_pushes():
    points, times = torus_knot(25, 100.0, seed=3)
    pushes = list(torus_knot_pushes(25, 100.0, 10, seed=3))
    assert [len(times) for _, times in pushes] == [10, 10, 5]
    assert np.array_equal(np.concatenate([points for points, _ in pushes]), points)
    assert np.array_equal(np.concatenate([times for _, times in pushes]), times)


@pytest.fixture
def run_streaming(monkeypatch, tmp_path, capsys):
    """Measure a small stream; return what was printed and the record."""

    def run():
        path = tmp_path / "streaming.json"
        sizes = ["--points", "600", "--landmarks", "40", "--push", "50", "--check-points", "120"]
        command = ["streaming_performance", *sizes, "--cases", "one scale", "--output", str(path)]
        monkeypatch.setattr(sys, "argv", command)
        streaming_performance.main()
        return capsys.readouterr().out, json.loads(path.read_text())

    return run


def test_the_stream_is_measured_in_a_process_of_its_own(run_streaming):
    printed, record = run_streaming()
    assert "points/s over 600 points" in printed
    assert printed.index("bound") < printed.index("points/s")
    assert {"machine", "versions", "commit", "settings", "targets"} <= set(record)
    for check in record["checks"]:
        assert 0 < check["bottleneck_distance"] <= check["error_bound"]
        assert check["n_points"] == 120
    case = record["cases"]["one scale"]
    assert case["points_timed"] == 600
    assert case["points_per_s"] == pytest.approx(600 / case["seconds"])
    assert case["scales"]["scale_60000ms"]["n_points"] == 600
    assert case["scales"]["scale_60000ms"]["latency"] == "maximum"
    assert case["peak_mb"] > case["held_mb"] > 0


def test_a_bound_that_does_not_hold_stops_the_measurement(run_streaming, monkeypatch, capsys):
    monkeypatch.setattr(streaming_performance, "_bottleneck", lambda *_: 1e6)
    with pytest.raises(SystemExit, match="1e\\+06 from the full diagram"):
        run_streaming()
    assert "points/s" not in capsys.readouterr().out


def test_a_window_without_an_error_has_no_distance():
    sizes = argparse.Namespace(check_points=120, landmarks=200, max_memory_mb=64.0)
    checked = streaming_performance._check(100, sizes)
    assert checked["error_bound"] == 0
    assert checked["bottleneck_distance"] < 1e-300


def test_latencies_are_the_largest_where_ticks_are_few():
    few, many = ScaleSamples(), ScaleSamples()
    few.push_seconds = few.own_seconds = [0.1] * 98 + [5.0]
    many.push_seconds = many.own_seconds = [0.1] * 999 + [5.0]
    assert (few.summary()["latency"], few.summary()["push_s"]) == ("maximum", 5.0)
    assert many.summary()["latency"] == "p99"
    assert many.summary()["push_s"] == pytest.approx(0.1)
