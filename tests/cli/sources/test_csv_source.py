"""Every shape of CSV that people have, and every way in which one is broken."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest

from aura_tda_gpu.cli.sources.base import SourceOptions
from aura_tda_gpu.cli.sources.csv_source import CsvSource
from aura_tda_gpu.cli.sources.live_feed import LiveFeed
from aura_tda_gpu.cli.sources.opening import open_source
from aura_tda_gpu.errors import ConfigError, SourceError

XY = [[1.0, 2.0], [3.0, 4.0]]


@pytest.fixture
def read(tmp_path):
    """Write bytes or text to a file, and read it back as a source."""

    def _read(content, size=100, **options):
        path = tmp_path / "data.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        if "time_column" not in options:
            options.setdefault("rate", 10.0)
        with open_source(str(path), SourceOptions(**options)) as source:
            chunks = list(source.chunks(size))
            assert source.fraction() == 1.0
        points = np.concatenate([chunk.points for chunk in chunks])
        times = np.concatenate([chunk.times for chunk in chunks])
        places = np.concatenate([chunk.places for chunk in chunks])
        return source, points, times, places

    return _read


@pytest.mark.parametrize(
    "content",
    [
        "x,y\n1,2\n3,4\n",
        "x,y\r\n1,2\r\n3,4\r\n",
        "x,y\r1,2\r3,4\r",
        "x;y\n1;2\n3;4\n",
        "x\ty\n1\t2\n3\t4\n",
        "x y\n1 2\n3 4\n",
        "  x   y  \n  1   2  \n 3  4 \n",
        "# x y\n1 2\n3 4\n",
        "# x,y\n1,2\n3,4\n",
        '"x","y"\n"1","2"\n"3","4"\n',
        "x , y\n 1 , 2 \n 3 , 4 \n",
        'x, y\n1, "2"\n3, "4"\n',
        "\ufeffx,y\n1,2\n3,4\n",
        b"\xff\xfe" + "x,y\r\n1,2\r\n3,4\r\n".encode("utf-16-le"),
        "x,y\n\n1,2\n\n\n3,4\n\n",
        "\n\nx,y\n1,2\n3,4\n",
        "x,y\n1,2\n3,4",
        "x,y,\n1,2,\n3,4,\n",
        "x,y\n1,2,\n3,4,\n",
        "x,y\n1e0,+2\n3.000,.4e1\n",
        "1,2\n3,4\n",
        "1,2\n3,4",
        "x,label,y\n1,a,2\n3,b,4\n",
        '"x, or not";y\n1;2\n3;4\n',
        b"x [\xb5m],y\n1,2\n3,4\n",
    ],
)
def test_dialects(read, content):
    source, points, times, _ = read(content)
    np.testing.assert_array_equal(points, XY)
    np.testing.assert_array_equal(times, [0, 0.1])
    assert not source.cut_off
    assert source.bad_rows == 0


def test_columns_by_name_and_index(read):
    content = "t,x,y\n10,1,2\n20,3,4\n"
    for wanted in (("x", "y"), ("1", "2"), ("x", "2")):
        _, points, times, _ = read(content, time_column="t", time_unit="ms", columns=wanted)
        np.testing.assert_array_equal(points, XY)
        np.testing.assert_array_equal(times, [0.01, 0.02])
    _, points, times, _ = read(content, time_column="0")
    np.testing.assert_array_equal(points, XY)
    np.testing.assert_array_equal(times, [10, 20])
    _, points, _, _ = read(content, time_column="t", columns=("y", "x"))
    np.testing.assert_array_equal(points, [[2, 1], [4, 3]])


def test_a_name_wins_over_an_index(read):
    _, points, _, _ = read("1,t,0\nx,5,7\n1,5,8\n", columns=("0", "t"))
    np.testing.assert_array_equal(points, [[7, 5], [8, 5]])


@pytest.mark.parametrize(("unit", "factor"), [("s", 1), ("ms", 1e3), ("us", 1e6), ("ns", 1e9)])
def test_time_units(read, unit, factor):
    _, _, times, _ = read("t,x\n5,1\n7,2\n", time_column="t", time_unit=unit)
    np.testing.assert_allclose(times, np.array([5, 7]) / factor, rtol=1e-15)


def test_columns_without_numbers_are_left_out_and_named(read):
    source, points, _, _ = read("name,x,note\na,1,\nb,2,\n")
    assert source.columns == ["x"]
    assert source.left_out == ["name", "note"]
    np.testing.assert_array_equal(points, [[1], [2]])


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_chunks_of_any_size_give_the_same_rows(read, size):
    content = "x\n" + "".join(f"{i}\n" for i in range(250))
    _, points, times, places = read(content, size=size)
    np.testing.assert_array_equal(points[:, 0], np.arange(250))
    np.testing.assert_allclose(times, np.arange(250) / 10)
    np.testing.assert_array_equal(places, np.arange(250) + 2)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("3,abc", r"data.csv, line 3, column 'y': 'abc' is not a number"),
        ("3,", r"line 3, column 'y': the cell is empty"),
        ("nan,4", r"line 3, column 'x': nan is not a finite number"),
        ("3,-inf", r"line 3, column 'y': -inf is not a finite number"),
        ("3,1e999", r"line 3, column 'y': 1e999 is not a finite number"),
        ("3,1_0", r"line 3, column 'y': '1_0' is not a number"),
        ("3", r"line 3: has 1 cell, 2 expected"),
        ("3,4,5", r"line 3: has 3 cells, 2 expected"),
        ('3,"4"x', r"line 3: .*"),
        ("3,0;5", r"line 3, column 'y': '0;5' is not a number$"),
        ('3,"4,5"', r"column 'y': '4,5' is not a number \(the decimal sign must be a point\)"),
    ],
)
def test_a_bad_row_ends_the_source_after_the_rows_before_it(tmp_path, row, message):
    path = tmp_path / "data.csv"
    path.write_text(f"x,y\n1,2\n{row}\n5,6\n")
    with open_source(str(path), SourceOptions(rate=1)) as source:
        chunks = source.chunks(100)
        np.testing.assert_array_equal(next(chunks).points, [[1, 2]])
        with pytest.raises(SourceError, match=message):
            next(chunks)


@pytest.mark.parametrize("row", ["3,abc", "3,", "nan,4", "3", "3,4,5", '3,"4"x'])
def test_bad_rows_are_skipped_and_counted(read, row):
    source, points, times, places = read(f"x,y\n1,2\n{row}\n5,6\n", skip_bad_rows=True)
    np.testing.assert_array_equal(points, [[1, 2], [5, 6]])
    np.testing.assert_allclose(times, [0, 0.2])  # a skipped row keeps its place in time
    np.testing.assert_array_equal(places, [2, 4])
    assert source.bad_rows == 1


@pytest.mark.parametrize("end", ["3", "3,", "3,-", "3,1e", '3,"4', '"3'])
@pytest.mark.parametrize("skip", [True, False])
def test_an_unfinished_last_row_is_dropped(read, end, skip):
    source, points, _, _ = read(f"x,y\n1,2\n{end}", skip_bad_rows=skip)
    np.testing.assert_array_equal(points, [[1, 2]])
    assert source.cut_off
    assert source.bad_rows == 0


def test_a_bad_last_row_with_a_line_end_is_an_error(read):
    with pytest.raises(SourceError, match="line 3: has 1 cell,"):
        read("x,y\n1,2\n3\n")


def test_lines_are_counted_as_an_editor_counts_them(read):
    with pytest.raises(SourceError, match=r"line 6, column 'x': 'bad'"):
        read('\nx,note\n1,"a"\n\n2,a\nbad,b\n', columns=("x",))


def test_a_quote_that_never_ends_is_an_error_where_it_begins(read):
    with pytest.raises(SourceError, match="line 3: a quote is never closed"):
        read('x,y\n1,2\n"3,4\n5,6\n7,8\n')
    with pytest.raises(SourceError, match="line 1: a quote is never closed"):
        read('x,"y\n1,2\n')


def quoted(*bad):
    """Return a file of 250 rows, some of them with a stray quote."""
    rows = ["x,y", *(f"{i / 50},0.3" for i in range(250))]
    for i in bad:
        rows[i] = f'{i / 50},"0.5,0.3'
    return "\n".join(rows) + "\n"


@pytest.mark.parametrize("bad", [(50,), (50, 100), (250,)])
def test_a_stray_quote_spoils_its_own_line_only(read, bad):
    source, points, _, places = read(quoted(*bad), skip_bad_rows=True)
    assert len(points) == 250 - len(bad)
    assert source.bad_rows == len(bad)
    np.testing.assert_array_equal(places, np.setdiff1d(np.arange(2, 252), np.add(bad, 1)))


def test_a_stray_quote_stops_the_run_with_or_without_a_last_line_end(read):
    for content in (quoted(50), quoted(50)[:-1]):
        with pytest.raises(SourceError, match="line 51: a quote is never closed"):
            read(content)


def test_a_last_row_without_line_end_is_taken_and_told(read):
    source, points, _, _ = read("x,y\n1,2\n3,4")
    np.testing.assert_array_equal(points, XY)
    assert source.open_end
    for whole in ("x,y\n1,2\n3,4\n", "x,y\n1,2\n3"):
        assert not read(whole)[0].open_end


def test_text_in_the_first_row_does_not_hide_a_column(read):
    content = "t,x,y\n0,oops,1\n1,5,2\n2,6,3\n"
    with pytest.raises(SourceError, match="line 2, column 'x': 'oops' is not a number"):
        read(content)
    source, points, _, _ = read(content, time_column="t", skip_bad_rows=True)
    np.testing.assert_array_equal(points, [[5, 2], [6, 3]])
    assert source.bad_rows == 1
    assert source.left_out == []


def test_a_first_row_with_numbers_is_no_header(read):
    content = "0.5,oops\n1,2\n3,4\n"
    with pytest.raises(SourceError, match=r"line 1, column '1': 'oops' is .*not taken as a head"):
        read(content)
    source, points, _, places = read(content, skip_bad_rows=True)
    np.testing.assert_array_equal(points, XY)
    np.testing.assert_array_equal(places, [2, 3])
    assert source.bad_rows == 1
    source, points, _, _ = read("1,a,2\n3,b,4\n")  # a column of text alone
    np.testing.assert_array_equal(points, XY)
    assert source.left_out == ["1"]
    with pytest.raises(SourceError, match="line 1, column '0': 't'"):
        read("t,2020,2021\n0,1,2\n")
    _, points, _, _ = read("t,2020,2021\n0,1,2\n", time_column="t")
    np.testing.assert_array_equal(points, [[1, 2]])


def test_messages_quote_the_first_cell_that_is_not_a_number(read):
    with pytest.raises(SourceError, match=r"line 2 has '0,1' \(the decimal sign must be a point"):
        read("t;x\n0,1;2,5\n0,2;2,6\n")
    with pytest.raises(SourceError, match="line 2, column 't': 's' is not a number"):
        read("t,x\ns,mV\n0,1\n1,2\n", time_column="t")
    with pytest.raises(SourceError, match="'1 h' is not a number; time must be a number or ISO"):
        read("t,x\n1 h,1\n", time_column="t")


def test_times_as_text(read):
    rows = "2026-01-02T03:04:05.6Z,1\n2026-01-02T03:04:07Z,2\n"
    for content, column in ((f"t,x\n{rows}", "t"), (rows, "0")):
        source, points, times, _ = read(content, time_column=column, time_unit="ms")
        assert times[1] - times[0] == pytest.approx(1.4, abs=1e-6)
        assert times[1] % 60 == 7
        np.testing.assert_array_equal(points, [[1], [2]])
        assert source.left_out == []
    _, _, times, _ = read("t,x\n1970-01-01,1\n5,2\n", time_column="t", time_unit="ms")
    np.testing.assert_array_equal(times, [0, 0.005])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("x,y\n", "holds a header and no rows"),
        ("x,y", "holds a header and no rows"),
        ("a,b\nc,d\n", "there is no column of numbers"),
        ("1\n" + "x" * (1 << 20) + "\n", "line 2: is too long"),
        ("x,y\n1,2\n" + '"' + "1" * 200_000 + '",2\n', "line 3: field larger"),
    ],
)
def test_files_without_data(read, content, message):
    with pytest.raises(SourceError, match=message):
        read(content)


def test_a_missing_column_lists_those_that_exist(read):
    with pytest.raises(ConfigError, match=r"--time-column: .* no column 'z' in .*are t, x, y"):
        read("t,x,y\n1,2,3\n", time_column="z")
    with pytest.raises(ConfigError, match=r"--columns: .* no column '3' in .*are t, x, y"):
        read("t,x,y\n1,2,3\n", columns=("3",))


def test_ambiguous_and_repeated_columns(read):
    with pytest.raises(ConfigError, match="--columns: 'x' names several columns"):
        read("x,x\n1,2\n", columns=("x",))
    with pytest.raises(ConfigError, match="--columns: column 'x' was asked for twice"):
        read("x,y\n1,2\n", columns=("x", "0"))
    with pytest.raises(SourceError, match="beside the time column 't'"):
        read("t,a\n1,b\n", time_column="t")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "--time-column NAME, or --rate HZ"),
        ({"time_column": "t", "rate": 1.0}, "exclude each other"),
        ({"rate": 0.0}, "--rate"),
        ({"rate": -1.0}, "--rate"),
        ({"rate": float("nan")}, "--rate"),
        ({"rate": float("inf")}, "--rate"),
        ({"time_column": "t", "time_unit": "h"}, "--time-unit must be one of s, ms, us, ns"),
    ],
)
def test_options_that_make_no_sense(options, message):
    with pytest.raises(ConfigError, match=message):
        SourceOptions(**options)


def test_files_that_cannot_be_opened(tmp_path):
    with pytest.raises(SourceError, match="No such file"):
        open_source(str(tmp_path / "none.csv"), SourceOptions(rate=1))
    with pytest.raises(SourceError, match="s a directory"):
        open_source(str(tmp_path), SourceOptions(rate=1))
    with pytest.raises(ConfigError, match="SOURCE is empty"):
        open_source("", SourceOptions(rate=1))


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="needs /proc")
def test_a_file_that_opens_and_cannot_be_read():
    with pytest.raises(SourceError, match="/proc/self/mem: cannot be read: "):
        open_source("/proc/self/mem", SourceOptions(rate=1))


def test_rows_are_read_as_they_are_asked_for(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("x\n" + "1\n" * 200_000)
    with open_source(str(path), SourceOptions(rate=1)) as source:
        next(source.chunks(100))
        assert source.fraction() < 0.5


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are a POSIX thing")
def test_a_named_pipe_is_read_to_its_end(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=["x,y\n1,2\n3,4\n"])
    writer.start()
    with open_source(str(pipe), SourceOptions(rate=1)) as source:
        points = np.concatenate([chunk.points for chunk in source.chunks(100)])
        assert source.fraction() is None
    writer.join()
    np.testing.assert_array_equal(points, XY)


@pytest.fixture
def piped():
    """Return a function that makes a live source of some text, its pipe left open."""
    ends = []

    def _piped(text, **options):
        reading, writing = os.pipe()
        ends.append(writing)
        os.write(writing, text.encode())
        feed = LiveFeed("pipe", os.fdopen(reading, "rb"), 1000)
        ends.append(feed)
        return CsvSource(Path("pipe"), SourceOptions(rate=10.0, **options), feed)

    yield _piped
    for end in ends:
        end.close() if isinstance(end, LiveFeed) else os.close(end)


def test_a_live_source_is_there_with_its_first_row(piped):
    source = piped("x,y,note\n1,2,\n")
    assert source.live
    assert source.columns == ["x", "y"]
    assert source.left_out == ["note"]
    chunks = source.chunks(100, 0.01)
    np.testing.assert_array_equal(next(chunks).points, [[1, 2]])
    assert len(next(chunks)) == 0
    assert source.idle()


def test_a_live_source_waits_for_a_row_with_numbers(piped):
    source = piped('x,y\na,b\n"\n1,2\n', skip_bad_rows=True)
    assert source.columns == ["x", "y"]
    assert not source.idle()
    chunks = source.chunks(2, 0.01)
    assert len(next(chunks)) == 0
    np.testing.assert_array_equal(next(chunks).points, [[1, 2]])
    assert source.bad_rows == 2
