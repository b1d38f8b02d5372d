"""Settings: what they are, where they come from, and what is said of those that cannot be taken."""

from __future__ import annotations

from .layers import layered
from .model import Config, setting_fields
from .sections import (
    EngineConfig,
    MemoryConfig,
    PerformanceConfig,
    QueuesConfig,
    StabilityConfig,
    WindowConfig,
)
from .values import BackendName, InputPolicy, LandmarkStrategyName, MetricName, SubscriberPolicy

__all__ = [
    "BackendName",
    "Config",
    "EngineConfig",
    "InputPolicy",
    "LandmarkStrategyName",
    "MemoryConfig",
    "MetricName",
    "PerformanceConfig",
    "QueuesConfig",
    "StabilityConfig",
    "SubscriberPolicy",
    "WindowConfig",
    "layered",
    "setting_fields",
]
