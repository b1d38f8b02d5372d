"""All benchmarks in a row, and which settings write a record of benchmarks/results."""

from __future__ import annotations

import importlib
import subprocess

import pytest

from benchmarks import record, suite, throughput

MODULES = {part.module: part for part in suite.PARTS}


def path_of(module, options):
    benchmark = importlib.import_module(f"benchmarks.{module}")
    return suite.record_path(module, benchmark._arguments(options), benchmark._arguments)


@pytest.mark.parametrize("module", MODULES)
def test_a_standard_run_writes_the_record(module, capsys):
    pytest.importorskip("gudhi")
    for options in MODULES[module].standard:
        assert path_of(module, options) == record.default_output(module)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("module", "options"),
    [
        ("engine_performance", ["--n=4096"]),
        ("engine_performance", ["--peers=gudhi"]),
        ("engine_performance", ["--full", "--repeat=1"]),
        ("update_performance", ["--clouds", "lorenz"]),
        ("throughput", []),
        ("throughput", ["--source=knot,lorenz,recording", "--rate=1000"]),
        ("throughput", ["--source=knot,lorenz,recording", "--duration=1"]),
        ("throughput", ["--source=knot,lorenz,recording", "--profile"]),
        ("streaming_performance", ["--points", "1000"]),
        ("processor_performance", ["--n", "300"]),
        ("landmark_bounds", ["--seeds", "0"]),
        ("outliers", ["--window", "1000"]),
        ("accuracy_metrics", ["--ticks", "2"]),
        ("accuracy_metrics", ["--quick"]),
    ],
)
def test_a_trial_leaves_the_record_alone(module, options, capsys):
    assert path_of(module, options) == suite.OTHER / f"{module}.json"
    told = capsys.readouterr().err
    assert f"the record of {module} in benchmarks/results is left alone" in told
    assert str(suite.OTHER) in told


def test_where_the_record_goes_is_no_setting(tmp_path):
    options = ["--source=knot,lorenz,recording", f"--plot={tmp_path}", "--json"]
    assert path_of("throughput", options) == record.default_output("throughput")
    path = tmp_path / "a.json"
    assert path_of("throughput", ["--rate=5", f"--output={path}"]) == path


def test_a_trial_of_the_throughput_goes_elsewhere(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(suite, "OTHER", tmp_path)
    before = {path: path.read_bytes() for path in record.RESULTS.iterdir()}
    options = ["--rate=500", "--scales=100", "--landmarks=8", "--duration=0.3", "--no-features"]
    assert throughput.main(options) == 0
    assert (tmp_path / "throughput.json").is_file()
    assert {path: path.read_bytes() for path in record.RESULTS.iterdir()} == before


@pytest.fixture
def called(monkeypatch):
    """Note the commands; ``fails`` is the module that ends with code 3."""
    calls = []
    fails = []

    def call(command, cwd):
        assert cwd == record.ROOT
        calls.append(command[2:])
        return 3 if command[2].removeprefix("benchmarks.") in fails else 0

    monkeypatch.setattr(subprocess, "call", call)
    return calls, fails


def test_all_run_and_the_scoreboard_last(called, capsys):
    calls, _ = called
    assert suite.main([]) == 0
    assert [name for name, *_ in calls] == [
        f"benchmarks.{name}" for name in [*MODULES, "scoreboard"] if name not in LEFT_OUT
    ]
    assert calls[3][:3] == ["benchmarks.streaming_performance", "--cases", "one scale"]
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(calls) + 4
    assert lines[-2].startswith("in all")


LEFT_OUT = {part.module for part in suite.PARTS if not part.in_short}


def test_the_full_run_has_all(called):
    calls, _ = called
    assert suite.main(["--full"]) == 0
    assert len(calls) == len(suite.PARTS) + 1
    assert ["benchmarks.engine_performance", "--full"] in calls


def test_a_benchmark_that_fails_ends_the_run(called, capsys):
    calls, fails = called
    fails.append("throughput")
    assert suite.main([]) == 3
    assert [name for name, *_ in calls][-1] == "benchmarks.throughput"
    assert "-m benchmarks.throughput --source=knot,lorenz,recording ended with code 3" in (
        capsys.readouterr().err
    )
