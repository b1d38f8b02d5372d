"""Parquet files, read a batch of rows at a time; pyarrow is imported when one is opened."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import MissingDependencyError, SourceError
from .base import Float64Array, SourceOptions
from .table_source import TableSource

__all__ = ["ParquetSource"]

_BATCH = 1 << 13  # rows; a batch costs as much as some thousand rows
_TICKS = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}


class ParquetSource(TableSource):
    """A table; its columns of numbers are coordinates, time is a number or a timestamp.

    A null is a cell that cannot be used.

    Raises
    ------
    SourceError
        If the file is broken or has no rows, or a column that is needed holds no numbers.
    MissingDependencyError
        If pyarrow is not installed.
    """

    def __init__(self, path: Path, options: SourceOptions) -> None:
        super().__init__(path, options)
        self._arrow = _pyarrow()
        self._file = self._open()
        schema = self._file.schema_arrow
        if not len(self):
            self.close()
            raise SourceError(f"{path}: holds no rows")
        try:
            time, taken = self.select(schema.names, [_is_numeric(field.type) for field in schema])
            for i in taken:
                if not _is_numeric(schema.field(i).type):
                    raise self._no_numbers(schema.field(i), "no numbers")
            if time is not None and not _is_time(schema.field(time).type):
                raise self._no_numbers(schema.field(time), "neither numbers nor timestamps")
        except BaseException:
            self.close()
            raise
        self._taken = taken
        self._time = time
        self._columns = [schema.names[i] for i in (*taken, *([] if time is None else [time]))]

    def __len__(self) -> int:
        """Return the number of rows."""
        return int(self._file.metadata.num_rows)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _open(self) -> Any:
        from pyarrow import parquet

        try:
            return parquet.ParquetFile(self.path, memory_map=True)
        except (OSError, self._arrow.ArrowException) as error:
            raise self._broken(error) from error

    def _blocks(self, size: int) -> Iterator[tuple[Float64Array, Float64Array]]:
        """Yield coordinates and times; see `TableSource`."""
        batches = self._file.iter_batches(
            batch_size=max(size, _BATCH), columns=self._columns, use_threads=False
        )
        while True:
            try:
                batch = next(batches, None)
                if batch is None:
                    return
                points, times = self._numbers(batch)
            except (OSError, self._arrow.ArrowException) as error:
                raise self._broken(error) from error
            for start in range(0, len(points), size):
                yield points[start : start + size], times[start : start + size]

    def _numbers(self, batch: Any) -> tuple[Float64Array, Float64Array]:
        """Return the cells of a batch as float64, null as nan."""
        columns = [self._floats(batch.column(name)) for name in self.columns]
        times = np.zeros(len(batch))
        if self.time_name is not None:
            column = batch.column(self.time_name)
            unit = getattr(column.type, "unit", None)
            if unit is None:
                is_float = self._arrow.types.is_floating(column.type)
                own = column.to_numpy(zero_copy_only=False) if is_float else self._floats(column)
                times = self.in_seconds(own)
            else:
                times = self._floats(column.cast(self._arrow.int64())) / _TICKS[unit]
        return np.stack(columns, axis=1), times

    def _floats(self, column: Any) -> Float64Array:
        numbers = column.cast(self._arrow.float64(), safe=False)
        return np.array(numbers.to_numpy(zero_copy_only=False), np.float64)

    def _no_numbers(self, field: Any, what: str) -> SourceError:
        return SourceError(f"{self.path}, column {field.name!r}: holds {field.type}, {what}")

    def _broken(self, error: BaseException) -> SourceError:
        return SourceError(f"{self.path}: the Parquet file cannot be read: {error}")

    def _complaint(self, value: np.float64) -> str:
        return "the cell is null or nan" if np.isnan(value) else super()._complaint(value)


def _pyarrow() -> Any:
    try:
        import pyarrow
    except ImportError as error:
        raise MissingDependencyError(
            "Parquet files need pyarrow: pip install 'aura-tda-gpu[parquet]'"
        ) from error
    return pyarrow


def _is_numeric(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind))


def _is_time(kind: Any) -> bool:
    from pyarrow import types

    return _is_numeric(kind) or bool(types.is_timestamp(kind))
