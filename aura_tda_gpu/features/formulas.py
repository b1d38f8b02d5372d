"""The formulas, each once for numpy, CuPy and torch.

B diagrams of N rows. ``births`` and ``deaths`` are finite unless said otherwise, ``counted`` says
which rows are bars; what stands in other rows has no influence. All can be differentiated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from .namespace import Array, Grid, Namespace

__all__ = [
    "betti_sums",
    "entropy",
    "gaussian_image",
    "landscape",
    "lengths",
    "statistics",
    "tent_sums",
    "weights",
]


def weights(ns: Namespace, persistences: Array, counted: Array, power: float) -> Array:
    """Return ``persistence ** power``, and 0 where there is no bar, shape (B, N).

    No weight is above ``2 ** 512``, or ``2 ** 88`` in float32: so sums of products stay finite.
    """
    if power == 0:
        return ns.cast(counted, persistences)
    present = counted & (persistences > 0)
    if power == 1:
        return ns.xp.where(present, persistences, 0.0)
    base = ns.xp.where(present, persistences, 1.0)
    if power > 1:
        most = 88 if persistences.dtype == ns.xp.float32 else 512
        base = base.clip(max=2.0 ** (most / float(power)))
    return ns.xp.where(present, base**power, 0.0)


def betti_sums(ns: Namespace, births: Array, deaths: Array, weights: Array, grid: Grid) -> Array:
    """Return the summed weight of the bars with ``birth <= t < death`` at each sample t.

    Parameters
    ----------
    births, deaths, weights : array of F, shape (B, N)
        A death may be inf.
    grid : Grid
        R samples.

    Returns
    -------
    array of float64, shape (B, R)
    """
    size = len(grid.samples) + 1
    (came,) = ns.collect(ns.where_index(grid, births), [weights], size)
    (went,) = ns.collect(ns.where_index(grid, deaths), [weights], size)
    return (came - went).cumsum(1)[:, :-1]


def tent_sums(ns: Namespace, births: Array, deaths: Array, weights: Array, grid: Grid) -> Array:
    """Return the weighted sum of the bars' tents at each sample.

    The tent of a bar is ``max(0, min(t - birth, death - t))``, which is
    ``(t - birth)+ - 2 (t - middle)+ + (death - t)+`` with ``x+ = max(0, x)``, all taken from the
    left: so two running sums over the samples hold the whole, in float64 for their differences.

    Parameters
    ----------
    births, deaths, weights : array of F, shape (B, N)
        Bars and their weights.
    grid : Grid
        R samples.

    Returns
    -------
    array of float64, shape (B, R)
    """
    size, weights = len(grid.samples) + 1, ns.wide(weights)
    places = ns.concat([births, (births + deaths) / 2, deaths])
    shares = ns.concat([weights, -2 * weights, weights])
    index = ns.where_index(grid, places, exact=False)
    steps = ns.collect(index, [shares, shares * (ns.wide(places) - grid.low)], size)
    slope, offset = (step.cumsum(1)[:, :-1] for step in steps)
    return (ns.wide(grid.samples) - grid.low) * slope - offset


def landscape(
    ns: Namespace, births: Array, deaths: Array, counted: Array, grid: Grid, layers: int
) -> Array:
    """Return the largest, second largest ... tent at each sample.

    A tent is the lower one of a rising and a falling line, and left of the middle of a bar the
    rising one. At t the tents of the bars with a middle up to t are therefore ``death - t``, the
    others ``t - birth``, where below zero they do not count: so the highest tents are among those
    of the latest deaths of the former and of the earliest births of the latter, and both are
    running maxima over the bars in the order of their middles.

    Parameters
    ----------
    births, deaths : array of F, shape (B, N)
        A death may be inf.
    counted : array of bool, shape (B, N)
        Which rows are bars.
    grid : Grid
        R samples.
    layers : int
        How many.

    Returns
    -------
    array of F, shape (B, layers, R)
    """
    n_rows, n_bars = births.shape
    xp, nothing = ns.xp, -math.inf
    middles = xp.where(counted, (births + deaths) / 2, math.inf)
    order = ns.argsort(middles)
    falling = ns.take(xp.where(counted, deaths, nothing), order)
    rising = ns.take(xp.where(counted, -births, nothing), order)
    index = ns.where_index(grid, middles, exact=False)
    (steps,) = ns.collect(index, [ns.cast(counted, births)], len(grid.samples) + 1)
    passed = ns.whole(steps.cumsum(1)[:, :-1])  # (B, R): bars with a middle up to t
    places = ns.concat([passed, n_bars - passed], axis=0)
    both = ns.concat([falling, ns.flip(rising)], axis=0)
    best = ns.concat([ns.take(x, places) for x in _running_best(ns, both, layers)], axis=0)
    best = best.reshape(layers, 2 * n_rows, len(grid.samples))
    left, right = best[:, :n_rows] - grid.samples, best[:, n_rows:] + grid.samples
    merged = []
    for k in range(layers):
        ways = [left[k], right[k]]
        ways += [xp.minimum(left[i], right[k - 1 - i]) for i in range(k)]
        highest = ways[0]
        for way in ways[1:]:
            highest = xp.maximum(highest, way)
        merged.append(highest)
    return ns.at_least(xp.stack(merged, 1), 0)


def _running_best(ns: Namespace, values: Array, layers: int) -> list[Array]:
    """Return the largest, second largest ... of the first 0, 1 ... N values of each row.

    What a running maximum gives up at a step, or does not take, is what the next one sees.
    """
    nothing = ns.xp.full_like(values[:, :1], -math.inf)
    values = ns.concat([nothing] * layers + [values])
    best = []
    for k in range(layers):
        top = ns.running_max(values)
        best.append(top[:, layers - 1 - k :])
        values = ns.xp.minimum(values[:, 1:], top[:, :-1])
    return best


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
    return (down * weights[:, None, :]) @ across


def entropy(ns: Namespace, persistences: Array, counted: Array, *, normalise: bool) -> Array:
    """Return ``-sum p log p`` over the shares p of the bars in the total persistence.

    Parameters
    ----------
    persistences : array of F, shape (B, N)
        Lengths of the bars.
    counted : array of bool, shape (B, N)
        Which rows are bars.
    normalise : bool
        Divide by the logarithm of the number of bars that are longer than zero.

    Returns
    -------
    array of F, shape (B, 1)
        0 where no bar, or one, is longer than zero.
    """
    xp = ns.xp
    persistences = xp.where(counted, persistences, 0.0)
    total = persistences.sum(1)[:, None]
    shares = persistences / xp.where(total > 0, total, 1.0)
    present = shares > 0
    terms = xp.where(present, shares, 0.0) * xp.log(xp.where(present, shares, 1.0))
    result = ns.at_least(-terms.sum(1)[:, None], 0)
    if not normalise:
        return result
    count = ns.cast(present, result).sum(1)[:, None]
    return xp.where(count > 1, result / xp.log(ns.at_least(count, 2)), 0.0)


def statistics(ns: Namespace, values: Sequence[Array], counted: Array, quantiles: Array) -> Array:
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
    n_kinds, n_rows = len(values), len(counted)
    counted = ns.concat([counted] * n_kinds, axis=0)  # (K B, N)
    x = ns.concat(values, axis=0)
    count = ns.cast(counted, x).sum(1)[:, None]
    some, last, divisor = count > 0, ns.at_least(count - 1, 0), ns.at_least(count, 1)
    mean = xp.where(counted, x, 0.0).sum(1)[:, None] / divisor
    away = xp.where(counted, x - mean, 0.0)
    variance = (away * away).sum(1)[:, None] / divisor
    spread = variance > 0
    deviation = xp.where(spread, xp.where(spread, variance, 1.0) ** 0.5, 0.0)
    ordered = ns.sorted_rows(xp.where(counted, x, math.inf))
    place = last * quantiles  # (K B, Q)
    below = xp.floor(place)
    beside = ns.whole(ns.concat([below, xp.minimum(below + 1, last)]))
    both = xp.where(some, ns.take(ordered, beside), 0.0)
    low, high = both[:, : len(quantiles)], both[:, len(quantiles) :]
    found = ns.concat([mean, deviation, low + (high - low) * (place - below)])
    rows = [found[i * n_rows : (i + 1) * n_rows] for i in range(n_kinds)]
    return ns.concat([count[:n_rows], *rows])


def lengths(ns: Namespace, persistences: Array, counted: Array, n_longest: int) -> Array:
    """Return the largest persistences, longest first, 0 where there are fewer.

    Parameters
    ----------
    persistences : array of F, shape (B, N)
        May be inf.
    counted : array of bool, shape (B, N)
        Which rows are bars.
    n_longest : int
        How many.

    Returns
    -------
    array of F, shape (B, n_longest)
    """
    shown = ns.xp.where(counted, persistences, 0.0)
    missing = n_longest - shown.shape[1]
    if missing > 0:
        nothing = ns.xp.zeros_like(shown[:, :1])
        shown = ns.concat([shown, *[nothing] * missing])
    return ns.largest(shown, n_longest)
