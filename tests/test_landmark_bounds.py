"""The measured bounds of both landmark strategies, and the sentences that quote them."""

from __future__ import annotations

import json
import re
import sys

import pytest

from benchmarks import landmark_bounds
from benchmarks.record import ROOT

RECORD = ROOT / "benchmarks" / "results" / "landmark_bounds.linux-x86_64-2cores.json"


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    """Compare the strategies in a small window; return what was printed and the record."""

    def run_with(*arguments):
        path = tmp_path / "bounds.json"
        sizes = ["--points", "400", "--landmarks", "24", "--seeds", "0", "1", "2"]
        command = ["landmark_bounds", *sizes, *arguments, "--output", str(path)]
        monkeypatch.setattr(sys, "argv", command)
        landmark_bounds.main()
        return capsys.readouterr().out, json.loads(path.read_text())

    return run_with


def test_both_strategies_are_measured_in_the_same_windows(run):
    printed, record = run("--streams", "torus knot", "cube 3-D")
    assert {"machine", "versions", "commit", "settings", "rows"} <= set(record)
    assert [row["stream"] for row in record["rows"]] == ["torus knot", "cube 3-D"]
    for row in record["rows"]:
        cover, maxmin = row["medians"]["cover"], row["medians"]["maxmin"]
        assert cover["error_bound"] > 0
        assert maxmin["error_bound"] > 0
        assert cover["n_vertices"] <= 24
        assert maxmin["n_vertices"] == 24
        assert cover["n_changed"] < maxmin["n_changed"]
        assert row["larger_by"] == sorted(row["larger_by_seed"])[1]
        assert f"{row['larger_by']:.1%}" in printed


def test_bounds_are_the_same_again(run):
    bounds = [
        [row["larger_by_seed"] for row in run("--streams", "gaussian 10-D")[1]["rows"]]
        for _ in range(2)
    ]
    assert bounds[0] == bounds[1]


def test_a_window_that_loses_points_stops_the_measurement(run, monkeypatch, capsys):
    full = landmark_bounds.MultiScaleStream
    monkeypatch.setattr(
        landmark_bounds,
        "MultiScaleStream",
        lambda *args, max_points, **rest: full(*args, max_points=max_points // 2, **rest),
    )
    with pytest.raises(SystemExit, match="a window lost points"):
        run("--streams", "sphere")
    assert "sphere" not in capsys.readouterr().out


@pytest.mark.parametrize("document", ["README.md", "CHANGELOG.md", "docs/config.md"])
def test_documents_quote_the_record(document):
    record = json.loads(RECORD.read_text())
    assert record["settings"]["streams"] == list(landmark_bounds.STREAMS)
    larger = [row["larger_by"] for row in record["rows"]]
    quoted = f"{min(larger):.0%} to {max(larger):.0%}".replace("%", "", 1).replace("%", " %")
    text = " ".join((ROOT / document).read_text().split())
    assert f"{quoted} larger" in text


def test_the_table_is_that_of_the_record():
    text = (ROOT / "docs" / "performance.md").read_text()
    table = text.partition("| 512 landmarks, window 20 000 |")[2].partition("\n\n")[0]
    rows = [re.split(r"\s*\|\s*", line.strip("| ")) for line in table.splitlines()[2:]]
    measured = json.loads(RECORD.read_text())["rows"]
    assert len(rows) == len(measured)
    for cells, row in zip(rows, measured, strict=True):
        cover, maxmin = row["medians"]["cover"], row["medians"]["maxmin"]
        assert cells[1:] == [
            f"{cover['error_bound']:#.3g}",
            f"{maxmin['error_bound']:#.3g}",
            f"{row['larger_by']:.0%}".replace("%", " %"),
            f"{max(row['larger_by_seed']):.0%}".replace("%", " %"),
            f"{cover['n_changed']:.0f}",
            f"{maxmin['n_changed']:.0f}",
        ], cells[0]
