"""The settings of a stream, checked once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from numbers import Integral, Real
from typing import Any, get_args

from ..config import Config, LandmarkStrategyName
from ..errors import USE_LANDMARKS, ConfigError, MemoryLimitError, UnsupportedError
from ..persistence import backends
from ..persistence.distances import check_metric
from ..persistence.reference import MAX_POINTS
from ..persistence.rips import RipsOptions, check_options
from .memory import MemoryPlan, plan_memory

__all__ = ["DEFAULT_SCALES", "Scale", "StreamSettings", "default", "durations", "window_id"]

DEFAULT_SCALES = (100, 1000, 10000, 60000)
NS_PER_MS = 1_000_000
MAX_MS = 100 * 365 * 24 * 3600 * 1000  # a century: sums of two such times fit int64 nanoseconds
MAX_INTEGER = 2**62
_LANDMARK_LIMITS = {"reference": MAX_POINTS}


@dataclass(frozen=True, slots=True)
class Scale:
    """One time scale.

    Attributes
    ----------
    duration_ms : int
        Length of the window.
    slide_ns : int
        Distance of two ticks.
    """

    duration_ms: int
    slide_ns: int

    @property
    def duration_ns(self) -> int:
        """Length of the window in nanoseconds."""
        return self.duration_ms * NS_PER_MS

    @property
    def window_id(self) -> str:
        """Name of the scale, for example ``"scale_100ms"``."""
        return window_id(self.duration_ms)


@dataclass(frozen=True)
class StreamSettings:
    """Checked settings of a stream; see `MultiScaleStream` for what each of them means.

    Raises
    ------
    ConfigError
        If a value is out of range or a name unknown; names the setting and the value.
    UnsupportedError
        If no engine takes these homology dimensions or so many landmarks.
    BackendUnavailable
        If the backend cannot run on this machine.
    MemoryLimitError
        If ``max_memory_mb`` does not hold these windows.
    """

    scales: Iterable[int] = DEFAULT_SCALES
    slide_intervals_ms: Sequence[float] | None = None
    dim: int | None = None
    max_points: int | None = None
    max_landmarks: int | None = None
    landmarks: str = "cover"
    landmark_ratio: float = 0.1
    max_memory_mb: float = 1024
    allowed_lateness_ms: float = 0
    max_empty_ticks: int = 10
    metric: str = "euclidean"
    max_edge_length: float = math.inf
    homology_dimensions: Iterable[int] = (0, 1)
    backend: str = "auto"
    parallel_workers: int | None = None
    dtm_mass: float | None = None

    def __post_init__(self) -> None:
        for name in ("dim", "max_points", "max_landmarks", "parallel_workers"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, _integer(name, value, 1))
        if self.landmarks not in get_args(LandmarkStrategyName):
            known = ", ".join(get_args(LandmarkStrategyName))
            raise ConfigError(f"landmarks must be one of {known}, not {self.landmarks!r}")
        _integer("max_empty_ticks", self.max_empty_ticks, 0)
        _number("landmark_ratio", self.landmark_ratio, 0, 1, open_start=True)
        _number("max_memory_mb", self.max_memory_mb, 0, 1 << 40, open_start=True)
        _number("allowed_lateness_ms", self.allowed_lateness_ms, 0, MAX_MS)
        object.__setattr__(self, "scales", durations(self.scales))
        slides = self.slide_intervals_ms
        if slides is not None:
            if isinstance(slides, str) or not isinstance(slides, Iterable):
                raise ConfigError(
                    "slide_intervals_ms must be a list of milliseconds such as [10, 100], one for "
                    f"each scale, not {slides!r}"
                )
            object.__setattr__(self, "slide_intervals_ms", tuple(slides))
        self._check_engine()

    @classmethod
    def of(cls, scales: Iterable[int] | Config, **given: Any) -> StreamSettings:
        """Return the settings given one by one, or those of a `Config`.

        A value that `default` made counts as not given.

        Raises
        ------
        ConfigError
            If a setting is given beside a `Config` that has a key for it.
        """
        given = {name: value for name, value in given.items() if not _is_default(value)}
        if not isinstance(scales, Config):
            return cls(scales=scales, **given)
        told = _settings_of(scales)
        for name in given:
            if name in told:
                raise ConfigError(f"{name} is given beside a Config: set it there")
        return cls(**{**given, **told})

    @cached_property
    def timeline(self) -> tuple[Scale, ...]:
        """The scales, finest first."""
        lengths = tuple(self.scales)
        pairs = zip(lengths, _slides(self.slide_intervals_ms, lengths), strict=True)
        return tuple(sorted((Scale(*pair) for pair in pairs), key=lambda scale: scale.duration_ms))

    @cached_property
    def shortest_slide_ns(self) -> int:
        """The shortest distance of two ticks of a scale, in nanoseconds."""
        return min(scale.slide_ns for scale in self.timeline)

    @property
    def allowed_lateness_ns(self) -> int:
        """How late a point may come, in nanoseconds."""
        return round(self.allowed_lateness_ms * NS_PER_MS)

    def memory_plan(self, dim: int) -> MemoryPlan:
        """Return the sizes of all buffers for points of ``dim`` coordinates."""
        return plan_memory(
            [scale.duration_ms for scale in self.timeline],
            dim,
            max_memory_mb=self.max_memory_mb,
            max_points=self.max_points,
            max_landmarks=self.max_landmarks,
            landmark_ratio=self.landmark_ratio,
            landmark_limit=_LANDMARK_LIMITS.get(self.backend, 512),
            landmarks=self.landmarks,
            late=self.allowed_lateness_ms > 0,
            weighted=self.dtm_mass is not None,
        )

    @property
    def engine_options(self) -> RipsOptions:
        """The settings of the engine, checked."""
        return check_options(
            self.metric,
            self.homology_dimensions,
            self.max_edge_length,
            self.backend,
            self.parallel_workers,
            self.dtm_mass,
        )

    def _check_engine(self) -> None:
        check_metric(self.metric, precomputed=False)
        options = self.engine_options
        dimensions = options.homology_dimensions
        if dimensions[-1] > 1:
            raise UnsupportedError(
                f"homology dimension {dimensions[-1]} of a stream: dimensions 0 and 1 are supported"
            )
        object.__setattr__(self, "homology_dimensions", dimensions)
        object.__setattr__(self, "dtm_mass", options.dtm_mass)
        plan = self.memory_plan(self.dim or 1)
        largest = max(window.max_landmarks for window in plan.windows)
        try:
            engine, _ = backends.resolve(self.backend, largest, dimensions, kept=True)
        except (UnsupportedError, MemoryLimitError) as error:
            raise type(error)(str(error).replace(USE_LANDMARKS, "lower max_landmarks")) from None
        if engine.name == "cpu":
            from ..persistence import cpu

            cpu.warm_landmarks()  # now, for its windows are made when the first points come
            if self.dtm_mass is None:
                cpu.warm_windows()


def durations(scales: object) -> tuple[int, ...]:
    """Return the window lengths in milliseconds, in the order given.

    Raises
    ------
    ConfigError
        If they are not different whole numbers from 1 on.
    """
    if isinstance(scales, str | bytes) or not isinstance(scales, Iterable):
        raise ConfigError(
            f"scales must be a list of milliseconds such as [100, 1000], not {scales!r}"
        )
    found: list[int] = []
    for value in scales:
        number = isinstance(value, Real) and not isinstance(value, bool)
        if not number or not 0 < value <= MAX_MS or not float(value).is_integer():
            raise ConfigError(
                f"scales must be whole milliseconds from 1 to {MAX_MS}, not {value!r}"
            )
        if int(value) in found:
            raise ConfigError(f"scales: {value!r} is repeated")
        found.append(int(value))
    if not found:
        raise ConfigError("scales must name at least one scale in milliseconds")
    return tuple(found)


def window_id(duration_ms: int) -> str:
    """Return the name of the window of a length."""
    return f"scale_{duration_ms}ms"


class _Default:
    """The default of a setting, told apart from the same value given by a caller."""

    def __init__(self, value: object) -> None:
        self.value = value

    def __repr__(self) -> str:
        return repr(self.value)


def default(name: str) -> Any:
    """Return a parameter default that stands for that of `StreamSettings`."""
    return _Default(next(field.default for field in fields(StreamSettings) if field.name == name))


def _is_default(value: object) -> bool:
    return isinstance(value, _Default)


def _settings_of(config: Config) -> dict[str, Any]:
    """Return the settings that a `Config` has keys for."""
    return {
        "scales": config.scales,
        "max_landmarks": config.memory.max_landmarks,
        "landmarks": config.memory.landmarks,
        "landmark_ratio": config.memory.landmark_ratio,
        "max_memory_mb": config.memory.max_mb,
        "allowed_lateness_ms": config.window.allowed_lateness_ms,
        "max_empty_ticks": config.window.max_empty_ticks,
        "metric": config.engine.metric,
        "max_edge_length": config.engine.max_edge_length,
        "homology_dimensions": config.engine.homology_dimensions,
        "backend": config.engine.backend,
        "parallel_workers": config.performance.parallel_workers,
        "dtm_mass": config.engine.dtm_mass,
    }


def _slides(given: Sequence[float] | None, durations: tuple[int, ...]) -> list[int]:
    """Return the slide of each scale in nanoseconds."""
    if given is None:
        return [duration * NS_PER_MS // 10 for duration in durations]
    if len(given) != len(durations):
        raise ConfigError(f"slide_intervals_ms must hold one value for each scale, not {given!r}")
    slides = []
    for value in given:
        _number("slide_intervals_ms", value, 0, MAX_MS, open_start=True)
        slides.append(round(value * NS_PER_MS))
        if slides[-1] == 0:
            raise ConfigError(f"slide_intervals_ms: {value!r} is less than a nanosecond")
    return slides


def _integer(name: str, value: object, start: int) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral) or value < start:
        raise ConfigError(f"{name} must be an integer from {start} on, not {value!r}")
    if int(value) > MAX_INTEGER:
        raise ConfigError(f"{name} must be an integer up to {MAX_INTEGER}, not {value!r}")
    return int(value)


def _number(name: str, value: Any, start: float, stop: float, *, open_start: bool = False) -> None:
    number = isinstance(value, Real) and not isinstance(value, bool)
    if not number or not start <= value <= stop or (open_start and value == start):
        above = "above" if open_start else "from"
        raise ConfigError(
            f"{name} must be a number {above} {start} and at most {stop}, not {value!r}"
        )
