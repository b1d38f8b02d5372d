"""Sources of binary tables, whose cells are numbers already."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import BadRowError, SourceError
from ...streaming.event_times import coarse_times
from .base import TIME_UNITS, Chunk, Float64Array, Source, SourceOptions

__all__ = ["TableSource"]


class TableSource(Source):
    """A file with rows of a known number, read a block at a time."""

    row_word = "row (from 0)"

    def __init__(self, path: Path, options: SourceOptions) -> None:
        super().__init__(path, options)
        self._done = 0

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of rows."""

    @abstractmethod
    def _blocks(self, size: int) -> Iterator[tuple[Float64Array, Float64Array]]:
        """Yield coordinates, shape (m, dim), and times in seconds, shape (m,), in order.

        What is no finite number is nan or infinite. Times are of no account under ``--rate``.
        """

    def chunks(self, size: int, patience: float | None = None) -> Iterator[Chunk]:
        """Yield the rows; see `Source.chunks`."""
        rate, self._done = self.options.rate, 0
        for points, times in self._blocks(size):
            rows = np.arange(self._done, self._done + len(points))
            self._done += len(points)
            chunk = Chunk(points, times if rate is None else rows / rate, rows, rows)
            good = np.isfinite(points).all(axis=1) & np.isfinite(chunk.times)
            if good.all():
                yield chunk
            elif self.options.skip_bad_rows:
                self.bad_rows += int(np.count_nonzero(~good))
                yield chunk[good]
            else:
                bad = int(np.argmin(good))
                yield chunk[:bad]
                raise self._not_finite(chunk, bad)

    def fraction(self) -> float | None:
        """Return how much has been read."""
        return self._done / len(self)

    def in_seconds(self, times: npt.NDArray[Any]) -> Float64Array:
        """Return numbers in the unit of ``--time-unit`` as seconds.

        Parameters
        ----------
        times : ndarray, shape (m,)
            Those of the rows that come next, in the type of their column.

        Raises
        ------
        SourceError
            If the type is too coarse: see `coarse_times`.
        """
        per_second = TIME_UNITS[self.options.time_unit]
        found = coarse_times(times, self.options.slide_ns, per_second)
        if found is not None:
            row, what = found
            place = self.place(self._done + row)
            raise SourceError(f"{place}, column {self.time_name}: {times[row]} {what}")
        return times.astype(np.float64) / per_second

    def _not_finite(self, chunk: Chunk, i: int) -> BadRowError:
        """Name the first cell of a row that cannot be used."""
        value, name = chunk.times[i], self.time_name
        if np.isfinite(value):
            column = int(np.argmin(np.isfinite(chunk.points[i])))
            value, name = chunk.points[i, column], self.columns[column]
        place = self.place(int(chunk.rows[i]))
        return BadRowError(f"{place}, column {name}: {self._complaint(value)}")

    def _complaint(self, value: np.float64) -> str:
        return f"{value} is not a finite number"
