"""NPY files, read through a memory map."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import SourceError
from .sources import Chunk, Source, SourceOptions

__all__ = ["NpySource"]


class NpySource(Source):
    """An array of one or two dimensions; a row is a point, columns go by index from 0.

    Raises
    ------
    SourceError
        If the file is broken, or its array is not a non-empty one of real numbers.
    """

    row_word = "row (from 0)"

    def __init__(self, path: Path, options: SourceOptions) -> None:
        super().__init__(path, options)
        self._array = _load(path)
        names = [str(i) for i in range(self._array.shape[1])]
        self._time, self._taken = self.select(names, [True] * len(names))
        self._done = 0

    def chunks(self, size: int) -> Iterator[Chunk]:
        """Yield the rows; see `Source.chunks`."""
        for start in range(0, len(self._array), size):
            block = self._array[start : start + size].astype(np.float64)
            rows = np.arange(start, start + len(block))
            times = np.zeros(len(block)) if self._time is None else block[:, self._time]
            points = block[:, self._taken]
            self._done = start + len(block)
            good = np.isfinite(points).all(axis=1) & np.isfinite(times)
            chunk = Chunk(points, self.seconds(times, rows), rows, rows)
            if good.all():
                yield chunk
            elif self.options.skip_bad_rows:
                self.bad_rows += int(np.count_nonzero(~good))
                yield chunk[good]
            else:
                bad = int(np.argmin(good))
                yield chunk[:bad]
                raise self._not_finite(start + bad)

    def fraction(self) -> float | None:
        """Return how much has been read."""
        return self._done / len(self._array)

    def _not_finite(self, row: int) -> SourceError:
        taken = [*([] if self._time is None else [self._time]), *self._taken]
        column = next(i for i in taken if not np.isfinite(self._array[row, i]))
        value = self._array[row, column]
        return SourceError(f"{self.place(row)}, column {column}: {value} is not a finite number")


def _load(path: Path) -> npt.NDArray[Any]:
    try:
        array: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, SyntaxError) as error:
        raise SourceError(f"{path}: the NPY file cannot be read: {error}") from error
    if array.dtype.kind not in "fiu":
        raise SourceError(f"{path}: holds {array.dtype}, and real numbers are needed")
    if array.ndim not in (1, 2):
        raise SourceError(f"{path}: has shape {array.shape}; rows of points are needed")
    if not array.size:
        raise SourceError(f"{path}: is empty")
    return array[:, np.newaxis] if array.ndim == 1 else array
