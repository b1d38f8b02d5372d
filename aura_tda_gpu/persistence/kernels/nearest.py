"""The landmark that is nearest to a row, among all or among the few that are around."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from .farthest import SQUARES, SUM

__all__ = [
    "TINY",
    "Around",
    "distance_of",
    "gaps",
    "is_equal",
    "join_few",
    "look_around",
    "nearest",
    "nothing_around",
    "opened",
    "place_of",
]

TINY = 2.0**-500  # more than a distance whose squares all underflow
_UNDERFLOW = 2.0**-900  # smaller squares are not as exact as others
_LESS = 1 - 2.0**-40  # by far more than sums of squares and their roots are rounded


class Around(NamedTuple):
    """The landmarks nearer than ``within`` (1,) to ``centre`` (dim,), and any others.

    ``columns`` (dim, k + 1) are their coordinates, the first ``size`` (1,) of them, and ``slots``
    (k + 1,) their slots; a size of -1 says that none are known. None of them may close.
    """

    columns: npt.NDArray[np.float64]
    slots: npt.NDArray[np.int64]
    centre: npt.NDArray[np.float64]
    within: npt.NDArray[np.float64]
    size: npt.NDArray[np.int64]


@njit(nogil=True, cache=True)
def nothing_around(k, dim):
    """Return that nothing is known, for ``k`` landmarks."""
    columns, slots = np.empty((dim, k + 1)), np.empty(k + 1, np.int64)
    return Around(columns, slots, np.zeros(dim), np.zeros(1), np.full(1, -1))


@njit(nogil=True, cache=True)
def place_of(raw, point, x):
    """Write into ``x`` (dim,) where ``point`` (dim,) lies, scaled to length one if asked for."""
    if len(raw) == 0:
        for axis in range(len(x)):
            x[axis] = point[axis]
        return
    largest = np.abs(point).max()
    total = 0.0
    for axis in range(len(x)):
        x[axis] = point[axis] / largest
        total += x[axis] * x[axis]
    length = np.sqrt(total)
    for axis in range(len(x)):
        x[axis] /= length


@njit(nogil=True, cache=True)
def gaps(columns, x, high, kind, gap):
    """Fill ``gap[:high]`` with what compares like the distances of ``x`` (dim,) to the slots."""
    value = x[0]
    column = columns[0]
    if kind == SQUARES:
        for slot in range(high):
            gap[slot] = (column[slot] - value) * (column[slot] - value)
    else:
        for slot in range(high):
            gap[slot] = abs(column[slot] - value)
    for axis in range(1, len(x)):
        value = x[axis]
        column = columns[axis]
        if kind == SQUARES:
            for slot in range(high):
                difference = column[slot] - value
                gap[slot] += difference * difference
        elif kind == SUM:
            for slot in range(high):
                gap[slot] += abs(column[slot] - value)
        else:
            for slot in range(high):
                gap[slot] = max(gap[slot], abs(column[slot] - value))


@njit(nogil=True, cache=True)
def nearest(columns, raw, high, gap, point, x, kind):
    """Return the nearest landmark, the lowest slot of equals, and its distance."""
    if high == 0:
        return 0, np.inf
    gaps(columns, x, high, kind, gap)
    # patterns of floats that are not negative compare like the floats, and integers vectorise
    patterns = gap.view(np.int64)
    smallest = patterns[0]
    for slot in range(1, high):
        smallest = min(smallest, patterns[slot])
    first = 0
    while patterns[first] != smallest:
        first += 1
    if smallest != 0:
        return first, distance_of(gap[first], kind)
    for slot in range(first, high):
        if gap[slot] == 0.0 and is_equal(columns, raw, slot, point, x):
            return slot, 0.0
    return first, TINY


@njit(nogil=True, cache=True)
def join_few(points, most, around, slots, distances):
    """Find the nearest landmarks of the first rows, as long as that is sure and quick.

    A landmark that is not among those around the centre is at least ``within`` away from it. So it
    is farther from a row than any that is less than ``within`` away, less the way to the centre.

    Parameters
    ----------
    points
        Rows (m, dim), compared by squares of differences.
    most
        The largest distance of a row and its landmark.
    around
        The landmarks to look among.
    slots, distances
        Get what `nearest` returns for these rows (m,).

    Returns
    -------
    n
        For how many rows they were found.
    """
    n, columns, names, centre = around.size[0], around.columns, around.slots, around.centre
    within, dim, gap = _LESS * around.within[0], points.shape[1], np.empty(len(around.slots))
    for row in range(len(points)):
        away = 0.0
        for axis in range(dim):
            away += (centre[axis] - points[row, axis]) * (centre[axis] - points[row, axis])
        spare = within - np.sqrt(away)
        if not spare > 0.0:
            return row
        x = points[row, 0]
        for i in range(n):
            gap[i] = (columns[0, i] - x) * (columns[0, i] - x)
        for axis in range(1, dim):
            x = points[row, axis]
            for i in range(n):
                gap[i] += (columns[axis, i] - x) * (columns[axis, i] - x)
        found, least = -1, np.inf
        for i in range(n):
            if gap[i] < least or (gap[i] == least and names[i] < found):
                found, least = names[i], gap[i]
        distance = np.sqrt(least)
        if not (_UNDERFLOW < least < spare * spare and distance <= most):
            return row
        slots[row], distances[row] = found, distance
    return len(points)


@njit(nogil=True, cache=True)
def look_around(columns, high, gap, rho, around, points, row, distance):
    """Note the landmarks around a row, whose ``gap`` and nearest distance have just been found.

    Only if it is near the row before it: where rows jump, it does not pay.
    """
    around.size[0] = -1
    reach, away = distance + 2 * rho, 0.0
    if row == 0 or not reach < np.inf:
        return
    for axis in range(points.shape[1]):
        step = points[row, axis] - points[row - 1, axis]
        away += step * step
    if not away < rho * rho:
        return
    n, limit, slots = 0, reach * reach, around.slots
    for slot in range(high):
        slots[n] = slot
        n += gap[slot] <= limit
    if 4 * n >= high:
        return
    for axis in range(points.shape[1]):
        for i in range(n):
            around.columns[axis, i] = columns[axis, slots[i]]
        around.centre[axis] = points[row, axis]
    around.within[0] = reach
    around.size[0] = n


@njit(nogil=True, cache=True)
def opened(around, slot, x):
    """Count a landmark that has just opened at ``x`` among those around the centre."""
    n = around.size[0]
    if n < 0:
        return
    if n + 1 == len(around.slots):
        around.size[0] = -1
        return
    around.slots[n] = slot
    for axis in range(len(x)):
        around.columns[axis, n] = x[axis]
    around.size[0] = n + 1


@njit(nogil=True, cache=True)
def distance_of(gap, kind):
    """Turn the gap of two different points into a distance."""
    return max(np.sqrt(gap), TINY) if kind == SQUARES else gap


@njit(nogil=True, cache=True)
def is_equal(columns, raw, slot, point, x):
    """Tell whether a row is the landmark itself: a gap of 0 may be an underflow."""
    same = True
    if len(raw) == 0:
        for axis in range(len(x)):
            same &= columns[axis, slot] == x[axis]
        return same
    other = raw[slot]
    largest, other_largest = np.abs(point).max(), np.abs(other).max()
    for axis in range(len(x)):
        same &= other[axis] / other_largest == point[axis] / largest
    return same
