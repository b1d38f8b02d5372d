"""What comes to a window on a device and what goes, in one copy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .cuda_launch import Device, Host, ceil_div, packed_nbytes, pieces
from .engine import Float32Array, Int64Array

__all__ = ["NONE_WRONG", "STAYS", "Changed", "Changes"]

FREE, STAYS, COMES = 0, 1, 2  # as in update.cu
NONE_WRONG = np.uint64(0xFFFFFFFFFFFFFFFF)


@dataclass(frozen=True, slots=True)
class Changed:
    """What comes and goes, on the device or on its way there; lists are ended by -1.

    Attributes
    ----------
    enclosing : array of uint64, shape (windows,)
        All ones.
    budget : array of int32, shape (windows,)
        How many edges may be looked at.
    moved : array of uint32, shape (windows, n / 32)
        See `cuda_trails.WarmStart.words`.
    fresh : array of float32, shape (windows, room + 1, dim)
        Coordinates of new points.
    come, gone, freed : arrays of int32, shape (windows, room + 1)
        Slots of new points; slots whose point leaves; slots without a point from now on.
    holds : array of uint8, shape (windows, n)
        FREE, STAYS or COMES for each slot.
    leaves : array of uint8, shape (windows, n)
        Whether the point of a slot leaves.
    """

    enclosing: Any
    budget: Any
    moved: Any
    fresh: Any
    come: Any
    gone: Any
    freed: Any
    holds: Any
    leaves: Any


class Changes:
    """Room for one change of one window at a time, which goes to the device in one copy.

    Parameters
    ----------
    device : Device
        Where to.
    n, dim : int
        Slots, and coordinates of a point.
    room : int
        Points that may come, and as many that may go.

    Attributes
    ----------
    changed : Changed
        On the device; always the same arrays.
    """

    def __init__(self, device: Device, n: int, dim: int, room: int) -> None:
        self.room = room
        self._device = device
        parts = list(_parts(n, dim, room))
        n_bytes = packed_nbytes(parts)
        self._packed = device.xp.empty(n_bytes, np.uint8)
        self._bytes = device.pinned(n_bytes)
        self._host = Changed(*pieces(self._bytes, parts))
        self.changed = Changed(*pieces(self._packed, parts))
        self._before: _Noted | None = None

    @property
    def nbytes(self) -> int:
        """Bytes on the device; there are as many on the host."""
        return int(self._bytes.nbytes)

    def note(
        self,
        live: Int64Array,
        gone: Int64Array,
        new: Int64Array,
        points: Float32Array,
        moved: Host,
        budget: int,
    ) -> Int64Array:
        """Note a change, once the device is done with the last one; return slots with a point.

        Parameters
        ----------
        live : ndarray of int64
            Slots that held a point before: if this is what the last call returned, what that
            noted is known.
        gone, new, points, budget
            As in `engine.WindowState.update`.
        moved : ndarray of uint32, shape (1, n_words)
            From `cuda_trails.WarmStart.words`.
        """
        host, before = self._host, self._before
        self._before = None
        host.enclosing[0], host.budget[0] = NONE_WRONG, budget
        host.moved[0] = moved
        host.fresh[0, : len(new)] = points
        holds, leaves = host.holds[0], host.leaves[0]
        if before is not None and before.live is live:
            holds[before.came] = STAYS
            leaves[before.went] = 0
        else:
            holds[:], leaves[:] = FREE, 0
            holds[live] = STAYS
        holds[gone] = FREE
        holds[new] = COMES
        leaves[gone] = 1
        freed = gone[holds[gone] == FREE]
        for slots, part in ((new, host.come[0]), (gone, host.gone[0]), (freed, host.freed[0])):
            part[: len(slots)] = slots
            part[len(slots) :] = -1
        in_place = len(gone) == len(new) and not len(freed)
        slots = live if in_place else np.flatnonzero(holds)
        self._before = _Noted(slots, gone, new)
        return slots

    def send(self) -> None:
        """Send what was noted to the device."""
        self._device.send(self._packed, self._bytes)


@dataclass(frozen=True, slots=True)
class _Noted:
    """The slots with a point after a change, and those where one went and where one came."""

    live: Int64Array
    went: Int64Array
    came: Int64Array


def _parts(n: int, dim: int, room: int) -> Iterator[tuple[Any, tuple[int, ...]]]:
    """Yield type and shape of each part of `Changed`."""
    yield np.uint64, (1,)
    yield np.int32, (1,)
    yield np.uint32, (1, ceil_div(n, 32))
    yield np.float32, (1, room + 1, dim)
    for _ in ("come", "gone", "freed"):
        yield np.int32, (1, room + 1)
    for _ in ("holds", "leaves"):
        yield np.uint8, (1, n)
