"""Streams of points whose shape, place or scale changes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]


def clusters(n: int, rng: np.random.Generator) -> Points:
    centres = rng.normal(size=(5, 3)) * 100
    return centres[rng.integers(0, 5, n)] + rng.normal(size=(n, 3)) * 0.01


def outliers(n: int, rng: np.random.Generator) -> Points:
    points = rng.normal(size=(n, 3))
    points[rng.random(n) < 0.02] *= 1000
    return points


def drift(n: int, rng: np.random.Generator) -> Points:
    angle = rng.uniform(0, 2 * np.pi, n)
    circle = np.column_stack([np.cos(angle), np.sin(angle)])
    return circle + rng.normal(size=(n, 2)) * 0.05 + np.linspace(1, 40, n)[:, np.newaxis]


def jumps_of_scale(n: int, rng: np.random.Generator) -> Points:
    scales = 10.0 ** np.repeat([0, 3, -3, 0], n // 4 + 1)[:n]
    return rng.normal(size=(n, 2)) * scales[:, np.newaxis]


def duplicates(n: int, rng: np.random.Generator) -> Points:
    return np.asarray(rng.integers(1, 9, (n, 2)), np.float64)


def far_away(n: int, rng: np.random.Generator) -> Points:
    """A cloud that float32 cannot tell apart without an origin, and a first row elsewhere."""
    points = rng.normal(size=(n, 3)) + 1e9
    points[0] = -1
    return points


def antipodes(n: int, rng: np.random.Generator) -> Points:
    """Angles near pi, where they are steep in the chord."""
    return np.column_stack([rng.choice([-1.0, 1.0], n), *(rng.normal(size=(2, n)) * 1e-3)])


STREAMS: dict[str, Callable[[int, np.random.Generator], Points]] = {
    cloud.__name__: cloud
    for cloud in (
        clusters,
        outliers,
        drift,
        jumps_of_scale,
        duplicates,
        far_away,
        antipodes,
    )
}
METRICS = ["euclidean", "manhattan", "chebyshev", "cosine"]
