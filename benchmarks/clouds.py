"""Seeded point clouds of known shape, each float32 of shape (n, dim)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

__all__ = ["CLOUDS", "cloud"]

Points = npt.NDArray[np.float64]
Generator = Callable[[int, np.random.Generator], Points]


def noisy_circle(n: int, rng: np.random.Generator) -> Points:
    """Unit circle whose radius has normal noise of deviation 0.1; one loop."""
    angle = rng.uniform(0, 2 * np.pi, n)
    radius = 1 + 0.1 * rng.standard_normal(n)
    return radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])


def delay_embedding(n: int, rng: np.random.Generator) -> Points:
    """Sum of two tones of incommensurate frequency, delay-embedded in 6-D; a torus."""
    dim, lag, step = 6, 8, 0.12
    t = step * np.arange(n + (dim - 1) * lag)
    signal = np.sin(t) + 0.5 * np.sin(np.sqrt(2) * t) + 0.01 * rng.standard_normal(len(t))
    return np.column_stack([signal[k * lag : k * lag + n] for k in range(dim)])


def torus(n: int, rng: np.random.Generator) -> Points:
    """Torus of radii 2 and 1 in 3-D, uniform in its two angles."""
    u, v = rng.uniform(0, 2 * np.pi, (2, n))
    ring = 2 + np.cos(v)
    return np.column_stack([ring * np.cos(u), ring * np.sin(u), np.sin(v)])


def cube(n: int, rng: np.random.Generator) -> Points:
    """Uniform in the unit cube of 3-D."""
    return rng.uniform(0, 1, (n, 3))


def sphere(n: int, rng: np.random.Generator) -> Points:
    """Uniform on the unit 2-sphere."""
    direction = rng.standard_normal((n, 3))
    return direction / np.linalg.norm(direction, axis=1, keepdims=True)


def gaussian(n: int, rng: np.random.Generator) -> Points:
    """Standard normal in 10-D."""
    return rng.standard_normal((n, 10))


def lorenz(n: int, rng: np.random.Generator) -> Points:
    """Lorenz attractor, classical Runge-Kutta steps of 0.02 after a transient."""
    state, transient, step = 1 + rng.uniform(0, 1, 3), 500, 0.02

    def flow(p: Points) -> Points:
        x, y, z = p
        return np.array([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z])

    path = np.empty((transient + n, 3))
    for i in range(transient + n):
        k1 = flow(state)
        k2 = flow(state + step / 2 * k1)
        k3 = flow(state + step / 2 * k2)
        k4 = flow(state + step * k3)
        state = state + step / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        path[i] = state
    return path[transient:]


CLOUDS: dict[str, Generator] = {
    "noisy circle": noisy_circle,
    "delay embedding 6-D": delay_embedding,
    "torus": torus,
    "cube 3-D": cube,
    "sphere": sphere,
    "gaussian 10-D": gaussian,
    "lorenz": lorenz,
}


def cloud(name: str, n: int, seed: int = 0) -> npt.NDArray[np.float32]:
    """Return the cloud called ``name``; the same arguments give the same points."""
    return CLOUDS[name](n, np.random.default_rng(seed)).astype(np.float32)
