"""Records: one schema for all, medians of their samples, and comparisons that can fail."""

from __future__ import annotations

import copy
import json
import sys

import numpy as np
import pytest
from jsonschema import Draft202012Validator, ValidationError

from benchmarks import compare, forms, record, scoreboard, suite
from benchmarks.figures import Figure
from benchmarks.forms_features import features_performance

SCHEMA = json.loads(record.SCHEMA.read_text())
FILES = sorted(record.RESULTS.glob("*.json"))


def a_record(**samples):
    rng = np.random.default_rng(0)
    noise = {name: 1 + 0.02 * rng.standard_normal(20) for name in ("a", "b")}
    return record.document(
        "engine_performance",
        machine=record.machine(),
        settings={"n": 3},
        packages=("numpy",),
        samples={name: record.seconds(values) for name, values in {**noise, **samples}.items()},
        targets=[Figure("a ratio", 3.0, "times", 2.0, at_least=True)],
    )


def valid(found):
    Draft202012Validator(SCHEMA).validate(found)


def test_the_schema_is_one():
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_record_has_the_one_form(path):
    found = json.loads(path.read_text())
    valid(found)
    full = forms.completed(found)
    valid(full)
    assert path.name.startswith(full["benchmark"])
    assert full["medians"] == pytest.approx(record.medians(full["samples"]))
    json.dumps(full, allow_nan=False)


def test_a_new_record_has_it_too():
    valid(a_record())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda r: r.pop("cores"),
        lambda r: r.pop("schema_version"),
        lambda r: r.update(commit="main"),
        lambda r: r["samples"].clear(),
        lambda r: r["samples"]["a"].update(values=[]),
        lambda r: r["samples"]["a"].update(values=["fast"]),
        lambda r: r["samples"]["a"].update(better="faster"),
        lambda r: r["targets"][0].pop("wanted"),
        lambda r: r["machine"].pop("cpu"),
    ],
)
def test_a_spoilt_record_is_seen(spoil):
    found = a_record()
    spoil(found)
    with pytest.raises(ValidationError):
        valid(found)


def test_only_a_device_record_may_have_the_old_form():
    names = ("benchmark", "machine", "device", "versions", "commit", "settings", "targets")
    found = {name: a_record()[name] for name in names}
    found |= {"benchmark": "gpu_performance", "device": {"name": "NVIDIA H200", "driver": 13000}}
    valid(found)
    found["benchmark"] = "outliers"
    with pytest.raises(ValidationError):
        valid(found)


def test_a_device_record_of_before_is_read():
    found = {
        **{name: a_record()[name] for name in ("machine", "versions", "commit", "settings")},
        "benchmark": "gpu_performance",
        "device": {"name": "NVIDIA H200", "driver": 13000},
        "targets": [vars_of("rebuild", 2.1, 1.0)],
        "failed": {"peers": "OSError: gone"},
        "stages": [{"shape": "torus", "n": 64, "median_ms": {"lune": 1.5}}],
        "replacements": [
            {"shape": "torus", "n": 64, "m": 1, "samples_ms": [3.0, 1.0, 2.0], "rebuilt_ms": 4.0}
        ],
        "peers": [{"shape": "torus", "n": 64, "samples_s": {"Ripser++, library": [0.5, 0.7]}}],
        "window": {"points_per_s": 4e6},
    }
    full = forms.completed(found)
    valid(full)
    assert full["medians"]["rebuild, torus, n = 64, lune"] == 1.5
    assert full["medians"]["1 of 64 points replaced, torus, updated"] == 2.0
    assert full["medians"]["peers, torus, n = 64, Ripser++, library"] == pytest.approx(0.6)
    assert full["samples"]["window: rate"]["better"] == "higher"
    assert full["driver"] == 13000
    assert [f["met"] for f in full["targets"]] == [False, None]
    assert "OSError" in full["targets"][1]["note"]


def vars_of(name, value, wanted):
    return {**record.as_rows([Figure(name, value, "ms", wanted)])[0]}


def test_every_benchmark_of_make_bench_has_a_form_and_a_place_on_the_page():
    assert "-m benchmarks.suite\n" in (record.ROOT / "Makefile").read_text()
    modules = {part.module for part in suite.PARTS}
    assert len(modules) >= 9
    assert modules <= {*forms.FORMS, "throughput", "first_start"}
    assert modules <= set(scoreboard.ORDER)


def test_the_features_leave_a_record(tmp_path, monkeypatch):
    pytest.importorskip("gudhi")
    from benchmarks import features_performance

    path = tmp_path / "a.json"
    sizes = ["--diagrams=4", "--bars=12", "--points=1200", "--landmarks=24", "--repeat=1"]
    monkeypatch.setattr("sys.argv", ["x", *sizes, f"--output={path}"])
    features_performance.main()
    found = json.loads(path.read_text())
    valid(found)
    assert "4 diagrams of 12 bars, entropy, gudhi" in found["medians"]
    figures = {figure["name"]: figure for figure in found["targets"]}
    ratio = "against gudhi"
    assert figures[f"4 diagrams of 12 bars, all six at once, numpy, {ratio}"]["wanted"] is None
    torch = figures.get(f"4 diagrams of 12 bars, all six at once, torch, {ratio}")
    if torch is not None:
        assert torch["wanted"] == 20
        assert torch["met"] is (torch["value"] >= 20)
    tick = figures["features of a tick, loops: all eight, as it is, median"]
    assert (tick["wanted"], tick["unit"]) == (0.5, "ms")
    assert forms.completed(found) == found


