"""`aura-tda run`: what comes out."""

from __future__ import annotations

import json

import numpy as np
import pytest

from aura_tda_gpu import MultiScaleStream
from aura_tda_gpu.cli.records import as_record

from .commands import SCALES, TIME, circle, circle_csv, invoke, updates
from .fakes import update
from .records import computed, without_latency


def test_lines_are_the_diagrams_of_the_stream(csv):
    done = invoke("run", csv, *TIME, *SCALES)
    assert done.exit_code == 0
    rows = circle()
    assert without_latency(updates(done.stdout)) == computed(rows[:, 1:], rows[:, 0])
    assert "400 points, 120 ticks, 0 late" in done.stderr
    assert "p99" in done.stderr
    said = [line for line in done.stderr.splitlines() if "the CPU kernels" not in line]
    assert said[0] == "columns taken as coordinates: x, y"
    assert len(said) == 2


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_the_batch_size_makes_no_difference(csv, size):
    whole = invoke("run", csv, *TIME, *SCALES)
    cut = invoke("run", csv, *TIME, *SCALES, "--batch-size", size)
    assert without_latency(updates(cut.stdout)) == without_latency(updates(whole.stdout))


def test_a_record_is_as_documented(csv):
    done = invoke("run", csv, *TIME, *SCALES, "--max-edge-length", 1.3)
    records = updates(done.stdout)
    last = records[-1]
    keys = (
        "window_id timestamp n_points n_vertices error_bound skipped_ticks n_overflowed "
        "latency_seconds engine bars events"
    )
    assert list(last) == keys.split()
    assert all(record["engine"]["path"] in ("rebuild", "update") for record in records)
    open_loops = 0
    events = [event for record in records for event in record["events"]]
    assert {"feature_birth"} <= {event["event_type"] for event in events}
    told = "event_type feature_id dimension birth death persistence stability p_value significant"
    told += " certain group first_seen last_seen n_ticks cycle"
    assert all(list(event) == told.split() for event in events)
    assert any(event["death"] is None is event["persistence"] for event in events)
    for record in records:
        for dimension, bars in record["bars"].items():
            assert dimension in ("0", "1")
            for _, death, essential, truncated in bars:
                assert (death is None) == (essential or truncated)
                assert not (essential and truncated)
                open_loops += dimension == "1" and truncated
    assert open_loops
    rows = circle()
    stream = MultiScaleStream([500, 1000], max_edge_length=1.3)
    found = stream.push(rows[:, 1:], rows[:, 0]) + stream.flush()
    for record, one in zip(records, found, strict=True):
        for k, bars in record["bars"].items():
            pairs = np.array(bars, np.float64).reshape(-1, 4)[:, :2].astype(np.float32)
            pairs[np.isnan(pairs)] = np.inf
            np.testing.assert_array_equal(pairs, one.diagram[int(k)])
            np.testing.assert_array_equal([bar[3] for bar in bars], one.diagram.truncated[int(k)])


def test_rate_and_columns_and_takens(csv):
    rows = circle()
    done = invoke("run", csv, "--rate", 100, "--columns", "y,x", *SCALES)
    assert without_latency(updates(done.stdout)) == computed(rows[:, [2, 1]], rows[:, 0])
    done = invoke("run", csv, *TIME, "--columns", "x", "--takens", "2:10", *SCALES)
    points = np.stack([rows[10:, 1], rows[:-10, 1]], axis=1)
    assert without_latency(updates(done.stdout)) == computed(points, rows[10:, 0])


def test_npy(tmp_path):
    rows = circle()
    np.save(tmp_path / "a.npy", rows)
    done = invoke("run", tmp_path / "a.npy", "--time-column", 0, *SCALES)
    assert without_latency(updates(done.stdout)) == computed(rows[:, 1:], rows[:, 0])


def test_a_mass_goes_with_its_metric(csv):
    done = invoke("run", csv, *TIME, "--scales", 1000, "--metric", "dtm", "--dtm-mass", 0.3)
    rows = circle()
    engine = {"metric": "dtm", "dtm_mass": 0.3}
    expected = computed(rows[:, 1:], rows[:, 0], scales=[1000], engine=engine)
    assert without_latency(updates(done.stdout)) == expected
    assert expected[-1]["bars"]["0"][0][0] > 0


def test_options_win_over_the_file_of_settings(csv, tmp_path):
    config = tmp_path / "a.yaml"
    config.write_text(
        "streaming_tda:\n  scales: [1000]\n  memory: {max_landmarks: 20}\n"
        "  engine: {metric: chebyshev}\n"
    )
    rows = circle()
    done = invoke("run", csv, *TIME, "--config", config, "--metric", "manhattan")
    expected = computed(
        rows[:, 1:],
        rows[:, 0],
        scales=[1000],
        memory={"max_landmarks": 20},
        engine={"metric": "manhattan"},
    )
    assert without_latency(updates(done.stdout)) == expected
    assert expected[-1]["n_vertices"] == 20
    assert expected[-1]["error_bound"] > 0


