"""The command as a process: signals, pipes, and terminals that are not there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from .commands import ROOT, circle_csv, start, updates, wait_for_lines

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and pipes of POSIX")

PIPE = subprocess.PIPE


@pytest.fixture
def long_csv(tmp_path):
    """A file that keeps the command busy for minutes."""
    path = tmp_path / "long.csv"
    path.write_text(circle_csv(300_000))
    return path


def test_standard_output_is_json_and_nothing_else(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(circle_csv())
    process = start("run", path, "--time-column", "t", "--scales", "1000", stdout=PIPE, stderr=PIPE)
    out, err = process.communicate(timeout=180)
    assert process.returncode == 0
    assert len(updates(out)) == 40
    assert "\x1b" not in err
    assert err.splitlines()[-1].startswith("400 points, 40 ticks, 0 late")


@pytest.mark.parametrize(
    ("number", "code", "word"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_a_signal_keeps_what_was_computed(long_csv, tmp_path, number, code, word):
    output, pictures = tmp_path / "out.jsonl", tmp_path / "pictures"
    options = ("--time-column", "t", "--scales", "1000,4000", "--plot", pictures)
    process = start("run", long_csv, *options, "--output", output, stderr=PIPE)
    wait_for_lines(output, 20)
    process.send_signal(number)
    _, err = process.communicate(timeout=180)
    assert process.returncode == code
    found = updates(output.read_text())
    assert 20 <= len(found) < 10_000
    assert f"{word}: what was computed so far is written" in err
    assert f" {len(found)} ticks" in err
    assert "Traceback" not in err
    names = ["loops_over_time.png", "scale_1000ms.png", "scale_4000ms.png"]
    assert sorted(path.name for path in pictures.glob("*.png")) == names


def test_ctrl_c_while_waiting_for_data(tmp_path):
    pipe, output = tmp_path / "pipe", tmp_path / "out.jsonl"
    os.mkfifo(pipe)
    options = ("--time-column", "t", "--scales", "1000", "--output", output)
    process = start("run", pipe, *options, stderr=PIPE)
    with pipe.open("w") as writer:
        writer.write(circle_csv())
        writer.flush()
        wait_for_lines(output, 20)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=180)
    assert process.returncode == 130
    assert 20 <= len(updates(output.read_text())) < 40
    assert "interrupted" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("number", "code", "word"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
@pytest.mark.parametrize("keeps", [False, True])
def test_a_view_says_that_something_is_written_only_where_it_is(
    tmp_path, number, code, word, keeps
):
    output = ("--output", tmp_path / "out.jsonl") if keeps else ()
    options = ("--time-column", "t", "--scales", "1000", *output)
    process = start("watch", "-", *options, stdin=PIPE, stdout=PIPE, stderr=PIPE)
    process.stdin.write(circle_csv())
    process.stdin.flush()
    assert any("scale_1000ms" in line for line in process.stdout)
    process.send_signal(number)
    out, err = process.communicate(timeout=180)
    assert process.returncode == code
    told = [line for line in f"{out}\n{err}".splitlines() if line.startswith(word)]
    assert told == [f"{word}: what was computed so far is written" if keeps else word]


@pytest.mark.parametrize("command", ["doctor", "demo"])
@pytest.mark.parametrize(
    ("module", "name", "code", "word"),
    [
        ("typer", "SIGINT", 130, "interrupted"),
        ("rich.console", "SIGTERM", 143, "terminated"),
        ("numba", "SIGINT", 130, "interrupted"),
    ],
)
def test_a_signal_while_the_command_loads(tmp_path, command, module, name, code, word):
    script = (
        "import os, signal, sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {module!r}:\n"
        f"            os.kill(os.getpid(), signal.{name})\n"
        "from aura_tda_gpu.cli import main\n"
        "sys.meta_path.insert(0, Finder())\n"
        f"sys.argv = ['aura-tda', {command!r}]\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == code
    assert done.stderr == f"{word}\n"


def test_a_closed_standard_output_is_an_error_of_one_line(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(circle_csv())
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m aura_tda_gpu.cli run {path} --rate 1 >&-"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=PIPE,
        text=True,
        timeout=180,
    )
    assert done.returncode == 2
    assert done.stderr == "error: standard output is closed: name a file with --output\n"


@pytest.mark.parametrize("command", ["run", "watch"])
def test_a_reader_that_goes_away_ends_the_run_quietly(long_csv, command):
    process = start(command, long_csv, "--time-column", "t", stdout=PIPE, stderr=PIPE)
    process.stdout.readline()
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=180) == 0
    assert "nobody reads the output any more" in err
    assert "Traceback" not in err
    assert "Exception ignored" not in err


def test_the_summary_counts_what_was_computed_for_a_reader_that_is_gone(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(circle_csv())
    reading, writing = os.pipe()
    os.close(reading)
    options = ("--time-column", "t", "--scales", "500", "--batch-size", 100, "--json")
    process = start("run", path, *options, stdout=writing, stderr=PIPE)
    os.close(writing)
    _, err = process.communicate(timeout=180)
    assert process.returncode == 0
    record = json.loads(err)
    assert (record["points"], record["ticks"]) == (100, 19)
    assert record["latency_p50_seconds"] > 0
    assert record["reason"] == "output closed"
    assert "nobody reads the output any more: stopped" in record["notices"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("scale", [100, 1000])
def test_a_full_disk_is_an_error_of_one_line(tmp_path, scale):
    path = tmp_path / "a.csv"
    path.write_text(circle_csv(2000))
    options = ("--time-column", "t", "--scales", scale, "--output", "/dev/full")
    process = start("run", path, *options, stdout=PIPE, stderr=PIPE)
    out, err = process.communicate(timeout=180)
    assert process.returncode == 1
    assert out == ""
    assert err.splitlines()[-1].startswith("error: --output /dev/full: No space left")
    assert "Traceback" not in err