def test_a_rounded_ratio_does_not_reach_its_target():
    row = {"vectorisation": "all six at once", "milliseconds": {"gudhi": 19.96, "torch": 1.0}}
    row["times_as_fast"] = {"torch": 20.0}
    found = {"settings": {"diagrams": 2, "bars": 3}, "batch": [row], "ticks": []}
    _, (figure,) = features_performance({**found, "wanted": {"times_as_fast_as_gudhi": 20}})
    assert figure.met is False


def test_an_unknown_benchmark_is_refused():
    with pytest.raises(ValueError, match="no form is known for records of 'knitting'"):
        forms.completed({"benchmark": "knitting"})


def test_paths_are_no_settings(tmp_path):
    found = record.document(
        "x",
        machine=record.machine(),
        settings={"plot": tmp_path, "n": 1},
        packages=(),
        samples={"a": record.seconds([1])},
    )
    assert found["settings"] == {"n": 1}


@pytest.mark.parametrize("gone", [["gudhi"], ["gudhi", "giotto-ph"]])
def test_a_run_without_peers_leaves_their_record_alone(tmp_path, monkeypatch, capsys, gone):
    monkeypatch.setattr(record, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(record, "OTHER", tmp_path / "out")
    path = record.default_output("engine_performance")
    whole = {**a_record(), "versions": {"gudhi": "3", "giotto-ph": "1", "ripserplusplus": None}}
    record.write(path, whole)
    kept = path.read_bytes()
    fewer = {**whole, "versions": {**whole["versions"], **dict.fromkeys(gone)}}
    capsys.readouterr()
    for quiet in (False, True):
        record.write(path, fewer, quiet=quiet)
        assert path.read_bytes() == kept
        told = capsys.readouterr().err
        assert f"was measured with {', '.join(gone)}, not installed now, and is kept" in told
        assert "pip install -e '.[bench]'" in told
        assert len(told.splitlines()) == 1
    assert json.loads((tmp_path / "out" / "engine_performance.json").read_text()) == fewer
    record.write(path, whole)  # with them, it is written anew
    path.unlink()
    record.write(path, fewer)
    record.write(path, whole)
    path.write_text("{")
    record.write(path, fewer)
    elsewhere = tmp_path / "a.json"
    for found in (whole, fewer):
        record.write(elsewhere, found)
    assert json.loads(path.read_text()) == json.loads(elsewhere.read_text()) == fewer
    assert capsys.readouterr().err == ""


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


def slower(found, name, factor):
    changed = copy.deepcopy(found)
    values = changed["samples"][name]["values"]
    changed["samples"][name]["values"] = [factor * value for value in values]
    return changed


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


def with_target(value, wanted, unit, i=0, **given):
    found = a_record(a=[1 + i])
    found["targets"] = record.as_rows([Figure("of all", value, unit, wanted, **given)])
    return found


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


def test_what_else_runs_is_told_apart_from_what_ran_before():
    machine = {"load_average": 3.1, "cores_taken": 0.1}
    assert record.busy(machine) == record.warning(machine) == ""
    assert record.busy({"load_average": 3.1}) == "load 3.1"
    assert record.busy({"load_average": 3.1, "cores_taken": None}) == "load 3.1"
    taken = {"load_average": 0.0, "cores_taken": 1.96}
    assert record.warning(taken) == (
        "the machine is busy (other work took 2.0 cores): times may be too long"
    )


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc/stat is of Linux")
def test_the_cores_that_others_take_are_counted(monkeypatch):
    steps = iter([(100, 1000), (130, 1060)])
    monkeypatch.setattr(record, "_core_ticks", lambda: next(steps))
    monkeypatch.setattr(record, "usable_cores", lambda: 4)
    assert record._cores_taken.__wrapped__() == 2.0
    monkeypatch.undo()
    idle, whole = record._core_ticks()
    assert 0 <= idle <= whole
    assert 0 <= record.machine()["cores_taken"] <= record.machine()["cores"]


def test_other_machines_are_compared_on_request(compared):
    assert compared(a_record(), {**a_record(), "cores": 99}, "--other-machine")[0] == 0


def test_a_missing_file_is_named(capsys):
    assert compare.main(["/nowhere/a.json", "/nowhere/b.json"]) == 2
    assert "/nowhere/a.json: No such file" in capsys.readouterr().err


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
        found = compare.changes(sides[:3], sides[3:], tolerance=0.0)
        alarms += any(change.verdict in (compare.WORSE, compare.BETTER) for change in found)
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
        found = compare.changes(sides[:1], sides[1:], tolerance=0.05)
        alarms += any(change.verdict in (compare.WORSE, compare.BETTER) for change in found)
    assert alarms <= 2


def test_three_samples_of_a_run_see_what_takes_twice_as_long(compared):
    before = a_record(**{f"f{i}": [1.0, 1.02, 0.99] for i in range(200)})
    assert compared(before, slower(before, "f7", 2))[0] == 1


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
