"""How likely noise alone makes a bar as long as this: p-values, their correction, and runs of them.

The law is from Bobrowski and Skraba, "A universal null-distribution for topological data analysis"
(Sci. Rep. 13, 2023): over the bars of one degree of an iid sample, ``log log(death / birth)``
follows, once centred, the left-skewed Gumbel law, ``P(L > l) = exp(-exp(l))``. It holds for large
samples. Where a window is small, or landmarks stand for it, a measured `Calibration` says more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ConfigError, InvalidInputError
from .arrays import Float64Array
from .calibration import UNIVERSAL, Calibration, calibration_for
from .engine import Int64Array

__all__ = [
    "MIN_BARS",
    "UNIVERSAL",
    "Calibration",
    "RunLength",
    "calibration_for",
    "certain",
    "corrected",
    "p_values",
    "required_run",
]

MIN_BARS = 3  # fewer have no middle to be compared with

_MEAN = -float(np.euler_gamma)  # of the left-skewed Gumbel law
_MEDIAN = math.log(math.log(2))
_LEVELS = 0.05, 0.01
_FORMS = "median", "mean"
_METHODS = "bonferroni", "holm", "bh"
_FAR = 5  # times alpha: from there on a tick speaks against a feature
_LARGEST = float(np.finfo(np.float64).max)


def p_values(
    bars: npt.ArrayLike, *, calibration: Calibration = UNIVERSAL, form: str = "median"
) -> Float64Array:
    """Return for each bar how likely a bar of noise is that long; small for long bars.

    Parameters
    ----------
    bars : array_like, shape (n_bars, 2)
        All bars of one degree of one diagram, births and deaths.
    calibration : Calibration
        The law of noise: `UNIVERSAL`, or that of `calibration_for`.
    form : str
        What noise is centred by: ``"median"``, or ``"mean"`` as in the paper, which real features
        drag along. Tables are made for the median.

    Returns
    -------
    ndarray of float64, shape (n_bars,)
        In [0, 1], not corrected for the number of bars. The value depends on ``death / birth``
        alone, so not on the unit, and a larger ratio never has a larger p-value. It is nan for

        - bars born at 0, thus all of degree 0, and bars that do not die (``inf``): they have no
          ratio;
        - bars of zero length: they count as no bars;
        - all bars, where fewer than `MIN_BARS` are left and the law knows nothing of the ratio by
          itself.

    Raises
    ------
    InvalidInputError
        If ``bars`` has another shape, or a number below 0 or none.
    ConfigError
        If the form is unknown, or ``"mean"`` with a table.

    Notes
    -----
    A table has two laws of noise, of the ratio against the middle of the diagram and, in a plane,
    where it is largest, of the ratio by itself. The smaller p-value counts, that of the first
    twice; thresholds of the second make up for both. The second speaks where loops that are real
    are the middle. It is no law of points on a grid, whose lengths make loops of 1 to 2: three bars
    or more of which some are born at one length have the p-values of the first alone.

    Examples
    --------
    >>> p_values([[1.0, 1.1], [1.0, 1.2], [1.0, 1.3], [1.0, 8.0]]).round(4).tolist()
    [0.7393, 0.5611, 0.4354, 0.0014]
    """
    if form not in _FORMS:
        raise ConfigError(f"unknown form {form!r}; choose one of {', '.join(_FORMS)}")
    if form == "mean" and calibration.n_bars:
        raise ConfigError(f"the table {calibration.name!r} is made for the median form")
    births, deaths = _columns(bars)
    out = np.full(len(births), np.nan)
    rows = np.flatnonzero((births > 0) & (deaths < np.inf) & (deaths > births))
    knows_ratios = bool(calibration.longest_5)
    if len(rows) >= (1 if knows_ratios else MIN_BARS):
        births, deaths = births[rows], deaths[rows]
        with np.errstate(over="ignore", under="ignore"):
            growth = np.minimum((deaths - births) / births, _LARGEST)
            x = np.log(np.log1p(growth))  # log1p: death / birth may round to 1
            p = np.ones(len(rows))
            if form == "mean":
                p = np.exp(-np.exp(x - x.mean() + _MEAN))
            elif len(rows) >= MIN_BARS:
                p = np.exp(-np.exp(_as_gumbel(x - _median(x), calibration)))
            is_on_grid = len(rows) >= MIN_BARS and len(np.unique(births)) < len(rows)
            if knows_ratios and not is_on_grid:
                tail = _on_tail(x, len(rows), *calibration.longest(len(rows)))
                p = np.minimum(np.minimum(2 * p, 1.0), np.exp(-np.exp(tail)))
            out[rows] = p
    return out


def corrected(p: npt.ArrayLike, method: str = "bonferroni") -> Float64Array:
    """Adjust the p-values of one degree of one diagram for their number.

    Parameters
    ----------
    p : array_like, shape (n_bars,)
        From `p_values`; nan stays nan and does not count.
    method : str
        ``"bonferroni"``: at a level alpha the diagram of noise has a significant bar in at most a
        share alpha of the windows. ``"holm"`` (Holm, Scand. J. Stat. 6, 1979): beside bars that are
        significant, too, has noise one in at most that share; they no longer count among the
        bars that the others are corrected for. ``"bh"`` (Benjamini and Hochberg, J. R. Stat. Soc.
        B 57, 1995): at most a share alpha of the significant bars is noise, on average.

    Returns
    -------
    ndarray of float64, shape (n_bars,)
        To be compared with the level.

    Raises
    ------
    ConfigError
        If the method is unknown.

    Examples
    --------
    >>> corrected([0.01, 0.02, float("nan"), 0.5]).round(2).tolist()
    [0.03, 0.06, nan, 1.0]
    >>> corrected([0.01, 0.02, float("nan"), 0.5], "holm").round(2).tolist()
    [0.03, 0.04, nan, 0.5]
    >>> corrected([0.01, 0.02, float("nan"), 0.5], "bh").round(2).tolist()
    [0.03, 0.03, nan, 0.5]
    """
    if method not in _METHODS:
        raise ConfigError(f"unknown method {method!r}; choose one of {', '.join(_METHODS)}")
    out = np.array(p, np.float64)
    rows = np.flatnonzero(~np.isnan(out))
    n = len(rows)
    if method == "bonferroni":
        out[rows] = np.minimum(out[rows] * n, 1.0)
    elif method == "holm":
        order = rows[np.argsort(out[rows], kind="stable")]
        scaled = out[order] * np.arange(n, 0, -1)
        out[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    elif n:
        order = rows[np.argsort(-out[rows], kind="stable")]
        scaled = out[order] * n / np.arange(n, 0, -1)
        out[order] = np.minimum(np.minimum.accumulate(scaled), 1.0)
    return out


def certain(bars: npt.ArrayLike, error_bound: float) -> npt.NDArray[np.bool_]:
    """Tell which bars must exist in the diagram that this one stands for.

    Parameters
    ----------
    bars : array_like, shape (n_bars, 2)
        Births and deaths.
    error_bound : float
        Upper bound of the bottleneck distance of the two diagrams; nan if there is none.

    Returns
    -------
    ndarray of bool, shape (n_bars,)
        Persistence above twice the bound; nowhere where there is no bound.
    """
    births, deaths = _columns(bars)
    sure: npt.NDArray[np.bool_] = deaths - births > 2 * error_bound
    return sure


@dataclass(frozen=True, slots=True)
class RunLength:
    """One decision for each feature from the p-values of overlapping windows.

    A loop that noise makes stays for some ticks, as long as its points do. So a feature is
    reported once the ticks at which it was significant outnumber those at which it was far from
    it, ``p > 5 alpha`` or a half, by ``required``, counted anew whenever they are equal. Ticks
    between count neither way. The state is that one number for each feature, 0 before its first
    tick.

    Parameters
    ----------
    required : int
        Ticks, see `required_run`.
    alpha : float
        Level of one tick.

    Examples
    --------
    >>> rule, runs = RunLength(required_run(4)), np.zeros(2, np.int64)
    >>> for p in ([0.01, 0.2], [0.04, 0.01], [0.0, 0.01]):
    ...     runs = rule.after(runs, np.array(p))
    >>> runs.tolist(), rule.confirms(runs).tolist()
    ([3, 2], [True, False])
    """

    required: int
    alpha: float = 0.05

    def after(self, runs: Int64Array, p: Float64Array) -> Int64Array:
        """Return the state after one more tick.

        Parameters
        ----------
        runs : ndarray of int64, shape (n_features,)
            The state up to now.
        p : ndarray of float64, shape (n_features,)
            Corrected p-values of this tick; nan leaves the state as it is.
        """
        far = max(self.alpha, min(_FAR * self.alpha, 0.5))
        step = (p <= self.alpha).astype(np.int64) - (p > far)
        grown: Int64Array = np.maximum(runs + step, 0)
        return grown

    def confirms(self, runs: Int64Array) -> npt.NDArray[np.bool_]:
        """Tell which features are to be reported; what is reported stays so."""
        enough: npt.NDArray[np.bool_] = runs >= self.required
        return enough


def required_run(overlap: float) -> int:
    """Return after how many ticks a feature may be reported at a level of 5 % a tick.

    Parameters
    ----------
    overlap : float
        Length of the window over the distance of two ticks.

    Returns
    -------
    int
        Half of the overlap, rounded up, at least 3: on uniform noise in a plane, the least
        favourable, 0.7 features in 1000 ticks are reported, and at most 1.0 by the size of the
        window (measured for overlaps of 4, 10 and 20: docs/significance.md).
    """
    return max(3, math.ceil(overlap / 2 - 1e-9))


def _columns(bars: Any) -> tuple[Float64Array, Float64Array]:
    """Return births and deaths in float64."""
    array = np.asarray(bars, np.float64)
    if array.size == 0:
        array = array.reshape(0, 2)
    if array.ndim != 2 or array.shape[1] != 2:
        raise InvalidInputError(f"bars must be of shape (n_bars, 2), not {array.shape}")
    if array.size and not array.min() >= 0:
        row = int(np.flatnonzero(~(array >= 0).all(axis=1))[0])
        raise InvalidInputError(f"bar {row} must not be {array[row].tolist()}", row)
    return array[:, 0], array[:, 1]


def _median(x: Float64Array) -> float:
    """Return what `np.median` returns, which takes longer than the logarithms do."""
    half = len(x) // 2
    if len(x) % 2:
        return float(np.partition(x, half)[half])
    middle = np.partition(x, (half - 1, half))
    return float(middle[half - 1] + middle[half]) / 2


def _as_gumbel(z: Float64Array, calibration: Calibration) -> Float64Array:
    """Turn distances from the median into values whose law is the left-skewed Gumbel law.

    With a table: a line from the median to the threshold of 5 %, one through both thresholds
    above it.
    """
    if not calibration.n_bars:
        return z + _MEDIAN
    at_5, at_1 = calibration.thresholds(len(z))
    high_5 = math.log(math.log(len(z) / _LEVELS[0]))
    body = _MEDIAN + z * np.where(z > 0, (high_5 - _MEDIAN) / at_5, 1.0)
    return np.where(z > at_5, _on_tail(z, len(z), at_5, at_1), body)


def _on_tail(x: Float64Array, n: int, at_5: float, at_1: float) -> Float64Array:
    """Return values on the line through the two thresholds of ``n`` bars."""
    high_5, high_1 = (math.log(math.log(n / level)) for level in _LEVELS)
    return high_5 + (x - at_5) * (high_1 - high_5) / (at_1 - at_5)
