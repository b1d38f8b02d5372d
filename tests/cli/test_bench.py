"""`aura-tda bench`: it runs what is in the checkout, and says where that is when there is none."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys

import pytest

from .commands import ROOT, invoke

BENCHMARKS = ("accuracy", "throughput", "engine", "compare", "scoreboard")


@pytest.fixture
def called(monkeypatch):
    """Record the command instead of running it."""
    calls = []

    def call(command, cwd):
        calls.append((command[1:], cwd))
        return 1

    monkeypatch.setattr(subprocess, "call", call)
    return calls


def test_the_benchmark_of_the_checkout_is_run(called, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = invoke("bench", "accuracy", "--quick", "--json", "--output", "a.json", "--metric", "dtm")
    assert done.exit_code == 1
    ((command, folder),) = called
    assert command[:2] == ["-m", "benchmarks.accuracy_metrics"]
    assert command[2:] == ["--metric", "dtm", "--quick", "--json", "--output", f"{tmp_path}/a.json"]
    assert folder == ROOT


def test_nothing_is_asked_for_that_was_not(called):
    invoke("bench", "accuracy")
    assert called[0][0] == ["-m", "benchmarks.accuracy_metrics", "--metric", "euclidean"]


@pytest.mark.parametrize(
    ("words", "module", "arguments"),
    [
        (["engine", "--peers", "gudhi"], "engine_performance", ["--peers=gudhi"]),
        (["engine", "--peer-limit", "3"], "engine_performance", ["--peer-limit=3.0"]),
        (["scoreboard"], "scoreboard", []),
        (["scoreboard", "--output", "a.md"], "scoreboard", ["--output={here}/a.md"]),
        (
            ["compare", "a.json,c.json", "b.json"],
            "compare",
            ["{here}/a.json,{here}/c.json", "{here}/b.json", "--tolerance=0.05"],
        ),
        (
            ["compare", "a.json", "b.json", "--other-machine"],
            "compare",
            ["{here}/a.json", "{here}/b.json", "--tolerance=0.05", "--other-machine"],
        ),
    ],
)
def test_options_are_passed_on_with_whole_paths(
    called, tmp_path, monkeypatch, words, module, arguments
):
    monkeypatch.chdir(tmp_path)
    assert invoke("bench", *words).exit_code == 1
    ((command, _),) = called
    assert command == ["-m", f"benchmarks.{module}", *(a.format(here=tmp_path) for a in arguments)]


def test_the_throughput_gets_all_of_its_options(called, tmp_path, monkeypatch):
    from benchmarks import throughput

    monkeypatch.chdir(tmp_path)
    words = ["--rate", "1000,2000", "--source", "lorenz,recording", "--fill", "0", "--find-max"]
    words += ["--no-features", "--threads", "1"]
    invoke("bench", "throughput", *words, "--profile", "--trace", "t.json", "--plot", "pictures")
    ((command, _),) = called
    assert command[:2] == ["-m", "benchmarks.throughput"]
    args = throughput._arguments(command[2:])
    assert args.rate == [1000.0, 2000.0]
    assert args.source == ["lorenz", "recording"]
    assert (args.fill, args.find_max, args.profile, args.json) == (0.0, True, True, False)
    assert (args.no_features, args.threads) == (True, 1)
    assert args.trace == tmp_path / "t.json"
    assert args.plot == tmp_path / "pictures"
    defaults = throughput._arguments([])
    invoke("bench", "throughput")
    assert throughput._arguments(called[1][0][2:]) == defaults


def test_options_of_the_page_are_those_of_the_command():
    page = (ROOT / "docs" / "benchmarks.md").read_text()
    known = "".join(invoke("bench", name, "--help").output for name in BENCHMARKS)
    named = set(re.findall(r"`?(--[a-z][a-z-]+)", page)) - {"--output"}
    assert {"--no-features", "--find-max", "--tolerance"} <= named
    assert not [option for option in named if option not in known]


def test_without_a_benchmark_its_help_is_shown(called):
    done = invoke("bench")
    assert done.exit_code == 0
    for name in ("accuracy", "compare", "engine", "scoreboard", "throughput"):
        assert name in done.stdout
    assert called == []


@pytest.mark.parametrize("words", [["accuracy", "--quick"], ["throughput"], ["compare", "a", "b"]])
def test_an_installed_package_says_where_the_benchmarks_are(tmp_path, words):
    shutil.copytree(ROOT / "aura_tda_gpu", tmp_path / "aura_tda_gpu")
    done = subprocess.run(
        [sys.executable, "-m", "aura_tda_gpu.cli", "bench", *words],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "PATH": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: the benchmarks are not part of the installed package")
    assert "benchmarks/ of its repository" in line


def test_a_quick_run(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    options = ["--quick", "--json", "--output", tmp_path / "a.json", "--pictures", tmp_path]
    assert invoke("bench", "accuracy", *options).exit_code == 0
    printed = capfd.readouterr()
    assert json.loads(printed.out) == json.loads((tmp_path / "a.json").read_text())
    assert "2 of 2" in printed.err
