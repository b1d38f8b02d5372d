"""`aura-tda bench throughput`: processes, the record, the search for the highest load, pictures."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from benchmarks import (
    compare,
    record,
    throughput,
    throughput_loads,
    throughput_run,
    throughput_show,
)
from benchmarks.highest_load import highest_load
from benchmarks.latencies import Latencies
from benchmarks.open_loop import Load
from benchmarks.throughput_run import Outcome
from benchmarks.throughput_told import in_parts, samples_of

SMALL = ["--rate=2000", "--scales=100,500", "--landmarks=24", "--duration=1.2", "--no-features"]


def told(latency, n=300, **given):
    found = Latencies()
    for _ in range(n):
        found.add(latency)
    depth = Latencies()
    depth.add(5)
    fields = {
        "latencies": {"scale_100ms": found.as_dict()},
        "depth": depth.as_dict(),
        "taken": 20_000,
        "dropped": 0,
        "late": 0,
        "overflowed": 0,
        "skipped_ticks": 0,
        "seconds": 20.0,
        "seconds_of_points": [],
        "cpu_s": 10.0,
        "peak_bytes": 1 << 28,
        "held_bytes": 1 << 20,
        "device": None,
    }
    return {**fields, **given}


def outcome(rate, latency, *, scales=(100, 1_000, 10_000, 60_000), **given):
    load = Load(rate_hz=rate, scales=scales, duration_s=20.0)
    return Outcome(load, [told(latency, **given)])


def test_two_streams_leave_one_record(tmp_path, capsys):
    path = tmp_path / "a.json"
    assert throughput.main([*SMALL, "--streams=2", f"--output={path}"]) == 0
    printed = capsys.readouterr().out
    assert "to each of 2 streams" in printed
    assert "no reading, no lines of JSON (aura-tda run --dry-run counts them)" in printed
    assert "updates are too few for" in printed
    document = json.loads(path.read_text())
    (case,) = document["cases"]
    assert case["offered_per_s"] == 4000
    assert case["taken"] == 2 * 2400
    assert len(case["streams"]) == 2
    assert {"rebuild", "update"} >= set(case["streams"][0]["paths"]["scale_100ms"])
    assert case["latency"]["scale_100ms"]["updates"] == 2 * 119
    assert case["latency"]["scale_100ms"]["p99.9"] is None
    assert case["latency"]["scale_500ms"]["too_few"].startswith("46 updates are too few for p99 (")
    assert case["streams"][0]["peak_bytes"] > case["streams"][0]["held_bytes"] > 0
    assert case["cpu_busy_cores"] > 0
    assert set(document["medians"]) == set(document["samples"])


def test_json_alone_on_standard_output(tmp_path, capsys):
    options = [*SMALL, "--json", f"--output={tmp_path / 'a.json'}", "--profile"]
    options += [f"--trace={tmp_path / 'trace.json'}", "--source=recording"]
    throughput.main(options)
    document = json.loads(capsys.readouterr().out)
    assert document == json.loads((tmp_path / "a.json").read_text())
    stages = document["cases"][0]["streams"][0]["stages"]
    assert {"ingest", "cover", "emit", "vectorise"} <= {row["stage"] for row in stages}
    assert json.loads((tmp_path / "trace.json").read_text())["traceEvents"]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--source=moon"], "'moon' is none of knot, lorenz, recording"),
        (["--rate=-5"], "--rate must be positive"),
        (["--rate=fast"], "invalid list of float value: 'fast'"),
        (["--duration=0"], "--duration must be positive"),
        (["--streams=0"], "--streams starts at 1, not 0"),
        (["--trace=x.json"], "--trace goes with --profile"),
        (["--rate=1", "--duration=1", "--fill=0"], "at 2 points"),
        (["--fill=nan"], "--fill starts at 0"),
        (["--fill=inf"], "--fill starts at 0"),
        (["--scales=0"], "scales"),
        (["--landmarks=1000000"], "max_landmarks"),
    ],
)
def test_bad_options_are_named_before_anything_runs(options, complaint, capsys, monkeypatch):
    monkeypatch.setattr(throughput_loads, "run_load", lambda *_: pytest.fail("it ran"))
    try:
        code = throughput.main(options)
    except SystemExit as stop:
        code = stop.code
    assert code == 2
    assert complaint in capsys.readouterr().err


def test_a_stream_that_fails_says_why(monkeypatch):
    load = Load(rate_hz=100, scales=(100,), source="moon", duration_s=0.1, fill_s=0)
    with pytest.raises(SystemExit, match="KeyError: 'moon'"):
        throughput_run.run_load(load, 2)


def test_samples_come_from_all_of_a_run_and_hold_its_tail():
    found = Latencies()
    for i in range(2000):  # the ticks of all scales come at one time, ten times as late
        found.add(0.01 if i % 10 == 9 else 0.001)
    assert in_parts(found, 0.5) == 10 * [0.001]
    assert in_parts(found, 0.99) == 10 * [0.01]
    late = Latencies()
    for i in range(2000):
        late.add((0.05 if i % 10 == 9 else 0.001) * (2 if i >= 1000 else 1))
    assert in_parts(late, 0.99) == 5 * [0.05] + 5 * [0.1]
    few = Latencies()
    for _ in range(199):
        few.add(0.001)
    assert in_parts(few, 0.99) == []
    assert in_parts(Latencies(), 0.5) == []


def test_a_worse_tail_is_a_regression(tmp_path):
    paths = []
    for name, tail in (("a", 0.02), ("b", 0.04)):
        found = Latencies()
        for i in range(2400):
            found.add(tail if i % 20 == 19 else 0.002 + 1e-5 * (i % 7))
        of_scale = {"scale_100ms": found.as_dict()}
        one = Outcome(Load(rate_hz=1000, scales=(100,)), [told(0.1, latencies=of_scale)])
        samples = samples_of(one)
        assert len(samples["knot 1000/s, p99 of scale_100ms"]["values"]) == 10
        document = record.document(
            "throughput",
            machine=record.machine(),
            settings={},
            packages=(),
            samples=samples,
        )
        paths.append(tmp_path / f"{name}.json")
        paths[-1].write_text(json.dumps(document))
    assert compare.main([*map(str, paths)]) == 1
    assert compare.main([*map(str, reversed(paths))]) == 0


def test_points_that_are_lost_are_a_target_that_is_missed(monkeypatch, tmp_path):
    lossy = outcome(1000, 0.01, dropped=3, skipped_ticks=1)
    monkeypatch.setattr(throughput_loads, "run_load", lambda *_: lossy)
    throughput.main(["--rate=1000", f"--output={tmp_path / 'a.json'}"])
    figures = json.loads((tmp_path / "a.json").read_text())["targets"]
    (lost,) = [f for f in figures if f["name"].startswith("points lost")]
    assert (lost["value"], lost["wanted"], lost["met"]) == (4, 0, False)


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_load_is_shown_where_somebody_looks(is_terminal, monkeypatch):
    file = io.StringIO()

    def console(*, stderr):
        assert stderr
        return Console(file=file, force_terminal=is_terminal, width=80)

    monkeypatch.setattr(throughput_show, "Console", console)
    with throughput_show.Display("knot, 50 points/s") as display:
        display.told("fill", 0.5)
    assert ("knot, 50 points/s: filling the windows" in file.getvalue()) is is_terminal


def test_what_it_means_to_bear_a_load():
    assert outcome(1000, 0.05).bears
    assert outcome(1000, 0.05).trouble == ""
    for trouble, found in {
        "latency 200 ms": outcome(1000, 0.2),
        "1 dropped, 2 skipped ticks": outcome(1000, 0.05, dropped=1, skipped_ticks=2),
        "only 1,000 points/s taken": outcome(1100, 0.05),
        "no update in this time": outcome(1000, 0.05, n=0),
    }.items():
        assert found.trouble == trouble
        assert not found.bears


@pytest.mark.parametrize("limit", [130.0, 1000.0, 52_345.0])
@pytest.mark.parametrize("start", [100.0, 1000.0, 60_000.0])
def test_the_highest_load_is_bracketed(limit, start):
    tried = []

    def bears(rate):
        tried.append(rate)
        return rate <= limit

    borne, failed = highest_load(bears, start, precision=0.05)
    assert borne <= limit < failed <= 1.05 * borne
    assert len(tried) == len(set(tried)) < 25


def test_a_search_without_an_end_stops():
    assert highest_load(lambda rate: True, 1000, precision=0.1, most=5000) == (5000, None)
    assert highest_load(lambda rate: False, 1000, precision=0.1) == (None, 1000 / 1024)


def test_the_target_is_about_four_scales(monkeypatch, tmp_path):
    monkeypatch.setattr(
        throughput_loads,
        "run_load",
        lambda load, *_: outcome(load.rate_hz, 0.06 + load.rate_hz / 1e6, taken=20 * load.rate_hz),
    )
    throughput.main(["--rate=1000,50000", "--find-max", f"--output={tmp_path / 'a.json'}"])
    figures = json.loads((tmp_path / "a.json").read_text())["targets"]
    wanted = {f["name"]: (f["wanted"], f["met"]) for f in figures if "ms" in f["unit"]}
    assert wanted["p99 of scale_100ms, knot, 1,000 points/s offered"] == (100, True)
    assert wanted["p99 of scale_100ms, knot, 50,000 points/s offered"] == (50, False)
    (highest,) = [f for f in figures if f["name"] == "highest load, knot"]
    assert (highest["wanted"], highest["met"]) == (50_000, False)
    assert highest["value"] <= 40_000


def test_find_max_keeps_the_loads_it_tried(monkeypatch, tmp_path, capsys):
    def run_load(load, streams, told, trace):
        slow = 0.5 if load.rate_hz > 3000 else 0.02
        return outcome(load.rate_hz, slow, scales=load.scales, taken=20 * load.rate_hz)

    monkeypatch.setattr(throughput_loads, "run_load", run_load)
    options = ["--rate=1000", "--scales=100", "--find-max", f"--output={tmp_path / 'a.json'}"]
    throughput.main([*options, f"--plot={tmp_path}"])
    document = json.loads((tmp_path / "a.json").read_text())
    borne, failed = document["highest_load"]["knot"]
    assert borne <= 3000 < failed <= 1.1 * borne
    rates = [case["load"]["rate_hz"] for case in document["cases"]]
    assert rates == sorted(rates)
    (figure,) = [f for f in document["targets"] if f["name"] == "highest load, knot"]
    assert figure["value"] == borne
    assert figure["wanted"] is None  # one scale is not what the target is about
    assert "4,000 points/s: not borne, latency 500 ms" in capsys.readouterr().out
    judged = {f["name"].partition(", knot, ")[2] for f in document["targets"]} - {""}
    assert judged == {"1,000 points/s offered"}
    assert (tmp_path / "load_knot.png").stat().st_size > 5000
    assert (tmp_path / "latency_knot_1000.png").stat().st_size > 5000


def fails_above(limit):
    """Return a stand-in for `run_load` that fails at higher loads."""

    def run_load(load, streams, told, trace):
        if load.rate_hz > limit:
            raise SystemExit("other bars in H1")
        return outcome(load.rate_hz, 0.02, scales=load.scales, taken=20 * load.rate_hz)

    return run_load


def test_a_load_that_fails_leaves_those_before_it(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(throughput_loads, "run_load", fails_above(3000))
    path = tmp_path / "a.json"
    options = ["--rate=1000", "--scales=100", "--find-max", f"--output={path}"]
    assert throughput.main(options) == 1
    document = json.loads(path.read_text())
    assert [case["load"]["rate_hz"] for case in document["cases"]] == [1000, 2000]
    assert document["failed"] == "knot, 4,000 points/s: other bars in H1"
    assert document["highest_load"] == {}
    assert document["failed"] in capsys.readouterr().err


def test_a_run_that_fails_leaves_the_standard_record_alone(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(throughput_loads, "run_load", fails_above(50_000))
    monkeypatch.setattr(throughput, "OTHER", tmp_path)
    monkeypatch.setattr(record, "RESULTS", tmp_path / "results")
    assert throughput.main(["--rate=50000,60000"]) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["throughput.json"]


def test_without_any_load_there_is_no_record(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(throughput_loads, "run_load", fails_above(1))
    path = tmp_path / "a.json"
    assert throughput.main(["--rate=1000", f"--output={path}"]) == 1
    assert "knot, 1,000 points/s: other bars in H1" in capsys.readouterr().err
    assert not path.exists()


def test_the_windows_of_all_sources_are_filled_before_the_first_load(monkeypatch, tmp_path):
    steps = []

    class Prepared:
        def __init__(self, load, streams, trace):
            self.load = load
            steps.append(("start", load.source))

        def __enter__(self):
            return self

        def __exit__(self, *_):
            steps.append(("stop", self.load.source))

        def fill(self, told):
            steps.append(("filled", self.load.source))

        def serve(self, told):
            steps.append(("serve", self.load.source))
            return outcome(self.load.rate_hz, 0.02, scales=self.load.scales)

    monkeypatch.setattr(throughput_loads, "Prepared", Prepared)
    options = ["--rate=1000", "--source=knot,lorenz", f"--output={tmp_path / 'a.json'}"]
    assert throughput.main(options) == 0
    expected = [(what, who) for what in ("start", "filled", "serve") for who in ("knot", "lorenz")]
    assert steps[:-2] == expected
    assert {what for what, _ in steps[-2:]} == {"stop"}


def test_two_sources_are_measured(tmp_path, capsys):
    path = tmp_path / "a.json"
    assert throughput.main([*SMALL, "--source=knot,recording", f"--output={path}"]) == 0
    cases = json.loads(path.read_text())["cases"]
    assert [case["load"]["source"] for case in cases] == ["knot", "recording"]
    assert all(case["taken"] == 2400 for case in cases)
