"""Weights and weighted dissimilarities as plain loops: the ground truth for the metric dtm."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from aura_tda_gpu.persistence.distances import pairwise

Matrix = npt.NDArray[np.float32]


def naive_weights(places: Matrix, points: Matrix, k: int) -> Matrix:
    """Root mean square distance of each place to its k nearest points, summed from the nearest."""
    weights = []
    for place in places.tolist():
        squares = []
        for point in points.tolist():
            total = 0.0
            for a, b in zip(place, point, strict=True):
                total += (a - b) * (a - b)
            squares.append(total)
        total = 0.0
        for square in sorted(squares)[:k]:
            total += square
        weights.append(math.sqrt(total / k))
    return np.array(weights, np.float32)


def naive_filtration(points: Matrix, weights: Matrix) -> tuple[Matrix, Matrix]:
    """Values of edges (n, n), diagonal 0, and of vertices (n,)."""
    D = pairwise(points, "euclidean")
    for a in range(len(D)):
        for b in range(len(D)):
            f, g = weights[a], weights[b]
            D[a, b] = max(D[a, b] + (f + g), 2 * f, 2 * g) if a != b else 0
    return D, 2 * weights
