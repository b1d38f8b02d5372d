"""From what a caller passes to a float32 dissimilarity matrix."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InvalidInputError
from .arrays import Rows, as_matrix, row_blocks
from .engine import Float32Array

__all__ = ["as_dissimilarity"]

_INFINITY_BITS = 0x7F800000  # a larger bit pattern is negative, -0.0 or not a number
_TILE = 64  # a tile and its mirror image stay in the cache


def as_dissimilarity(D: Any) -> Float32Array:
    """Validate a dissimilarity matrix and return it as float32.

    Parameters
    ----------
    D : array_like, shape (n, n)
        Symmetric after the cast to float32, zero diagonal, no NaN, no negative entry. ``inf``
        means that the two vertices never share an edge. The triangle inequality is not needed.

    Returns
    -------
    ndarray of float32, shape (n, n)
        C-contiguous; may share memory with ``D``.

    Raises
    ------
    InvalidInputError
        If one of these does not hold; names the row and the column.
    """
    given = as_matrix(D, "D")
    n, columns = given.shape
    if n != columns:
        raise InvalidInputError(f"D must be square, not of shape {given.shape}")
    out = np.asarray(given, np.float32) if _is_clean(given) else _clean(given)
    diagonal = np.diagonal(out)
    if diagonal.any():
        row = int(np.argmax(diagonal != 0))
        raise InvalidInputError(
            f"D[{row}, {row}] = {given[row, row]} but the diagonal must be zero", row
        )
    for start, stop in [] if _is_symmetric(out) else row_blocks(n, n):
        mirrored = out[:, start:stop].T
        _refuse(
            out[start:stop] != mirrored, start, given[start:stop], "differs from its mirror image"
        )
    return out


def _is_clean(given: Rows) -> bool:
    """Tell in one pass whether a matrix can be used as it is."""
    if given.dtype != np.float32 or not given.flags.c_contiguous:
        return False
    return bool(given.view(np.uint32).max(initial=0) <= _INFINITY_BITS)


def _clean(given: Rows) -> Float32Array:
    """Cast to float32, turn -0.0 into 0.0, refuse entries that are no lengths."""
    out = np.empty(given.shape, np.float32)
    for start, stop in row_blocks(*given.shape):
        block = given[start:stop]
        _refuse(np.isnan(block), start, block, "is not a number")
        _refuse(block < 0, start, block, "is negative")
        with np.errstate(over="ignore"):
            np.add(block, 0, out=out[start:stop], dtype=np.float32, casting="same_kind")
        lost = np.isinf(out[start:stop]) & np.isfinite(block)
        _refuse(lost, start, block, "overflows float32")
    return out


def _is_symmetric(matrix: Float32Array) -> bool:
    """Compare each tile above the diagonal with its mirror image."""
    starts = range(0, len(matrix), _TILE)
    return all(
        bool((matrix[i : i + _TILE, j : j + _TILE] == matrix[j : j + _TILE, i : i + _TILE].T).all())
        for i in starts
        for j in range(i, len(matrix), _TILE)
    )


def _refuse(bad: npt.NDArray[np.bool_], start: int, block: Rows, what: str) -> None:
    """Raise for the first true entry of ``bad``, a mask over the rows from ``start``."""
    if bad.any():
        local, column = (int(i) for i in np.unravel_index(int(np.argmax(bad)), bad.shape))
        row = start + local
        raise InvalidInputError(f"D[{row}, {column}] = {block[local, column]} {what}", row)
