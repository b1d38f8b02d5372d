"""`aura-tda bench`: it runs what is in the checkout, and says where that is when there is none."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest

from .commands import ROOT, invoke


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


def test_without_a_benchmark_its_help_is_shown(called):
    done = invoke("bench")
    assert done.exit_code == 0
    assert "accuracy" in done.stdout
    assert called == []


def test_an_installed_package_says_where_the_benchmarks_are(tmp_path):
    shutil.copytree(ROOT / "aura_tda_gpu", tmp_path / "aura_tda_gpu")
    done = subprocess.run(
        [sys.executable, "-m", "aura_tda_gpu.cli", "bench", "accuracy", "--quick"],
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
