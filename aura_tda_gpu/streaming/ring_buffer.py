"""Rows of a stream as a structure of arrays, and a buffer of fixed capacity for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from ..errors import InvalidInputError
from ..persistence.arrays import Float64Array
from ..persistence.engine import Int64Array
from .windows import count_before

__all__ = ["RingBuffer", "Rows", "Span"]

_RUNWAY = 4096  # rows
_NO_TIMES = np.empty(0, np.int64)
_NO_TIMES.flags.writeable = False
_T = TypeVar("_T", bound=np.generic)
# start, size, newest time, rows ever, and where the circle ends
Span: TypeAlias = tuple[int, int, "int | None", int, int]


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows of a stream.

    Attributes
    ----------
    points : ndarray of float64, shape (n, dim)
        Coordinates as they were pushed.
    times : ndarray of int64, shape (n,)
        Event times in nanoseconds.
    ids : ndarray of int64, shape (n,)
        Point ids.
    """

    points: Float64Array
    times: Int64Array
    ids: Int64Array

    def __len__(self) -> int:
        return len(self.times)

    def __getitem__(self, index: slice | Int64Array) -> Rows:
        return Rows(self.points[index], self.times[index], self.ids[index])

    @property
    def nbytes(self) -> int:
        """Bytes of the three arrays."""
        return self.points.nbytes + self.times.nbytes + self.ids.nbytes

    @classmethod
    def empty(cls, dim: int) -> Rows:
        """Return no rows."""
        return cls(np.empty((0, dim)), np.empty(0, np.int64), np.empty(0, np.int64))

    @classmethod
    def concatenate(cls, parts: Sequence[Rows]) -> Rows:
        """Return the rows of all parts, one part after the other."""
        return cls(
            np.concatenate([part.points for part in parts]),
            np.concatenate([part.times for part in parts]),
            np.concatenate([part.ids for part in parts]),
        )

    def in_time_order(self) -> Rows:
        """Return the rows by time, those of equal time as they stand."""
        if len(self) < 2 or (self.times[:-1] <= self.times[1:]).all():
            return self
        return self[np.argsort(self.times, kind="stable")]


