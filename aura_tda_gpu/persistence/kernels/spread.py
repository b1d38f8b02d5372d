"""Orders of numbers that are spread wide: a pass into buckets, then each bucket by itself."""

from __future__ import annotations

import numpy as np
from numba import njit

from .keys import ends_first

__all__ = ["first_gap", "most_persistent_first", "sort_few", "sort_spread"]

_ONE = np.uint64(1)
MANY_ALIKE = 16  # of which fewer are sorted by insertion


@njit(nogil=True, cache=True, inline="always")
def first_gap(size):
    """Return the first gap of Knuth's sequence for a shell sort, times three."""
    gap = 4
    while gap < size:
        gap = 3 * gap + 1
    return gap


@njit(nogil=True, cache=True)
def sort_few(numbers):
    """Sort numbers in place by a shell sort, which numba compiles in a tenth of the time."""
    gap = first_gap(numbers.shape[0])
    while gap > 1:
        gap //= 3
        for i in range(gap, numbers.shape[0]):
            number, k = numbers[i], i
            while k >= gap and numbers[k - gap] > number:
                numbers[k] = numbers[k - gap]
                k -= gap
            numbers[k] = number


@njit(nogil=True, cache=True)
def most_persistent_first(order, persistence, births, lasting, spare, counts):
    """Order pairs by falling persistence, ties by birth and its edge, the smaller vertex first.

    Parameters
    ----------
    order : (k,) int64, written
    persistence : (k or more,) float64, none negative
    births : (any,) uint64, keys; lasting (k or more,) int64 tells which is that of each pair
    spare : (2, k or more) uint64, overwritten
    counts : (2 k + 2 or more,) int64, overwritten
    """
    size, shift = order.shape[0], np.uint64(0)
    while size >> np.int64(shift) > 0:
        shift += _ONE
    numbers, patterns = spare[0, :size], persistence.view(np.uint64)
    for k in range(size):  # no persistence is negative, so its pattern sorts as it does
        numbers[k] = ~patterns[k] >> shift << shift | np.uint64(k)
    sort_spread(numbers, spare[1], counts)
    _settle(numbers, shift, persistence, births, lasting)
    for k in range(size):
        order[k] = np.int64(numbers[k] & ((_ONE << shift) - _ONE))


@njit(nogil=True, cache=True)
def sort_spread(numbers, spare, counts):
    """Sort numbers in place: about one to a bucket, then each bucket by itself.

    Parameters
    ----------
    numbers : (k,) uint64
    spare : (k or more,) uint64, overwritten
    counts : (2 k + 2 or more,) int64, overwritten
    """
    size = numbers.shape[0]
    if size < 2:
        return
    least, largest = numbers.min(), numbers.max()
    shift = np.uint64(0)
    while (largest - least) >> shift >= np.uint64(2 * size):
        shift += _ONE
    n_buckets = np.int64((largest - least) >> shift) + 1
    counts[: n_buckets + 1] = 0
    for i in range(size):
        counts[np.int64((numbers[i] - least) >> shift) + 1] += 1
    for bucket in range(1, n_buckets):
        counts[bucket + 1] += counts[bucket]
    for i in range(size):
        mine = np.int64((numbers[i] - least) >> shift)
        spare[counts[mine]] = numbers[i]
        counts[mine] += 1
    start = 0
    for bucket in range(n_buckets):
        stop = counts[bucket]
        if stop - start > MANY_ALIKE:
            sort_few(spare[start:stop])
        start = stop
    for i in range(size):
        number, k = spare[i], i
        while k > 0 and numbers[k - 1] > number:
            numbers[k] = numbers[k - 1]
            k -= 1
        numbers[k] = number


@njit(nogil=True, cache=True)
def _settle(order, shift, persistence, births, lasting):
    """Order pairs that the upper bits of their persistence leave equal."""
    size, places = order.shape[0], (_ONE << shift) - _ONE
    start = 0
    for i in range(1, size + 1):
        if i < size and order[i] >> shift == order[start] >> shift:
            continue
        if i - start > 1:
            _by_birth(order[start:i], places, persistence, births, lasting)
        start = i


@njit(nogil=True, cache=True)
def _by_birth(alike, places, persistence, births, lasting):
    """Order a few pairs by falling persistence, ties by birth and its edge."""
    size = alike.shape[0]
    falling, names = np.empty(size, np.float64), np.empty(size, np.uint64)
    for k in range(size):
        place = np.int64(alike[k] & places)
        falling[k] = -persistence[place]
        names[k] = ends_first(births[lasting[place]])
    gap = first_gap(size)
    while gap > 1:
        gap //= 3
        for i in range(gap, size):
            pair, far, name, k = alike[i], falling[i], names[i], i
            while k >= gap and (
                falling[k - gap] > far or (falling[k - gap] == far and names[k - gap] > name)
            ):
                before = k - gap
                alike[k], falling[k], names[k] = alike[before], falling[before], names[before]
                k = before
            alike[k], falling[k], names[k] = pair, far, name
