"""The settings of a processor: what the constructor got, over what `initialize` got."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypedDict, get_args

from .config import (
    BackendName,
    Config,
    InputPolicy,
    LandmarkStrategyName,
    MetricName,
    SubscriberPolicy,
    setting_fields,
)
from .config.hints import hint
from .config.layers import flat, layered
from .config.yaml_text import ROOT_KEY, shown
from .errors import ConfigError
from .persistence.backends import check_available
from .streaming.feature_tracker import FeatureTracker
from .streaming.multi_scale_processor import MultiScaleStream
from .streaming.settings import durations, window_id
from .streaming.window_update import WindowUpdate

__all__ = ["Keywords", "ProcessorSettings"]

_RENAMED = {"memory.max_mb": "max_memory_mb", "stability.threshold": "stability_threshold"}


class Keywords(TypedDict, total=False):
    """The keys of a configuration as keywords of a processor."""

    enabled: bool
    max_memory_mb: int
    landmark_ratio: float
    max_landmarks: int | None
    landmarks: LandmarkStrategyName
    stability_threshold: float
    min_persistence: float
    min_ticks: int
    alpha: float
    batch_size: int
    batch_deadline_ms: float
    parallel_workers: int
    input_points: int
    input_policy: InputPolicy
    subscriber_updates: int
    subscriber_policy: SubscriberPolicy
    allowed_lateness_ms: int
    max_empty_ticks: int
    backend: BackendName
    metric: MetricName
    dtm_mass: float | None
    max_edge_length: float
    homology_dimensions: Iterable[int]


@dataclass(frozen=True)
class ProcessorSettings:
    """Checked settings.

    Attributes
    ----------
    given : dict of str to object
        What the constructor got, by dotted key of the configuration.
    stream_only : dict of str to object
        What the constructor got for the stream, and a configuration has no keys for.
    config : Config
        All settings of the configuration together.
    """

    given: dict[str, Any]
    stream_only: dict[str, Any]
    config: Config

    @classmethod
    def of(
        cls,
        scales: Iterable[int] | Config | None,
        settings: Mapping[str, Any],
        **stream_only: Any,
    ) -> ProcessorSettings:
        """Return the settings that a constructor got.

        Raises
        ------
        ConfigError
            If a name is unknown or a value out of range.
        BackendUnavailable
            If a GPU is asked for, and there is no driver or no CuPy.
        """
        keys = {name: key for key, name in keywords().items()}
        for name in settings:
            if name not in keys:
                known = {key: key for key in (*keys, *stream_only)}
                raise ConfigError(f"unknown setting {name!r} of a processor{hint(name, known)}")
        given = {keys[name]: value for name, value in settings.items() if value is not None}
        dimensions = given.get("engine.homology_dimensions")
        if isinstance(dimensions, Iterable) and not isinstance(dimensions, str):
            given["engine.homology_dimensions"] = tuple(dimensions)
        if isinstance(scales, Config):
            given = {**dict(flat(scales.model_dump(exclude_unset=True))), **given}
        elif scales is not None:
            given["scales"] = durations(scales)
        config = layered(given=given, labels=keywords())
        if config.enabled:
            check_available(config.engine.backend)
        return cls(given, stream_only, config)

    def over(self, config: Config | Mapping[str, Any] | None) -> ProcessorSettings:
        """Return these settings on top of a configuration.

        Raises
        ------
        ConfigError
            If the configuration names an unknown key or a value out of range.
        """
        if config is None:
            return self
        if not isinstance(config, Config):
            inner = config
            if isinstance(config, Mapping) and set(config) == {ROOT_KEY}:
                inner = config[ROOT_KEY]
            if not isinstance(inner, Mapping) or not all(isinstance(key, str) for key in inner):
                raise ConfigError(
                    "a configuration is a Config (Config.load reads a file) or a mapping with "
                    f"text keys, not {shown(inner)}"
                )
            config = Config(**copy.deepcopy(dict(inner)))
        below = dict(flat(config.model_dump(exclude_unset=True)))
        return replace(self, config=layered(given={**below, **self.given}, labels=keywords()))

    def new_stream(self) -> MultiScaleStream:
        """Return a stream with these settings, its engine loaded.

        Raises
        ------
        ConfigError, UnsupportedError, BackendUnavailable, MemoryLimitError
            If it cannot run.
        """
        return MultiScaleStream(self.config, **self.stream_only)

    def new_tracker(self) -> FeatureTracker:
        """Return a tracker with these settings."""
        return FeatureTracker.of(self.config.stability)

    @property
    def scheduling(self) -> dict[str, Any]:
        """The arguments that make a `Scheduler` of these settings."""
        queues, performance = self.config.queues, self.config.performance
        return {
            "batch_size": performance.batch_size,
            "deadline_s": performance.batch_deadline_ms / 1000,
            "max_waiting": queues.input_points,
            "drop_oldest": queues.input_policy == "drop_oldest",
        }

    @cached_property
    def window_ids(self) -> tuple[str, ...]:
        """The windows, finest scale first."""
        return tuple(map(window_id, sorted(self.config.scales)))

    def queue(
        self, limit: int | None, policy: SubscriberPolicy | None
    ) -> tuple[int, SubscriberPolicy]:
        """Return how much waits for a subscriber, and what becomes of more.

        Raises
        ------
        ConfigError
            If a value is out of range.
        """
        queues = self.config.queues
        limit = queues.subscriber_updates if limit is None else limit
        policy = queues.subscriber_policy if policy is None else policy
        if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
            raise ConfigError(f"limit must be an integer from 1 on, not {limit!r}")
        if policy not in get_args(SubscriberPolicy):
            known = ", ".join(get_args(SubscriberPolicy))
            raise ConfigError(f"policy must be one of {known}, not {policy!r}")
        return limit, policy

    def summary_of(self, updates: Sequence[WindowUpdate]) -> WindowUpdate:
        """Return the latest update of the finest scale, with all of them in its ``all``."""
        finest = min(updates, key=lambda u: (self.window_ids.index(u.window_id), -u.timestamp))
        summary = copy.copy(finest)
        summary.all = tuple(updates)
        return summary


def keywords() -> dict[str, str]:
    """Return the name of each key of the configuration as a keyword, by dotted key."""
    return {key: _RENAMED.get(key, key.rpartition(".")[2]) for key in setting_fields()}