def test_output_to_a_file_leaves_standard_output_empty(csv, tmp_path):
    output = tmp_path / "new" / "updates.jsonl"
    done = invoke("run", csv, *TIME, *SCALES, "--output", output)
    assert done.stdout == ""
    assert len(updates(output.read_text())) == 120


def test_pictures_that_fail_at_the_end_lose_nothing(csv, tmp_path):
    pictures = tmp_path / "pictures"
    (pictures / "loops_over_time.png").mkdir(parents=True)
    done = invoke("run", csv, *TIME, *SCALES, "--plot", pictures)
    assert done.exit_code == 2
    assert len(updates(done.stdout)) == 120
    assert "400 points, 120 ticks" in done.stderr
    assert f"error: picture {pictures / 'loops_over_time'}: Is a directory" in done.stderr


def test_pictures_of_a_file_with_a_dollar_in_its_names(tmp_path):
    path = tmp_path / "a$_^{$.csv"
    path.write_text(circle_csv().replace("t,x,y", "t,_x,$^$"))
    done = invoke("run", path, *TIME, *SCALES, "--plot", tmp_path / "pictures")
    assert done.exit_code == 0, done.stderr
    assert len(list((tmp_path / "pictures").iterdir())) == 6


def test_the_environment_stands_between_the_file_and_the_options(csv, tmp_path, monkeypatch):
    config = tmp_path / "a.yaml"
    config.write_text("streaming_tda:\n  scales: [300]\n  memory: {max_landmarks: 20}\n")
    monkeypatch.setenv("AURA_TDA_SCALES", "[1000]")
    monkeypatch.setenv("AURA_TDA_MEMORY__MAX_LANDMARKS", "10")
    done = invoke("run", csv, *TIME, "--config", config, "--max-landmarks", 15)
    last = updates(done.stdout)[-1]
    assert last["window_id"] == "scale_1000ms"
    assert 10 < last["n_vertices"] <= 15
    monkeypatch.setenv("AURA_TDA_SCALE", "[1000]")
    done = invoke("run", csv, *TIME)
    assert done.exit_code == 2
    assert "AURA_TDA_SCALE" in done.stderr


def test_a_line_says_how_the_engine_came_to_it():
    told = {"path": "update", "n_rechecked": 1050}
    assert as_record(update(info=told))["engine"] == told
    stream = MultiScaleStream([1000])
    (found,) = stream.push(np.eye(3), np.full(3, 0.05)) + stream.flush()
    assert as_record(found)["engine"] == {"path": "rebuild", "n_rechecked": 0}


def test_the_strategy_of_landmarks_is_an_option(csv):
    rows = circle()
    told = {}
    for strategy in ("cover", "maxmin"):
        options = ("--scales", "1000", "--max-landmarks", 20, "--landmarks", strategy)
        done = invoke("run", csv, *TIME, *options)
        memory = {"max_landmarks": 20, "landmarks": strategy}
        expected = computed(rows[:, 1:], rows[:, 0], scales=[1000], memory=memory)
        assert without_latency(updates(done.stdout)) == expected
        told[strategy] = expected
    assert told["cover"] != told["maxmin"]


def test_json_lines_and_parquet(tmp_path):
    rows = circle()
    expected = computed(rows[:, 1:], rows[:, 0])
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps({"t": t, "p": p}) + "\n" for t, *p in rows.tolist()))
    assert without_latency(updates(invoke("run", path, *TIME, *SCALES).stdout)) == expected
    pa = pytest.importorskip("pyarrow", reason="the extra parquet is not installed")
    from pyarrow import parquet

    path = tmp_path / "a.parquet"
    table = {"t": (rows[:, 0] * 1000).round().astype("M8[ms]"), "x": rows[:, 1], "y": rows[:, 2]}
    parquet.write_table(pa.table(table), path)
    assert without_latency(updates(invoke("run", path, *TIME, *SCALES).stdout)) == expected


def test_pictures_show_windows_longer_than_the_recording(csv, tmp_path):
    done = invoke("run", csv, *TIME, "--scales", 100_000, "--plot", tmp_path / "p")
    assert "400 points, 1 tick, 0 late" in done.stderr
    assert (tmp_path / "p" / "scale_100000ms.png").exists()


def test_a_source_that_cannot_be_read_leaves_an_old_output_alone(tmp_path):
    output = tmp_path / "updates.jsonl"
    output.write_text("old\n")
    done = invoke("run", tmp_path / "none.csv", "--rate", 1, "--output", output)
    assert done.exit_code == 1
    assert output.read_text() == "old\n"
