"""Settings of a multi-scale stream: one frozen, validated record, read from YAML."""

from __future__ import annotations

from collections.abc import Iterator
from os import PathLike
from typing import Any, ClassVar

from pydantic import Field, model_validator
from pydantic.fields import FieldInfo

from ..errors import ConfigError
from .base import Fault, FaultySettings, Section
from .sections import (
    EngineConfig,
    MemoryConfig,
    PerformanceConfig,
    QueuesConfig,
    StabilityConfig,
    WindowConfig,
)
from .values import (
    MS,
    SET,
    BackendName,
    InputPolicy,
    LandmarkStrategyName,
    MetricName,
    Scales,
    SubscriberPolicy,
)
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
    scales: Scales = Field(
        default=(100, 1000, 10000, 60000),
        strict=False,
        description="Length of each sliding window, in milliseconds.",
        json_schema_extra={**MS, **SET},
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
