"""The bars that count, as arrays, and what several vectorisations need of them."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from . import formulas
from .namespace import Array, Grid, Namespace

__all__ = ["BarRows", "at_least_a_row"]


class BarRows:
    """The bars that count, of some diagrams: arrays of shape (B, N).

    What is derived from them is computed once, whoever asks.

    Parameters
    ----------
    ns : Namespace
        The functions for the arrays.
    births, deaths : array of F, shape (B, N)
        Finite, and equal, in rows that do not count.
    counted : array of bool, shape (B, N), or None
        Which rows count; None where all do.
    dimensions : array of F, shape (B, N), or int
        Homology dimension of each bar, anything in rows that do not count; or that of all.
    before : BarRows, optional
        The same bars, and some more that do not count here: with those deaths samples are
        looked up, for a bar that does not count adds nothing wherever it falls.
    """

    def __init__(
        self,
        ns: Namespace,
        births: Array,
        deaths: Array,
        counted: Array | None,
        dimensions: Array | int,
        before: BarRows | None = None,
    ) -> None:
        self.ns = ns
        self.births = births
        self.deaths = deaths
        self.counted: Array = counted  # None, too
        self.dimensions = dimensions
        self._before = before
        self._whole: tuple[BarRows, slice] | None = None
        self._found: dict[Hashable, Array] = {}

    def part(self, rows: slice) -> BarRows:
        """Return the bars of some diagrams; what is derived is still computed for all of them."""
        counted, dimensions = self.counted, self.dimensions
        part = BarRows(
            self.ns,
            self.births[rows],
            self.deaths[rows],
            None if counted is None else counted[rows],
            dimensions if isinstance(dimensions, int) else dimensions[rows],
        )
        part._whole = self, rows
        return part

    @property
    def persistences(self) -> Array:
        """Length of each bar, 0 in rows that do not count, shape (B, N)."""
        return self._once("persistences", lambda bars: bars.deaths - bars.births)

    @property
    def middles(self) -> Array:
        """Middle of each bar, shape (B, N)."""
        return self._once("middles", lambda bars: (bars.births + bars.deaths) / 2)

    def weights(self, power: float) -> Array:
        """Return ``persistence ** power``, and 0 where there is no bar, shape (B, N)."""
        return self._once(
            ("weights", power),
            lambda bars: formulas.weights(bars.ns, bars.persistences, bars.counted, power),
        )

    def births_on(self, grid: Grid) -> Array:
        """Return the first sample that is not below each birth, int64 of shape (B, N)."""
        return self._once(
            ("births", grid.key),
            lambda bars: (
                bars.ns.where_index(grid, bars.births)
                if bars._before is None
                else bars._before.births_on(grid)
            ),
        )

    def deaths_on(self, grid: Grid) -> Array:
        """Return the first sample that is not below each death, int64 of shape (B, N)."""
        return self._once(
            ("deaths", grid.key),
            lambda bars: (
                bars.ns.where_index(grid, bars.deaths)
                if bars._before is None
                else bars._before.deaths_on(grid)
            ),
        )

    def middles_on(self, grid: Grid) -> Array:
        """Return such a sample for each middle, up to rounding."""
        return self._once(
            ("middles", grid.key),
            lambda bars: bars.ns.where_index(grid, bars.middles, exact=False),
        )

    def order_on(self, grid: Grid) -> Array:
        """Return the order of the middles, as far as samples tell them apart, shape (B, N)."""
        return self._once(
            ("order", grid.key),
            lambda bars: bars.ns.order(
                bars.ns.only(bars.counted, bars.middles_on(grid), grid.size), grid.size + 1
            ),
        )

    def passed(self, grid: Grid) -> Array:
        """Return how many bars have a middle up to each sample, int64 of shape (B, R)."""
        size = grid.size + 1
        return self._once(
            ("passed", grid.key),
            lambda bars: bars.ns.whole(
                bars.ns.count(bars.middles_on(grid), bars.counted, size).cumsum(1)[:, :-1]
            ),
        )

    def betti(self, grid: Grid) -> Array:
        """Return how many bars there are at each sample, float64 of shape (B, R)."""
        return self._once(
            ("betti", grid.key),
            lambda bars: formulas.betti_sums(
                bars.ns, bars.births_on(grid), bars.deaths_on(grid), bars.counted, grid
            ),
        )

    def _once(self, key: Hashable, make: Callable[[BarRows], Array]) -> Array:
        if key not in self._found:
            if self._whole is None:
                found = make(self)
            else:
                bars, rows = self._whole
                found = bars._once(key, make)[rows]
            self._found[key] = found
        return self._found[key]


def at_least_a_row(ns: Namespace, values: Array, mask: Array) -> tuple[Array, Array]:
    """Return the same, with an empty row where there is none: the formulas look at a first one."""
    if mask.shape[1]:
        return values, mask
    values = ns.zeros((len(mask), 1, 3), values)
    return values, values[:, :, 0] > 0
