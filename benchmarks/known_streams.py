"""Seeded streams of points whose loops are known, with noise, outliers and drift."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["NOISE_SHAPES", "SHAPES", "Array", "KnownStream", "Shape", "Streamed"]

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Draw = Callable[[Array, np.random.Generator], "Array | tuple[Array, Flags]"]


@dataclass(frozen=True, slots=True)
class Shape:
    """What a stream shows.

    Attributes
    ----------
    dim : int
        Coordinates a point.
    loops : int
        Most loops that a window can show at once, each of its own length.
    draw : callable
        From times as shares of the stream, shape (n,), to points, shape (n, dim), and where loops
        are made of points of their own, shape (n,), which points are of the second one.
    """

    dim: int
    loops: int
    draw: Draw


@dataclass(frozen=True, slots=True)
class Streamed:
    """The rows of a stream.

    Attributes
    ----------
    points : ndarray of float64, shape (n, dim)
    times : ndarray of float64, shape (n,)
        Seconds, equally spaced.
    is_outlier : ndarray of bool, shape (n,)
    part : ndarray of bool, shape (n,), or None
        Which points make the second loop; None where loops share their points.
    """

    points: Array
    times: Array
    is_outlier: Flags
    part: Flags | None


@dataclass(frozen=True, slots=True)
class KnownStream:
    """One stream: a shape, what disturbs it, and its clock.

    Attributes
    ----------
    shape : str
        A key of `SHAPES`.
    noise : float
        Standard deviation of the normal noise of each coordinate; circles have radius 1.
    outliers : float
        Share of the points that are uniform in the bounding box of the shape, widened by a fifth.
    drift : float
        Speed at which the whole moves along the diagonal, a second.
    rate : float
        Points a second.
    seconds : float
        Length of the stream.
    seed : int
        The same arguments give the same points.
    """

    shape: str
    noise: float = 0.0
    outliers: float = 0.0
    drift: float = 0.0
    rate: float = 50.0
    seconds: float = 24.0
    seed: int = 0

    @property
    def loops(self) -> int:
        """Most loops that a window can show at once."""
        return SHAPES[self.shape].loops

    @property
    def label(self) -> str:
        """What is disturbed how, for a table."""
        told = [f"noise {self.noise:g}"] if self.noise else []
        told += [f"outliers {self.outliers:.0%}"] if self.outliers else []
        told += [f"drift {self.drift:g}/s"] if self.drift else []
        return f"{self.shape}, {', '.join(told)}" if told else self.shape

    def rows(self) -> Streamed:
        """Return all rows."""
        rng = np.random.default_rng([self.seed, *self.label.encode()])
        shape = SHAPES[self.shape]
        times = np.arange(round(self.seconds * self.rate)) / self.rate
        drawn = shape.draw(times / self.seconds, rng)
        points, part = drawn if isinstance(drawn, tuple) else (drawn, None)
        low, high = points.min(axis=0), points.max(axis=0)
        wide = 0.1 * (high - low)
        points = points + rng.normal(0, self.noise, points.shape)
        is_outlier = rng.random(len(times)) < self.outliers
        points[is_outlier] = rng.uniform(low - wide, high + wide, (is_outlier.sum(), shape.dim))
        step = np.full(shape.dim, self.drift / np.sqrt(shape.dim))
        return Streamed(points + times[:, np.newaxis] * step, times, is_outlier, part)


def _ring(n: int, radius: float, rng: np.random.Generator) -> Array:
    angle = rng.uniform(0, 2 * np.pi, n)
    return radius * np.column_stack([np.cos(angle), np.sin(angle)])


def _circle(share: Array, rng: np.random.Generator) -> Array:
    return _ring(len(share), 1.0, rng)


def _two_rings(
    n: int, radius: float, distance: Array, rng: np.random.Generator
) -> tuple[Array, Flags]:
    """Unit circle and one of another radius, centres at a distance; equally dense."""
    points = _ring(n, 1.0, rng)
    second = rng.random(n) < radius / (1 + radius)
    points[second] *= radius
    points[second, 0] += distance[second]
    return points, second


def _figure_eight(share: Array, rng: np.random.Generator) -> tuple[Array, Flags]:
    """Two circles of radius 1 and 0.7 that touch."""
    return _two_rings(len(share), 0.7, np.full(len(share), 1.7), rng)


def _merge_and_part(share: Array, rng: np.random.Generator) -> tuple[Array, Flags]:
    """Circles of radius 1 and 0.75, apart, pushed into each other to 0.9, and apart again."""
    distance = np.interp(share, [0, 0.25, 0.45, 0.55, 0.75, 1], [2.6, 2.6, 0.9, 0.9, 2.6, 2.6])
    return _two_rings(len(share), 0.75, distance, rng)


def _opens_and_closes(share: Array, rng: np.random.Generator) -> Array:
    """Uniform in the unit disc, out of which a hole of radius 0.8 opens and closes again."""
    hole = np.interp(share, [0, 0.2, 0.4, 0.6, 0.8, 1], [0, 0, 0.8, 0.8, 0, 0])
    radius = np.sqrt(rng.uniform(hole**2, 1))
    return radius[:, np.newaxis] * _ring(len(share), 1.0, rng)


def _orbit(n: int, rng: np.random.Generator) -> Array:
    """Return two angles that go round at incommensurate frequencies, shape (2, n)."""
    turns = np.arange(n) * np.array([[0.7548776662], [0.5698402910]])  # Roberts' R2 sequence
    angles: Array = 2 * np.pi * (turns + rng.random((2, 1)))
    return angles


def _torus(share: Array, rng: np.random.Generator) -> Array:
    """Orbit on a torus of radii 2.5 and 1; loops that die at 2.6 and at 1.7."""
    u, v = _orbit(len(share), rng)
    ring = 2.5 + np.cos(v)
    return np.column_stack([ring * np.cos(u), ring * np.sin(u), np.sin(v)])


def _clifford_torus(share: Array, rng: np.random.Generator) -> Array:
    """Orbit on a circle of radius 1 times a circle of radius 0.85."""
    u, v = _orbit(len(share), rng)
    return np.column_stack([np.cos(u), np.sin(u), 0.85 * np.cos(v), 0.85 * np.sin(v)])


def _sphere(share: Array, rng: np.random.Generator) -> Array:
    direction = rng.standard_normal((len(share), 3))
    return direction / np.linalg.norm(direction, axis=1, keepdims=True)


def _uniform(dim: int) -> Draw:
    return lambda share, rng: rng.uniform(-1, 1, (len(share), dim))


def _gaussian(dim: int) -> Draw:
    return lambda share, rng: rng.standard_normal((len(share), dim))


NOISE_SHAPES: dict[str, Shape] = {
    f"{law} {dim}-D": Shape(dim, 0, draw(dim))
    for law, draw in (("uniform", _uniform), ("gaussian", _gaussian))
    for dim in (2, 3, 10)
}
SHAPES: dict[str, Shape] = {
    "circle": Shape(2, 1, _circle),
    "figure eight": Shape(2, 2, _figure_eight),
    "two circles": Shape(2, 3, _merge_and_part),
    "loop opens and closes": Shape(2, 1, _opens_and_closes),
    "torus": Shape(3, 2, _torus),
    "Clifford torus": Shape(4, 2, _clifford_torus),
    "sphere": Shape(3, 0, _sphere),
    **NOISE_SHAPES,
}
