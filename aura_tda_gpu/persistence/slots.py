"""Which points a window holds, and in which slots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InvalidInputError
from .arrays import Float64Array
from .engine import Float32Array, Int64Array

__all__ = ["FREE", "SlotTable", "WindowContent"]

FREE = -1


class SlotTable:
    """Ids of the points in a fixed number of slots.

    A point takes the lowest free slot and keeps it. Ids count up and never come back.

    Attributes
    ----------
    ids : ndarray of int64, shape (capacity,)
        Id of the point in each slot, FREE where there is none.
    next_id : int
        Id of the next point.
    """

    def __init__(self, capacity: int) -> None:
        self.ids = np.full(capacity, FREE, np.int64)
        self.next_id = 0
        self._n = 0

    @classmethod
    def of(cls, ids: Int64Array, next_id: int) -> SlotTable:
        """Return the table with these ids in its slots."""
        return cls._made(ids, next_id, int(np.count_nonzero(ids != FREE)))

    @classmethod
    def _made(cls, ids: Int64Array, next_id: int, n: int) -> SlotTable:
        table = cls.__new__(cls)
        table.ids, table.next_id, table._n = ids, next_id, n
        return table

    def copy(self) -> SlotTable:
        """Return an independent copy."""
        return self._made(self.ids.copy(), self.next_id, self._n)

    def __len__(self) -> int:
        return self._n

    @property
    def live(self) -> Int64Array:
        """Ascending slots that hold a point."""
        return np.flatnonzero(self.ids != FREE)

    def find(self, ids: Any) -> Int64Array:
        """Return the slot of each id.

        Raises
        ------
        InvalidInputError
            If an id is not there or is named twice; names the first such row.
        """
        try:
            array = np.asarray(ids)
        except (AttributeError, BufferError, RuntimeError, TypeError, ValueError) as error:
            raise InvalidInputError(f"ids must be a list of integers: {error}") from None
        if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
            raise InvalidInputError(f"ids must be a list of integers, not {ids!r}")
        if isinstance(ids, np.ma.MaskedArray):
            for row in np.flatnonzero(np.ma.getmaskarray(ids))[:1].tolist():
                raise InvalidInputError(f"the id in row {row} is masked", row)
        names = array.astype(np.int64)  # unsigned ones too large become negative
        if len(names) == 1 and names[0] >= 0:
            place = np.flatnonzero(self.ids == names[0])
            if len(place):
                return place
        order = np.argsort(self.ids)
        place = np.searchsorted(self.ids, names, sorter=order)
        slots: Int64Array = np.append(order, 0)[place]
        unknown = (names < 0) | (place == len(order)) | (self.ids[slots] != names)
        repeated = np.ones(len(names), np.bool_)
        repeated[np.unique(names, return_index=True)[1]] = False
        for row in np.flatnonzero(unknown | repeated)[:1].tolist():
            fault = "is named twice" if repeated[row] else "is not in the window"
            raise InvalidInputError(f"id {array[row]} {fault}", row)
        return slots

    def take_out(self, slots: Int64Array) -> None:
        """Free some slots, each of which holds a point."""
        self.ids[slots] = FREE
        self._n -= len(slots)

    def put_in(self, count: int) -> tuple[Int64Array, Int64Array]:
        """Give the lowest free slots to new points; return slots and ids."""
        slots = np.flatnonzero(self.ids == FREE)[:count]
        ids = np.arange(self.next_id, self.next_id + count, dtype=np.int64)
        self.ids[slots] = ids
        self.next_id += count
        self._n += count
        return slots, ids


@dataclass(frozen=True, slots=True, eq=False)
class WindowContent:
    """What a window holds at one moment; a change makes a new one.

    Attributes
    ----------
    slots : SlotTable
    points : ndarray of float32, shape (capacity, dim)
        Prepared points by slot; anything where there is none.
    origin : ndarray of float64, shape (dim,), or None
        What was subtracted from every point.
    """

    slots: SlotTable
    points: Float32Array
    origin: Float64Array | None

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        origin = 0 if self.origin is None else self.origin.nbytes
        return self.points.nbytes + self.slots.ids.nbytes + origin

    def replaced(
        self, slots: Int64Array, points: Float32Array, origin: Float64Array | None
    ) -> tuple[WindowContent, Int64Array]:
        """Return the content without the points of some slots and with others, and their ids."""
        table, held = self.slots.copy(), self.points.copy()
        table.take_out(slots)
        taken, ids = table.put_in(len(points))
        held[taken] = points
        return WindowContent(table, held, origin), ids
