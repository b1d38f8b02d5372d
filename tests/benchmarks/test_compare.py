"""Comparisons of two records, which can fail."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks import compare, record
from benchmarks.figures import Figure

from .fakes import a_record, slower, with_target


@pytest.fixture
def compared(tmp_path, capsys):
    """Compare two records as files; return exit code, standard output and standard error."""

    def run(before, after, *options):
        paths = [tmp_path / name for name in ("a.json", "b.json")]
        for path, found in zip(paths, (before, after), strict=True):
            path.write_text(found if isinstance(found, str) else json.dumps(found))
        code = compare.main([*map(str, paths), *options])
        return code, *capsys.readouterr()

    return run


def test_a_record_equals_itself(compared):
    code, out, _ = compared(a_record(), a_record())
    assert code == 0
    assert "0 WORSE" in out


def test_what_became_worse_ends_with_1(compared):
    found = a_record()
    code, out, _ = compared(found, slower(found, "a", 1.2))
    assert code == 1
    assert "1 WORSE, 0 better, 1 within the noise" in out
    code, out, _ = compared(slower(found, "a", 1.2), found)
    assert code == 0
    assert "0 WORSE, 1 better" in out


def test_noise_is_no_regression(compared):
    rng = np.random.default_rng(1)
    wild = a_record(a=1 + 0.5 * rng.random(5))
    code, _, _ = compared(wild, slower(wild, "a", 1.1))
    assert code == 0


def test_within_the_tolerance_nothing_is_worse(compared):
    found = a_record(a=[1.0, 1.0001, 0.9999, 1.0])
    assert compared(found, slower(found, "a", 1.04))[0] == 0
    assert compared(found, slower(found, "a", 1.04), "--tolerance=0.01")[0] == 1


def test_more_is_better_where_that_is_said(compared):
    found = a_record()
    found["samples"]["a"]["better"] = "higher"
    assert compared(found, slower(found, "a", 1.2))[0] == 0
    assert compared(found, slower(found, "a", 0.8))[0] == 1


def test_single_values_are_told_but_not_judged(compared):
    found = a_record(a=[1.0])
    code, out, _ = compared(found, slower(found, "a", 3))
    assert code == 0
    assert "too few samples to tell" in out
    assert "3.000" in out


def test_a_target_that_is_no_longer_met_is_named(compared):
    after = a_record()
    after["targets"] = record.as_rows([Figure("a ratio", 1.5, "times", 2.0, at_least=True)])
    code, out, _ = compared(a_record(), after)
    assert code == 0  # one value has no spread
    assert "was met and is not: a ratio, 1.5 times" in out
    assert "was met" not in compared(after, a_record())[1]
    _, out, _ = compared(a_record(), after, "--json")
    assert len(json.loads(out)["no_longer_met"]) == 1


def test_points_that_are_lost_fail_without_an_interval(compared):
    none, some, more = (with_target(n, 0, "in all") for n in (0, 12, 13))
    code, out, _ = compared(none, some)
    assert code == 1
    assert "WORSE: of all: 12 in all, and it was 0; none of that is noise" in out
    assert "1 WORSE, 0 better" in out
    assert "was met and is not" not in out
    code, out, _ = compared(none, some, "--json")
    assert code == 1
    assert len(json.loads(out)["broken"]) == 1
    for sides in ((none, none), (some, none), (some, more)):  # lost under too high a load: noise
        assert compared(*sides)[0] == 0


def test_all_there_are_fail_where_one_is_missing_and_times_do_not(compared):
    whole, part = (with_target(v, 100, "%", at_least=True) for v in (100.0, 99.5))
    assert compared(whole, part)[0] == 1
    for unit, values, wanted in (("%", (98.0, 90.0), 97), ("times", (100, 90), 100)):
        sides = [with_target(value, wanted, unit, at_least=True) for value in values]
        assert compared(*sides)[0] == 0
    assert compared(with_target(9.0, 10, "ms"), with_target(11.0, 10, "ms"))[0] == 0


def test_figures_of_one_record_only_are_named(compared):
    code, out, _ = compared(a_record(c=[1, 1, 1]), a_record(), "--json")
    assert code == 0
    assert json.loads(out)["only_before"] == ["c"]


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda r: {**r, "benchmark": "outliers"}, "one is of engine_performance, the other of"),
        (lambda r: {**r, "cores": 99}, "different machines"),
        (lambda r: "{", "b.json: not JSON"),
        (lambda r: {"a": 1}, "b.json: no record of a benchmark (it lacks benchmark)"),
        (lambda r: [r], "b.json: no record of a benchmark (it is no JSON object)"),
        (
            lambda r: {k: v for k, v in r.items() if k not in ("samples", "targets")},
            "b.json: no record of a benchmark (it lacks samples, targets)",
        ),
        (lambda r: {**r, "samples": {}}, "the records share no figure"),
    ],
)
def test_what_cannot_be_compared_ends_with_2(compared, spoil, complaint):
    code, out, err = compared(a_record(), spoil(a_record()))
    assert code == 2
    assert out == ""
    assert complaint in err


def test_a_busy_machine_is_mentioned(compared):
    quiet, busy = a_record(), a_record()
    quiet["machine"]["cores_taken"], busy["machine"]["cores_taken"] = 0.2, 1.4
    said = "B was measured on a busy machine (other work took 1.4 cores)"
    assert said in compared(quiet, busy)[1]
    assert "busy machine" not in compared(quiet, quiet)[1]


def test_other_machines_are_compared_on_request(compared):
    assert compared(a_record(), {**a_record(), "cores": 99}, "--other-machine")[0] == 0


def test_a_missing_file_is_named(capsys):
    assert compare.main(["/nowhere/a.json", "/nowhere/b.json"]) == 2
    assert "/nowhere/a.json: No such file" in capsys.readouterr().err


def test_three_samples_of_a_run_see_what_takes_twice_as_long(compared):
    before = a_record(**{f"f{i}": [1.0, 1.02, 0.99] for i in range(200)})
    assert compared(before, slower(before, "f7", 2))[0] == 1
