"""Settings of a multi-scale stream: one frozen, validated record, read from YAML."""

from __future__ import annotations

import math
from collections.abc import Iterator
from os import PathLike
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    JsonValue,
    model_validator,
)
from pydantic.fields import FieldInfo

from ..errors import ConfigError
from .base import Fault, FaultySettings, Section
from .yaml_text import ROOT_KEY, read_settings

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
    "setting_fields",
]

BackendName: TypeAlias = Literal["auto", "cpu", "cuda", "reference"]
MetricName: TypeAlias = Literal["euclidean", "manhattan", "chebyshev", "cosine", "dtm"]
LandmarkStrategyName: TypeAlias = Literal["cover", "maxmin"]
InputPolicy: TypeAlias = Literal["block", "drop_oldest"]
SubscriberPolicy: TypeAlias = Literal["drop_oldest", "coalesce", "block"]

_MS: dict[str, JsonValue] = {"unit": "milliseconds"}
_POINTS: dict[str, JsonValue] = {"unit": "points"}
_DATA_UNIT = "that of the data"
_SET: dict[str, JsonValue] = {"minItems": 1, "uniqueItems": True}
# int64 nanoseconds hold 292 years; one century leaves room for sums of times
_MAX_MS = 100 * 365 * 24 * 3600 * 1000
_NO_LIMIT = BeforeValidator(lambda value: math.inf if value is None else value)


def _set_of_values(values: tuple[int, ...]) -> tuple[int, ...]:
    if not values:
        raise ValueError("needs at least one value")
    repeated = sorted({value for value in values if values.count(value) > 1})
    if repeated:
        raise ValueError(f"{repeated[0]} is repeated")
    return values


Milliseconds: TypeAlias = Annotated[int, Field(strict=True, ge=1, le=_MAX_MS)]
Dimension: TypeAlias = Annotated[int, Field(strict=True, ge=0)]


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
        le=_MAX_MS,
        description="Longest time that a point waits for its micro-batch to fill.",
        json_schema_extra=_MS,
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
        le=_MAX_MS,
        description="How late a point may come and still be sorted in.",
        json_schema_extra=_MS,
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
    max_edge_length: Annotated[float, _NO_LIMIT] = Field(
        default=math.inf,
        gt=0,
        description="Longest edge of the filtration, inclusive; `.inf` or `null` for no limit.",
        json_schema_extra={"unit": _DATA_UNIT},
    )
    homology_dimensions: Annotated[tuple[Dimension, ...], AfterValidator(_set_of_values)] = Field(
        default=(0, 1),
        strict=False,
        description="Dimensions of the features: 0 parts, 1 loops.",
        json_schema_extra=_SET,
    )


class Config(Section):
    """All settings of a stream, as under ``streaming_tda`` in the YAML file.

    Parameters
    ----------
    **settings
        The fields below; a section may be given as a mapping.

    Raises
    ------
    ConfigError
        If a name is unknown or a value has the wrong type or range; names every such key.
        The sections raise it too.
    """

    path: ClassVar[str] = ROOT_KEY

    enabled: bool = Field(
        default=True,
        description="Whether anything is computed; "
        "if not, the async processor counts the points it is given and leaves it at that.",
    )
    scales: Annotated[tuple[Milliseconds, ...], AfterValidator(_set_of_values)] = Field(
        default=(100, 1000, 10000, 60000),
        strict=False,
        description="Length of each sliding window, in milliseconds.",
        json_schema_extra={**_MS, **_SET},
    )
    memory: MemoryConfig = MemoryConfig()
    stability: StabilityConfig = StabilityConfig()
    performance: PerformanceConfig = PerformanceConfig()
    queues: QueuesConfig = QueuesConfig()
    window: WindowConfig = WindowConfig()
    engine: EngineConfig = EngineConfig()

    @model_validator(mode="after")
    def _mass_has_a_use(self) -> Config:
        engine = self.engine
        if engine.dtm_mass is not None and engine.metric != "dtm":
            what = f"is for the metric dtm alone, not for {engine.metric}, got {engine.dtm_mass}"
            raise FaultySettings([Fault(f"{engine.path}.dtm_mass", what)])
        return self

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Config:
        """Read the settings from a YAML file.

        Parameters
        ----------
        path : str or path-like
            UTF-8 file whose one top-level key is ``streaming_tda``.

        Returns
        -------
        Config
            What the file says; the default for every key it leaves out.

        Raises
        ------
        ConfigError
            If the file cannot be read, is not YAML, repeats a key, or holds an unknown key or
            a value of the wrong type or range. The message names the file and the key.
        """
        settings = read_settings(path)
        try:
            return cls(**settings)
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from None

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """Return the JSON schema (draft 2020-12) of a whole file of settings.

        Each key has its description, default, unit and range. JSON has no infinity: the default
        of ``max_edge_length`` is ``null`` there, and `Config` takes ``null`` for no limit.
        """
        from .schema import document_schema

        return document_schema(cls)


def setting_fields() -> dict[str, FieldInfo]:
    """Return the fields of all settings by their keys below ``streaming_tda``, dotted."""
    return dict(_leaves(Config, ""))


def _leaves(section: type[Section], prefix: str) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in section.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, Section):
            yield from _leaves(inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field
