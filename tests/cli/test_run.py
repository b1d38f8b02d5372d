"""`aura-tda run`: what comes out, what is said, and with which exit code."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma

import numpy as np
import pytest

from aura_tda_gpu import Config, FeatureTracker, MultiScaleStream
from aura_tda_gpu.cli.records import as_record

from .commands import SCALES, TIME, circle, circle_csv, invoke, updates
from .fakes import update


def without_latency(records):
    """Leave out what depends on the speed of the machine."""
    drop = ("latency_seconds", "engine")
    return [{k: v for k, v in record.items() if k not in drop} for record in records]


def computed(points, times, **config):
    """Return the records of a stream that is pushed all at once."""
    settings = Config(**{"scales": [500, 1000], **config})
    stream = MultiScaleStream(settings)
    found = stream.push(points, times) + stream.flush()
    FeatureTracker.of(settings.stability).follow(found)
    return without_latency(json.loads(json.dumps(as_record(update))) for update in found)


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


def test_data_too_small_for_a_feature_are_told(tmp_path):
    rows = circle()
    for factor, expected in ((1.0, False), (1e-3, True)):
        path = tmp_path / "rows.csv"
        lines = [f"{t},{x * factor:.9f},{y * factor:.9f}" for t, x, y in rows.tolist()]
        path.write_text("\n".join(["t,x,y", *lines]) + "\n")
        done = invoke("run", path, *TIME, "--scales", "2000")
        assert ("no loop is a feature: the longest is 0.00" in done.stderr) == expected


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


def test_late_rows_are_counted_or_sorted_in(tmp_path):
    path = tmp_path / "late.csv"
    lines = circle_csv().splitlines()
    lines[100], lines[103] = lines[103], lines[100]
    path.write_text("\n".join(lines) + "\n")
    rows = circle()
    done = invoke("run", path, *TIME, *SCALES)
    assert "3 late points were dropped: raise --lateness-ms to sort them in\n" in done.stderr
    assert ", 3 late, " in done.stderr
    done = invoke("run", path, *TIME, *SCALES, "--lateness-ms", 100)
    assert "0 late" in done.stderr
    assert "dropped" not in done.stderr
    assert [r["n_points"] for r in updates(done.stdout)] == [
        r["n_points"] for r in computed(rows[:, 1:], rows[:, 0])
    ]


@pytest.mark.parametrize("bad", ["1.5,oops,0", "1.5,nan,0", "1.5", "1.5,1e30,0", "1e30,0,0"])
def test_a_bad_row_keeps_what_came_before_it(tmp_path, bad):
    lines = circle_csv().splitlines()
    lines[151] = bad
    path = tmp_path / "bad.csv"
    path.write_text("\n".join(lines) + "\n")
    rows = circle(150)
    expected = computed(rows[:, 1:], rows[:, 0])
    done = invoke("run", path, *TIME, *SCALES)
    assert done.exit_code == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"error: {path}, line 152")
    assert last.endswith(" --on-bad-row skip leaves such rows out, and counts them")
    assert "?;" not in last
    got = without_latency(updates(done.stdout))
    assert got == expected[: len(got)]
    assert got[-1]["timestamp"] == 1.45
    skipped = invoke("run", path, *TIME, *SCALES, "--on-bad-row", "skip")
    assert skipped.exit_code == 0
    assert f"{path}: 1 unusable row was skipped" in skipped.stderr
    assert "\n399 points, " in skipped.stderr
    rest = np.delete(circle(), 150, axis=0)
    assert without_latency(updates(skipped.stdout)) == computed(rest[:, 1:], rest[:, 0])


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("rows.jsonl", b'{"t": 0, "x": NaN}\n{"t": 1, "x": 2}\n'),
        ("first.jsonl", b'{"t": 0, "x"}\n{"t": 1, "x": 2}\n'),
        ("cells.csv", b"t,x\n0,1\n0.5\n1,2\n"),
        ("quotes.csv", b't,x\n0,1\n0.5,"2\n1,2\n'),
        ("rows.npy", np.array([[0, np.inf], [1, 2]])),
    ],
)
def test_the_way_past_a_bad_row_is_told_and_works(tmp_path, name, rows):
    path = tmp_path / name
    if isinstance(rows, bytes):
        path.write_bytes(rows)
    else:
        np.save(path, rows)
    time = ("--time-column", "0" if path.suffix == ".npy" else "t")
    done = invoke("run", path, *time)
    assert done.exit_code == 1
    assert done.stderr.splitlines()[-1].endswith(
        "; --on-bad-row skip leaves such rows out, and counts them"
    )
    assert invoke("run", path, *time, "--on-bad-row", "skip").exit_code == 0


def test_a_source_without_a_row_that_can_be_used_does_not_name_an_option_that_is_set(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"t": 0, "x"}\n{"t"}\n')
    done = invoke("run", path, *TIME, "--on-bad-row", "skip")
    assert done.exit_code == 1
    assert done.stderr.startswith(f"error: {path}: no row can be used; line 1: is not JSON")
    assert "--on-bad-row" not in done.stderr


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_dry_run_leaves_out_the_rows_that_a_stream_refuses(tmp_path, order):
    rows = np.random.default_rng(5).normal(size=(4000, 3))
    rows[:, 0] = np.arange(4000) / 100
    rows[7, 1:] = 0
    path = tmp_path / "rows.npy"
    np.save(path, np.asarray(rows, order=order))
    options = ("--time-column", "0", "--scales", "1000", "--metric", "cosine")
    done = invoke("run", path, *options, "--on-bad-row", "skip", "--dry-run", "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["rows_read"] == 4000


def test_a_fault_of_the_file_is_not_one_of_a_row(tmp_path):
    path = tmp_path / "rows.csv"
    for text in ("", "t,x\n", "t,x\n0,a\n"):
        path.write_text(text)
        done = invoke("run", path, "--time-column", "t")
        assert done.exit_code == 1
        assert "--on-bad-row" not in done.stderr


@pytest.mark.parametrize(
    ("packed", "told"),
    [
        (gzip.compress(b"t,x\n0,1\n"), "(gzip): zcat FILE | aura-tda run -"),
        (bz2.compress(b"t,x\n0,1\n"), "(bzip2): bzcat FILE | "),
        (bz2.compress(b"t,x\n0,1\n", compresslevel=1), "(bzip2): bzcat FILE | "),
        (lzma.compress(b"t,x\n0,1\n"), "(xz): xzcat FILE | "),
        (b"\x28\xb5\x2f\xfd" + bytes(40), "(zstd): zstdcat FILE | "),
    ],
)
def test_a_compressed_file_says_how_it_is_read(tmp_path, packed, told):
    path = tmp_path / "rows.csv"
    path.write_bytes(packed)
    done = invoke("run", path, "--time-column", "t")
    assert done.exit_code == 1
    assert done.stderr.startswith(f"error: {path}: is compressed {told}")


def test_an_unfinished_last_row_is_dropped_with_a_notice(tmp_path):
    path = tmp_path / "cut.csv"
    path.write_text(circle_csv()[:-20])
    done = invoke("run", path, *TIME, *SCALES)
    assert done.exit_code == 0
    assert "ends in the middle of a row, which was dropped" in done.stderr
    rows = circle(399)
    assert without_latency(updates(done.stdout)) == computed(rows[:, 1:], rows[:, 0])


def test_a_last_row_without_line_end_is_taken_with_a_notice(tmp_path, csv):
    path = tmp_path / "open.csv"
    path.write_text(circle_csv()[:-1])
    done = invoke("run", path, *TIME, *SCALES)
    assert done.exit_code == 0
    assert f"{path}: the last row has no line end; taken as it stands\n" in done.stderr
    whole = invoke("run", csv, *TIME, *SCALES)
    assert without_latency(updates(done.stdout)) == without_latency(updates(whole.stdout))


def test_the_first_late_row_is_told_at_once_and_only_once(tmp_path):
    path = tmp_path / "backwards.csv"
    path.write_text("t,x\n" + "".join(f"{9 - i},{i}\n" for i in range(10)))
    done = invoke("run", path, *TIME, "--scales", "1000")
    lines = [line[:15] for line in done.stderr.splitlines()]
    assert lines.count("a row is older ") == 1
    assert lines.index("a row is older ") < lines.index("9 late points w")


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


def test_columns_that_are_left_out_are_named(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("t,name,x\n0,a,1\n1,b,2\n")
    done = invoke("run", path, *TIME, *SCALES)
    assert "columns without numbers are left out: name" in done.stderr


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ([], 2, "--time-column NAME, or --rate HZ"),
        (["--time-column", "t", "--rate", "3"], 2, "exclude each other"),
        (["--time-column", "z"], 2, "--time-column: there is no column 'z'"),
        ([*TIME, "--columns", "x,"], 2, "--columns must be names or indexes"),
        ([*TIME, "--columns", "x,z"], 2, "--columns: there is no column 'z'"),
        ([*TIME, "--columns", "x,x"], 2, "--columns: column 'x' was asked for twice"),
        ([*TIME, "--takens", "3"], 2, "DIM:LAG"),
        ([*TIME, "--takens", "3:7"], 2, "--takens needs one column: choose it with --columns"),
        ([*TIME, "--columns", "x", "--takens", "3:300"], 2, "--takens 3:300 needs 601 rows"),
        ([*TIME, "--scales", ""], 2, "--scales must be whole milliseconds"),
        ([*TIME, "--scales", "10,x"], 2, "--scales must be whole milliseconds"),
        ([*TIME, "--scales", "0"], 2, "--scales: must be greater than or equal to 1, got 0"),
        ([*TIME, "--scales", "-5"], 2, "--scales: must be"),
        ([*TIME, "--lateness-ms", "-1"], 2, "--lateness-ms: must be"),
        ([*TIME, "--max-memory-mb", "0"], 2, "--max-memory-mb: must be"),
        ([*TIME, "--max-landmarks", "0"], 2, "--max-landmarks: must be"),
        ([*TIME, "--scales", "10,10"], 2, "--scales: 10 is repeated"),
        ([*TIME, "--metric", "foo"], 2, "--metric: must be"),
        ([*TIME, "--metric", "dtm", "--dtm-mass", "0"], 2, "--dtm-mass: must be greater than 0"),
        ([*TIME, "--dtm-mass", "0.2"], 2, "engine.dtm_mass: is for the metric dtm alone"),
        ([*TIME, "--landmarks", "foo"], 2, "--landmarks: must be"),
        ([*TIME, "--backend", "foo"], 2, "--backend: must be"),
        ([*TIME, "--backend", "cuda"], 2, "cuda"),
        ([*TIME, "--max-edge-length", "-1"], 2, "--max-edge-length: must be"),
        ([*TIME, "--max-memory-mb", "1", "--max-landmarks", "5000"], 2, "--max-memory-mb is 1"),
        ([*TIME, "--config", "none.yaml"], 2, "none.yaml"),
        ([*TIME, "--on-bad-row", "maybe"], 2, "stop or skip"),
        ([*TIME, "--output", "/dev/null/x"], 2, "--output /dev/null/x"),
        ([*TIME, "--output", "x" * 300], 2, "--output xxx"),
        ([*TIME, "--output", ""], 2, "--output is empty"),
        ([*TIME, "--plot", "/dev/null/x"], 2, "--plot /dev/null/x"),
    ],
)
def test_one_line_and_an_exit_code_for_what_is_wrong(csv, options, code, message):
    done = invoke("run", csv, *options)
    assert done.exit_code == code
    assert done.stdout == ""
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert message in errors[0]
    assert "Traceback" not in done.stderr


def test_a_source_without_a_name():
    done = invoke("run", "", "--rate", 1)
    assert done.exit_code == 2
    assert done.stderr == "error: SOURCE is empty: name a file, or - for standard input\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-", "--follow"], "--follow needs the name of a file"),
        (["-", "--format", "npy"], "--format npy needs a file that is whole"),
        (["a", "--follow", "--format", "parquet"], "--format parquet needs a file that is whole"),
        (["a", "--format", "xml"], "--format must be one of auto, csv, jsonl, npy, parquet"),
        (["a", "--clock", "sun"], "--clock must be event or wall, not 'sun'"),
        (["a", "--grace-ms", "-1"], "--grace-ms must be a number from 0 on, not -1"),
        (["a", "--batch-size", "0"], "--batch-size: must be"),
    ],
)
@pytest.mark.parametrize("command", ["run", "watch"])
def test_options_that_do_not_go_together(command, options, message):
    done = invoke(command, *options, *TIME)
    assert done.exit_code == 2
    assert done.stderr.startswith(f"error: {message}")
    assert done.stdout == ""


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


@pytest.mark.parametrize("options", [["run"], ["run", "--dry-run"], ["watch"]])
def test_a_stream_that_is_not_enabled_does_not_run(csv, monkeypatch, options):
    monkeypatch.setenv("AURA_TDA_ENABLED", "false")
    done = invoke(*options, csv, *TIME)
    assert done.exit_code == 2
    assert "enabled is false" in done.stderr
    assert done.stdout == ""


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


def test_the_source_is_not_written_over(csv):
    before = csv.read_text()
    done = invoke("run", csv, *TIME, "--output", csv)
    assert done.exit_code == 2
    assert "the file the data comes from" in done.stderr
    assert csv.read_text() == before


def test_a_source_that_cannot_be_read_leaves_an_old_output_alone(tmp_path):
    output = tmp_path / "updates.jsonl"
    output.write_text("old\n")
    done = invoke("run", tmp_path / "none.csv", "--rate", 1, "--output", output)
    assert done.exit_code == 1
    assert output.read_text() == "old\n"


def test_all_rows_bad_is_an_error(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("x,y\n1,\n2,\n3,4,5\n")
    done = invoke("run", path, "--rate", 1, "--columns", "x,y", "--on-bad-row", "skip")
    assert done.exit_code == 1
    assert "no row could be used" in done.stderr


def test_without_a_command_the_help_is_shown():
    done = invoke()
    assert done.exit_code == 0
    for name in ("run", "watch", "demo", "doctor", "config", "--show-completion"):
        assert name in done.stdout
    version = invoke("--version")
    assert version.exit_code == 0
    assert version.stdout.startswith("aura-tda ")
    assert invoke("nonsense").exit_code == 2


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


def test_who_forgets_time_is_told_the_columns(csv, tmp_path):
    done = invoke("run", csv)
    assert done.stderr == (
        "error: where is time? give --time-column NAME, or --rate HZ without one; "
        "the columns are t, x, y\n"
    )
    done = invoke("run", tmp_path / "none.csv")
    assert done.stderr.endswith("or --rate HZ without one\n")
