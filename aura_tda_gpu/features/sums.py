"""Vectorisations that are sums over bars."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

from .bars import BarRows, at_least_a_row
from .base import Vectorisation
from .namespace import Array, Namespace
from .padding import checked

__all__ = ["SumOverBars"]


@dataclass(frozen=True)
class SumOverBars(Vectorisation):
    """A vectorisation that is, up to a last step, a sum over bars.

    So it can be kept up to date: add the sums of the bars that came, subtract those of the bars
    that went, and take the last step.
    """

    def bar_sums(
        self, values: Array, mask: Array | None = None, *, check_values: bool = True
    ) -> Array:
        """Return the sums over the bars of diagrams.

        Parameters, errors
            As `transform`.

        Returns
        -------
        array, shape (B, S)
            Float64 where that is free or needed for differences, otherwise as ``values``.
        """
        ns, mask = checked(values, mask, check_values=check_values)
        self.refuse_unfitted()
        values, mask = at_least_a_row(ns, values, mask)
        return self._sums(ns, self.rows(ns, values, mask), values)

    def sums_of_rows(self, ns: Namespace, bars: BarRows, like: Array) -> Array:
        """Return the sums over bars that `rows` returned, shape (b, S)."""
        return self._sums(ns, bars, like)

    def of_sums(self, sums: Array) -> Array:
        """Return the feature vectors of sums, shape (B, F), in the type of the sums."""
        return sums

    @abstractmethod
    def _sums(self, ns: Namespace, bars: BarRows, like: Array) -> Array:
        """Return the sums over the bars of some diagrams, shape (b, S)."""

    def _vectors(self, ns: Namespace, bars: BarRows, like: Array) -> Array:
        return self.of_sums(self._sums(ns, bars, like))
