"""Persistence diagrams of sliding windows, kept up to date while data streams in."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .config import Config
    from .errors import AuraTDAError
    from .persistence.batch import vietoris_rips_batch
    from .persistence.diagram import Diagram
    from .persistence.rips import vietoris_rips
    from .persistence.vines import Changes
    from .persistence.vineyard_updates import RipsWindow
    from .processor import StreamingTDAProcessor
    from .streaming.estimate import estimate
    from .streaming.feature_tracker import FeatureTracker, Lifeline, StabilityFilter
    from .streaming.multi_scale_processor import MultiScaleStream
    from .streaming.window_update import WindowUpdate
    from .types import PersistenceUpdate, StreamingPoint, TDAStreamEvent

__all__ = [
    "AuraTDAError",
    "Changes",
    "Config",
    "Diagram",
    "FeatureTracker",
    "Lifeline",
    "MultiScaleStream",
    "PersistenceUpdate",
    "RipsWindow",
    "StabilityFilter",
    "StreamingPoint",
    "StreamingTDAProcessor",
    "TDAStreamEvent",
    "WindowUpdate",
    "estimate",
    "vietoris_rips",
    "vietoris_rips_batch",
]

_HOMES = {
    "AuraTDAError": "errors",
    "Changes": "persistence.vines",
    "Config": "config",
    "Diagram": "persistence.diagram",
    "FeatureTracker": "streaming.feature_tracker",
    "Lifeline": "streaming.feature_tracker",
    "MultiScaleStream": "streaming.multi_scale_processor",
    "PersistenceUpdate": "types",
    "RipsWindow": "persistence.vineyard_updates",
    "StabilityFilter": "streaming.feature_tracker",
    "StreamingPoint": "types",
    "StreamingTDAProcessor": "processor",
    "TDAStreamEvent": "types",
    "WindowUpdate": "streaming.persistence_stream",
    "estimate": "streaming.estimate",
    "vietoris_rips": "persistence.rips",
    "vietoris_rips_batch": "persistence.batch",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names and whatever else is there."""
    return sorted({*globals(), *__all__})
