"""What weights do for a loop among outliers, as measured, and the tables that quote it."""

from __future__ import annotations

import json
import re
import sys

import numpy as np
import pytest

from aura_tda_gpu import vietoris_rips
from benchmarks import outliers
from benchmarks.record import ROOT

RECORD = ROOT / "benchmarks" / "results" / "outliers.linux-x86_64-2cores.json"
SMALL = ("--points", "120", "--window", "400", "--landmarks", "48", "--seeds", "0", "1", "2")


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    """Measure small clouds and windows; return what was printed and the record."""

    def run_with(*arguments):
        path = tmp_path / "outliers.json"
        command = ["outliers", *SMALL, *arguments, "--output", str(path)]
        monkeypatch.setattr(sys, "argv", command)
        outliers.main()
        return capsys.readouterr().out, json.loads(path.read_text())

    return run_with


def test_clouds_and_windows_are_measured(run):
    printed, record = run("--shares", "0", "0.1", "--masses", "0.1")
    assert {"machine", "versions", "commit", "settings", "unit"} <= set(record)
    assert [row["outliers"] for row in record["cloud"]] == [0.0, 0.1]
    assert [row["outliers"] for row in record["window"]] == [0.0, 0.1]
    for row in record["cloud"]:
        assert set(row["ratios"]) == {"euclidean", "dtm 0.1"}
        for ratio in row["ratios"].values():
            assert 1 <= ratio["least"] <= ratio["median"]
            assert f"{ratio['median']:.1f} ({ratio['least']:.1f})" in printed
    for row in record["window"]:
        assert 0 < row["euclidean"]["error_bound"] < row["dtm 0.1"]["error_bound"]
    expected = [
        outliers.ratio_of(
            vietoris_rips(outliers.circle_with_outliers(120, 0.1, np.random.default_rng(seed)))
        )
        for seed in range(3)
    ]
    assert record["cloud"][1]["ratios"]["euclidean"]["median"] == np.median(expected)


def test_ratios_are_the_same_again(run):
    found = [run("--shares", "0.2", "--masses", "0.1")[1] for _ in range(2)]
    assert found[0]["cloud"] == found[1]["cloud"]


def test_a_window_that_loses_points_stops_the_measurement(run, monkeypatch):
    full = outliers.MultiScaleStream
    monkeypatch.setattr(
        outliers,
        "MultiScaleStream",
        lambda *args, max_points, **rest: full(*args, max_points=max_points // 2, **rest),
    )
    with pytest.raises(SystemExit, match="the window lost points"):
        run("--shares", "0")


def rows_of(heading):
    text = (ROOT / "docs" / "performance.md").read_text()
    table = text.partition(heading)[2].partition("\n\n")[0]
    return [re.split(r"\s*\|\s*", line.strip("| ")) for line in table.splitlines()[2:]]


def test_the_table_of_clouds_is_that_of_the_record():
    record = json.loads(RECORD.read_text())
    rows = rows_of("| outliers among 400 points |")
    assert len(rows) == len(record["cloud"])
    for cells, row in zip(rows, record["cloud"], strict=True):
        ratios = [f"{r['median']:.1f} ({r['least']:.1f})" for r in row["ratios"].values()]
        assert cells == [f"{row['outliers']:.0%}".replace("%", " %"), *ratios]


def test_the_table_of_windows_is_that_of_the_record():
    record = json.loads(RECORD.read_text())
    rows = rows_of("| outliers among 10 000 rows |")
    assert len(rows) == len(record["window"])
    for cells, row in zip(rows, record["window"], strict=True):
        wanted = [f"{row['outliers']:.0%}".replace("%", " %")]
        for name in ("euclidean", "dtm 0.1"):
            ratio = row[name]["ratio"]
            wanted += [
                f"{ratio['median']:.1f} ({ratio['least']:.1f})",
                f"{row[name]['error_bound']:.2f}",
                f"{row[name]['certain']:.0%}".replace("%", " %"),
            ]
        assert cells == wanted


def test_the_weights_are_worth_it():
    """What the documents claim: the loop stands out where outliers drown it without weights."""
    record = json.loads(RECORD.read_text())
    for row in record["cloud"]:
        plain, weighted = row["ratios"]["euclidean"], row["ratios"]["dtm 0.1"]
        assert weighted["median"] > plain["median"]
        assert weighted["least"] > 10
    for row in record["window"][1:]:
        assert row["euclidean"]["ratio"]["median"] < 2
        assert row["dtm 0.1"]["ratio"]["least"] > 5


def test_diagrams_with_one_bar_leave_a_record(run):
    few = ("--points", "8", "--window", "60", "--landmarks", "16", "--shares", "0")
    _, record = run(*few)
    alone = [figure for figure in record["targets"] if figure["value"] is None]
    assert alone
    assert {figure["note"] for figure in alone} == {"no other bar"}
    assert not {figure["name"] for figure in alone} & set(record["samples"])
