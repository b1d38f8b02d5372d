"""Diagrams for models in torch: a layer that computes them, data sets of them, layers over them."""

from __future__ import annotations

from ..errors import MissingDependencyError

try:
    import torch as _torch  # noqa: F401 - to say what is missing before anything else does
except ImportError as error:
    raise MissingDependencyError(
        "features.torch needs torch: pip install 'aura-tda-gpu[torch]'"
    ) from error

from .torch_data import DiagramDataset, collate_diagrams
from .torch_image import LearnablePersistenceImage
from .torch_layers import TopologyFeatures
from .torch_perslay import PersLay
from .torch_rips import RipsLayer
from .torch_stream import StreamFeatures

__all__ = [
    "DiagramDataset",
    "LearnablePersistenceImage",
    "PersLay",
    "RipsLayer",
    "StreamFeatures",
    "TopologyFeatures",
    "collate_diagrams",
]
