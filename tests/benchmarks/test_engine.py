"""`aura-tda bench engine`: every contender or the reason, equal bars first, fits that are right."""

from __future__ import annotations

import json
import os
import sys

import numpy as np
import pytest

from benchmarks import engine_growth, engine_performance, engine_rows, oineus_updates
from benchmarks.budget import Budget
from benchmarks.engine_rows import Limits, measure_row
from benchmarks.peers import PEERS, oineus_py


@pytest.fixture
def run(tmp_path, capsys):
    """Run on tiny sizes; return what was printed and the record."""

    def run_with(*arguments):
        path = tmp_path / "record.json"
        engine_performance.main(["--repeat=2", f"--output={path}", *arguments])
        return capsys.readouterr().out, json.loads(path.read_text())

    return run_with


@pytest.mark.parametrize("name", [name for name in PEERS if name != "Ripser++"])
def test_a_peer_tells_the_bars_of_all_its_ways(name):
    if not PEERS[name].available():
        pytest.skip(f"{name} is not installed: {PEERS[name].INSTALL}")
    for shape in ("noisy circle", "gaussian 10-D"):
        row = measure_row(shape, 40, [name], Budget(100), Limits(repeat=2))
        assert len(row.samples[name]) == 2
        assert row.checked


def test_gudhi_counts_over_the_field_of_two():
    """A delay embedding with torsion: over eleven elements two deaths change places."""
    if not PEERS["gudhi"].available():
        pytest.skip(f"gudhi is not installed: {PEERS['gudhi'].INSTALL}")
    row = measure_row("delay embedding 6-D", 128, ["gudhi"], Budget(100), Limits(repeat=1))
    assert row.checked
    assert row.notes == []


def test_all_parts_of_a_run(run, tmp_path):
    printed, record = run("--n=16,32,64", "--clouds=torus", "--peers=ripser.py,giotto-ph")
    assert [row["n"] for row in record["updates"]] == [16, 32, 64]
    assert list(record["updates"][0]["medians"]) == ["updated", "rebuilt"]
    assert record["updates"][0]["paths"] == {"update": 8}
    assert [row["m"] for row in record["replaced"]] == [1, 4]
    assert [row["dim"] for row in record["dimension"]] == [2, 4, 8, 16, 32, 64]
    assert record["threads"][0]["threads"] == 1
    assert record["oineus"] == []
    assert {"samples", "medians", "targets"} <= set(record)
    assert "batch, torus, n = 64, 1 threads" in record["samples"]
    assert {fit["with"] for fit in record["exponents"]} >= {"dimension"}
    assert "time grows as a power of" in printed


def test_json_and_the_picture(run, tmp_path):
    options = ["--n=16,32", "--clouds=torus", "--peers=ripser.py", "--parts=rows", "--json"]
    printed, record = run(*options, f"--plot={tmp_path}")
    assert json.loads(printed) == record
    assert (tmp_path / "engine.png").stat().st_size > 10_000


def test_without_matplotlib_no_time_is_taken(capsys, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setattr(engine_performance, "warm_up", lambda: pytest.fail("it ran"))
    assert engine_performance.main(["--n=16", f"--plot={tmp_path}"]) == 2
    assert "error: pictures need matplotlib: pip install" in capsys.readouterr().err


def test_a_peer_that_is_missing_has_its_install_line(run, monkeypatch):
    monkeypatch.setattr(PEERS["gudhi"], "available", lambda: False)
    printed, record = run("--n=16", "--clouds=torus", "--peers=gudhi,ripser.py", "--parts=rows")
    line = "not installed: pip install gudhi scikit-learn"
    assert record["absent"] == {"gudhi": line}
    assert f"gudhi: {line}" in printed
    assert record["rows"][0]["notes"] == [f"gudhi {line}"]
    assert set(record["rows"][0]["samples"]) == {"ours", "ours, from points", "ripser.py"}


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--peers=perseus"], "'perseus' is none of giotto-ph, ripser.py"),
        (["--clouds=moon"], "'moon' is none of noisy circle"),
        (["--n=1"], "--n at 2"),
        (["--n=ten"], "invalid list of int value: 'ten'"),
    ],
)
def test_bad_options_are_named(options, complaint, capsys):
    with pytest.raises(SystemExit) as stop:
        engine_performance.main(options)
    assert stop.value.code == 2
    assert complaint in capsys.readouterr().err


def test_a_run_that_would_take_too_long_is_noted(monkeypatch):
    budget = Budget(1.0)
    budget.saw("ripser.py", "default", 16, 0.5)
    row = measure_row("torus", 32, ["ripser.py"], budget, Limits(repeat=1))
    assert row.notes == ["ripser.py not run: predicted 8 s"]
    assert "ripser.py" not in row.medians
    assert not row.checked


