"""JSON lines: objects and lists, good rows and bad ones."""

from __future__ import annotations

import json

import numpy as np
import pytest

from aura_tda_gpu.cli.sources.base import SourceOptions
from aura_tda_gpu.cli.sources.opening import open_source
from aura_tda_gpu.errors import ConfigError, SourceError

XY = [[1.0, 2.0], [3.0, 4.0]]


@pytest.fixture
def read(tmp_path):
    """Write text to a file, and read it back as a source."""

    def _read(*lines, size=100, **options):
        path = tmp_path / "data"
        path.write_text("".join(f"{line}\n" for line in lines))
        if "time_column" not in options:
            options.setdefault("rate", 10.0)
        with open_source(str(path), SourceOptions(**options)) as source:
            chunks = list(source.chunks(size))
            assert source.fraction() == 1.0
        return (
            source,
            np.concatenate([chunk.points for chunk in chunks]),
            np.concatenate([chunk.times for chunk in chunks]),
        )

    return _read


@pytest.mark.parametrize(
    ("lines", "columns"),
    [
        (['{"x": 1, "y": 2}', '{"y": 4.0, "x": 3e0, "more": 5}'], "x y"),
        (["", ' {"x": 1, "y": 2}', "  ", '{"x": 3, "y": 4}', ""], "x y"),
        (["\ufeff" + '{"x": 1, "y": 2}', '{"x": 3, "y": 4}'], "x y"),
        (["[1, 2]", "[3, 4]"], "0 1"),
        (["[[1, 2]]", "[[3, 4]]"], "0.0 0.1"),
        (['{"p": [1, 2]}', '{"p": [3, 4]}'], "p.0 p.1"),
        (['{"p": [1], "x": 2, "q": []}', '{"p": [3], "x": 4, "q": [0]}'], "p.0 x"),
        (['{"name": "a", "x": 1, "ok": true, "y": 2, "at": {}}', '{"x": 3, "y": 4}'], "x y"),
        (['{"x": null, "y": 2}', '{"x": 1, "y": 2}', '{"x": 3, "y": 4}'], "x y"),
    ],
)
def test_shapes(read, lines, columns):
    source, points, _ = read(*lines, skip_bad_rows=True)
    np.testing.assert_array_equal(points, XY)
    assert source.columns == columns.split()
    assert source.bad_rows == len([line for line in lines if line.strip()]) - 2


def test_columns_left_out_are_named(read):
    source, _, _ = read('{"name": "a", "x": 1, "flag": true, "tags": ["b"]}')
    assert source.left_out == ["name", "flag", "tags.0"]


def test_columns_by_name_by_index_and_by_the_name_of_a_list(read):
    line = '{"t": 5, "p": [1, 2], "x": 3}'
    for columns, expected in (
        (("x", "p.1"), [3, 2]),
        (("1", "x"), [1, 3]),
        (("p",), [1, 2]),
        (("p", "x"), [1, 2, 3]),
        (None, [1, 2, 3]),
    ):
        _, points, times = read(line, columns=columns, time_column="t", time_unit="ms")
        np.testing.assert_array_equal(points, [expected])
        np.testing.assert_array_equal(times, [0.005])
    with pytest.raises(ConfigError, match=r"no column 'q' in .*; the columns are t, p\.0, p\.1, x"):
        read(line, columns=("q",))


