"""What all windows of a stream share on their device: rows of a push, tables, working memory."""

from __future__ import annotations

import weakref
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..persistence.cuda_launch import Device
from ..persistence.engine import Int64Array
from .ring_buffer import Rows

__all__ = ["Columns", "DeviceIntake", "Tables", "scratch_of"]

Columns: TypeAlias = tuple[Any, Any, Any]  # points, times and ids on a device
_MOST_BYTES = 1 << 26  # of rows that are sent before a window asks for all of them
_TURNS = 32


class DeviceIntake:
    """What a push released, on the device for as long as it is on the host, and what goes with it.

    One object serves all windows of a stream: the first one that takes a part of some rows sends
    all of them in one copy, and the others find theirs there. Rows of a push do not change.
    """

    def __init__(self) -> None:
        self._sent: dict[int, tuple[weakref.ref[Any], Columns]] = {}
        self._tables: Tables | None = None
        self._scratch: tuple[Any, ...] = ()

    @property
    def device_nbytes(self) -> int:
        """Bytes held on the device, those of a push left out."""
        tables = 0 if self._tables is None else self._tables.nbytes
        return tables + sum(int(part.nbytes) for part in self._scratch)

    def part(self, rows: Rows, xp: Any) -> tuple[Columns, int] | None:
        """Return all rows of the push that rows are a part of, and which of them is the first.

        Parameters
        ----------
        rows : Rows
            Some in a row of those of a push.
        xp : module
            Of the device, which is current.

        Returns
        -------
        columns : tuple of arrays
            On the device; the same objects for every part of a push.
        place : int
            None in place of both where the rows are no such part, or the whole is too large to be
            kept beside.
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
        return self._columns(whole, xp), start

    def table(self, device: Device, rows: Int64Array) -> Any:
        """Send a table to the device; it is there for the launches that follow at once."""
        if self._tables is None or self._tables.row_nbytes < rows.nbytes:
            self._tables = Tables(device, rows.nbytes)
        return self._tables.send(rows)

    def scratch(self, device: Device, n: int, dim: int) -> tuple[Any, ...]:
        """Return working memory for n rows at least: places, slots, gaps and distances."""
        if not self._scratch or len(self._scratch[0]) < n:
            self._scratch = ()
            self._scratch = scratch_of(device, n, dim)
        return self._scratch

    def _columns(self, whole: Rows, xp: Any) -> Columns:
        """Return all rows of a push on the device, sent now if they are not there."""
        key = id(whole.times)
        held = self._sent.get(key)
        # an interrupt may have kept what was sent for an array that is gone
        if held is None or held[0]() is not whole.times:
            n, dim = whole.points.shape
            parts = whole.points.reshape(-1).view(np.int64), whole.times, whole.ids
            sent = xp.asarray(np.concatenate(parts))
            points = sent[: n * dim].view(np.float64).reshape(n, dim)
            columns = points, sent[n * dim : n * dim + n], sent[n * dim + n :]
            forget = weakref.ref(whole.times, lambda _: self._sent.pop(key, None))
            held = self._sent[key] = forget, columns
        return held[1]


class Tables:
    """Small tables on their way to a device, each of which lasts for `_TURNS` more.

    Parameters
    ----------
    device : Device
        Where to.
    row_nbytes : int
        Bytes of the largest table.
    """

    def __init__(self, device: Device, row_nbytes: int) -> None:
        self._device = device
        self.row_nbytes = row_nbytes
        self._host = device.pinned(_TURNS * row_nbytes).reshape(_TURNS, row_nbytes)
        self._host[...] = 0
        self._there = device.xp.empty((_TURNS, row_nbytes), np.uint8)
        self._turn = 0
        device.waits_for(self)

    @property
    def nbytes(self) -> int:
        """Bytes on the device; there are as many on the host."""
        return _TURNS * self.row_nbytes

    def send(self, rows: Int64Array) -> Any:
        """Return a table on the device, bytes, without waiting for it."""
        if self._turn == _TURNS:
            self._device.wait()  # until nothing here is on its way
            self._turn = 0
        here, there = self._host[self._turn], self._there[self._turn]
        self._turn += 1
        here[: rows.nbytes] = rows.reshape(-1).view(np.uint8)
        self._device.send(there, here)
        return there


def scratch_of(device: Device, n: int, dim: int) -> tuple[Any, ...]:
    """Return working memory as `DeviceIntake.scratch`, made anew."""
    xp = device.xp
    places, slots = xp.empty((n, dim), np.float64), xp.empty(n, np.int32)
    return places, slots, *xp.empty((2, n), np.float64)


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
