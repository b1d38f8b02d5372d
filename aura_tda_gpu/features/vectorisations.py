"""Vectorisations of persistence diagrams, in batches, for numpy, CuPy and torch."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass
from numbers import Real
from typing import Any, ClassVar

from ..errors import ConfigError
from . import formulas
from .bars import BarRows
from .base import Vectorisation
from .checks import at_least, is_number, power_of, range_of
from .curves import BettiCurve, EulerCurve, PersistenceLandscape, Silhouette
from .namespace import Array, Namespace
from .sums import SumOverBars

__all__ = [
    "BettiCurve",
    "EulerCurve",
    "PersistenceEntropy",
    "PersistenceImage",
    "PersistenceLandscape",
    "PersistenceLengths",
    "PersistenceStatistics",
    "Silhouette",
]


@dataclass(frozen=True)
class PersistenceImage(SumOverBars):
    """Gaussians at the bars in the plane of birth and persistence, at the samples of a grid.

    Parameters
    ----------
    dimension, infinite, limit
        As in `Vectorisation`.
    bandwidth : float
        Standard deviation of a Gaussian.
    power : float
        A bar weighs ``(death - birth) ** power``; at 0 all bars weigh the same, and the image is
        not stable: short bars come and go.
    resolution : tuple of (int, int)
        Samples of birth and of persistence.
    im_range : tuple of (float, float, float, float), optional
        First and last birth, first and last persistence; fitted as those of the bars when left
        out.
    integrate : bool
        False, as in gudhi: the density at samples, both ends among them. True, as in persim: the
        mass on the pixels into which the range is cut.

    Notes
    -----
    Features are ordered by persistence, then by birth: ``reshape(resolution[1], resolution[0])``
    is the picture, its first row the shortest bars.

    References
    ----------
    Adams et al., Persistence images: a stable vector representation of persistent homology,
    JMLR 18, 2017.
    """

    _: KW_ONLY
    bandwidth: float = 1.0
    power: float = 1.0
    resolution: tuple[int, int] = (20, 20)
    im_range: tuple[float, float, float, float] | None = None
    integrate: bool = False

    side_by_side: ClassVar[int] = 2
    short_name: ClassVar[str] = "image"

    def __post_init__(self) -> None:
        super().__post_init__()
        power_of(self.power)
        if not isinstance(self.bandwidth, Real) or not 0 < float(self.bandwidth) < math.inf:
            raise ConfigError(f"bandwidth must be positive and finite, not {self.bandwidth!r}")
        if not isinstance(self.resolution, tuple) or len(self.resolution) != 2:
            raise ConfigError(f"resolution must be two integers, not {self.resolution!r}")
        for n in self.resolution:
            at_least(1, n, "resolution")
        if self.im_range is not None:
            range_of(self.im_range, 4, "im_range")

    @property
    def is_fitted(self) -> bool:
        """Whether `transform` can be called: what it needs is given or fitted."""
        return self.im_range is not None and super().is_fitted

    def grids(self, ns: Namespace, like: Array) -> tuple[Array, Array]:
        """Return the samples of birth and of persistence, or the edges of pixels."""
        if self.im_range is None:
            raise AssertionError("transform has seen to it")
        more = int(self.integrate)
        x0, x1, y0, y1 = map(float, self.im_range)
        nx, ny = self.resolution
        x, y = ns.grid(x0, x1, nx + more, like), ns.grid(y0, y1, ny + more, like)
        return x.samples, y.samples

    def _to_fit(self) -> list[str]:
        return [*(["im_range"] if self.im_range is None else []), *super()._to_fit()]

    def _fitted(self, births: Array, deaths: Array) -> dict[str, Any]:
        persistences = deaths - births
        ends = (births.min(), births.max(), persistences.min(), persistences.max())
        return {"im_range": tuple(map(float, ends)), **super()._fitted(births, deaths)}

    @property
    def n_pixels(self) -> int:
        """Samples, or pixels, of the image."""
        return self.resolution[0] * self.resolution[1]

    def numbers(self, n_bars: int) -> int:
        """Return how many numbers the largest intermediate array holds for a diagram."""
        return (n_bars + self.resolution[0]) * sum(self.resolution)

    def _columns(self) -> list[str]:
        nx, ny = self.resolution
        return [f"_{j}_{i}" for j in range(ny) for i in range(nx)]

    def _sums(self, ns: Namespace, bars: BarRows, like: Array) -> Array:
        lengths, weights = bars.persistences, bars.weights(self.power)
        x, y = self.grids(ns, like)
        image = formulas.gaussian_image(
            ns, bars.births, lengths, weights, x, y, self.bandwidth, integrate=self.integrate
        )
        return image.reshape(len(image), self.n_pixels)


@dataclass(frozen=True)
class PersistenceEntropy(Vectorisation):
    """Shannon's entropy of the shares of the bars in the total persistence, in nats.

    Parameters
    ----------
    dimension, infinite, limit
        As in `Vectorisation`.
    normalise : bool
        Divide by the logarithm of the number of bars longer than zero: 1 where all are equal.

    Notes
    -----
    0 where fewer than two bars are longer than zero.

    References
    ----------
    Chintakunta, Gentimis, Gonzalez-Diaz, Jimenez, Krim, An entropy-based persistence barcode,
    Pattern Recognition 48, 2015.
    """

    _: KW_ONLY
    normalise: bool = False

    short_name: ClassVar[str] = "entropy"

    def _columns(self) -> list[str]:
        return [""]

    def _vectors(self, ns: Namespace, bars: BarRows, like: Array) -> Array:
        return formulas.entropy(ns, bars.persistences, normalise=self.normalise)


@dataclass(frozen=True)
class PersistenceStatistics(Vectorisation):
    """How many bars, and mean, standard deviation and quantiles of birth, death and persistence.

    Parameters
    ----------
    dimension, infinite, limit
        As in `Vectorisation`.
    quantiles : tuple of float
        From 0 to 1, linear between order statistics as `numpy.quantile`.

    Notes
    -----
    All are 0 where there is no bar. The standard deviation is that of `numpy.std`.
    """

    _: KW_ONLY
    quantiles: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0)

    short_name: ClassVar[str] = "statistics"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.quantiles, tuple) or not all(
            is_number(q) and 0 <= q <= 1 for q in self.quantiles
        ):
            raise ConfigError(f"quantiles must be numbers from 0 to 1, not {self.quantiles!r}")

    def _columns(self) -> list[str]:
        kinds = ["mean", "std", *(f"q{100 * q:g}" for q in self.quantiles)]
        groups = ("birth", "death", "persistence")
        return ["_count", *(f"_{group}_{kind}" for group in groups for kind in kinds)]

    def _vectors(self, ns: Namespace, bars: BarRows, like: Array) -> Array:
        values = (bars.births, bars.deaths, bars.persistences)
        return formulas.statistics(ns, values, bars.counted, ns.constant(self.quantiles, like))


@dataclass(frozen=True)
class PersistenceLengths(Vectorisation):
    """The persistences of the longest bars, longest first, 0 where there are fewer.

    Parameters
    ----------
    dimension, infinite, limit
        As in `Vectorisation`; an open bar that is kept has length inf.
    n_longest : int
        How many.
    """

    _: KW_ONLY
    n_longest: int = 5

    keeps: ClassVar[bool] = True
    short_name: ClassVar[str] = "length"

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(1, self.n_longest, "n_longest")

    def _columns(self) -> list[str]:
        return [f"_{i}" for i in range(1, self.n_longest + 1)]

    def _vectors(self, ns: Namespace, bars: BarRows, like: Array) -> Array:
        return formulas.lengths(ns, bars.persistences, self.n_longest)