def test_times_as_text(read):
    for unit in ("s", "ns"):
        _, _, times = read(
            '{"t": "2026-01-02T03:04:05.6Z", "x": 1}',
            '{"t": "2026-01-02 03:04:07+00:00", "x": 1}',
            time_column="t",
            time_unit=unit,
        )
        assert times[1] - times[0] == pytest.approx(1.4, abs=1e-6)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('{"t": 1, "x": NaN}', r"data, line 2, column 'x': NaN is not a finite number$"),
        ('{"t": 1, "x": -Infinity}', r"line 2, column 'x': -Infinity is not a finite number$"),
        ('{"t": 1, "x": 1e999}', r"column 'x': Infinity is not a finite number$"),
        ('{"t": 1, "x": 1' + "0" * 400 + "}", r"column 'x': the number is too large$"),
        ('{"t": 1, "x": 1' + "0" * 5000 + "}", r"line 2: is not JSON on a line of its own"),
        ('{"t": 1, "x": null}', r"column 'x': null is not a number$"),
        ('{"t": 1, "x": true}', r"column 'x': true is not a number$"),
        ('{"t": 1, "x": "2"}', r"column 'x': .*2.* is not a number$"),
        ('{"t": 1, "x": [2]}', r"line 2: has no 'x'$"),
        ('{"t": 1}', r"line 2: has no 'x'$"),
        ('{"t": "noon", "x": 1}', r"column 't': .*; time must be a number or ISO 8601"),
        ('{"t": null, "x": 1}', r"column 't': null is not a number; time"),
        ('{"t": 1, "x": 2', r"line 2: is not JSON on a line of its own: Expecting ',' del"),
        ("[1, 2]", r"line 2: has no 't'$"),
        ("3", r"line 2: is neither an object nor a list$"),
        ("t,x", r"line 2: is not JSON"),
        ("[" * 100_000, r"line 2: is nested too deeply$"),
    ],
)
def test_bad_rows(read, row, message):
    first, last = '{"t": 0, "x": 1}', '{"t": 2, "x": 3}'
    with pytest.raises(SourceError, match=message):
        read(first, row, last, time_column="t")
    source, points, _ = read(first, row, last, time_column="t", skip_bad_rows=True)
    np.testing.assert_array_equal(points, [[1], [3]])
    assert source.bad_rows == 1


@pytest.mark.parametrize(
    ("first", "row", "message"),
    [
        ('{"p": [1, 2]}', '{"p": [1, 2, 3]}', r"line 2: has a 'p\.2', more than expected"),
        ('{"p": [1, 2]}', '{"p": [1]}', r"line 2: has no 'p\.1'"),
        ('{"p": [1, 2]}', '{"p": [1, null]}', r"column 'p\.1': null is not a number"),
        ("[1, 2]", "[1, 2, 3]", r"line 2: has a '2', more than expected"),
        ("[1, 2]", "[1]", r"line 2: has no '1'"),
    ],
)
def test_lists_of_another_width(read, first, row, message):
    with pytest.raises(SourceError, match=message):
        read(first, row)


def test_the_first_good_row_tells_the_columns(read):
    source, points, times = read("[1", "{}x", '{"x": 5}', '{"x": 6}', skip_bad_rows=True)
    np.testing.assert_array_equal(points, [[5], [6]])
    np.testing.assert_allclose(times, [0.2, 0.3])
    assert source.bad_rows == 2
    with pytest.raises(SourceError, match="line 1: is not JSON"):
        read("[1", '{"x": 5}')


def test_an_unfinished_last_row(tmp_path):
    path = tmp_path / "a"
    for end, cut_off in (('{"x": 3', True), ('{"x": 3}', False)):
        path.write_text('{"x": 1}\n' + end)
        with open_source(str(path), SourceOptions(rate=1)) as source:
            n = sum(map(len, source.chunks(10)))
        assert (n, source.cut_off, source.open_end) == (2 - cut_off, cut_off, not cut_off)


@pytest.mark.parametrize("text", ["{}\n", '{"name": "a"}\n', "[]\n", "[null]\n"])
def test_no_numbers(read, text):
    with pytest.raises(SourceError, match="there is no column of numbers"):
        read(text)


def test_the_format_can_be_said(tmp_path):
    path = tmp_path / "a"
    path.write_text("\n")
    with pytest.raises(SourceError, match="is empty"):
        open_source(str(path), SourceOptions(rate=1, format="jsonl"))
    path.write_text("[x],y\n1,2\n")
    with pytest.raises(SourceError, match="is not JSON"):
        open_source(str(path), SourceOptions(rate=1))
    with open_source(str(path), SourceOptions(rate=1, format="csv")) as source:
        assert source.columns == ["[x]", "y"]
    with pytest.raises(ConfigError, match="--format must be one of auto, csv, jsonl, npy, parquet"):
        SourceOptions(rate=1, format="json")
    with pytest.raises(SourceError, match="the NPY file cannot be read"):
        open_source(str(path), SourceOptions(rate=1, format="npy"))


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_chunks_of_any_size_give_the_same_rows(read, size):
    _, points, times = read(*(json.dumps([i, -i]) for i in range(250)), size=size)
    np.testing.assert_array_equal(points[:, 0], np.arange(250))
    np.testing.assert_allclose(times, np.arange(250) / 10)
