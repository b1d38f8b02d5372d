"""Random diagrams, vectorisations of every kind, and the libraries that are here."""

from __future__ import annotations

import numpy as np
import torch

from aura_tda_gpu.features import (
    BettiCurve,
    EulerCurve,
    PersistenceEntropy,
    PersistenceImage,
    PersistenceLandscape,
    PersistenceLengths,
    PersistenceStatistics,
    Silhouette,
    pad,
)

RANGE = (0.0, 1.5)
IMAGE = {"bandwidth": 0.1, "resolution": (12, 9), "im_range": (0.0, 1.0, 0.0, 1.5)}
KINDS = {
    "betti": BettiCurve(1, sample_range=RANGE),
    "euler": EulerCurve(sample_range=RANGE),
    "landscape": PersistenceLandscape(1, sample_range=RANGE),
    "silhouette": Silhouette(1, sample_range=RANGE),
    "silhouette flat": Silhouette(1, sample_range=RANGE, power=0),
    "silhouette of roots": Silhouette(1, sample_range=RANGE, power=0.5),
    "image": PersistenceImage(1, **IMAGE),
    "image of masses": PersistenceImage(1, integrate=True, **IMAGE),
    "entropy": PersistenceEntropy(1),
    "entropy normalised": PersistenceEntropy(1, normalise=True),
    "statistics": PersistenceStatistics(1),
    "lengths": PersistenceLengths(1),
}
DIFFERENTIABLE = [name for name in KINDS if name not in ("betti", "euler")]


def random_diagrams(rng, n, *, longest=60, shortest=1):
    """Return arrays of shape (n_bars, 2), some values on the samples and some equal."""
    diagrams = []
    for _ in range(n):
        size = rng.integers(shortest, longest + 1)
        births = rng.uniform(0, 1, size)
        some = rng.random(size) < 0.2
        births[some] = np.round(births[some], 1)
        deaths = births + rng.exponential(0.2, size) + 1e-6
        diagrams.append(np.column_stack([births, deaths]))
    return diagrams


def as_numpy(array):
    return array


def as_torch(array):
    return torch.from_numpy(np.array(array))


LIBRARIES = {"numpy": as_numpy, "torch": as_torch}


def padded(rng, n=20, *, dtype=np.float64, **options):
    return pad([d.astype(dtype) for d in random_diagrams(rng, n, **options)], dimension=1)
