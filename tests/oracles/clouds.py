"""Point clouds and matrices that have broken persistence codes before, by name."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from aura_tda_gpu.persistence.distances import as_points, pairwise

Matrix = npt.NDArray[np.float32]


def gaussian(n: int, dim: int) -> Matrix:
    return _distances(_rng(n, dim).normal(size=(n, dim)))


def circle(n: int, noise: float = 0.05) -> Matrix:
    angle = 2 * np.pi * np.arange(n) / n
    points = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return _distances(points + noise * _rng(n).normal(size=points.shape))


def grid(*sides: int) -> Matrix:
    return _distances(np.indices(sides).reshape(len(sides), -1).T.astype(np.float64))


def tenth_grid(*sides: int) -> Matrix:
    """A grid whose spacing is no binary fraction, so that equal distances may round apart."""
    return _distances(np.indices(sides).reshape(len(sides), -1).T * np.float32(0.1))


def lattice_points(n: int, dim: int, side: int) -> Matrix:
    """Integer points drawn with repeats: duplicates and ties."""
    return _distances(_rng(n, dim, side).integers(0, side, (n, dim)))


def collinear(n: int) -> Matrix:
    return _distances(np.outer(_rng(n).integers(0, 3 * n, n), [1.0, 2.0, -2.0]))


def copies(n: int) -> Matrix:
    """Every point three times."""
    return _distances(np.repeat(_rng(n).normal(size=((n + 2) // 3, 2)), 3, axis=0)[:n])


def constant(n: int) -> Matrix:
    return np.ones((n, n), np.float32) - np.eye(n, dtype=np.float32)


def symmetric(n: int) -> Matrix:
    """Random entries, no triangle inequality."""
    upper = np.triu(_rng(n).random((n, n)).astype(np.float32), 1)
    return upper + upper.T


def small_integers(n: int, top: int = 4) -> Matrix:
    upper = np.triu(_rng(n, top).integers(0, top, (n, n)).astype(np.float32), 1)
    return upper + upper.T


def holes(n: int, share: float) -> Matrix:
    """Random entries, a share of them infinite: several components and essential loops."""
    missing = np.triu(_rng(n).random((n, n)) < share, 1)
    return np.where(missing | missing.T, np.float32(np.inf), symmetric(n))


def integer_holes(n: int, share: float) -> Matrix:
    missing = np.triu(_rng(n, 1).random((n, n)) < share, 1)
    return np.where(missing | missing.T, np.float32(np.inf), small_integers(n))


def islands(*sizes: int) -> Matrix:
    """Noisy circles infinitely far from one another."""
    n = sum(sizes)
    out = np.full((n, n), np.inf, np.float32)
    start = 0
    for size in sizes:
        out[start : start + size, start : start + size] = circle(size)
        start += size
    return out


def square_without_diagonals() -> Matrix:
    """Four vertices in a ring: one loop that nothing ever fills."""
    far = np.float32(np.inf)
    return np.array([[0, 1, far, 2], [1, 0, 1, far], [far, 1, 0, 1], [2, far, 1, 0]], np.float32)


def nothing(n: int) -> Matrix:
    """No edge at all."""
    return np.where(np.eye(n, dtype=np.bool_), np.float32(0), np.float32(np.inf))


CLOUDS: dict[str, Callable[[], Matrix]] = {
    "n=0": lambda: np.zeros((0, 0), np.float32),
    "n=1": lambda: constant(1),
    "n=2": lambda: constant(2),
    "n=2 duplicate": lambda: np.zeros((2, 2), np.float32),
    "n=3": lambda: gaussian(3, 2),
    **{f"gaussian {dim}-D": lambda dim=dim: gaussian(40, dim) for dim in (1, 2, 3, 5, 10)},
    "gaussian n=63": lambda: gaussian(63, 3),
    "gaussian n=64": lambda: gaussian(64, 4),
    "gaussian n=65": lambda: gaussian(65, 3),
    "gaussian n=130": lambda: gaussian(130, 3),
    "circle": lambda: circle(48),
    "circle n=130": lambda: circle(130, 0.1),
    "polygon": lambda: circle(32, 0.0),
    "grid 5x5": lambda: grid(5, 5),
    "grid 3x3x3": lambda: grid(3, 3, 3),
    "grid 11x11": lambda: grid(11, 11),
    "grid of 0.1": lambda: tenth_grid(6, 7),
    "lattice": lambda: lattice_points(40, 2, 5),
    "lattice n=65": lambda: lattice_points(65, 3, 4),
    "lattice n=130": lambda: lattice_points(130, 2, 9),
    "collinear": lambda: collinear(30),
    "copies": lambda: copies(50),
    "all the same": lambda: np.zeros((20, 20), np.float32),
    "all equal": lambda: constant(20),
    "all equal n=65": lambda: constant(65),
    "symmetric": lambda: symmetric(50),
    "symmetric n=130": lambda: symmetric(130),
    "small integers": lambda: small_integers(45),
    "small integers n=64": lambda: small_integers(64, 3),
    "small integers n=130": lambda: small_integers(130, 6),
    "holes": lambda: holes(40, 0.5),
    "many holes": lambda: holes(60, 0.9),
    "integer holes": lambda: integer_holes(50, 0.7),
    "integer holes n=130": lambda: integer_holes(130, 0.95),
    "islands": lambda: islands(20, 1, 15, 2),
    "islands n=130": lambda: islands(70, 60),
    "square": square_without_diagonals,
    "nothing": lambda: nothing(7),
}


def _rng(*seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def _distances(points: npt.ArrayLike) -> Matrix:
    return pairwise(as_points(points), "euclidean")
