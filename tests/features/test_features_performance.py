"""The benchmark of the features runs, and looks at results before it takes a time."""

from __future__ import annotations

import json
import sys

import pytest

from aura_tda_gpu.features import PersistenceEntropy
from aura_tda_gpu.streaming import running_features
from benchmarks import features_performance


@pytest.fixture
def run(monkeypatch, tmp_path):
    def run_it():
        path = tmp_path / "record.json"
        sizes = "--diagrams 5 --bars 9 --points 600 --landmarks 32 --repeat 1 --threads 1"
        monkeypatch.setattr(sys, "argv", ["x", *sizes.split(), "--output", str(path)])
        features_performance.main()
        return json.loads(path.read_text())

    return run_it


def test_a_record(run, capsys):
    few = running_features.FEW_NUMBERS
    found = run()
    assert [row["vectorisation"] for row in found["batch"]] == [
        *features_performance.PAIRS,
        "all six at once",
    ]
    assert all(
        row["times_as_fast"].keys() == {"numpy", "torch", "torch float32"} for row in found["batch"]
    )
    assert [tick["features"] for tick in found["ticks"]] == list(features_performance.TICKS)
    assert 0 < found["share_of_bars_changed"] < 1
    assert "commit" in found
    assert "gudhi" in capsys.readouterr().out
    assert few == running_features.FEW_NUMBERS


def test_no_time_for_other_results(run, monkeypatch):
    monkeypatch.setitem(
        features_performance.PAIRS,
        "entropy",
        (PersistenceEntropy(1, normalise=True), features_performance.peer.Entropy()),
    )
    with pytest.raises(AssertionError, match="entropy"):
        run()


def test_without_torch(run, monkeypatch, capsys):
    monkeypatch.setattr(features_performance, "torch", None)
    assert all(row["times_as_fast"].keys() == {"numpy"} for row in run()["batch"])
    assert "torch is not installed" in capsys.readouterr().out
