"""The demo tells what is in the recording."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from aura_tda_gpu import Config
from aura_tda_gpu.cli.demo.run import heartbeat_config, recording_path
from aura_tda_gpu.errors import SourceError

from ..commands import ROOT, invoke, updates


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Run the demo once, with all its pictures."""
    folder = tmp_path_factory.mktemp("demo") / "out"
    done = invoke("demo", "--output", folder)
    assert done.exit_code == 0, done.stderr
    return folder, done


def test_files(demo):
    folder, done = demo
    stems = ["heartbeat", "scale_16000ms", "scale_1000ms", "scale_4000ms"]
    expected = sorted([f"{s}.{e}" for s in stems for e in ("png", "svg")] + ["updates.jsonl"])
    assert sorted(path.name for path in folder.iterdir()) == expected
    assert (folder / "heartbeat.png").stat().st_size < 300_000
    for name in expected:
        assert f"wrote {folder / name}" in done.stdout
    records = updates((folder / "updates.jsonl").read_text())
    counts = {k: sum(r["window_id"] == k for r in records) for k in stems[1:]}
    assert counts == {"scale_16000ms": 81, "scale_1000ms": 1282, "scale_4000ms": 321}
    assert all(r["error_bound"] == 0 for r in records if r["window_id"] != "scale_16000ms")


def test_the_findings(demo):
    text = " ".join(demo[1].stdout.split())
    assert "18.0 to 25.2 s: the signal is flat, the sensor is lost" in text
    assert "windows in it: 0.0." in text
    onset = float(text.split("From ")[1].split(" s on the pulse")[0])
    assert 40 < onset < 47
    share = float(text.split("as any other in ")[1].split(" % of the 1 s windows")[0])
    assert share > 90
    assert "14,986 points, 1,684 ticks, 0 late" in demo[1].stderr


def test_the_table_has_a_line_of_its_own_for_each_window(demo):
    lines = [" ".join(line.split()) for line in demo[1].stdout.splitlines()]
    assert "Loops: median persistence (a.u.), and how often one dominates" in lines
    assert all(any(line.startswith(f"{name} s ") for line in lines) for name in (1, 4, 16))


def test_the_picture_says_what_it_shows(demo):
    svg = (demo[0] / "heartbeat.svg").read_text()
    for text in (
        "three windows of 4 s and the loops found in them",
        "longest loop",
        "second longest",
        "not certain (up to twice the error bound)",
        "7.6 to 11.6 s, enlarged 44 times",
        "84.4 to 88.4 s",
    ):
        assert f"<!-- {text} -->" in svg


def test_a_picture_that_fails_comes_after_the_findings(tmp_path):
    (tmp_path / "heartbeat.png").mkdir()
    done = invoke("demo", "--output", tmp_path)
    assert done.exit_code == 2
    assert "the sensor is lost" in done.stdout
    assert f"wrote {tmp_path / 'updates.jsonl'}" in done.stdout
    assert f"error: picture {tmp_path / 'heartbeat'}: Is a directory" in done.stderr


def test_the_settings_are_those_of_the_file():
    assert heartbeat_config() == Config.load(ROOT / "configs" / "heartbeat.yaml")


def test_the_recording_is_looked_up(monkeypatch):
    assert recording_path().read_text().startswith("timer,hr\n")
    monkeypatch.setattr(Path, "is_file", lambda self: False)
    with pytest.raises(SourceError, match="is in neither of"):
        recording_path()


def test_without_matplotlib_there_is_text(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.chdir(tmp_path)
    done = invoke("demo")
    assert done.exit_code == 0
    assert "no pictures: pictures need matplotlib: pip install 'aura-tda-gpu[plot]'" in done.stderr
    assert os.listdir("out/demo") == ["updates.jsonl"]
    assert "the sensor is lost" in done.stdout
