"""NPY files, read through a memory map."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import SourceError
from .base import Float64Array, SourceOptions
from .table_source import TableSource

__all__ = ["NpySource"]


class NpySource(TableSource):
    """An array of one or two dimensions; a row is a point, columns go by index from 0.

    Raises
    ------
    SourceError
        If the file is broken, or its array is not a non-empty one of real numbers.
    """

    def __init__(self, path: Path, options: SourceOptions) -> None:
        super().__init__(path, options)
        self._array = _load(path)
        names = [str(i) for i in range(self._array.shape[1])]
        self._time, self._taken = self.select(names, [True] * len(names))

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._array)

    def _blocks(self, size: int) -> Iterator[tuple[Float64Array, Float64Array]]:
        """Yield coordinates and times as they are in the file; see `TableSource`."""
        for start in range(0, len(self._array), size):
            block = self._array[start : start + size]
            times = np.zeros(len(block)) if self._time is None else block[:, self._time]
            yield block.astype(np.float64)[:, self._taken], self.in_seconds(times)


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
