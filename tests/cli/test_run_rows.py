"""`aura-tda run`: files that cannot be read, and rows that are late, unfinished or of no use."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma

import numpy as np
import pytest

from .commands import SCALES, TIME, circle, circle_csv, invoke, updates
from .records import computed, without_latency


def test_late_rows_are_counted_or_sorted_in(tmp_path):
    path = tmp_path / "late.csv"
    lines = circle_csv().splitlines()
    lines[100], lines[103] = lines[103], lines[100]
    path.write_text("\n".join(lines) + "\n")
    rows = circle()
    done = invoke("run", path, *TIME, *SCALES)
    assert "3 late points were dropped: raise --lateness-ms to sort them in\n" in done.stderr
    assert ", 3 late, " in done.stderr
    done = invoke("run", path, *TIME, *SCALES, "--lateness-ms", 100)
    assert "0 late" in done.stderr
    assert "dropped" not in done.stderr
    assert [r["n_points"] for r in updates(done.stdout)] == [
        r["n_points"] for r in computed(rows[:, 1:], rows[:, 0])
    ]


@pytest.mark.parametrize("bad", ["1.5,oops,0", "1.5,nan,0", "1.5", "1.5,1e30,0", "1e30,0,0"])
def test_a_bad_row_keeps_what_came_before_it(tmp_path, bad):
    lines = circle_csv().splitlines()
    lines[151] = bad
    path = tmp_path / "bad.csv"
    path.write_text("\n".join(lines) + "\n")
    rows = circle(150)
    expected = computed(rows[:, 1:], rows[:, 0])
    done = invoke("run", path, *TIME, *SCALES)
    assert done.exit_code == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"error: {path}, line 152")
    assert last.endswith(" --on-bad-row skip leaves such rows out, and counts them")
    assert "?;" not in last
    got = without_latency(updates(done.stdout))
    assert got == expected[: len(got)]
    assert got[-1]["timestamp"] == 1.45
    skipped = invoke("run", path, *TIME, *SCALES, "--on-bad-row", "skip")
    assert skipped.exit_code == 0
    assert f"{path}: 1 unusable row was skipped" in skipped.stderr
    assert "\n399 points, " in skipped.stderr
    rest = np.delete(circle(), 150, axis=0)
    assert without_latency(updates(skipped.stdout)) == computed(rest[:, 1:], rest[:, 0])


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("rows.jsonl", b'{"t": 0, "x": NaN}\n{"t": 1, "x": 2}\n'),
        ("first.jsonl", b'{"t": 0, "x"}\n{"t": 1, "x": 2}\n'),
        ("cells.csv", b"t,x\n0,1\n0.5\n1,2\n"),
        ("quotes.csv", b't,x\n0,1\n0.5,"2\n1,2\n'),
        ("rows.npy", np.array([[0, np.inf], [1, 2]])),
    ],
)
def test_the_way_past_a_bad_row_is_told_and_works(tmp_path, name, rows):
    path = tmp_path / name
    if isinstance(rows, bytes):
        path.write_bytes(rows)
    else:
        np.save(path, rows)
    time = ("--time-column", "0" if path.suffix == ".npy" else "t")
    done = invoke("run", path, *time)
    assert done.exit_code == 1
    assert done.stderr.splitlines()[-1].endswith(
        "; --on-bad-row skip leaves such rows out, and counts them"
    )
    assert invoke("run", path, *time, "--on-bad-row", "skip").exit_code == 0


def test_a_source_without_a_row_that_can_be_used_does_not_name_an_option_that_is_set(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"t": 0, "x"}\n{"t"}\n')
    done = invoke("run", path, *TIME, "--on-bad-row", "skip")
    assert done.exit_code == 1
    assert done.stderr.startswith(f"error: {path}: no row can be used; line 1: is not JSON")
    assert "--on-bad-row" not in done.stderr


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_dry_run_leaves_out_the_rows_that_a_stream_refuses(tmp_path, order):
    rows = np.random.default_rng(5).normal(size=(4000, 3))
    rows[:, 0] = np.arange(4000) / 100
    rows[7, 1:] = 0
    path = tmp_path / "rows.npy"
    np.save(path, np.asarray(rows, order=order))
    options = ("--time-column", "0", "--scales", "1000", "--metric", "cosine")
    done = invoke("run", path, *options, "--on-bad-row", "skip", "--dry-run", "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["rows_read"] == 4000


def test_a_fault_of_the_file_is_not_one_of_a_row(tmp_path):
    path = tmp_path / "rows.csv"
    for text in ("", "t,x\n", "t,x\n0,a\n"):
        path.write_text(text)
        done = invoke("run", path, "--time-column", "t")
        assert done.exit_code == 1
        assert "--on-bad-row" not in done.stderr


@pytest.mark.parametrize(
    ("packed", "told"),
    [
        (gzip.compress(b"t,x\n0,1\n"), "(gzip): zcat FILE | aura-tda run -"),
        (bz2.compress(b"t,x\n0,1\n"), "(bzip2): bzcat FILE | "),
        (bz2.compress(b"t,x\n0,1\n", compresslevel=1), "(bzip2): bzcat FILE | "),
        (lzma.compress(b"t,x\n0,1\n"), "(xz): xzcat FILE | "),
        (b"\x28\xb5\x2f\xfd" + bytes(40), "(zstd): zstdcat FILE | "),
    ],
)
def test_a_compressed_file_says_how_it_is_read(tmp_path, packed, told):
    path = tmp_path / "rows.csv"
    path.write_bytes(packed)
    done = invoke("run", path, "--time-column", "t")
    assert done.exit_code == 1
    assert done.stderr.startswith(f"error: {path}: is compressed {told}")


def test_an_unfinished_last_row_is_dropped_with_a_notice(tmp_path):
    path = tmp_path / "cut.csv"
    path.write_text(circle_csv()[:-20])
    done = invoke("run", path, *TIME, *SCALES)
    assert done.exit_code == 0
    assert "ends in the middle of a row, which was dropped" in done.stderr
    rows = circle(399)
    assert without_latency(updates(done.stdout)) == computed(rows[:, 1:], rows[:, 0])


def test_a_last_row_without_line_end_is_taken_with_a_notice(tmp_path, csv):
    path = tmp_path / "open.csv"
    path.write_text(circle_csv()[:-1])
    done = invoke("run", path, *TIME, *SCALES)
    assert done.exit_code == 0
    assert f"{path}: the last row has no line end; taken as it stands\n" in done.stderr
    whole = invoke("run", csv, *TIME, *SCALES)
    assert without_latency(updates(done.stdout)) == without_latency(updates(whole.stdout))


def test_the_first_late_row_is_told_at_once_and_only_once(tmp_path):
    path = tmp_path / "backwards.csv"
    path.write_text("t,x\n" + "".join(f"{9 - i},{i}\n" for i in range(10)))
    done = invoke("run", path, *TIME, "--scales", "1000")
    lines = [line[:15] for line in done.stderr.splitlines()]
    assert lines.count("a row is older ") == 1
    assert lines.index("a row is older ") < lines.index("9 late points w")


def test_all_rows_bad_is_an_error(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("x,y\n1,\n2,\n3,4,5\n")
    done = invoke("run", path, "--rate", 1, "--columns", "x,y", "--on-bad-row", "skip")
    assert done.exit_code == 1
    assert "no row could be used" in done.stderr
