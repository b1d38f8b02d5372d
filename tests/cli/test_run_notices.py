"""`aura-tda run`: what is said of data that may not be what was meant."""

from __future__ import annotations

import numpy as np
import pytest

from .commands import SCALES, TIME, circle, invoke, updates


def test_data_too_small_for_a_feature_are_told(tmp_path):
    rows = circle()
    for factor, expected in ((1.0, False), (1e-3, True)):
        path = tmp_path / "rows.csv"
        lines = [f"{t},{x * factor:.9f},{y * factor:.9f}" for t, x, y in rows.tolist()]
        path.write_text("\n".join(["t,x,y", *lines]) + "\n")
        done = invoke("run", path, *TIME, "--scales", "2000")
        assert ("no loop is a feature: the longest is 0.00" in done.stderr) == expected


def test_ticks_in_gaps_are_those_between_two_updates(tmp_path):
    path = tmp_path / "gap.csv"
    path.write_text("t,x\n0,1\n0.5,2\n100,3\n100.5,4\n")
    done = invoke("run", path, *TIME, "--scales", "1000,7000")
    skipped = sum(record["skipped_ticks"] for record in updates(done.stdout))
    assert skipped > 800
    said = f"{skipped:,} ticks in gaps of the data were left out; is --time-unit right?\n"
    assert said in done.stderr
    path.write_text("t,x\n0,1\n0.5,2\n")
    done = invoke("run", path, *TIME, "--scales", "1000,60000")
    assert "in gaps" not in done.stderr


def test_time_that_cannot_be_hints_at_its_unit(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("t,x\n1700000000000,1\n1700000000010,2\n")
    done = invoke("run", path, *TIME, *SCALES)
    assert done.exit_code == 1
    assert (
        "beyond 292 years from time 0, in seconds; it was read in s: is --time-unit right?"
        in done.stderr
    )
    assert "--on-bad-row" not in done.stderr  # it would leave out all
    assert invoke("run", path, *TIME, *SCALES, "--time-unit", "ms").exit_code == 0


def test_columns_that_are_left_out_are_named(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("t,name,x\n0,a,1\n1,b,2\n")
    done = invoke("run", path, *TIME, *SCALES)
    assert "columns without numbers are left out: name" in done.stderr


def numbered(tmp_path, header, columns):
    path = tmp_path / "numbered.csv"
    lines = [",".join(map(repr, row)) for row in np.column_stack(columns).tolist()]
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


HINT = 'column "{0}" is taken as a coordinate: pass --time-column {0} if it is the time'


@pytest.mark.parametrize("name", ["time", "T", "TimeStamp", "date", "DATETIME"])
@pytest.mark.parametrize("n", [3, 400])
def test_a_time_that_is_taken_as_a_coordinate_is_told_once(tmp_path, name, n):
    path = numbered(tmp_path, f"{name},x,y", circle(n).T)
    done = invoke("run", path, "--rate", 100, *SCALES)
    assert done.stderr.count(HINT.format(name)) == 1
    assert f"columns taken as coordinates: {name}, x, y\n" in done.stderr


def test_what_is_no_time_or_was_chosen_is_not_doubted(tmp_path, csv):
    t, x, y = circle().T
    for header, columns, options in (
        ("t,x,y", (t[::-1], x, y), []),  # falls
        ("t,x,y", (0 * t, x, y), []),  # stands still
        ("a,x,y", (t, x, y), []),
        ("t,x,y", (t, x, y), ["--columns", "t,x"]),
    ):
        path = numbered(tmp_path, header, columns)
        done = invoke("run", path, "--rate", 100, *SCALES, *options)
        assert "is taken as a coordinate" not in done.stderr
    done = invoke("run", csv, *TIME, *SCALES)
    assert "is taken as a coordinate" not in done.stderr
    assert "columns taken as coordinates: x, y\n" in done.stderr


def test_columns_without_names_are_not_listed(tmp_path):
    np.save(tmp_path / "a.npy", circle())
    done = invoke("run", tmp_path / "a.npy", "--time-column", 0, *SCALES)
    assert "columns taken" not in done.stderr


def test_windows_that_were_never_full_are_named(csv):
    done = invoke("run", csv, *TIME, "--scales", "500,5000,600000")
    assert "scale_5000ms, scale_600000ms: never full, the data is 3.99 s long\n" in done.stderr
    # the tick after the last row looks back to the first one
    assert "never full" not in invoke("run", csv, *TIME, "--scales", "500,4000").stderr


def test_the_largest_error_bound_is_told(csv):
    done = invoke("run", csv, *TIME, *SCALES, "--max-landmarks", 10)
    largest = max(record["error_bound"] for record in updates(done.stdout))
    assert largest > 0
    told = f"landmarks stand for some windows: error_bound is {largest:.3g} at most\n"
    assert told in done.stderr
    assert "error_bound" not in invoke("run", csv, *TIME, *SCALES).stderr
