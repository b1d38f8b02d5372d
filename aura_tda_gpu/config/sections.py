"""Sections of the settings: one frozen, validated record each."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, TypeAlias

from pydantic import BeforeValidator, Field, JsonValue

from .base import Section
from .values import (
    MAX_MS,
    MS,
    SET,
    BackendName,
    Dimensions,
    InputPolicy,
    LandmarkStrategyName,
    MetricName,
    SubscriberPolicy,
)

__all__ = [
    "EngineConfig",
    "MemoryConfig",
    "PerformanceConfig",
    "QueuesConfig",
    "StabilityConfig",
    "WindowConfig",
]

_POINTS: dict[str, JsonValue] = {"unit": "points"}
_DATA_UNIT = "that of the data"
_Limit: TypeAlias = Annotated[
    float, BeforeValidator(lambda value: math.inf if value is None else value)
]


class MemoryConfig(Section):
    """How much memory a stream may take, and how many points its engine sees."""

    path: ClassVar[str] = "streaming_tda.memory"
    max_mb: int = Field(
        default=2048,
        ge=1,
        description="Memory the stream may use, in MB (1024 x 1024 bytes).",
        json_schema_extra={"unit": "MB"},
    )
    landmark_ratio: float = Field(
        default=0.1,
        gt=0,
        le=1,
        description="Landmarks as a share of a window's largest number of points.",
        json_schema_extra={"unit": "a share of 1"},
    )
    max_landmarks: int | None = Field(
        default=None,
        ge=1,
        description="Landmarks of a window; unset, `landmark_ratio` decides, up to 512. "
        "A window with no more points than this is exact.",
        json_schema_extra=_POINTS,
    )
    landmarks: LandmarkStrategyName = Field(
        default="cover",
        description="How landmarks are found: `cover` keeps them while points come and go, "
        "`maxmin` selects the farthest points anew at each tick.",
    )


class StabilityConfig(Section):
    """Which features count as stable."""

    path: ClassVar[str] = "streaming_tda.stability"
    threshold: float = Field(
        default=0.15,
        ge=0,
        le=1,
        description="Smallest ratio of the persistences at two ticks of one feature.",
        json_schema_extra={"unit": "a share of 1"},
    )
    min_persistence: float = Field(
        default=0.05,
        ge=0,
        allow_inf_nan=False,
        description="Shortest bar that becomes a feature of the async processor; "
        "a feature dies below half of it.",
        json_schema_extra={"unit": _DATA_UNIT},
    )
    min_ticks: int = Field(
        default=3,
        ge=1,
        description="Ticks in a row that make a feature, and ticks without its bar that end it.",
        json_schema_extra={"unit": "ticks"},
    )
    alpha: float = Field(
        default=0.05,
        gt=0,
        le=1,
        description="Level of significance of a feature; 1 asks for none.",
        json_schema_extra={"unit": "a share of 1"},
    )


class PerformanceConfig(Section):
    """How the work is divided."""

    path: ClassVar[str] = "streaming_tda.performance"
    batch_size: int = Field(
        default=100,
        ge=1,
        description="Most points in a micro-batch of the async processor.",
        json_schema_extra=_POINTS,
    )
    batch_deadline_ms: float = Field(
        default=20,
        ge=0,
        le=MAX_MS,
        description="Longest time that a point waits for its micro-batch to fill.",
        json_schema_extra=MS,
    )
    parallel_workers: int = Field(
        default=4,
        ge=1,
        le=1024,
        description="Threads of the engine.",
        json_schema_extra={"unit": "threads"},
    )


class QueuesConfig(Section):
    """How much may wait in the async processor, and what becomes of more."""

    path: ClassVar[str] = "streaming_tda.queues"
    input_points: int = Field(
        default=10_000,
        ge=1,
        description="Points that may wait for the engine.",
        json_schema_extra=_POINTS,
    )
    input_policy: InputPolicy = Field(
        default="block",
        description="What becomes of points that are too many: `block` makes the caller wait, "
        "`drop_oldest` drops those that waited longest.",
    )
    subscriber_updates: int = Field(
        default=1024,
        ge=1,
        description="Updates that may wait for one subscriber.",
        json_schema_extra={"unit": "updates"},
    )
    subscriber_policy: SubscriberPolicy = Field(
        default="drop_oldest",
        description="What becomes of updates that are too many: `drop_oldest` drops those that "
        "waited longest, `coalesce` keeps the newest of each window, "
        "`block` makes the stream wait.",
    )


class WindowConfig(Section):
    """How event time is read."""

    path: ClassVar[str] = "streaming_tda.window"
    allowed_lateness_ms: int = Field(
        default=0,
        ge=0,
        le=MAX_MS,
        description="How late a point may come and still be sorted in.",
        json_schema_extra=MS,
    )
    max_empty_ticks: int = Field(
        default=10,
        ge=0,
        description="Ticks given to one gap of the data before the clock jumps over it.",
        json_schema_extra={"unit": "ticks"},
    )


class EngineConfig(Section):
    """What is computed, and on what."""

    path: ClassVar[str] = "streaming_tda.engine"
    backend: BackendName = Field(
        default="auto", description="Engine; `auto` takes the CPU, `cuda` a GPU."
    )
    metric: MetricName = Field(
        default="euclidean",
        description="Distance between points; `cosine` is the angle in radians, `dtm` the "
        "euclidean one with weights that hold outliers back.",
    )
    dtm_mass: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="With the metric `dtm`, and only there: the share of a window's points that "
        "makes a weight; unset, 0.1.",
        json_schema_extra={"unit": "a share of 1"},
    )
    max_edge_length: _Limit = Field(
        default=math.inf,
        gt=0,
        description="Longest edge of the filtration, inclusive; `.inf` or `null` for no limit.",
        json_schema_extra={"unit": _DATA_UNIT},
    )
    homology_dimensions: Dimensions = Field(
        default=(0, 1),
        strict=False,
        description="Dimensions of the features: 0 parts, 1 loops.",
        json_schema_extra=SET,
    )
