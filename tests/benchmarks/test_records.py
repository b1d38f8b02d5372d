"""Records: one schema for all, and medians of their samples."""

from __future__ import annotations

import json
import sys

import pytest
from jsonschema import Draft202012Validator, ValidationError

from benchmarks import forms, record, scoreboard, suite
from benchmarks.figures import Figure
from benchmarks.forms_features import features_performance

from .fakes import a_record

SCHEMA = json.loads(record.SCHEMA.read_text())
FILES = sorted(record.RESULTS.glob("*.json"))


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
