"""Comparisons of several runs a side: how runs differ is noise."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks import changes, compare, record
from benchmarks.figures import Figure

from .fakes import a_record, slower, with_target


@pytest.fixture
def runs_compared(tmp_path, capsys):
    """Compare some runs a side; return exit code, standard output and standard error."""

    def run(before, after, *options):
        sides = []
        for name, side in (("a", before), ("b", after)):
            paths = [tmp_path / f"{name}{i}.json" for i in range(len(side))]
            for path, found in zip(paths, side, strict=True):
                path.write_text(json.dumps(found))
            sides.append(",".join(map(str, paths)))
        code = compare.main([*sides, *options])
        return code, *capsys.readouterr()

    return run


def runs_of(rng, n, spread, figures=("a",), factor=1.0):
    """Return records of runs that differ by some spread, samples of one run by much less."""
    found = []
    for _ in range(n):
        middle = factor * np.exp(spread * rng.standard_normal(len(figures)))
        noise = 1 + 0.001 * rng.standard_normal((len(figures), 20))
        values = middle[:, np.newaxis] * noise
        samples = dict(zip(figures, values, strict=True))
        found.append({**a_record(**samples)})
    return found


def test_how_runs_differ_is_noise(runs_compared):
    rng = np.random.default_rng(0)
    middles = [[0.9, 1.0, 1.1, 1.05], [1.2, 1.0, 0.95, 1.15]]
    before, after = (
        [runs_of(rng, 1, 0.0, factor=middle)[0] for middle in side] for side in middles
    )
    assert runs_compared(before[:1], after[:1])[0] == 1  # 1.2 after 0.9
    code, out, _ = runs_compared(before, after)
    assert code == 0
    assert "(4 runs)" in out
    assert "not known" not in out
    code, out, _ = runs_compared(before, [slower(found, "a", 3) for found in after])
    assert code == 1
    assert "1 WORSE" in out


def test_one_run_a_side_knows_nothing_of_that_and_says_so(runs_compared):
    rng = np.random.default_rng(0)
    (before,), (after,) = runs_of(rng, 1, 0.1), runs_of(rng, 1, 0.1, factor=1.3)
    code, out, _ = runs_compared([before], [after])
    assert code == 1  # beyond the spread within the runs
    assert "how much runs differ is not known" in out


def test_runs_that_are_alike_are_seldom_told_apart():
    """In 5 % of comparisons any of 30 figures may be; 11 of 100 would be two deviations more."""
    rng = np.random.default_rng(1)
    names = tuple(f"f{i}" for i in range(30))
    spreads = rng.uniform(0.01, 0.2, 30)
    alarms = 0
    for _ in range(100):
        medians = np.exp(spreads * rng.standard_normal((6, 30)))
        sides = [
            {"samples": {n: record.seconds([m]) for n, m in zip(names, row, strict=True)}}
            for row in medians
        ]
        found = changes.changes(sides[:3], sides[3:], tolerance=0.0)
        alarms += any(change.verdict in (changes.WORSE, changes.BETTER) for change in found)
    assert alarms <= 10


@pytest.mark.parametrize("n", [3, 5])
def test_few_samples_that_are_alike_are_seldom_told_apart(n):
    """As above, with one run a side: three samples are all larger than three in 1 of 20 figures."""
    rng = np.random.default_rng(1)
    alarms = 0
    for _ in range(12):
        values = np.exp(0.2 * rng.standard_normal((2, 60, n)))
        sides = [
            {"samples": {f"f{i}": record.seconds(of) for i, of in enumerate(side)}}
            for side in values
        ]
        found = changes.changes(sides[:1], sides[1:], tolerance=0.05)
        alarms += any(change.verdict in (changes.WORSE, changes.BETTER) for change in found)
    assert alarms <= 2


def test_five_runs_a_side_see_a_tenth_where_runs_differ_by_a_hundredth(runs_compared):
    rng = np.random.default_rng(2)
    before, after = runs_of(rng, 5, 0.01), runs_of(rng, 5, 0.01, factor=1.1)
    assert runs_compared(before, after)[0] == 1
    assert runs_compared(after, before)[0] == 0


def test_values_that_are_single_in_a_run_are_judged_by_several_runs(runs_compared):
    sides = [[a_record(a=[v]) for v in values] for values in ([1, 1.01, 0.99], [2, 2.01, 1.99])]
    assert runs_compared(*sides)[0] == 1
    assert runs_compared(sides[0][:1], sides[1][:1])[0] == 0


def test_a_target_counts_as_missed_where_no_run_meets_it(runs_compared):
    def with_ratio(i, value):
        found = a_record(a=[1 + i])
        found["targets"] = record.as_rows([Figure("a ratio", value, "times", 2.0, at_least=True)])
        return found

    met, missed = [with_ratio(i, 3.0) for i in range(2)], [with_ratio(i, 1.0) for i in range(2)]
    assert "was met and is not: a ratio" in runs_compared(met, missed)[1]
    assert "was met" not in runs_compared(met, [missed[0], met[1]])[1]
    assert "was met" not in runs_compared([met[0], missed[1]], missed)[1]


def test_points_lost_in_one_of_several_runs_fail(runs_compared):
    none = [with_target(0, 0, "in all", i) for i in range(2)]
    some = [with_target(n, 0, "in all", i) for i, n in enumerate((0, 7, 5))]
    code, out, _ = runs_compared(none, some)
    assert code == 1
    assert "of all: 7 in all" in out
    assert runs_compared([none[0], some[1]], some)[0] == 0


def test_runs_that_do_not_go_together_are_refused_or_named(runs_compared):
    rng = np.random.default_rng(3)
    before, after = runs_of(rng, 2, 0.1), runs_of(rng, 2, 0.1)
    code, out, err = runs_compared([before[0], before[0]], after)
    assert (code, out) == (2, "")
    assert "a record is given twice on one side" in err
    other = {**after[1], "benchmark": "outliers"}
    assert "the other of outliers" in runs_compared(before, [after[0], other])[2]
    assert "different machines" in runs_compared(before, [after[0], {**after[1], "cores": 99}])[2]
    mixed = [after[0], {**after[1], "commit": "b" * 40}]
    assert "B is of different commits: " in runs_compared(before, mixed)[1]