def test_large_clouds_alone_are_predicted_from_small_ones(run, monkeypatch):
    """A peer that takes 0.1 s for 8 points takes hours for 64: it is not tried."""
    truth, sizes = PEERS["ripser.py"].bars, []

    def slow(D, variant):
        sizes.append(len(D))
        return truth(D, variant)

    clock = iter(np.arange(0, 1e4, 0.1))
    monkeypatch.setattr(PEERS["ripser.py"], "bars", slow)
    monkeypatch.setattr(engine_performance, "LOOKED_AHEAD", [8, 128])
    monkeypatch.setattr("benchmarks.comparison.time.perf_counter", lambda: next(clock))
    _, record = run("--n=64", "--clouds=torus", "--peers=ripser.py", "--parts=rows")
    assert sizes == [2, 8]
    assert record["rows"][0]["notes"] == ["ripser.py not run: predicted 410 s"]
    _, record = run("--n=8,64", "--clouds=torus", "--peers=ripser.py", "--parts=rows")
    assert sizes[2:4] == [2, 8]
    assert 64 not in sizes


def test_oineus_gets_no_complex_that_does_not_fit():
    assert oineus_py.too_large(256) is None
    assert oineus_py.too_large(1024).startswith("up to 178 million triangles")


def test_a_slow_contender_gets_fewer_runs(monkeypatch):
    row = engine_rows.Row("torus", 4, samples={"fast": [], "slow": []})
    times = iter(np.cumsum([0, 0.01, 0, 3, 0, 0.01, 0, 0.01]))  # two readings of the clock a run
    monkeypatch.setattr(engine_rows.time, "perf_counter", lambda: next(times))
    runs = {"fast": dict, "slow": dict}
    engine_rows._time(row, runs, Limits(repeat=3, cell_s=2))
    assert [len(row.samples[who]) for who in runs] == [3, 1]


def test_wrong_bars_stop_the_run_and_leave_the_distances(monkeypatch, tmp_path):
    def one_bit_off(D, variant):
        bars = truth(D, variant)
        bars[1][0, 1] = np.nextafter(bars[1][0, 1], np.float32(0))
        return bars

    truth = PEERS["ripser.py"].bars
    monkeypatch.setattr(PEERS["ripser.py"], "bars", one_bit_off)
    monkeypatch.setattr("benchmarks.comparison.MISMATCHES", tmp_path)
    with pytest.raises(SystemExit, match=r"ripser\.py, torus, n = 32: other bars in H1.*cloud is"):
        measure_row("torus", 32, ["ripser.py"], Budget(10), Limits())
    (file,) = tmp_path.glob("*.npy")
    assert np.load(file).shape == (32, 32)


def test_a_power_law_is_found():
    sizes = [256, 512, 1024]
    assert engine_growth.exponent(sizes, [3e-6 * n**2.5 for n in sizes]) == pytest.approx(2.5)
    (fit,) = engine_growth.growth_of("points", "x", {n: n**2 for n in sizes})
    assert fit.exponent == pytest.approx(2)
    assert fit.over == "256 to 1024"
    assert engine_growth.growth_of("points", "x", {1: 1, 2: 2}) == []


def test_small_clouds_have_no_say_in_the_exponent():
    rows = [
        engine_rows.Row("torus", n, medians={"ours": max(1.0, n / 256)})
        for n in (16, 64, 256, 512, 1024)
    ]
    (fit,) = engine_growth.with_points(rows)
    assert fit.exponent == pytest.approx(1)


def test_oineus_leaves_the_cores_as_they_were(monkeypatch):
    """It was seen to bind the calling thread to one core, and all threads made by it later."""
    pytest.importorskip("oineus")
    cores = [{0, 1, 2}]
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: cores[-1], raising=False)
    monkeypatch.setattr(os, "sched_setaffinity", lambda _, c: cores.append(c), raising=False)

    def binds(*_):
        os.sched_setaffinity(0, {1})
        return {}

    monkeypatch.setattr(oineus_py, "_reduced", binds)
    oineus_py.bars(np.zeros((3, 3), np.float32))
    assert cores == [{0, 1, 2}, {1}, {0, 1, 2}]


def test_the_lines_about_oineus_go_where_they_are_wanted(monkeypatch, capsys):
    said = []
    monkeypatch.setattr(oineus_py, "available", lambda: False)
    oineus_updates.replace_one_in_both(["torus"], [16], 1, 1000, said.append)
    assert said == ["\noineus is not installed: pip install oineus"]
    assert capsys.readouterr().out == ""
