"""Persistence diagrams of sliding windows, kept up to date while data streams in."""

from __future__ import annotations

from .config import Config
from .errors import AuraTDAError
from .persistence.diagram import Diagram
from .persistence.rips import vietoris_rips
from .persistence.vineyard_updates import RipsWindow
from .streaming.multi_scale_processor import MultiScaleStream
from .streaming.persistence_stream import WindowUpdate
from .types import PersistenceUpdate

__all__ = [
    "AuraTDAError",
    "Config",
    "Diagram",
    "MultiScaleStream",
    "PersistenceUpdate",
    "RipsWindow",
    "WindowUpdate",
    "vietoris_rips",
]
