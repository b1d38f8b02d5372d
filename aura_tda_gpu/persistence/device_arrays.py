"""Points that are on a GPU already: they stay there, or come to the host in one counted copy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InvalidInputError
from . import distances
from .backends import usable_cores
from .cuda_launch import Device, Host, ceil_div
from .engine import Float32Array
from .places import gpu_of
from .threads import in_parts

__all__ = ["Downloads", "as_clouds", "as_points", "stacked"]

_WITH_KERNEL = ("euclidean", "manhattan", "chebyshev")
_BLOCK = 2**16  # coordinates that are looked at before the next ones
_LEAST_BLOCKS = 8  # that are worth a thread
_SAFELY = 0.999  # of the limit of `distances.to_float32`, which decides what is above


@dataclass(slots=True)
class Downloads:
    """Rows that were given on a GPU to somebody who keeps them on the host, counted.

    Attributes
    ----------
    rows, nbytes : int
        What was copied to the host so far.
    """

    rows: int = 0
    nbytes: int = 0

    def brought(self, X: Any, name: str, device: Device | None) -> Any:
        """Return an array on a GPU as one on the host, and anything else as it is.

        Whether all its values are finite is told by one reduction there: what is not is refused
        without a copy of the rows.

        Parameters
        ----------
        X : object
            Anything.
        name : str
            What to call it in an error.
        device : Device or None
            That of the engine; None leaves everything as it is.

        Raises
        ------
        InvalidInputError
            If it is on another GPU, cannot be shared, or has a row that is not finite, which is
            then named.
        MemoryLimitError
            If the device has no memory for the check.
        """
        if device is None or gpu_of(X) is None:
            return X
        with _opened(X, name, device, "its windows are", "move it there") as given:
            if given.ndim == 2 and given.dtype.kind == "f" and given.size:
                _refuse_not_finite(given, name, device)
            found: Host = device.to_host(given)
        self.rows += len(found) if found.ndim > 1 else 1
        self.nbytes += found.nbytes
        return found

    def told(self) -> dict[str, int]:
        """Return the counts under their names in ``info``; nothing where there was no copy."""
        if not self.rows:
            return {}
        return {"rows_downloaded": self.rows, "bytes_downloaded": self.nbytes}


def as_points(X: Any, metric: str, device: Device) -> Float32Array:
    """Validate points on a GPU as `distances.as_points` does, and return them there.

    Parameters
    ----------
    X : array with ``__dlpack__``, shape (n, dim)
        On the current device.
    metric : str
        Points for ``"cosine"`` and ``"dtm"`` go through the host.
    device : Device
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
    remedy = "move X, or make its device the current one"
    with _opened(X, "X", device, "backend 'cuda' computes", remedy) as rows:
        points = _points(rows, device.xp) if metric in _WITH_KERNEL else None
        return distances.as_points(device.to_host(rows), metric) if points is None else points


def as_clouds(X: Any, metric: str, device: Device | None) -> Any | None:
    """Return clouds (windows, n, dim) as `as_points` returns each, by one pass over all of them.

    None where ``X`` is no such array on the host or on the device, or where a cloud cannot be used:
    looked at one by one they tell why.
    """
    if metric not in _WITH_KERNEL:
        return None
    if type(X) is np.ndarray:
        return _clouds_on_host(X)
    if device is None or gpu_of(X) != device.number or len(getattr(X, "shape", ())) != 3:
        return None
    with _opened(X, "X", device, "backend 'cuda' computes", "") as clouds:
        return _points(clouds, device.xp, 3)


def _clouds_on_host(clouds: Host) -> Host | None:
    """Return clouds as `_points` does, by blocks that stay in the cache of a thread."""
    if clouds.ndim != 3 or not clouds.size:
        return None
    windows, n, dim = clouds.shape
    is_kept = clouds.dtype == np.float32 and clouds.flags.c_contiguous
    found = clouds if is_kept else np.empty(clouds.shape, np.float32)
    step = max(1, _BLOCK // (n * dim))
    n_blocks = ceil_div(windows, step)
    n_parts = max(1, min(usable_cores(), n_blocks // _LEAST_BLOCKS))

    def part(index: int) -> bool:
        for block in range(index, n_blocks, n_parts):
            here = slice(block * step, (block + 1) * step)
            points = _points(clouds[here], np, 3)
            if points is None:
                return False
            if not is_kept:
                found[here] = points
        return True

    return found if all(in_parts(part, n_parts)) else None


def stacked(clouds: Any, xp: Any) -> Any:
    """Return a list of clouds of one shape as one array, on the device if one of them is there.

    The array of all that `as_clouds` returns is returned as it is.
    """
    if not isinstance(clouds, list):
        return clouds
    if all(isinstance(cloud, np.ndarray) for cloud in clouds):
        return np.stack(clouds)
    return xp.stack([xp.asarray(cloud) for cloud in clouds])


@contextmanager
def _opened(X: Any, name: str, device: Device, does: str, remedy: str) -> Iterator[Any]:
    """Work on a device with an array that is on it, as an array of its module."""
    here = device.number
    if gpu_of(X) != here:
        raise InvalidInputError(
            f"{name} is on cuda:{gpu_of(X)}, and {does} on cuda:{here}: {remedy}"
        )
    device.wait_for_caller()  # CuPy orders only what is done in the stream of the moment
    with device.at_work(f"a copy of {name} has no room"):
        try:
            given = device.xp.from_dlpack(X)
        except (AttributeError, BufferError, RuntimeError, TypeError, ValueError) as error:
            raise InvalidInputError(
                f"{name} cannot be read as an array on cuda:{here}: {error}"
            ) from error
        yield given


def _refuse_not_finite(given: Any, name: str, device: Device) -> None:
    """Refuse rows with a value that is not finite, as `distances.as_rows` does."""
    flat = given.reshape(-1)
    place = device.xp.isfinite(flat).argmin()  # the first that is not, or any if all are
    (first,), (value,) = device.bring(place.reshape(1), device.xp.take(flat, place).reshape(1))
    if not np.isfinite(value):
        row = int(first) // given.shape[1]
        raise InvalidInputError(distances.not_finite(name, value, row), row)


def _points(rows: Any, xp: Any, ndim: int = 2) -> Any:
    """Return rows as float32 less their origin; None for what the host has to judge."""
    if rows.ndim != ndim or rows.dtype.kind not in "fiu" or not rows.size:
        return None
    if rows.dtype.type in (np.float16, np.float32):
        rows = rows.astype(np.float32, copy=False)
    else:
        rows = rows.astype(np.float64, copy=False)
        with np.errstate(invalid="ignore", over="ignore"):
            rows = rows - rows[..., :1, :]
    limit = _SAFELY * distances.limit_of(rows.shape[-1])
    if not bool((abs(rows) <= limit).all()):  # not a number fails, too
        return None
    return xp.ascontiguousarray(rows, np.float32)
