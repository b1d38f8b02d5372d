"""Bars and loops of many windows of one size, by compiled kernels on several threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .backends import usable_cores
from .bars import ListedMembers, Members
from .cuda_bars import Brought
from .engine import Int64Array
from .kernels import many_rows
from .many_bars import BarsOfMany, Births, Rows, Spans
from .threads import in_parts

__all__ = ["TrimmedWords", "bars_of_windows"]

MOST_THREADS = 4  # more wait for each other
LEAST_SHARE = 16  # windows that are worth a thread
CHUNK = 4  # windows that a thread takes at a time, for threads do not start at once
MOST_WORD_BYTES = 2**16  # of the columns of a window that are copied, not listed
WORD = 32


@dataclass(frozen=True, slots=True)
class TrimmedWords:
    """Reduced columns as bitsets that end with their youngest birth; see `bars.Members`.

    Attributes
    ----------
    words : ndarray of uint32
        Column after column, in the order of the births.
    rows : ndarray of int64
        Which birth each bar is.
    """

    words: npt.NDArray[np.uint32]
    rows: Int64Array

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self.words.nbytes

    def __call__(self, index: int) -> Int64Array:
        """Return the births in a column; see `bars.Members`."""
        birth = int(self.rows[index])
        start = _n_words(birth)
        column = self.words[start : start + birth // WORD + 1]
        bits = np.unpackbits(column.view(np.uint8), bitorder="little")
        return np.flatnonzero(bits).astype(np.int64, copy=False)


def bars_of_windows(found: Brought, dimensions: tuple[int, ...]) -> BarsOfMany:
    """Return what `many_bars.bars_of_many` returns, by one pass in which threads share the windows.

    Parameters
    ----------
    found, dimensions
        See there.
    """
    windows, n = len(found), found.n
    n_merges, n_births = found.n_merges, found.n_births
    births = _starts(n_births)
    words = _starts(_n_words(n_births))
    is_listed = 4 * int(np.diff(words).max(initial=0)) > MOST_WORD_BYTES
    n_words = 0 if is_listed else int(words[-1])
    n_all = int(births[-1])
    forest, values, deaths, truncated = _room(
        ((windows, n), np.uint64),
        ((windows, n, 2), np.uint32),
        ((windows, n, 2), np.int64),
        ((windows, n), np.bool_),
    )
    components = values, deaths, truncated
    keys, rows, lengths, *ends, is_open = _room(
        *(((n_all,), kind) for kind in (np.uint64, np.int64)),
        *(((n_all, 2), kind) for kind in (np.uint32, np.int64, np.int64)),
        ((n_all,), np.bool_),
    )
    loops = lengths, ends[0], ends[1], is_open
    copied = np.empty(n_words, np.uint32)
    n_bars = np.zeros((2, windows), np.int64)
    listed: dict[int, ListedMembers] = {}
    chunks = deque(range(0, windows, CHUNK))

    def share(_: int) -> None:
        while True:
            try:
                first = chunks.popleft()
            except IndexError:
                return
            last = min(first + CHUNK, windows)
            given = found.merges, n_merges
            many_rows.write_components(first, last, *given, forest, *components, n_bars[0])
            if 1 not in dimensions:
                continue
            pairs = found.births, found.deaths, n_births
            many_rows.write_loops(first, last, *pairs, births, keys, rows, *loops, n_bars[1])
            if is_listed:
                for w in range(first, last):
                    listed[w] = _listed(found, w, rows[births[w] :][: n_bars[1, w]])
            else:
                many_rows.copy_words(first, last, found.columns, n_births, words, copied)

    in_parts(share, _n_threads(windows))
    begins = np.arange(windows) * n
    columns: dict[int, Rows] = {}
    if 0 in dimensions:
        spans = Spans(begins.tolist(), (begins + n_bars[0]).tolist())
        whole = deaths.reshape(-1, 2), truncated.reshape(-1)
        columns[0] = Rows(spans, _lengths(values), None, *whole)
    forests = Spans((begins + n - n_merges).tolist(), (begins + n).tolist())
    every = None
    if 1 in dimensions:
        spans = Spans(births[:-1].tolist(), (births[:-1] + n_bars[1]).tolist())
        columns[1] = Rows(spans, _lengths(lengths), ends[0], ends[1], is_open)
        members = listed.__getitem__ if is_listed else _trimmed(copied, words.tolist(), rows, spans)
        every = Births(Spans.after_another(births), keys, rows, members)
    return BarsOfMany(n, columns, forest.reshape(-1), forests, every)


def _listed(found: Brought, window: int, rows: Int64Array) -> ListedMembers:
    return ListedMembers(*many_rows.list_members(found.columns[window], rows))


def _trimmed(
    words: npt.NDArray[np.uint32], starts: list[int], rows: Int64Array, spans: Spans
) -> Callable[[int], Members]:
    """Return what gives the columns of a window."""

    def members(window: int) -> Members:
        return TrimmedWords(words[starts[window] : starts[window + 1]], rows[spans.of(window)])

    return members


def _n_words(n_births: Any) -> Any:
    """Return how many words the reduced columns of so many births take, each up to its birth."""
    whole, rest = n_births // WORD, n_births % WORD
    return (WORD * whole // 2 + rest) * (whole + 1)


def _n_threads(windows: int) -> int:
    return max(1, min(MOST_THREADS, usable_cores(), windows // LEAST_SHARE))


def _starts(lengths: Int64Array) -> Int64Array:
    return np.concatenate([[0], np.cumsum(lengths)])


def _room(*wanted: tuple[tuple[int, ...], Any]) -> list[npt.NDArray[Any]]:
    """Return arrays side by side in one, which the system hands out in larger pages."""
    sizes = [int(np.prod(shape)) * np.dtype(kind).itemsize for shape, kind in wanted]
    packed = np.empty(sum(sizes), np.uint8)
    found, start = [], 0
    for (shape, kind), size in zip(wanted, sizes, strict=True):
        found.append(packed[start : start + size].view(kind).reshape(shape))
        start += size
    return found


def _lengths(patterns: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    return patterns.view(np.float32).reshape(-1, 2)
