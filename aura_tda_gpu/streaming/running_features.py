"""Feature vectors that follow a diagram from tick to tick."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..features.bars import BarRows
from ..features.base import Vectorisation
from ..features.namespace import namespace_of
from ..features.sums import SumOverBars
from ..persistence.arrays import Float64Array
from ..persistence.diagram import Diagram
from ..persistence.engine import Float32Array

__all__ = ["FEW_NUMBERS", "Difference", "RunningFeature", "TickBars", "bars_between"]

_NUMPY = namespace_of(np.empty(0))
FEW_NUMBERS = 1 << 14  # a part with fewer is as fast afresh as it is to compare bars
_LOSS = 2.0**-10  # of the largest sum there was: what is left then has lost ten bits
_Keys = npt.NDArray[np.uint64]


class Difference(NamedTuple):
    """Bars of one dimension that came and went, shape (m, 2) each."""

    came: Float32Array
    went: Float32Array

    def __len__(self) -> int:
        """Return how many there are of both."""
        return len(self.came) + len(self.went)


def bars_between(before: _Keys, after: _Keys) -> Difference:
    """Return the difference of two sorted multisets of bars, bit by bit.

    Parameters
    ----------
    before, after : ndarray of uint64
        Birth and death of each bar, both float32, read as one integer; ascending.
    """
    both = np.concatenate([before, after])
    order = np.argsort(both, kind="stable")
    keys, signs = both[order], np.where(order < len(before), -1, 1)
    starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]])[: len(keys)])
    net = np.add.reduceat(signs, starts) if len(starts) else signs
    moved = np.flatnonzero(net)
    bars, times = keys[starts[moved]], net[moved]
    came, went = (np.repeat(bars, np.maximum(sign * times, 0)) for sign in (1, -1))
    return Difference(_as_bars(came), _as_bars(went))


class TickBars:
    """The bars of a diagram, and what has become of those of the one before.

    Parameters
    ----------
    diagram : Diagram
        The later one.
    before : TickBars, optional
        Those of the earlier one.
    """

    def __init__(self, diagram: Diagram, before: TickBars | None) -> None:
        self.dimensions = diagram.dimensions
        self._bars = {k: diagram[k] for k in diagram.dimensions}
        self._keys = {k: _keys_of(bars) for k, bars in self._bars.items()}
        is_alike = before is not None and before.dimensions == diagram.dimensions
        self._before = before._keys if before is not None and is_alike else {}
        self._same = {
            k: k in self._before and np.array_equal(self._before[k], keys)
            for k, keys in self._keys.items()
        }
        self._differences: dict[int, Difference] = {}
        self._found: dict[tuple[object, ...], BarRows] = {}

    @property
    def nbytes(self) -> int:
        """Bytes held until the next tick."""
        return sum(keys.nbytes for keys in self._keys.values())

    def __len__(self) -> int:
        """Return the number of bars."""
        return sum(map(len, self._bars.values()))

    def count(self, dimension: int | None) -> int:
        """Return the number of bars of one dimension, or of all."""
        return len(self) if dimension is None else len(self._bars[dimension])

    def forget(self) -> None:
        """Keep only what the next tick needs."""
        self._before, self._differences, self._found = {}, {}, {}

    def is_same(self, dimension: int | None) -> bool:
        """Return whether the bars of a dimension, or of all, are those of the tick before."""
        return all(self._same.values()) if dimension is None else self._same[dimension]

    def n_moved(self, dimension: int | None) -> int | None:
        """Return how many bars of a dimension came and went; None where nothing is known."""
        wanted = self.dimensions if dimension is None else (dimension,)
        if not all(k in self._before for k in wanted):
            return None
        for k in wanted:
            if k not in self._differences:
                self._differences[k] = bars_between(self._before[k], self._keys[k])
        return sum(len(self._differences[k]) for k in wanted)

    def rows(self, part: Vectorisation) -> BarRows:
        """Return all bars as a vectorisation counts them."""
        if part.dimension is None:
            return self._rows(part, (self._bars,), "all")
        return self.rows_of(part, part.dimension)

    def rows_of(self, part: Vectorisation, dimension: int) -> BarRows:
        """Return the bars of one dimension as a vectorisation counts them."""
        key = (
            (dimension, *part.counting[1:])
            if part.infinite == "clip"
            else (dimension, part.infinite)
        )
        if key not in self._found:
            self._found[key] = self._one_row(part, dimension)
        return self._found[key]

    def _one_row(self, part: Vectorisation, dimension: int) -> BarRows:
        every = ("all", dimension, None)
        if every not in self._found:
            self._found[every] = _row_of(self._bars[dimension], dimension)
        bars, table = self._found[every], self._bars[dimension]
        if part.infinite == "keep" or not len(table) or table[0, 1] < np.inf:
            return bars  # open bars are in front
        n_open = int(np.count_nonzero(table[:, 1] == np.inf))
        if part.infinite == "drop" and n_open < len(table):
            return _row_of(table[n_open:], dimension)
        return part.without_open(bars)

    def moved(self, part: Vectorisation) -> BarRows:
        """Return the bars that came, and in a second row those that went."""
        came = {k: difference.came for k, difference in self._differences.items()}
        went = {k: difference.went for k, difference in self._differences.items()}
        return self._rows(part, (came, went), "moved")

    def _rows(
        self, part: Vectorisation, tables: tuple[Mapping[int, Float32Array], ...], which: str
    ) -> BarRows:
        key = (which, *part.counting)
        if key not in self._found:
            every = (which, part.dimension, None)
            if every not in self._found:
                self._found[every] = _side_by_side(tables, part.dimension)
            self._found[key] = part.without_open(self._found[every])
        return self._found[key]


class RunningFeature:
    """One vectorisation of the diagrams of one window.

    Parameters
    ----------
    part : Vectorisation
        A fitted one.
    rebuild_every : int
        Ticks after which a sum is taken afresh.

    Notes
    -----
    A large sum over bars takes in those that came and gives back those that went, in float64. It
    is taken afresh after some ticks, when half the bars moved, and when it has shrunk to a
    thousandth of the largest it was. So rounding stays below ``2 ** 10 * rebuild_every`` units in
    the last place of the largest number. A small one is taken afresh whenever a bar moved.
    """

    def __init__(self, part: Vectorisation, rebuild_every: int) -> None:
        self.part = part
        self._summed = part if isinstance(part, SumOverBars) else None
        self.value: Float64Array = np.zeros(part.n_features)
        self._like = np.empty((0, 0, 3))
        self._rebuild_every = rebuild_every
        self._sums: Float64Array | None = None
        self._peak = 0.0
        self._age = 0

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self.value.nbytes + (0 if self._sums is None else self._sums.nbytes)

    def take(self, bars: TickBars) -> Float64Array:
        """Return the features of a tick, shape (F,)."""
        if bars.is_same(self.part.dimension):
            return self.value
        part = self._summed
        if part is None:
            rows = bars.rows(self.part)
            self.value = self.part.of_rows(_NUMPY, rows, self._like)[0]
            return self.value
        self._sums = self._followed(part, bars)
        if self._sums is None:
            self._age = 0
            self._sums = self._afresh(part, bars)
            self._peak = 0.0
        self.value = part.of_sums(self._sums[np.newaxis])[0]
        return self.value

    def _afresh(self, part: SumOverBars, bars: TickBars) -> Float64Array:
        """Return the sums over all bars: of each dimension, which share what they need."""
        wanted = bars.dimensions if part.dimension is None else (part.dimension,)
        sums = [part.sums_of_rows(_NUMPY, bars.rows_of(part, k), self._like)[0] for k in wanted]
        found: Float64Array = sums[0] if len(sums) == 1 else np.add.reduce(sums)
        return found

    def _followed(self, part: SumOverBars, bars: TickBars) -> Float64Array | None:
        """Return the sums brought up to date; None if they are to be taken afresh."""
        n_bars = bars.count(part.dimension)
        self._age += 1
        if self._sums is None or self._age >= self._rebuild_every:
            return None
        if part.numbers(n_bars) < FEW_NUMBERS:
            return None
        n_moved = bars.n_moved(part.dimension)
        if n_moved is None or 2 * n_moved >= n_bars:
            return None
        came, went = part.sums_of_rows(_NUMPY, bars.moved(part), self._like)
        sums: Float64Array = self._sums + (came - went)
        size = float(np.abs(sums).max())
        self._peak = max(self._peak, float(np.abs(self._sums).max()), size)
        return sums if size > _LOSS * self._peak else None


def _keys_of(bars: Float32Array) -> _Keys:
    keys = np.array(bars, order="C").view(np.uint64).ravel()
    keys.sort()
    return keys


def _as_bars(keys: _Keys) -> Float32Array:
    return keys.view(np.float32).reshape(-1, 2)


def _row_of(table: Float32Array, dimension: int) -> BarRows:
    """Return the bars of one dimension, all of which count, as one row of at least one place."""
    if not len(table):
        births, deaths = np.zeros((2, 1, 1))
        return BarRows(_NUMPY, births, deaths, np.zeros((1, 1), np.bool_), dimension)
    ends = np.array(table.T, np.float64, order="C")
    return BarRows(_NUMPY, ends[:1], ends[1:], None, dimension)


def _side_by_side(tables: Sequence[Mapping[int, Float32Array]], dimension: int | None) -> BarRows:
    """Return the bars of a dimension, or all, each table a row of at least one place."""
    longest = max(1, *(sum(map(len, _wanted(bars, dimension).values())) for bars in tables))
    births, deaths, dimensions = np.zeros((3, len(tables), longest))
    counted = np.zeros((len(tables), longest), np.bool_)
    for row, bars in enumerate(tables):
        start = 0
        for k, table in _wanted(bars, dimension).items():
            end = start + len(table)
            births[row, start:end], deaths[row, start:end] = table.T
            dimensions[row, start:end] = k
            start = end
        counted[row, :start] = True
    return BarRows(_NUMPY, births, deaths, counted, dimensions)


def _wanted(bars: Mapping[int, Float32Array], dimension: int | None) -> Mapping[int, Float32Array]:
    return bars if dimension is None else {dimension: bars[dimension]}
