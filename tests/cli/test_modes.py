"""Beside the plain run: its summary as JSON, the dry run, the view, completion."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from aura_tda_gpu.cli.app import app

from .commands import SCALES, TIME, circle_csv, invoke, updates


def test_the_summary_as_json(csv, tmp_path):
    output = tmp_path / "out.jsonl"
    done = invoke("run", csv, *TIME, *SCALES, "--json", "--output", output)
    assert (done.exit_code, done.stdout) == (0, "")
    record = json.loads(done.stderr)
    assert (record["points"], record["ticks"], record["reason"]) == (400, 120, "end")
    assert len(updates(output.read_text())) == 120
    csv.write_text(circle_csv() + "4,oops,1\n")
    done = invoke("run", csv, *TIME, *SCALES, "--json")
    assert done.exit_code == 1
    record = json.loads(done.stderr)
    assert record["reason"].startswith(f"error: {csv}, line 402, column 'x': 'oops' is not")
    assert len(updates(done.stdout)) > 100
    csv.write_text("t,x,name\n5,1,a\n3,2,a\n")
    record = json.loads(invoke("run", csv, *TIME, *SCALES, "--json").stderr)
    assert record["late"] == 1
    assert record["notices"][0] == "columns without numbers are left out: name"
    assert "1 late point was dropped: raise --lateness-ms to sort them in" in record["notices"]


def test_a_dry_run_writes_nothing(csv, tmp_path):
    output = tmp_path / "out.jsonl"
    done = invoke("run", csv, *TIME, *SCALES, "--dry-run", "--output", output)
    assert done.exit_code == 0
    assert "scale_500ms" in done.stdout
    assert not output.exists()
    done = invoke("run", csv, *TIME, *SCALES, "--dry-run", "--json")
    assert len(json.loads(done.stdout)["windows"]) == 2
    assert invoke("run", csv, *TIME, "--takens", "2:1", "--dry-run").exit_code == 2


def test_watching_without_a_terminal(csv, tmp_path):
    output = tmp_path / "out.jsonl"
    done = invoke("watch", csv, *TIME, *SCALES, "--output", output, "--plot", tmp_path / "p")
    assert done.exit_code == 0
    assert "\x1b" not in done.stdout + done.stderr
    assert "400" in done.stdout
    assert "400 points, 120 ticks, 0 late" in done.stderr
    assert len(updates(output.read_text())) == 120
    assert len(list((tmp_path / "p").iterdir())) == 6
    done = invoke("watch", csv, *TIME, "--output", "-")
    assert done.exit_code == 2
    assert "--output -: " in done.stderr


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--metric", ""], {"euclidean", "manhattan", "chebyshev", "cosine", "dtm"}),
        (["--backend", "c"], {"cpu", "cuda"}),
        (["--landmarks", ""], {"cover", "maxmin"}),
        (["--clock", ""], {"event", "wall"}),
        (["--format", "j"], {"jsonl"}),
        (["--on-bad-row", "s"], {"stop", "skip"}),
        (["--time-u"], {"--time-unit"}),
    ],
)
@pytest.mark.parametrize("command", ["run", "watch"])
def test_values_are_completed(command, words, expected):
    line = ["aura-tda", command, "a.csv", *words]
    done = CliRunner().invoke(
        app,
        [],
        prog_name="aura-tda",
        env={
            "_AURA_TDA_COMPLETE": "complete_bash",
            "COMP_WORDS": " ".join(line),
            "COMP_CWORD": str(len(line) - 1),
        },
    )
    assert set(done.stdout.split()) == expected
