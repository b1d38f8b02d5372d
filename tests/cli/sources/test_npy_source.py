"""NPY files: memory-mapped, real, and not to be trusted."""

from __future__ import annotations

import numpy as np
import pytest

from aura_tda_gpu.cli.sources.base import SourceOptions
from aura_tda_gpu.cli.sources.opening import open_source
from aura_tda_gpu.errors import BadRowError, SourceError


def read(path, size=7, **options):
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


@pytest.mark.parametrize("dtype", ["f8", "f4", "f2", "i8", "u2", ">f4"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_of_real_numbers(tmp_path, dtype, order):
    array = np.arange(60).reshape(20, 3).astype(dtype, order=order)
    np.save(tmp_path / "a.npy", array)
    source, points, times = read(tmp_path / "a.npy")
    np.testing.assert_array_equal(points, array)
    np.testing.assert_allclose(times, np.arange(20) / 10)
    assert points.dtype == np.float64
    assert source.columns == ["0", "1", "2"]


def test_one_dimension_and_a_time_column(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(5.0))
    assert read(tmp_path / "a.npy")[1].shape == (5, 1)
    np.save(tmp_path / "b.npy", np.arange(15.0).reshape(5, 3))
    source, points, times = read(tmp_path / "b.npy", time_column="1", time_unit="ms")
    assert source.columns == ["0", "2"]
    np.testing.assert_array_equal(points[:, 1], np.arange(5) * 3 + 2)
    np.testing.assert_allclose(times, (np.arange(5) * 3 + 1) / 1000)


@pytest.mark.parametrize(("unit", "per_second"), [("s", 1), ("ms", 1000)])
def test_a_time_column_of_a_type_that_is_too_coarse(tmp_path, unit, per_second):
    path = tmp_path / "a.npy"
    late = 2**24 * per_second  # from here on whole seconds are not told apart
    table = np.array([[0, 1], [1, 1], [2, 1], [late, 1], [2 * late, 1]])
    np.save(path, table[:3].astype(np.float32))
    np.testing.assert_allclose(
        read(path, time_column="0", time_unit=unit)[2], np.arange(3) / per_second
    )
    np.save(path, table.astype(np.float32))
    with pytest.raises(SourceError, match=r"row .* 3, column 0: .* is float32, .* s away") as told:
        read(path, size=2, time_column="0", time_unit=unit, skip_bad_rows=True)
    assert not isinstance(told.value, BadRowError)
    ticks = {"slide_ns": 360 * 10**9}
    assert len(read(path, time_column="0", time_unit=unit, **ticks)[1]) == 5
    np.save(path, table.astype(np.float64))
    assert len(read(path, time_column="0", time_unit=unit)[1]) == 5


def test_what_the_file_holds_decides_not_its_name(tmp_path):
    with (tmp_path / "data.csv").open("wb") as file:
        np.save(file, np.arange(5.0))
    assert read(tmp_path / "data.csv")[1].shape == (5, 1)
    (tmp_path / "data.npy").write_text("x\n1\n2\n")
    with pytest.raises(SourceError, match="is not a CSV, JSON lines, NPY or Parquet file"):
        read(tmp_path / "data.npy")


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((2, 2, 2)), "has shape"),
        (np.array(1.0), "has shape"),
        (np.zeros((0, 3)), "empty"),
        (np.zeros((3, 0)), "empty"),
        (np.array([1j, 2j]), "real numbers are needed"),
        (np.array(["a", "b"]), "real numbers are needed"),
        (np.array([True, False]), "real numbers are needed"),
        (np.array([(1, 2.0)], dtype="i4,f8"), "real numbers are needed"),
    ],
)
def test_arrays_that_are_not_points(tmp_path, array, message):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(SourceError, match=message):
        read(tmp_path / "a.npy")


def test_pickles_are_not_loaded(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}, []], dtype=object), allow_pickle=True)
    with pytest.raises(SourceError, match="cannot be read"):
        read(tmp_path / "a.npy")


def test_broken_files(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((100, 3)))
    whole = (tmp_path / "a.npy").read_bytes()
    for n in (6, 9, 60, 500):
        (tmp_path / "cut.npy").write_bytes(whole[:n])
        with pytest.raises(SourceError, match=r"cut\.npy"):
            read(tmp_path / "cut.npy")
    np.savez(tmp_path / "a.npz", np.zeros(3))
    with pytest.raises(SourceError, match="is not a CSV, JSON lines, NPY or Parquet file"):
        read(tmp_path / "a.npz")


def test_a_value_that_is_not_finite_is_named_or_skipped(tmp_path):
    array = np.arange(30.0).reshape(15, 2)
    array[9, 1] = np.nan
    np.save(tmp_path / "a.npy", array)
    with open_source(str(tmp_path / "a.npy"), SourceOptions(rate=1)) as source:
        chunks = source.chunks(7)
        assert [len(next(chunks)), len(next(chunks))] == [7, 2]
        with pytest.raises(SourceError, match=r"row \(from 0\) 9, column 1: nan"):
            next(chunks)
    source, points, times = read(tmp_path / "a.npy", skip_bad_rows=True)
    assert len(points) == 14
    assert source.bad_rows == 1
    assert times[9] == 1.0
