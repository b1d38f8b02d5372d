"""`aura-tda run`: what it does not take ends with one line and an exit code."""

from __future__ import annotations

import pytest

from .commands import TIME, invoke


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ([], 2, "--time-column NAME, or --rate HZ"),
        (["--time-column", "t", "--rate", "3"], 2, "exclude each other"),
        (["--time-column", "z"], 2, "--time-column: there is no column 'z'"),
        ([*TIME, "--columns", "x,"], 2, "--columns must be names or indexes"),
        ([*TIME, "--columns", "x,z"], 2, "--columns: there is no column 'z'"),
        ([*TIME, "--columns", "x,x"], 2, "--columns: column 'x' was asked for twice"),
        ([*TIME, "--takens", "3"], 2, "DIM:LAG"),
        ([*TIME, "--takens", "3:7"], 2, "--takens needs one column: choose it with --columns"),
        ([*TIME, "--columns", "x", "--takens", "3:300"], 2, "--takens 3:300 needs 601 rows"),
        ([*TIME, "--scales", ""], 2, "--scales must be whole milliseconds"),
        ([*TIME, "--scales", "10,x"], 2, "--scales must be whole milliseconds"),
        ([*TIME, "--scales", "0"], 2, "--scales: must be greater than or equal to 1, got 0"),
        ([*TIME, "--scales", "-5"], 2, "--scales: must be"),
        ([*TIME, "--lateness-ms", "-1"], 2, "--lateness-ms: must be"),
        ([*TIME, "--max-memory-mb", "0"], 2, "--max-memory-mb: must be"),
        ([*TIME, "--max-landmarks", "0"], 2, "--max-landmarks: must be"),
        ([*TIME, "--scales", "10,10"], 2, "--scales: 10 is repeated"),
        ([*TIME, "--metric", "foo"], 2, "--metric: must be"),
        ([*TIME, "--metric", "dtm", "--dtm-mass", "0"], 2, "--dtm-mass: must be greater than 0"),
        ([*TIME, "--dtm-mass", "0.2"], 2, "engine.dtm_mass: is for the metric dtm alone"),
        ([*TIME, "--landmarks", "foo"], 2, "--landmarks: must be"),
        ([*TIME, "--backend", "foo"], 2, "--backend: must be"),
        ([*TIME, "--backend", "cuda"], 2, "cuda"),
        ([*TIME, "--max-edge-length", "-1"], 2, "--max-edge-length: must be"),
        ([*TIME, "--max-memory-mb", "1", "--max-landmarks", "5000"], 2, "--max-memory-mb is 1"),
        ([*TIME, "--config", "none.yaml"], 2, "none.yaml"),
        ([*TIME, "--on-bad-row", "maybe"], 2, "stop or skip"),
        ([*TIME, "--output", "/dev/null/x"], 2, "--output /dev/null/x"),
        ([*TIME, "--output", "x" * 300], 2, "--output xxx"),
        ([*TIME, "--output", ""], 2, "--output is empty"),
        ([*TIME, "--plot", "/dev/null/x"], 2, "--plot /dev/null/x"),
    ],
)
def test_one_line_and_an_exit_code_for_what_is_wrong(csv, options, code, message):
    done = invoke("run", csv, *options)
    assert done.exit_code == code
    assert done.stdout == ""
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert message in errors[0]
    assert "Traceback" not in done.stderr


def test_a_source_without_a_name():
    done = invoke("run", "", "--rate", 1)
    assert done.exit_code == 2
    assert done.stderr == "error: SOURCE is empty: name a file, or - for standard input\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-", "--follow"], "--follow needs the name of a file"),
        (["-", "--format", "npy"], "--format npy needs a file that is whole"),
        (["a", "--follow", "--format", "parquet"], "--format parquet needs a file that is whole"),
        (["a", "--format", "xml"], "--format must be one of auto, csv, jsonl, npy, parquet"),
        (["a", "--clock", "sun"], "--clock must be event or wall, not 'sun'"),
        (["a", "--grace-ms", "-1"], "--grace-ms must be a number from 0 on, not -1"),
        (["a", "--batch-size", "0"], "--batch-size: must be"),
    ],
)
@pytest.mark.parametrize("command", ["run", "watch"])
def test_options_that_do_not_go_together(command, options, message):
    done = invoke(command, *options, *TIME)
    assert done.exit_code == 2
    assert done.stderr.startswith(f"error: {message}")
    assert done.stdout == ""


@pytest.mark.parametrize("options", [["run"], ["run", "--dry-run"], ["watch"]])
def test_a_stream_that_is_not_enabled_does_not_run(csv, monkeypatch, options):
    monkeypatch.setenv("AURA_TDA_ENABLED", "false")
    done = invoke(*options, csv, *TIME)
    assert done.exit_code == 2
    assert "enabled is false" in done.stderr
    assert done.stdout == ""


def test_the_source_is_not_written_over(csv):
    before = csv.read_text()
    done = invoke("run", csv, *TIME, "--output", csv)
    assert done.exit_code == 2
    assert "the file the data comes from" in done.stderr
    assert csv.read_text() == before


def test_without_a_command_the_help_is_shown():
    done = invoke()
    assert done.exit_code == 0
    for name in ("run", "watch", "demo", "doctor", "config", "--show-completion"):
        assert name in done.stdout
    version = invoke("--version")
    assert version.exit_code == 0
    assert version.stdout.startswith("aura-tda ")
    assert invoke("nonsense").exit_code == 2


def test_who_forgets_time_is_told_the_columns(csv, tmp_path):
    done = invoke("run", csv)
    assert done.stderr == (
        "error: where is time? give --time-column NAME, or --rate HZ without one; "
        "the columns are t, x, y\n"
    )
    done = invoke("run", tmp_path / "none.csv")
    assert done.stderr.endswith("or --rate HZ without one\n")
