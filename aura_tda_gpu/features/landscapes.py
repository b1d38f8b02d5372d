"""The formula of landscapes, once for numpy, CuPy and torch; terms as in `formulas`."""

from __future__ import annotations

import math

from .namespace import Array, Grid, Namespace

__all__ = ["landscape"]


def landscape(
    ns: Namespace,
    births: Array,
    deaths: Array,
    counted: Array | None,
    order: Array,
    passed: Array,
    grid: Grid,
    layers: int,
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
    counted : array of bool, shape (B, N), or None
        Which rows are bars.
    order : array of int64, shape (B, N)
        Bars in the order of their middles, as far as samples tell them apart, and then rows that
        do not count.
    passed : array of int64, shape (B, R)
        How many bars have a middle up to each sample.
    grid : Grid
        R samples.
    layers : int
        How many.

    Returns
    -------
    array of F, shape (B, layers, R)
    """
    n_rows, n_bars = births.shape
    falling = ns.take(deaths, order)
    rising = ns.take(ns.only(counted, -births, -math.inf), order)
    places = ns.concat([passed, n_bars - passed], axis=0)  # (2 B, R): bars of either kind
    both = ns.concat([falling, ns.flip(rising)], axis=0)
    best = ns.concat([ns.take(x, places) for x in _running_best(ns, both, layers)], axis=0)
    best = best.reshape(layers, 2 * n_rows, grid.size)
    return _merged(ns, best[:, :n_rows] - grid.samples, best[:, n_rows:] + grid.samples)


def _merged(ns: Namespace, falling: Array, rising: Array) -> Array:
    """Return the highest of two kinds of tents, each highest first, shape (B, layers, R).

    The k-th highest of all is the highest of what i of one kind and k - i of the other reach.
    """
    highest = ns.xp.maximum(falling, rising)
    merged = [highest[0]]
    for i in range(len(falling) - 1):
        both = ns.xp.minimum(falling[i : i + 1], rising[: len(rising) - 1 - i])
        highest = ns.xp.maximum(highest[1:], both)
        merged.append(highest[0])
    return ns.at_least(ns.concat([layer[:, None] for layer in merged]), 0)


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
