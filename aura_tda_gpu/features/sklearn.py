"""Diagrams in pipelines of scikit-learn: from series to clouds, diagrams and feature vectors."""

from __future__ import annotations

from ..errors import MissingDependencyError

try:
    import sklearn as _sklearn  # noqa: F401 - to say what is missing before anything else does
except ImportError as error:
    raise MissingDependencyError(
        "features.sklearn needs scikit-learn: pip install 'aura-tda-gpu[sklearn]'"
    ) from error

from .sklearn_rips import VietorisRipsTransformer
from .sklearn_vectors import PersistenceVectoriser
from .sklearn_windows import SlidingWindow, TakensEmbedding

__all__ = [
    "PersistenceVectoriser",
    "SlidingWindow",
    "TakensEmbedding",
    "VietorisRipsTransformer",
]
