"""Rows that several windows take, sent to their device once."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
import numpy.typing as npt

from .ring_buffer import Rows

__all__ = ["SentRows"]

_MOST_BYTES = 1 << 26  # of rows that are sent before a window asks for all of them


class SentRows:
    """What a push released, on the device for as long as it is on the host.

    One object serves all windows of a stream: the first one that takes a part of some rows sends
    all of them in one copy, and the others find theirs there. Rows of a push do not change.
    """

    def __init__(self) -> None:
        self._sent: dict[int, tuple[weakref.ref[Any], tuple[Any, ...]]] = {}

    def part(self, rows: Rows, xp: Any) -> tuple[Any, ...] | None:
        """Return points, times and ids on the current device.

        Parameters
        ----------
        rows : Rows
            Some in a row of those of a push.
        xp : module
            Of the device.

        Returns
        -------
        tuple or None
            None where the rows are no such part, or the whole is too large to be kept beside.
        """
        whole = _whole_of(rows)
        start = _place(rows.times, whole.times)
        if (
            whole.nbytes > _MOST_BYTES
            or len({len(whole.points), len(whole.times), len(whole.ids)}) > 1
            or start != _place(rows.points, whole.points)
            or start != _place(rows.ids, whole.ids)
        ):
            return None
        stop = start + len(rows)
        return tuple(column[start:stop] for column in self._columns(whole, xp))

    def _columns(self, whole: Rows, xp: Any) -> tuple[Any, ...]:
        """Return all rows of a push on the device, sent now if they are not there."""
        key = id(whole.times)
        if key not in self._sent:
            n, dim = whole.points.shape
            parts = whole.points.reshape(-1).view(np.int64), whole.times, whole.ids
            sent = xp.asarray(np.concatenate(parts))
            points = sent[: n * dim].view(np.float64).reshape(n, dim)
            columns = points, sent[n * dim : n * dim + n], sent[n * dim + n :]
            forget = weakref.ref(whole.times, lambda _: self._sent.pop(key, None))
            self._sent[key] = forget, columns
        return self._sent[key][1]


def _whole_of(rows: Rows) -> Rows:
    """Return the arrays of which rows are a part."""
    return Rows(*(_owner(column) for column in (rows.points, rows.times, rows.ids)))


def _owner(column: npt.NDArray[Any]) -> npt.NDArray[Any]:
    base = column.base
    return base if isinstance(base, np.ndarray) and base.ndim == column.ndim else column


def _place(part: npt.NDArray[Any], whole: npt.NDArray[Any]) -> int:
    """Return the row of an array with which a part of it begins; -1 if it is none in one piece."""
    step = whole.strides[0]
    if not (part.flags.c_contiguous and whole.flags.c_contiguous and step):
        return -1
    return (part.ctypes.data - whole.ctypes.data) // step
