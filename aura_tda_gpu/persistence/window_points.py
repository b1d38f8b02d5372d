"""Points as a window stores them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import InvalidInputError
from .arrays import Float64Array
from .distances import as_rows, limit_of, to_float32, unit_rows
from .engine import Float32Array

__all__ = ["prepared"]


def prepared(
    points: Any, dim: int, metric: str, origin: Float64Array | None
) -> tuple[Float32Array, Float64Array | None]:
    """Return points as a window stores them, and the origin that holds from then on.

    Parameters
    ----------
    points : array_like, shape (m, dim)
        What a caller gave.
    dim : int
        Coordinates a point.
    metric : str
        Under ``"cosine"`` rows get length one, and there is no origin.
    origin : ndarray of float64, shape (dim,), or None
        The origin so far; None before the first point.

    Raises
    ------
    InvalidInputError
        If a point cannot be used; names the first such row.
    """
    if origin is not None and metric != "cosine" and _are_taken_as_given(points, dim, origin):
        return points, origin
    _check_axes(points, dim)
    rows = as_rows(points, "points")
    if rows.shape[1] != dim:
        raise InvalidInputError(
            f"points have {rows.shape[1]} coordinates, the window has {dim}",
            0 if len(rows) else None,
        )
    if metric == "cosine":
        return unit_rows(rows), None
    if origin is None and len(rows):
        wide = rows.dtype == np.float64
        origin = rows[0].astype(np.float64) if wide else np.zeros(dim)
        origin.flags.writeable = False  # callers are given this very array
    return to_float32(rows, origin), origin


def _are_taken_as_given(points: Any, dim: int, origin: Float64Array) -> bool:
    """Tell whether points are stored just as they are: most of those of a stream are."""
    return (
        type(points) is np.ndarray
        and points.dtype == np.float32
        and points.flags.c_contiguous
        and points.ndim == 2
        and points.shape[1] == dim
        and not origin.any()
        and bool((np.abs(points) <= limit_of(dim)).all())  # not where one is not finite
    )


def _check_axes(points: Any, dim: int) -> None:
    """Refuse one point without the axis of the points."""
    try:
        shape = np.shape(points)
    except (TypeError, ValueError):  # `as_rows` tells why
        return
    if len(shape) == 1 and dim > 1:
        raise InvalidInputError(
            f"points must be of shape (m, {dim}), not {tuple(shape)}; pass one point as "
            "point[None, :]"
        )
