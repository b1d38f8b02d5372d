"""The formulas, each once for numpy, CuPy and torch.

B diagrams of N rows. ``births`` and ``deaths`` are finite unless said otherwise, ``counted`` says
which rows are bars, None that all are; what stands in other rows has no influence. All can be
differentiated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from .namespace import Array, Grid, Namespace

__all__ = [
    "betti_sums",
    "entropy",
    "gaussian_image",
    "lengths",
    "statistics",
    "tent_sums",
    "weights",
]


def weights(ns: Namespace, persistences: Array, counted: Array | None, power: float) -> Array:
    """Return ``persistence ** power``, and 0 where there is no bar, shape (B, N).

    No weight is above ``2 ** 512``, or ``2 ** 88`` in float32: so sums of products stay finite.
    """
    if power == 0:
        return ns.xp.ones_like(persistences) if counted is None else ns.cast(counted, persistences)
    if power == 1:
        return ns.positive(persistences)
    present = persistences > 0
    base = ns.xp.where(present, persistences, 1.0)
    if power > 1:
        most = 88 if persistences.dtype == ns.xp.float32 else 512
        base = base.clip(max=2.0 ** (most / float(power)))
    return ns.xp.where(present, base**power, 0.0)


def betti_sums(ns: Namespace, born: Array, died: Array, weights: Array | None, grid: Grid) -> Array:
    """Return the summed weight of the bars with ``birth <= t < death`` at each sample t.

    Parameters
    ----------
    born, died : array of int64, shape (B, N)
        First sample that is not below each birth and death.
    weights : array of F or bool, shape (B, N), or None
        None where all weigh 1.
    grid : Grid
        R samples.

    Returns
    -------
    array of float64, shape (B, R)
    """
    size = grid.size + 1
    if weights is None or ns.is_bool(weights):
        came, went = (ns.count(index, weights, size) for index in (born, died))
    else:
        (came,), (went,) = (ns.collect([index], [[weights]], size) for index in (born, died))
    return ns.wide((came - went).cumsum(1)[:, :-1])


def tent_sums(
    ns: Namespace,
    births: Array,
    deaths: Array,
    weights: Array,
    places: tuple[Array, Array, Array],
    grid: Grid,
) -> Array:
    """Return the weighted sum of the bars' tents at each sample.

    The tent of a bar is ``max(0, min(t - birth, death - t))``, which is
    ``(t - birth)+ - 2 (t - middle)+ + (death - t)+`` with ``x+ = max(0, x)``, all taken from the
    left: so two running sums over the samples hold the whole, in float64 for their differences.

    Parameters
    ----------
    births, deaths, weights : array of F, shape (B, N)
        Bars and their weights.
    places : tuple of array of int64, shape (B, N)
        First sample that is not below each birth, middle and death, up to rounding.
    grid : Grid
        R samples.

    Returns
    -------
    array of float64, shape (B, R)
    """
    weights = ns.wide(weights)
    rise, fall = (weights * (ns.wide(ends) - grid.low) for ends in (births, deaths))
    slopes, offsets = (weights, -2 * weights, weights), (rise, -(rise + fall), fall)
    steps = ns.collect(places, [slopes, offsets], grid.size + 1)
    slope, offset = (step.cumsum(1)[:, :-1] for step in steps)
    return (ns.wide(grid.samples) - grid.low) * slope - offset


def gaussian_image(
    ns: Namespace,
    births: Array,
    persistences: Array,
    weights: Array,
    x: Array,
    y: Array,
    bandwidth: float,
    *,
    integrate: bool = False,
) -> Array:
    """Return the weighted sum of Gaussians at the bars (birth, persistence).

    A Gaussian is the product of one in each direction: so the image is a product of two matrices.

    Parameters
    ----------
    births, persistences, weights : array of F, shape (B, N)
        Bars and their weights.
    x, y : array of F, shape (Rx,) and (Ry,)
        Samples; with ``integrate`` the Rx + 1 and Ry + 1 edges of pixels.
    bandwidth : float
        Standard deviation.
    integrate : bool
        The mass on each pixel instead of the density at each sample.

    Returns
    -------
    array of F, shape (B, Ry, Rx)
    """
    narrow = 1 / (bandwidth * math.sqrt(2))
    across = x * narrow - (births * narrow)[:, :, None]  # (B, N, Rx)
    down = (y * narrow)[:, None] - (persistences * narrow)[:, None, :]  # (B, Ry, N)
    if integrate:
        left, below = ns.erf(across) / 2, ns.erf(down) / 2
        across, down = left[:, :, 1:] - left[:, :, :-1], below[:, 1:] - below[:, :-1]
    else:
        across, down = ns.bell(across), ns.bell(down)
        weights = weights / (2 * math.pi * bandwidth**2)
    return ns.scaled(down, weights[:, None, :]) @ across


def entropy(ns: Namespace, persistences: Array, *, normalise: bool) -> Array:
    """Return ``-sum p log p`` over the shares p of the bars in the total persistence.

    Parameters
    ----------
    persistences : array of F, shape (B, N)
        Lengths of the bars, 0 where there is none.
    normalise : bool
        Divide by the logarithm of the number of bars that are longer than zero.

    Returns
    -------
    array of F, shape (B, 1)
        0 where no bar, or one, is longer than zero.
    """
    xp = ns.xp
    total = ns.totals(persistences)
    shares = persistences / xp.where(total > 0, total, 1.0)
    terms = shares * xp.log(shares + (shares == 0))  # 0 log 0 is 0
    result = ns.at_least(-ns.totals(terms), 0)
    if not normalise:
        return result
    count = ns.totals(ns.cast(shares > 0, result))
    return xp.where(count > 1, result / xp.log(ns.at_least(count, 2)), 0.0)


def statistics(
    ns: Namespace, values: Sequence[Array], counted: Array | None, quantiles: Array
) -> Array:
    """Return count, and mean, standard deviation and quantiles of each array.

    Quantiles lie linearly between order statistics; the deviation is that of the bars, not an
    estimate for more of them. All are 0 where there is no bar.

    Parameters
    ----------
    values : sequence of array of F, shape (B, N)
        K of them.
    counted : array of bool, shape (B, N)
        Which rows are bars.
    quantiles : array of F, shape (Q,)
        From 0 to 1.

    Returns
    -------
    array of F, shape (B, 1 + K * (2 + Q))
    """
    xp = ns.xp
    n_kinds, n_rows = len(values), len(values[0])
    x = ns.concat(values, axis=0)  # (K B, N)
    if counted is None:
        number: Array = float(x.shape[1])
        divisor = number
    else:
        counted = ns.concat([counted] * n_kinds, axis=0)
        number = ns.totals(ns.cast(counted, x))  # (K B, 1)
        divisor = ns.at_least(number, 1)
    mean = ns.totals(ns.only(counted, x, 0.0)) / divisor
    away = ns.only(counted, x - mean, 0.0)
    deviation = ns.root(ns.totals(away * away) / divisor)
    last = divisor - 1
    place = last * quantiles  # (K B, Q), or (Q,)
    below = xp.floor(place)
    beside = ns.whole(ns.concat([below, ns.at_most(below + 1, last)], axis=-1))
    both = ns.take(ns.sorted_rows(ns.only(counted, x, math.inf)), beside)
    if counted is not None:
        both = xp.where(number > 0, both, 0.0)
    low, high = both[:, : len(quantiles)], both[:, len(quantiles) :]
    found = ns.concat([mean, deviation, low + (high - low) * (place - below)])
    rows = found.reshape(n_kinds, n_rows, found.shape[1]).swapaxes(0, 1)
    first = ns.zeros((n_rows, 1), x) + number if counted is None else number[:n_rows]
    return ns.concat([first, rows.reshape(n_rows, n_kinds * found.shape[1])])


def lengths(ns: Namespace, persistences: Array, n_longest: int) -> Array:
    """Return the largest persistences, longest first, 0 where there are fewer.

    Parameters
    ----------
    persistences : array of F, shape (B, N)
        May be inf; 0 where there is no bar.
    n_longest : int
        How many.

    Returns
    -------
    array of F, shape (B, n_longest)
    """
    missing = n_longest - persistences.shape[1]
    if missing > 0:
        nothing = ns.xp.zeros_like(persistences[:, :1])
        persistences = ns.concat([persistences, *[nothing] * missing])
    return ns.largest(persistences, n_longest)
