"""From whatever holds numbers to a two-dimensional numpy array, and its rows in blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InvalidInputError
from .engine import Float32Array
from .places import refuse_elsewhere

__all__ = ["Float64Array", "Rows", "as_matrix", "kind_of", "row_blocks"]

Float64Array = npt.NDArray[np.float64]
Rows = Float32Array | Float64Array

_BLOCK = 1 << 19  # entries of one row block


def as_matrix(X: Any, name: str) -> Rows:
    """Read a two-dimensional array of real numbers.

    Parameters
    ----------
    X : array_like
        Lists, numpy arrays, or anything on the CPU with ``__array__`` or ``__dlpack__``.
        Masked entries become NaN.
    name : str
        What to call it in an error.

    Returns
    -------
    ndarray, shape (rows, columns)
        float32 if given 16 or 32 bits, else float64; may share memory with ``X``.

    Raises
    ------
    InvalidInputError
        If it does not hold real numbers, is not two-dimensional, or is on another device.
    """
    refuse_elsewhere(X, name)
    array = _to_numpy(X, name)
    if array.dtype.kind == "O" and not array.ndim:
        hint = "; make a list of it first" if hasattr(X, "__next__") else ""
        raise InvalidInputError(f"{name} must hold real numbers, not {type(X).__name__}{hint}")
    if array.dtype.kind not in "fiu":
        row = _first_non_number(array)
        where = "" if row is None else f" in row {row}"
        raise InvalidInputError(
            f"{name} must hold real numbers, not {kind_of(array)} values{where}", row
        )
    if array.ndim != 2:
        hint = ""
        if array.ndim == 1:
            hint = f"; pass {name}[None] for one point, {name}[:, None] for one coordinate a point"
        raise InvalidInputError(f"{name} must be two-dimensional, not of shape {array.shape}{hint}")
    if array.dtype.kind == "f" and array.dtype.itemsize <= 4:
        return array.astype(np.float32, copy=False)
    return array.astype(np.float64, copy=False)


def kind_of(array: npt.NDArray[Any]) -> str:
    """Return the name of what an array holds; numpy's for text has the bits of the longest."""
    return "text" if array.dtype.kind in "US" else array.dtype.name


def row_blocks(rows: int, columns: int) -> list[tuple[int, int]]:
    """Cut rows into blocks of about `_BLOCK` entries."""
    step = max(1, _BLOCK // max(1, columns))
    return [(start, min(start + step, rows)) for start in range(0, rows, step)]


def _to_numpy(X: Any, name: str) -> npt.NDArray[Any]:
    """Read anything that speaks ``__array__`` or ``__dlpack__``."""
    if isinstance(X, np.ma.MaskedArray) and X.dtype.kind in "fiu":
        return np.where(np.ma.getmaskarray(X), np.nan, X.data)
    try:
        if hasattr(X, "__dlpack__") and not hasattr(X, "__array__"):
            return np.from_dlpack(X)
        return np.asarray(X)
    except (AttributeError, BufferError, RuntimeError, TypeError, ValueError) as error:
        row = _first_ragged(X)
        if row is not None:
            message = f"{name} is ragged: row {row} has another length than row 0"
            raise InvalidInputError(message, row) from None
        raise InvalidInputError(f"{name} cannot be read as an array on the CPU: {error}") from error


def _first_ragged(X: Any) -> int | None:
    """Return the first row of a list of lists whose length differs from the first one's."""
    if not isinstance(X, list | tuple) or not X:
        return None
    lengths = [np.size(row) if not isinstance(row, list | tuple) else len(row) for row in X]
    return next((i for i, length in enumerate(lengths) if length != lengths[0]), None)


def _first_non_number(array: npt.NDArray[Any]) -> int | None:
    """Return the first row that holds something else than a real number."""
    if array.ndim == 0 or array.size == 0:
        return None
    if array.dtype.kind in "OU":
        for row, values in enumerate(array.reshape(len(array), -1).tolist()):
            if not all(_is_number(value) for value in values):
                return row
    return 0


def _is_number(value: object) -> bool:
    """Tell whether a value is a real number, or text that numpy made out of one."""
    if isinstance(value, str):
        try:
            float(value)
        except ValueError:
            return False
        return True
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)
