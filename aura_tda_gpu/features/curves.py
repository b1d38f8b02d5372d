"""Vectorisations that are functions of the filtration value, at equidistant samples."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

from . import formulas
from .bars import BarRows
from .base import Infinite, Range, Vectorisation
from .checks import at_least, power_of, range_of
from .landscapes import landscape
from .namespace import Array, Grid, Namespace, namespace_of
from .sums import SumOverBars

__all__ = ["BettiCurve", "EulerCurve", "PersistenceLandscape", "Silhouette"]


@dataclass(frozen=True)
class _Sampled(Vectorisation):
    """A vectorisation with a grid over filtration values."""

    _: KW_ONLY
    resolution: int = 100
    sample_range: Range | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(1, self.resolution, "resolution")
        if self.sample_range is not None:
            range_of(self.sample_range, 2, "sample_range")

    @property
    def is_fitted(self) -> bool:
        """Whether `transform` can be called: what it needs is given or fitted."""
        return self.sample_range is not None

    @property
    def end(self) -> float | None:
        """Where open bars end under ``"clip"``, if it is known."""
        if self.limit is not None or self.sample_range is None:
            return self.limit
        return float(self.sample_range[1])

    def grid(self, ns: Namespace, like: Array) -> Grid:
        """Return the samples, both ends of the range among them."""
        if self.sample_range is None:
            raise AssertionError("transform has seen to it")
        low, high = self.sample_range
        return ns.grid(float(low), float(high), self.resolution, like)

    def _to_fit(self) -> list[str]:
        return ["sample_range"] if self.sample_range is None else []

    def _fitted(self, births: Array, deaths: Array) -> dict[str, Any]:
        return {"sample_range": (float(births.min()), float(deaths.max()))}

    def _columns(self) -> list[str]:
        return [f"_{i}" for i in range(self.resolution)]


@dataclass(frozen=True)
class BettiCurve(_Sampled, SumOverBars):
    """The number of bars with ``birth <= t < death`` at each sample t.

    Parameters
    ----------
    dimension, limit
        As in `Vectorisation`.
    resolution : int
        Number of samples.
    sample_range : tuple of (float, float), optional
        First and last sample; fitted as the first birth and the last death when left out.
    infinite : str
        As in `Vectorisation`; an open bar is kept by default, from its birth on.

    Notes
    -----
    It has no derivative but zero: in torch the result is not connected to the values.
    """

    _: KW_ONLY
    infinite: Infinite = "keep"

    keeps: ClassVar[bool] = True
    short_name: ClassVar[str] = "betti_curve"

    def _sums(self, ns: Namespace, bars: BarRows, like: Array) -> Array:
        return bars.betti(self.grid(ns, like))


@dataclass(frozen=True)
class EulerCurve(_Sampled, SumOverBars):
    """The Euler characteristic at each sample: Betti numbers of even less those of odd dimension.

    It is that of the complex where the diagram holds all dimensions; otherwise the alternating
    sum of those it holds.

    Parameters
    ----------
    dimension
        As in `Vectorisation`; None, for all dimensions, makes sense.
    limit, resolution, sample_range, infinite
        As in `BettiCurve`.
    """

    _: KW_ONLY
    infinite: Infinite = "keep"

    keeps: ClassVar[bool] = True
    short_name: ClassVar[str] = "euler_curve"

    def _sums(self, ns: Namespace, bars: BarRows, like: Array) -> Array:
        grid, dimension = self.grid(ns, like), bars.dimensions
        if isinstance(dimension, int):
            return 0.0 - bars.betti(grid) if dimension % 2 else bars.betti(grid)
        dimensions = ns.only(bars.counted, dimension, 0.0)
        odd = dimensions - 2 * ns.xp.floor(dimensions / 2)
        weights = ns.only(bars.counted, 1 - 2 * odd, 0.0)
        born, died = bars.births_on(grid), bars.deaths_on(grid)
        return formulas.betti_sums(ns, born, died, weights, grid)


@dataclass(frozen=True)
class PersistenceLandscape(_Sampled):
    """The k largest tents at each sample, times the square root of 2 as in gudhi.

    Parameters
    ----------
    dimension, infinite, limit
        As in `Vectorisation`; the tent of an open bar that is kept rises for ever.
    n_layers : int
        Landscapes, the highest first: features are ordered by layer, then by sample.
    resolution, sample_range
        As in `BettiCurve`.

    References
    ----------
    Bubenik, Statistical topological data analysis using persistence landscapes, JMLR 16, 2015.
    """

    _: KW_ONLY
    n_layers: int = 5

    keeps: ClassVar[bool] = True
    short_name: ClassVar[str] = "landscape"

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(1, self.n_layers, "n_layers")

    def _columns(self) -> list[str]:
        return [f"_{k}_{i}" for k in range(1, self.n_layers + 1) for i in range(self.resolution)]

    def numbers(self, n_bars: int) -> int:
        """Return how many numbers the largest intermediate array holds for a diagram."""
        return 3 * self.n_layers * max(n_bars, self.resolution)

    def _vectors(self, ns: Namespace, bars: BarRows, like: Array) -> Array:
        grid = self.grid(ns, like)
        order, passed = bars.order_on(grid), bars.passed(grid)
        layers = landscape(
            ns, bars.births, bars.deaths, bars.counted, order, passed, grid, self.n_layers
        )
        return math.sqrt(2) * layers.reshape(len(layers), self.n_layers * self.resolution)


@dataclass(frozen=True)
class Silhouette(_Sampled, SumOverBars):
    """The weighted mean of the tents at each sample, times the square root of 2 as in gudhi.

    Parameters
    ----------
    dimension, infinite, limit
        As in `Vectorisation`.
    power : float
        A bar weighs ``(death - birth) ** power``; at 0 all bars weigh the same.
    resolution, sample_range
        As in `BettiCurve`.

    References
    ----------
    Chazal, Fasy, Lecci, Rinaldo, Wasserman, Stochastic convergence of persistence landscapes and
    silhouettes, SoCG 2014.
    """

    _: KW_ONLY
    power: float = 1.0

    short_name: ClassVar[str] = "silhouette"

    def __post_init__(self) -> None:
        super().__post_init__()
        power_of(self.power)

    def of_sums(self, sums: Array) -> Array:
        """Return the feature vectors of sums, shape (B, F), in the type of the sums."""
        ns, total = namespace_of(sums), sums[:, -1:]
        mean = sums[:, :-1] / ns.xp.where(total > 0, total, 1.0)
        return math.sqrt(2) * ns.at_least(mean, 0)

    def _sums(self, ns: Namespace, bars: BarRows, like: Array) -> Array:
        grid, weights = self.grid(ns, like), bars.weights(self.power)
        places = bars.births_on(grid), bars.middles_on(grid), bars.deaths_on(grid)
        tents = formulas.tent_sums(ns, bars.births, bars.deaths, weights, places, grid)
        return ns.concat([tents, ns.totals(ns.wide(weights))])