class RingBuffer:
    """The newest rows of a stream in time order, in memory that never grows.

    Parameters
    ----------
    capacity : int
        Largest number of rows, at least 1.
    dim : int
        Coordinates a point.

    Attributes
    ----------
    capacity : int
        Largest number of rows.

    Notes
    -----
    Rows live in three circular arrays. What the methods return is a read-only view while the
    rows asked for lie in one piece, and a copy where they wrap around the end; a view shows
    other rows after the next `append`. The circle is the capacity halved as often as the rows that
    were ever held at once allow, so that no more memory is touched than twice what is used; it
    doubles when they outgrow it, which moves some of them, and moves none while they stay as many.
    """

    def __init__(self, capacity: int, dim: int) -> None:
        self.capacity = capacity
        self._rows = Rows(
            np.empty((capacity, dim)),
            np.empty(capacity, np.int64),
            np.empty(capacity, np.int64),
        )
        self._span: Span = (0, 0, None, 0, _circle(capacity, min(_RUNWAY, capacity), above=False))

    def __len__(self) -> int:
        return self._span[1]

    @property
    def newest_ns(self) -> int | None:
        """Time of the newest row ever appended, also after it has left; None before the first."""
        return self._span[2]

    @property
    def total(self) -> int:
        """Rows ever appended: the number of the next one; those held have the last numbers."""
        return self._span[3]

    @property
    def nbytes(self) -> int:
        """Bytes held, the same from the start."""
        return self._rows.nbytes

    def pushed_out_by(self, rows: Rows) -> Int64Array:
        """Return the times of the rows that would leave early if ``rows`` were appended.

        They are in time order, and those of ``rows`` that would never get in are among them.
        """
        overflow = self._span[1] + len(rows) - self.capacity
        if overflow <= 0:
            return _NO_TIMES
        oldest = self.times(0, min(overflow, len(self)))
        return np.concatenate([oldest, rows.times[: overflow - len(oldest)]])

    def append(self, rows: Rows) -> None:
        """Add rows at the young end; the oldest leave when there is no room.

        Parameters
        ----------
        rows : Rows
            In time order, none older than the newest one here.

        Raises
        ------
        InvalidInputError
            If the rows are not in time order.
        """
        self._check_order(rows.times)
        start, size, newest, total, circle = self._with_room(len(rows))
        overflow = max(0, size + len(rows) - self.capacity)
        leaving = min(overflow, size)
        kept = rows[overflow - leaving :] if overflow > leaving else rows
        self._write((start + size) % circle, kept, circle)
        if len(rows):
            newest = int(rows.times[-1])
        start = (start + leaving) % circle
        self._span = (start, size - leaving + len(kept), newest, total + len(rows), circle)

    def evict_before(self, t_ns: int) -> int:
        """Drop the rows older than ``t_ns`` and return their number."""
        n = self.count_before(t_ns)
        if n:
            self.drop_oldest(n)
        return n

    def count_before(self, t_ns: int) -> int:
        """Return the number of rows older than ``t_ns``."""
        start, size, _, _, circle = self._span
        if not size or self._rows.times.item(start) >= t_ns:
            return 0
        first = self._rows.times[start : min(start + size, circle)]
        n = count_before(first, t_ns)
        if n < len(first) or n == size:
            return n
        return n + count_before(self._rows.times[: size - len(first)], t_ns)

    def drop_oldest(self, n: int) -> None:
        """Drop ``n`` rows at the old end."""
        start, size, newest, total, circle = self._span
        self._span = ((start + n) % circle, size - n, newest, total, circle)

    def before_exchange(self, n_newest: int, n_more: int) -> Span:
        """Return what `exchange` needs, once there is room for it.

        Parameters
        ----------
        n_newest, n_more : int
            How many rows will leave at the young end, and how many will be added.
        """
        return self._with_room(n_more - n_newest)

    def exchange(self, span: Span, n_newest: int, n_oldest: int, rows: Rows) -> None:
        """Drop rows at both ends and add others at the young end; may be repeated if interrupted.

        Parameters
        ----------
        span : tuple
            From `before_exchange`, before the first try.
        n_newest, n_oldest : int
            How many leave, those at the young end as if they had never been appended.
        rows : Rows
            In time order, none older than those that stay; no view of this buffer. They fit.
        """
        start, size, newest, total, circle = span
        left = size - n_newest
        if len(rows):
            self._write((start + left) % circle, rows, circle)
            newest = int(rows.times[-1])
        elif n_newest:
            newest = int(self._rows.times[(start + left - 1) % circle]) if left else None
        start, size = (start + n_oldest) % circle, left - n_oldest + len(rows)
        self._span = (start, size, newest, total - n_newest + len(rows), circle)

    def parts(self, start: int = 0, stop: int | None = None) -> list[Rows]:
        """Return the same rows as `rows`, as views of the buffer: two where they wrap around."""
        first, size, _, _, circle = self._span
        stop = size if stop is None else min(stop, size)
        cut = min(max(start, circle - first), max(start, stop))
        return [self.rows(start, cut), self.rows(cut, stop)]

    def rows(self, start: int = 0, stop: int | None = None) -> Rows:
        """Return rows ``start`` to ``stop`` in time order, counted from the oldest."""
        return Rows(self.points(start, stop), self.times(start, stop), self.ids(start, stop))

    def points(self, start: int = 0, stop: int | None = None) -> Float64Array:
        """Return coordinates in time order, shape (n, dim)."""
        return self._piece(self._rows.points, start, stop)

    def times(self, start: int = 0, stop: int | None = None) -> Int64Array:
        """Return event times in nanoseconds in time order, shape (n,)."""
        return self._piece(self._rows.times, start, stop)

    def ids(self, start: int = 0, stop: int | None = None) -> Int64Array:
        """Return point ids in time order, shape (n,)."""
        return self._piece(self._rows.ids, start, stop)

    def _check_order(self, times: Int64Array) -> None:
        newest = self.newest_ns
        if len(times) and newest is not None and times[0] < newest:
            raise InvalidInputError("row 0 is older than the newest row of the buffer", 0)
        if len(times) < 2:
            return
        sorted_pairs = times[:-1] <= times[1:]
        if not sorted_pairs.all():
            row = int(np.argmin(sorted_pairs)) + 1
            raise InvalidInputError(f"row {row} is older than the row before it", row)

    def _with_room(self, n_more: int) -> Span:
        """Return the span, once the circle has room for so many more rows, or ends where all ends.

        Rows at the front go on behind where the circle ended: nothing is written over.
        """
        start, size, newest, total, circle = self._span
        needed = min(self.capacity, size + n_more)
        if needed > circle:
            wider = _circle(self.capacity, needed, above=True)
            for column in _columns(self._rows):
                column[circle : start + size] = column[: max(0, start + size - circle)]
            self._span = (start, size, newest, total, wider)
        return self._span

    def _write(self, at: int, rows: Rows, circle: int) -> None:
        end = at + len(rows)
        if end <= circle:
            own = self._rows
            own.points[at:end], own.times[at:end] = rows.points, rows.times
            own.ids[at:end] = rows.ids
            return
        cut = circle - at
        for target, source in zip(_columns(self._rows), _columns(rows), strict=True):
            target[at : at + cut] = source[:cut]
            target[: len(source) - cut] = source[cut:]

    def _piece(self, array: npt.NDArray[_T], start: int, stop: int | None) -> npt.NDArray[_T]:
        first, size, _, _, circle = self._span
        stop = size if stop is None else min(stop, size)
        begin = (first + start) % circle
        end = begin + max(0, stop - start)
        if end <= circle:
            piece = array[begin:end]
        else:
            piece = np.concatenate([array[begin:circle], array[: end - circle]])
        piece.flags.writeable = False
        return piece


def _columns(rows: Rows) -> tuple[npt.NDArray[np.generic], ...]:
    return rows.points, rows.times, rows.ids


def _circle(capacity: int, rows: int, *, above: bool) -> int:
    """Return a capacity halved, and rounded up, to the least above or the largest up to ``rows``.

    So each is at least twice the next one less one: what wraps around finds room behind the end.
    """
    circle = capacity
    while circle > 1 and (_half(circle) >= rows if above else circle > rows):
        circle = _half(circle)
    return circle


def _half(amount: int) -> int:
    """Return half of an amount, rounded up."""
    return -(-amount // 2)
