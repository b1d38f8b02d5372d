"""What a user waits for at first, and what the demo finds."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator

from benchmarks import first_start, record

SAID = """
- 18.0 to 25.2 s: the signal is flat, the sensor is lost. The longest
  loop of the 1 s windows in it: 0.0.
- From 41.7 s on the pulse is there: one loop is at least twice as
  long-lived as any other in 95 % of the 1 s windows, 80 % of the 4 s windows.
"""


@pytest.fixture
def python(monkeypatch):
    """Answer instead of a process; the cache it gets decides how long that took."""
    caches, others = [], []

    def answer(arguments, environment):
        if "demo" in arguments:
            return SAID
        if "doctor" in arguments:
            others.append(environment["NUMBA_CACHE_DIR"])
            return ""
        cache = environment["NUMBA_CACHE_DIR"]
        told = {"diagram": 0.5, "features": 0.25} if cache in caches else {"diagram": 30.0}
        caches.append(cache)
        return json.dumps({"stream": 8.0, "features": 15.0, "peak_mb": 200.0, **told})

    monkeypatch.setattr(first_start, "_python", answer)
    return caches, others


def test_kernels_are_compiled_in_an_empty_cache_each_time(python, tmp_path, capsys):
    path = tmp_path / "a.json"
    assert first_start.main(["--repeat=2", f"--output={path}"]) == 0
    found = json.loads(path.read_text())
    Draft202012Validator(json.loads(record.SCHEMA.read_text())).validate(found)
    for caches in python:
        assert len(caches) == 4
        assert len(set(caches)) == 2
    assert not set(python[0]) & set(python[1])
    assert found["samples"]["first diagram, kernels compiled"]["values"] == [30.0, 30.0]
    assert found["samples"]["first diagram, kernels from the cache"]["values"] == [0.5, 0.5]
    figures = {figure["name"]: figure["value"] for figure in found["targets"]}
    assert figures["first stream after it, kernels compiled"] == 8.0
    assert figures["first features followed, kernels compiled"] == 15.0
    assert figures["aura-tda doctor, all at once, kernels compiled"] > 0
    assert figures["demo, windows of 1 s with one loop that dominates, from then on"] == 95
    assert figures["demo, the pulse is there from"] == 41.7
    assert figures["demo, the sensor is lost until"] == 25.2
    assert figures["demo, longest loop of a window of 1 s in that gap"] == 0
    assert "95 %" in capsys.readouterr().out


def test_a_demo_that_says_something_else_leaves_no_record(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(first_start, "_python", lambda *_: '{"peak_mb": 1}')
    monkeypatch.setattr(first_start, "samples_of", lambda *_: pytest.fail("it went on"))
    with pytest.raises(SystemExit, match="the demo does not say what it finds"):
        first_start.main(["--repeat=1", f"--output={tmp_path / 'a.json'}"])


def test_the_first_use_is_told_without_the_ones_after_it():
    told = first_start.first_use()  # the kernels are there by now, in the tests
    assert set(told) == {"diagram", "stream", "features", "peak_mb"}
    assert max(told["diagram"], told["stream"], told["features"]) < 600
    assert told["peak_mb"] > 50


def test_the_demo_says_what_the_benchmark_reads(tmp_path):
    found = first_start.run_demo(tmp_path, {})
    share, unit = found["windows of 1 s with one loop that dominates, from then on"]
    assert 90 < share <= 100
    assert unit == "%"
    assert found["the sensor is lost from"] == (18.0, "s")
