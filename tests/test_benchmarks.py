"""The benchmark: seeded clouds, no time for other bars, and nothing left out in silence."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

from benchmarks import engine_performance, processor_performance
from benchmarks.budget import Budget
from benchmarks.clouds import CLOUDS, cloud
from benchmarks.peers import PEERS


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    """Run the benchmark on a tiny size; return what it printed and its record."""

    def run_with(*arguments):
        path = tmp_path / "record.json"
        command = ["engine_performance", "--repeat", "2", "--output", str(path), *arguments]
        monkeypatch.setattr(sys, "argv", command)
        engine_performance.main()
        return capsys.readouterr().out, json.loads(path.read_text())

    return run_with


@pytest.mark.parametrize("name", CLOUDS)
def test_clouds_are_seeded_and_of_the_size_asked_for(name):
    points = cloud(name, 40)
    assert points.shape[0] == 40
    assert points.dtype == np.float32
    assert np.isfinite(points).all()
    assert np.array_equal(points, cloud(name, 40))
    assert not np.array_equal(points, cloud(name, 40, seed=1))


def test_a_run_leaves_a_record(run):
    printed, record = run("--n", "16", "32", "--clouds", "torus", "--peers", "ripser.py")
    assert "torus" in printed
    assert {"machine", "versions", "commit", "settings", "compilation"} <= set(record)
    assert [row["n"] for row in record["rows"]] == [16, 32]
    for row in record["rows"]:
        assert set(row["samples"]) == {"ours", "ours, from points", "ripser.py"}
        assert {len(samples) for samples in row["samples"].values()} == {2}
        assert row["ratios"]["ripser.py"] == row["medians"]["ripser.py"] / row["medians"]["ours"]
    assert record["peak_memory_mb"]["32"]["torus"] > 0


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
    assert set(record["delivery_s"]) == {"1", "5"}


def test_other_updates_stop_the_measurement(run_processor, monkeypatch, capsys):
    async def one_too_few(tda, points, times):
        return (await in_batches(tda, points, times))[1:]

    in_batches = processor_performance._in_batches
    monkeypatch.setattr(processor_performance, "_in_batches", one_too_few)
    with pytest.raises(SystemExit, match="process_batch does not return the updates of push"):
        run_processor()
    assert "points/s" not in capsys.readouterr().out


def test_other_bars_stop_the_benchmark_before_a_time_is_printed(run, monkeypatch, capsys):
    def one_bit_off(D, variant):
        bars = truth(D, variant)
        bars[1][0, 1] = np.nextafter(bars[1][0, 1], np.float32(0))
        return bars

    peer = PEERS["ripser.py"]
    truth = peer.bars
    monkeypatch.setattr(peer, "bars", lambda D, v: truth(D, v) if len(D) < 3 else one_bit_off(D, v))
    with pytest.raises(SystemExit, match=r"ripser\.py, torus, n = 32: other bars in H1"):
        run("--n", "32", "--clouds", "torus", "--peers", "ripser.py")
    assert "\ntorus" not in capsys.readouterr().out


def test_a_size_beyond_the_limit_is_noted(run):
    _, record = run(
        "--n", "16", "32", "--clouds", "torus", "--peers", "ripser.py", "--peer-max-n", "16"
    )
    assert record["rows"][1]["notes"] == ["ripser.py not run: n above --peer-max-n 16"]


def test_a_size_beyond_the_limit_is_checked_by_one_run(run):
    sizes = ("--n", "16", "32", "--clouds", "torus", "--peers", "ripser.py", "--peer-max-n", "16")
    printed, record = run(*sizes)
    assert "bars checked: one ripser.py run of" in printed
    assert record["rows"][1]["samples"].keys() == {"ours", "ours, from points"}
    printed, record = run(*sizes, "--check-limit", "0")
    assert "bars unchecked" in printed
    assert record["rows"][1]["checked"] == []


def test_a_peer_that_is_not_installed_is_named(run, monkeypatch):
    monkeypatch.setattr(PEERS["giotto-ph"], "available", lambda: False)
    printed, record = run("--n", "16", "--clouds", "torus", "--peers", "giotto-ph")
    assert "giotto-ph is not installed: pip install giotto-ph" in printed
    assert record["rows"][0]["ratios"] == {"giotto-ph": None, "ripser.py": None}


def test_the_budget_predicts_from_the_sizes_before():
    budget = Budget(limit=10)
    assert budget.refusal("peer", "a", 100) is None
    budget.saw("peer", "a", 100, 0.5)
    assert budget.refusal("peer", "a", 200) is None
    assert budget.refusal("peer", "a", 300) == "predicted 40 s"
    budget.saw("peer", "a", 200, 1.0)
    assert budget.refusal("peer", "a", 400) is None
    assert budget.refusal("peer", "a", 500) == "predicted 16 s"


def test_the_budget_drops_a_variant_that_is_far_slower():
    budget = Budget(limit=100)
    for n, slow in ((100, 0.9), (200, 2.0)):
        budget.saw("peer", "fast", n, 0.1)
        assert budget.refusal("peer", "slow", n) is None
        budget.saw("peer", "slow", n, slow)
    budget.saw("peer", "fast", 400, 0.1)
    assert budget.refusal("peer", "slow", 400) == "20 times as slow as its other variant at n = 200"
