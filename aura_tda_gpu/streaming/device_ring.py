"""The rows of a window on a device."""

from __future__ import annotations

from contextlib import AbstractContextManager

import numpy as np

from ..persistence.cuda_launch import Device
from .device_intake import Columns, DeviceIntake
from .ring_buffer import RingBuffer, Rows

__all__ = ["DeviceRing"]


class DeviceRing:
    """The newest rows of a window by number, on a device.

    Parameters
    ----------
    device : Device
        Where they are.
    capacity, dim : int
        Rows, and coordinates of each.
    intake : DeviceIntake, optional
        Of the stream of the window.

    Attributes
    ----------
    end : int
        Number of the row after the newest one here.
    place : tuple of int
        Where points, times and ids are on the device, and the capacity.
    """

    def __init__(
        self, device: Device, capacity: int, dim: int, intake: DeviceIntake | None = None
    ) -> None:
        xp = device.xp
        self.device = device
        self.intake = DeviceIntake() if intake is None else intake
        self.capacity = capacity
        self.dim = dim
        self.end = 0
        self._start = 0  # number of the oldest one since which none is missing
        with self.at_work():
            self.points = xp.zeros((capacity, dim), np.float64)
            self.times, self.ids = (xp.zeros(capacity, np.int64) for _ in range(2))
        self.place = *(device.address(column) for column in self.columns), capacity

    @property
    def columns(self) -> Columns:
        """Points, times and ids."""
        return self.points, self.times, self.ids

    @property
    def device_nbytes(self) -> int:
        """Bytes held on the device."""
        return sum(int(column.nbytes) for column in self.columns)

    def at_work(self) -> AbstractContextManager[None]:
        """Work on the device; see `Device.at_work`."""
        held = self.capacity * (8 * self.dim + 16)
        needs = f"{self.capacity} rows of a window need {held} bytes, with room for landmarks,"
        return self.device.at_work(needs, "lower max_points or max_memory_mb")

    def sent(self, rows: Rows, *, pushed: bool) -> tuple[Columns, int]:
        """Send rows; return them on the device, and which of what was sent is the first of them.

        Those that a push brought, ``pushed``, are looked for among what other windows have sent.
        """
        found = self.intake.part(rows, self.device.xp) if pushed else None
        if found is not None:
            return found
        columns = rows.points, rows.times, rows.ids
        points, times, ids = (self.device.xp.asarray(np.ascontiguousarray(c)) for c in columns)
        return (points, times, ids), 0

    def appended(self, first: int, stop: int) -> None:
        """Take into account that rows of these numbers were written."""
        if first > self.end:
            self._start = first
        self.end = max(self.end, stop)

    def keep_to(self, ring: RingBuffer) -> None:
        """Forget what is here where rows of a window are missing or younger ones lie over them."""
        oldest = ring.total - len(ring)
        if self.end > ring.total or self._start > oldest:
            self._start = self.end = oldest
