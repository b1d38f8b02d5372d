"""Sources that live: pipes that pause, stall, flood and break off, and files that grow."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import subprocess
import sys

import pytest

from .commands import circle, circle_csv, start, until, updates, wait_for_lines

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and pipes of POSIX")

PIPE = subprocess.PIPE
TIME = ("--time-column", "t", "--scales", "500")
END = 3.95  # last whole tick of 400 rows at 100 Hz, the slide being 50 ms


class Live:
    """A run that reads what a test writes."""

    def __init__(self, output, *options, source="-", command="run"):
        self.output = output
        self.process = start(
            command, source, *TIME, "--output", output, *options, stdin=PIPE, stderr=PIPE
        )

    def write(self, text):
        self.process.stdin.write(text)
        self.process.stdin.flush()

    def records(self):
        whole, _, _ = self.output.read_text().rpartition("\n")
        return updates(whole)

    def times(self):
        return [record["timestamp"] for record in self.records()]

    def until_time(self, time):
        until(lambda: self.output.exists() and self.times()[-1:] >= [time])

    def end(self, code=0, number=None):
        """Close the pipe or send a signal, and return what was said."""
        if number is not None:
            self.process.send_signal(number)
            err = self.process.stderr.read()
        else:
            _, err = self.process.communicate(timeout=180)
        assert self.process.wait(timeout=180) == code, err
        for pipe in (self.process.stdin, self.process.stderr):
            pipe.close()
        assert "Traceback" not in err
        assert "Exception" not in err
        return err


@pytest.fixture
def live(tmp_path):
    started = []

    def _live(*options, **how):
        started.append(Live(tmp_path / "out.jsonl", *options, **how))
        return started[-1]

    yield _live
    for run in started:
        if run.process.poll() is None:
            run.process.kill()
            run.process.communicate()


def test_rows_are_used_as_they_come_and_the_wall_moves_the_windows(live):
    run = live()
    run.write("t,x,y\n0,1,0\n0.12,0,1\n")
    run.until_time(0.1)  # with no more rows than these
    assert [record["n_points"] for record in run.records()][:2] == [1, 1]
    until(lambda: run.records()[-1]["n_points"] == 0)  # with no row at all
    assert run.times() == [round(0.05 * (i + 1), 2) for i in range(len(run.times()))]
    run.write("100,5,5\n100.06,5,6\n")
    run.until_time(100.05)
    assert run.records()[-1]["n_points"] == 1
    assert "4 points, " in run.end()


def test_with_event_time_nothing_moves_while_nothing_comes(live):
    run = live("--clock", "event", "--grace-ms", 0)
    run.write(circle_csv())
    run.until_time(END)
    with pytest.raises(subprocess.TimeoutExpired):
        run.process.wait(0.5)
    assert run.times()[-1] == END
    run.end()
    assert run.times()[-1] == 4.0


def test_a_pipe_gives_what_a_file_gives(live, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(circle_csv())
    run = live()
    for line in circle_csv().splitlines(keepends=True):
        run.write(line)
    run.end()
    direct = live(source=path)
    piped = run.records()
    direct.end()
    found = direct.records()
    assert len(found) == 80
    for a, b in zip(piped[:80], found, strict=True):
        of_the_machine = {"latency_seconds": 0, "engine": None}
        assert {**a, **of_the_machine} == {**b, **of_the_machine}


def test_rows_slower_than_their_own_time_are_late_and_told(live):
    run = live("--grace-ms", 0)
    run.write("t,x\n0,1\n0.1,2\n")
    run.until_time(0.3)
    run.write("0.11,3\n0.12,4\n")
    err = run.end()
    assert "2 late points were dropped: raise --lateness-ms to sort them in; if they came" in err
    assert "give a longer --grace-ms or --clock event\n" in err


def test_rows_that_go_back_in_time_are_told(live):
    run = live("--grace-ms", 1_000_000)
    run.write("t,x\n5,1\n6,2\n3,1\n4,5\n7,8\n")
    err = run.end()
    assert "2 late points were dropped: raise --lateness-ms to sort them in\n" in err


def test_a_line_that_breaks_off_is_dropped(live):
    run = live()
    run.write(circle_csv() + "4.0,0.")
    err = run.end()
    assert "standard input: ends in the middle of a row, which was dropped\n" in err
    assert "\n400 points, " in err


def test_a_last_line_that_lacks_its_end_is_taken(live):
    run = live()
    run.write(circle_csv() + "4.0,0.5,0.5")
    err = run.end()
    assert "standard input: the last row has no line end; taken as it stands\n" in err
    assert "\n401 points, " in err


def test_json_lines_with_times_as_text(live):
    run = live("--columns", "p")
    for t, x, y in circle().tolist():
        run.write(json.dumps({"t": f"2026-01-02T03:04:{5 + t:05.2f}Z", "p": [x, y]}) + "\n")
    err = run.end()
    assert "400 points, " in err
    assert run.times()[0] % 60 == pytest.approx(5.05)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("text", ["", "t,x,y\n", circle_csv()])
def test_a_signal_while_waiting_for_rows(live, number, text):
    run = live("--clock", "event")
    word = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}[number]
    if text == circle_csv():
        run.write(text)
        run.until_time(END)
    else:
        # the run has taken the bytes once the pipe has room for all it holds again
        os.set_blocking(run.process.stdin.fileno(), False)
        run.write(text or "\n")
        fill(run.process.stdin.fileno())
    assert word in run.end(128 + number, number)


def fill(descriptor):
    """Write blank lines until a reader has taken more than a pipe holds."""
    written = 0

    def write():
        nonlocal written
        try:
            written += os.write(descriptor, b"\n" * 4096)
        except BlockingIOError:
            return False
        return written > 1 << 18

    until(write)


def test_a_flood_is_stopped_by_a_signal(live):
    code = (
        "import itertools\n"
        "print('t,x,y')\n"
        "for i in itertools.count():\n"
        "    print(f'{i / 1000},{i % 7},{i % 11}')\n"
    )
    run = live()
    flood = subprocess.Popen([sys.executable, "-c", code], stdout=run.process.stdin, stderr=PIPE)
    wait_for_lines(run.output, 100)
    err = run.end(143, signal.SIGTERM)
    assert "terminated: what was computed so far is written" in err
    assert len(run.records()) >= 100
    assert run.output.read_text().endswith("\n")
    assert b"Broken pipe" in flood.communicate(timeout=60)[1]


def test_a_file_that_grows(live, tmp_path):
    path = tmp_path / "a.csv"
    rows = circle_csv().splitlines(keepends=True)
    path.write_text("".join(rows[:101]) + "1.0")
    run = live("--follow", "--clock", "event", source=path)
    run.until_time(0.95)
    with path.open("a") as file:
        file.write(rows[101].removeprefix("1.0") + "".join(rows[102:201]))
    run.until_time(1.95)
    path.rename(tmp_path / "old")
    path.write_text("".join([rows[0], *rows[201:]]))
    run.until_time(END)
    err = run.end(130, signal.SIGINT)
    assert f"{path}: was replaced; reading from its start\n" in err
    assert "\n400 points, " in err
    computed = [record["n_points"] for record in run.records()]
    assert computed[10:] == [50] * (len(computed) - 10)


def test_a_file_that_is_cut_short(live, tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"t": 1, "x": 1}\n{"t": 2, "x": 2}\n')
    run = live("--follow", "--on-bad-row", "skip", source=path)
    run.until_time(2.0)
    path.write_text('{"t": 9, "x": 3}\n')
    run.until_time(9.05)
    err = run.end(143, signal.SIGTERM)
    assert f"{path}: was cut short; reading from its start\n" in err
    assert "3 points, " in err


def test_standard_input_that_is_a_file(tmp_path):
    path, output = tmp_path / "a.csv", tmp_path / "out.jsonl"
    path.write_text(circle_csv())
    with path.open() as file:
        process = start("run", "-", *TIME, "--output", output, stdin=file, stderr=PIPE)
        _, err = process.communicate(timeout=180)
    assert process.returncode == 0
    assert len(updates(output.read_text())) == 80
    assert "400 points, 80 ticks, 0 late" in err
    with path.open() as file:
        process = start("run", "-", *TIME, "--output", path, stdin=file, stderr=PIPE)
        _, err = process.communicate(timeout=180)
    assert process.returncode == 2
    assert path.read_text() == circle_csv()


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        (b"", 1, "standard input: is empty"),
        (b"t,x\n", 1, "standard input: holds a header and no rows"),
        (b'{"t": 1, "x"', 1, "standard input, line 1: is not JSON"),
        (gzip.compress(b"t,x\n1,2\n"), 1, "standard input: is compressed (gzip): zcat FILE |"),
        (b"PAR1" + bytes(100), 1, "standard input: holds a file of binary data"),
        (b"\x93NUMPY" + bytes(100), 1, "standard input: holds a file of binary data"),
        (None, 2, "standard input is closed: name a file"),
    ],
)
def test_standard_input_that_holds_nothing_to_use(content, code, message):
    command = [sys.executable, "-m", "aura_tda_gpu.cli", "run", "-", "--time-column", "t"]
    if content is None:
        command = ["sh", "-c", f"{' '.join(command)} <&-"]
    done = subprocess.run(command, input=content, capture_output=True, timeout=180)
    assert done.returncode == code
    assert done.stderr.decode().startswith(f"error: {message}")
    assert done.stdout == b""


def test_a_view_leaves_the_terminal_as_it_was(live):
    import pty

    terminal, inside = pty.openpty()
    process = start("watch", "-", *TIME, stdin=PIPE, stdout=inside, stderr=inside)
    os.close(inside)
    shown = b""

    def read():
        nonlocal shown
        try:
            shown += os.read(terminal, 4096)
        except OSError:  # nobody writes any more
            return True
        return False

    process.stdin.write(circle_csv())
    process.stdin.flush()
    until(lambda: not read() and b"scale" in shown and b"\x1b[?1049h" in shown)
    process.send_signal(signal.SIGINT)
    until(read)
    assert process.wait(timeout=60) == 130
    process.stdin.close()
    os.close(terminal)
    last = shown.rpartition(b"\x1b[?1049l")[2]
    assert re.search(rb"^interrupted\r?$", last, re.MULTILINE)  # nothing was written
    told = re.search(rb"^(\d+) points, ", last, re.MULTILINE)  # how many is a matter of time
    assert told
    assert 0 < int(told[1]) <= 400
    assert shown.rfind(b"\x1b[?25h") > shown.rfind(b"\x1b[?25l")
