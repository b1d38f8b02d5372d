"""Seeded streams of points with event times."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

__all__ = ["Points", "torus_knot", "torus_knot_points", "torus_knot_pushes"]

Points = npt.NDArray[np.float64]
KNOT_S = 0.7


def torus_knot(n: int, rate_hz: float, seed: int = 0) -> tuple[Points, Points]:
    """Return a point that runs along a (2, 3) torus knot, with normal noise of deviation 0.05.

    Parameters
    ----------
    n : int
        Points.
    rate_hz : float
        Points a second of event time; the knot is run through once in 0.7 s.
    seed : int
        Of the noise.

    Returns
    -------
    points : ndarray of float64, shape (n, 3)
    times : ndarray of float64, shape (n,)
        Seconds.
    """
    return next(torus_knot_pushes(n, rate_hz, n, seed))


def torus_knot_pushes(
    n: int, rate_hz: float, push: int, seed: int = 0
) -> Iterator[tuple[Points, Points]]:
    """Yield the points of `torus_knot` in pushes, so that they never are in memory all at once.

    Parameters
    ----------
    n, rate_hz, seed
        As in `torus_knot`.
    push : int
        Points of a push; the last one may have fewer.
    """
    rng = np.random.default_rng(seed)
    for start in range(0, n, push):
        times = np.arange(start, min(start + push, n)) / rate_hz
        yield torus_knot_points(times) + rng.normal(0, 0.05, (len(times), 3)), times


def torus_knot_points(times: Points) -> Points:
    """Return where the knot without noise is at some seconds, shape (m, 3)."""
    angle = 2 * np.pi * times / KNOT_S
    radius = 2 + np.cos(3 * angle)
    return np.column_stack(
        [radius * np.cos(2 * angle), radius * np.sin(2 * angle), np.sin(3 * angle)]
    )
