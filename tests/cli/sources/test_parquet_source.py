"""Parquet files: numbers, timestamps, nulls, and what is none of these."""

from __future__ import annotations

import datetime
import sys
from decimal import Decimal

import numpy as np
import pytest

from aura_tda_gpu.cli.sources.base import SourceOptions
from aura_tda_gpu.cli.sources.opening import open_source
from aura_tda_gpu.errors import ConfigError, MissingDependencyError, SourceError

pa = pytest.importorskip("pyarrow", reason="the extra parquet is not installed")


@pytest.fixture
def write(tmp_path):
    """Write columns to a file."""
    from pyarrow import parquet

    def _write(row_group_size=None, **columns):
        path = tmp_path / "a.parquet"
        parquet.write_table(pa.table(columns), path, row_group_size=row_group_size)
        return path

    return _write


def read(path, size=7, **options):
    if "time_column" not in options:
        options.setdefault("rate", 10.0)
    with open_source(str(path), SourceOptions(**options)) as source:
        chunks = list(source.chunks(size))
        assert source.fraction() == 1.0
    assert all(len(chunk) <= size for chunk in chunks)
    return (
        source,
        np.concatenate([chunk.points for chunk in chunks]),
        np.concatenate([chunk.times for chunk in chunks]),
    )


@pytest.mark.parametrize("group", [None, 3, 10])
def test_columns_of_numbers(write, group):
    x = np.arange(50.0)
    path = write(
        group,
        **{"a.b": x, "n": np.arange(50, dtype=np.uint8), "d": [Decimal("1.5")] * 50},
        f=x.astype(np.float16),
        name=["z"] * 50,
        flag=[True] * 50,
        list=[[1.0, 2.0]] * 50,
    )
    source, points, times = read(path)
    assert source.columns == ["a.b", "n", "d", "f"]
    assert source.left_out == ["name", "flag", "list"]
    np.testing.assert_array_equal(points, np.stack([x, x, np.full(50, 1.5), x], axis=1))
    np.testing.assert_allclose(times, x / 10)
    _, points, _ = read(path, columns=("f", "a.b"))
    np.testing.assert_array_equal(points, np.stack([x, x], axis=1))


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_timestamps(write, unit, zone):
    noon = 1767355200
    column = pa.array(np.array([noon, noon + 2], "M8[s]")).cast(pa.timestamp(unit))
    if zone is not None:
        column = column.cast(pa.timestamp(unit, tz="UTC")).cast(pa.timestamp(unit, tz=zone))
    path = write(t=column, x=[1, 2])
    for of_no_account in ("s", "ms"):
        source, points, times = read(path, time_column="t", time_unit=of_no_account)
        np.testing.assert_array_equal(times, [noon, noon + 2])
        np.testing.assert_array_equal(points, [[1], [2]])
        assert source.time_name == "t"


def test_times_as_numbers(write):
    path = write(t=[5, 7], x=[1.0, 2.0])
    np.testing.assert_array_equal(read(path, time_column="t", time_unit="ms")[2], [0.005, 0.007])


@pytest.mark.parametrize("unit", ["s", "ms"])
def test_a_time_column_of_a_type_that_is_too_coarse(write, unit):
    times = np.array([0, 1, 1.7e9 if unit == "s" else 1.7e12])
    path = write(t=times.astype(np.float32), x=[1, 2, 3])
    with pytest.raises(SourceError, match=r"row .* 2, column t: .* is float32, .* s away"):
        read(path, time_column="t", time_unit=unit)
    assert len(read(path, time_column="t", time_unit=unit, slide_ns=360 * 10**9)[1]) == 3
    assert len(read(write(t=times, x=[1, 2, 3]), time_column="t", time_unit=unit)[1]) == 3
    halves = pa.array([0.5, None], pa.float32())
    with pytest.raises(SourceError, match="column t: the cell is null or nan"):
        read(write(t=halves, x=[1, 2]), time_column="t")


def test_nulls_are_bad_rows(write):
    when = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    path = write(
        t=[when, None, when, when], x=[1.0, 2.0, None, float("inf")], n=pa.array([1, 2, 3, None])
    )
    source, points, _ = read(path, time_column="t", columns=("x",), skip_bad_rows=True)
    np.testing.assert_array_equal(points, [[1]])
    assert source.bad_rows == 3
    with pytest.raises(SourceError, match=r"row \(from 0\) 1, column t: the cell is null or nan"):
        read(path, time_column="t")
    with pytest.raises(SourceError, match=r"row \(from 0\) 2, column x: the cell is null or nan"):
        read(path, columns=("x",))
    with pytest.raises(SourceError, match=r"row \(from 0\) 3, column n: the cell is null or nan"):
        read(path, columns=("n",))


def test_columns_that_cannot_be_used(write):
    path = write(t=["2026-01-01"], x=[1.0], name=["a"])
    with pytest.raises(SourceError, match="column 't': holds string, neither numbers nor timest"):
        read(path, time_column="t")
    with pytest.raises(SourceError, match="column 'name': holds string, no numbers"):
        read(path, columns=("name",))
    with pytest.raises(ConfigError, match="no column 'z'"):
        read(path, columns=("z",))


def test_files_that_cannot_be_used(write, tmp_path):
    with pytest.raises(SourceError, match="holds no rows"):
        read(write(x=pa.array([], pa.float64())))
    whole = write(x=np.arange(1000.0)).read_bytes()
    for broken in (whole[:4], whole[:-1], whole[: len(whole) // 2], b"PAR1" + whole):
        (tmp_path / "b").write_bytes(broken)
        with pytest.raises(SourceError, match="b: the Parquet file cannot be read"):
            read(tmp_path / "b")
    (tmp_path / "c.parquet").write_text("x\n1\n")
    with pytest.raises(SourceError, match="is not a CSV, JSON lines, NPY or Parquet file"):
        read(tmp_path / "c.parquet")


def test_not_the_whole_file_is_read_at_once(write):
    path = write(1000, x=np.arange(100_000.0))
    before = pa.total_allocated_bytes()
    with open_source(str(path), SourceOptions(rate=1)) as source:
        chunks = source.chunks(100)
        for _ in range(500):
            next(chunks)
            assert pa.total_allocated_bytes() < before + 400_000


def test_without_pyarrow(write, monkeypatch):
    path = write(x=[1.0])
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'aura-tda-gpu\[parquet\]'"):
        open_source(str(path), SourceOptions(rate=1))
