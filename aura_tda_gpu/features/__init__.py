"""Feature vectors of persistence diagrams."""

from __future__ import annotations

from .feature_vector import FeatureVector
from .padding import pad
from .vectorisations import (
    BettiCurve,
    EulerCurve,
    PersistenceEntropy,
    PersistenceImage,
    PersistenceLandscape,
    PersistenceLengths,
    PersistenceStatistics,
    Silhouette,
)

__all__ = [
    "BettiCurve",
    "EulerCurve",
    "FeatureVector",
    "PersistenceEntropy",
    "PersistenceImage",
    "PersistenceLandscape",
    "PersistenceLengths",
    "PersistenceStatistics",
    "Silhouette",
    "pad",
]
