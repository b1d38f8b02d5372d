"""The scoreboard holds what the records hold, and nothing else."""

from __future__ import annotations

import json
import re
import shutil
import sys

import pytest

from benchmarks import record, scoreboard
from benchmarks.scoreboard_tables import (
    engine_performance,
    figure_rows,
    gpu_performance,
    markdown,
)


@pytest.fixture(scope="module")
def told():
    return scoreboard.read_records(record.RESULTS)


def test_the_page_is_that_of_the_records(told):
    """Where this fails, run make scoreboard."""
    pictures = re.findall(r"\(img/(scoreboard_.*?\.png)\)", scoreboard.PAGE.read_text())
    assert scoreboard.page(told, pictures) == scoreboard.PAGE.read_text()
    for name in pictures:
        assert (scoreboard.PAGE.parent / "img" / name).is_file()


def test_every_record_is_on_the_page(told):
    page = scoreboard.page(told, [])
    for path in record.RESULTS.glob("*.json"):
        assert f"../benchmarks/results/{path.name}" in page


def test_without_its_record_a_figure_is_gone(told, tmp_path):
    whole = scoreboard.page(told, [])
    for one in told:
        less = scoreboard.page([other for other in told if other is not one], [])
        assert one.path.name in whole
        assert one.path.name not in less
        for figure in one.record["targets"]:
            assert figure["name"] in whole
            if sum(f["name"] == figure["name"] for o in told for f in o.record["targets"]) == 1:
                assert f"| {figure['name']} |" not in less


def test_a_value_that_changes_in_a_record_changes_on_the_page(tmp_path):
    name = "processor_performance.linux-x86_64-2cores.json"
    shutil.copy(record.RESULTS / name, tmp_path)
    before = scoreboard.page(scoreboard.read_records(tmp_path), [])
    found = json.loads((tmp_path / name).read_text())
    figure = found["targets"][0]
    figure |= {"value": 2 * figure["wanted"], "met": True}
    (tmp_path / name).write_text(json.dumps(found))
    after = scoreboard.page(scoreboard.read_records(tmp_path), [])
    assert f"{figure['value']:,.0f} points/s" in after
    assert before != after


def test_what_is_missed_is_said_first(told):
    page = scoreboard.page(told, [])
    head = page.partition("\n## ")[0]
    for one in told:
        for figure in one.record["targets"]:
            if figure["met"] is False:
                assert figure["name"] in head


def test_figures_in_words():
    common = {"unit": "ms", "wanted": 5.0, "at_least": False, "note": ""}
    rows = figure_rows(
        [
            {**common, "name": "a", "value": 4.0, "met": True},
            {**common, "name": "b", "value": 61234.4, "met": False, "note": "why"},
            {**common, "name": "c", "value": None, "met": None, "at_least": True},
        ]
    )
    assert rows == [
        ["a", "4 ms", "≤ 5 ms", "met"],
        ["b", "61,234 ms", "≤ 5 ms", "**NOT met**; why"],
        ["c", "-", "≥ 5 ms", "not measured"],
    ]
    assert markdown(["x"], [["a|b\nc"]]).splitlines()[-1] == "| a/b c |"


def test_pictures_and_page_are_written(tmp_path, capsys):
    for name in ("engine_performance", "processor_performance"):
        shutil.copy(record.RESULTS / f"{name}.linux-x86_64-2cores.json", tmp_path)
    page = tmp_path / "docs" / "page.md"
    page.parent.mkdir()
    assert scoreboard.main(["--results", str(tmp_path), "--output", str(page)]) == 0
    name = "scoreboard_engine_performance.linux-x86_64-2cores.png"
    assert (page.parent / "img" / name).stat().st_size > 10_000
    assert f"(img/{name})" in page.read_text()


def test_without_matplotlib_that_is_said(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert scoreboard.main(["--output", str(tmp_path / "x.md")]) == 2
    assert "error: pictures need matplotlib: pip install" in capsys.readouterr().err
    assert not (tmp_path / "x.md").exists()


@pytest.mark.parametrize("text", ["{", "[]", '{"schema_version": 2}'])
def test_a_file_that_is_no_record_is_named(tmp_path, capsys, text):
    (tmp_path / "engine_performance.x.json").write_text(text)
    assert scoreboard.main(["--results", str(tmp_path), "--output", str(tmp_path / "x.md")]) == 2
    assert "engine_performance.x.json: no" in capsys.readouterr().err


def test_a_busy_machine_is_said(told):
    for one in told:
        machine = one.record["machine"]
        page = scoreboard.page([one], [])
        if "cores_taken" in machine:
            said = f"the machine was busy (other work took {machine['cores_taken']:.1f} cores)"
            assert (said in page) is (machine["cores_taken"] > 0.3)
        else:
            said = f"the machine was busy (load {machine['load_average']:g})"
            assert (said in page) is (machine["load_average"] > 0.5)


def test_what_a_device_was_not_asked_is_no_figure():
    stage = {"shape": "torus", "n": 64, "median_ms": {"lune": 1.5, "whole": 2.0}}
    record_of = {"settings": {"only": ["stages", "peers", "batch"]}, "failed": {"batch": "gone"}}
    text = "\n".join(gpu_performance({**record_of, "stages": [stage]}))
    assert "| torus | 64 | - | - | 1.50 | - | - | - | 2.00 |" in text
    assert "without a result in the record: peers." in text
    assert "batch" not in text  # it has a figure that says why


def test_parts_without_a_result_are_said_first(told):
    (one,) = [one for one in told if one.benchmark == "gpu_performance"]
    found = {key: value for key, value in one.record.items() if key not in ("peers", "batch")}
    found |= {"failed": {"batch": "OSError: gone"}}
    head = scoreboard.page([scoreboard.Told(one.path, found)], []).partition("\n## ")[0]
    name = one.record["device"]["name"]
    assert f"| {name} | all of peers | - |  | not measured: the record has no result |" in head
    assert f"| {name} | all of batch | - |  | not measured: OSError: gone |" in head
    assert "all of stages" not in head


def test_a_library_without_a_time_is_named():
    row = {"cloud": "torus", "n": 64, "medians": {"ours": 1.0, "giotto-ph": 2.0}}
    row["notes"] = ["ripser.py not run: predicted 40 s"]
    absent = {"gudhi": "not installed: pip install gudhi"}
    text = "\n".join(engine_performance({"rows": [row], "absent": absent}))
    assert "- gudhi: not installed: pip install gudhi" in text
    assert "- ripser.py: not run at this size (ripser.py not run: predicted 40 s)" in text
    assert "- oineus: not part of this record" in text
    assert "- Ripser++: not part of this record" in text
    assert "- giotto-ph" not in text


def test_without_records_there_is_no_page(tmp_path, capsys):
    assert scoreboard.main(["--results", str(tmp_path), "--output", str(tmp_path / "x.md")]) == 1
    assert "holds no record" in capsys.readouterr().err
    assert not (tmp_path / "x.md").exists()
