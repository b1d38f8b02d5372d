"""Points that are on a GPU already stay there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import InvalidInputError
from . import distances
from .engine import Float32Array
from .places import gpu_of

__all__ = ["as_points", "stacked"]

_WITH_KERNEL = ("euclidean", "manhattan", "chebyshev")
_SAFELY = 0.999  # of the limit of `distances.to_float32`, which decides what is above


def as_points(X: Any, metric: str, device: Any) -> Float32Array:
    """Validate points on a GPU as `distances.as_points` does, and return them there.

    Parameters
    ----------
    X : array with ``__dlpack__``, shape (n, dim)
        On the current device.
    metric : str
        Points for ``"cosine"`` and ``"dtm"`` go through the host.
    device : cuda_launch.Device
        The engine's.

    Returns
    -------
    device array of float32, shape (n, dim)
        C-contiguous, the same bits as on the host; may share memory with ``X``.

    Raises
    ------
    InvalidInputError
        As `distances.as_points`, and for an array on another device.
    """
    xp = device.xp
    here = _current(xp)
    if gpu_of(X) != here:
        raise InvalidInputError(
            f"X is on cuda:{gpu_of(X)}, and backend 'cuda' computes on cuda:{here}: move X, or "
            "make its device the current one"
        )
    device.wait_for_caller()  # CuPy orders only what is done in the stream of the moment
    with device.at_work("a copy of X has no room"):
        try:
            rows = xp.from_dlpack(X)
        except (AttributeError, BufferError, RuntimeError, TypeError, ValueError) as error:
            raise InvalidInputError(
                f"X cannot be read as an array on cuda:{here}: {error}"
            ) from error
        points = _points(rows, xp) if metric in _WITH_KERNEL else None
        return distances.as_points(device.to_host(rows), metric) if points is None else points


def stacked(clouds: Sequence[Any], xp: Any) -> Any:
    """Return clouds of one shape as one array: on the host, or on the device if one of them is."""
    if all(isinstance(cloud, np.ndarray) for cloud in clouds):
        return np.stack(clouds)
    return xp.stack([xp.asarray(cloud) for cloud in clouds])


def _points(rows: Any, xp: Any) -> Any:
    """Return rows as float32 less their origin; None for what the host has to judge."""
    if rows.ndim != 2 or rows.dtype.kind not in "fiu" or not rows.size:
        return None
    if rows.dtype in (np.float16, np.float32):
        rows = rows.astype(np.float32, copy=False)
    else:
        rows = rows.astype(np.float64)
        with np.errstate(invalid="ignore"):
            rows = rows - rows[0]
    limit = _SAFELY * distances.limit_of(rows.shape[1])
    if not bool((abs(rows) <= limit).all()):  # not a number fails, too
        return None
    return xp.ascontiguousarray(rows, np.float32)


def _current(xp: Any) -> int:
    return int(xp.cuda.Device().id) if hasattr(xp, "cuda") else 0
