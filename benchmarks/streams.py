"""Seeded streams of points with event times."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["torus_knot"]

Points = npt.NDArray[np.float64]


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
    times = np.arange(n) / rate_hz
    angle = 2 * np.pi * times / 0.7
    radius = 2 + np.cos(3 * angle)
    knot = [radius * np.cos(2 * angle), radius * np.sin(2 * angle), np.sin(3 * angle)]
    noise = np.random.default_rng(seed).normal(0, 0.05, (n, 3))
    return np.column_stack(knot) + noise, times
