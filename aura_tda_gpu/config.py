"""Settings of a multi-scale stream: one frozen, validated record, read from YAML."""

from __future__ import annotations

import difflib
import math
import reprlib
from os import PathLike
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, ValidationError
from pydantic_core import ErrorDetails

from .errors import ConfigError

__all__ = [
    "BackendName",
    "Config",
    "EngineConfig",
    "MemoryConfig",
    "MetricName",
    "PerformanceConfig",
    "StabilityConfig",
    "WindowConfig",
]

BackendName: TypeAlias = Literal["auto", "cpu", "cuda", "reference"]
MetricName: TypeAlias = Literal["euclidean", "manhattan", "chebyshev", "cosine"]

_LATER: dict[str, JsonValue] = {"acted_on": False}
_PLAIN_WORDS = {"model_type": "a mapping", "tuple_type": "a list"}
# what PyYAML lets escape when a value contradicts its tag, such as `!!bool 7` or `2020-99-99`
_BAD_TAG = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
# int64 nanoseconds hold 292 years; one century leaves room for sums of times
_MAX_MS = 100 * 365 * 24 * 3600 * 1000


def _set_of_values(values: tuple[int, ...]) -> tuple[int, ...]:
    if not values:
        raise ValueError("needs at least one value")
    repeated = sorted({value for value in values if values.count(value) > 1})
    if repeated:
        raise ValueError(f"{repeated[0]} is repeated")
    return values


Milliseconds: TypeAlias = Annotated[int, Field(strict=True, ge=1, le=_MAX_MS)]
Dimension: TypeAlias = Annotated[int, Field(strict=True, ge=0)]


class _Section(BaseModel):
    """A group of settings: fixed names, fixed types, immutable."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    _path: ClassVar[str]

    def __init__(self, **settings: Any) -> None:
        try:
            super().__init__(**settings)
        except ValidationError as error:
            problems = [self._describe(detail) for detail in error.errors(include_url=False)]
            raise ConfigError("; ".join(problems)) from None

    @classmethod
    def _describe(cls, detail: ErrorDetails) -> str:
        cause = detail.get("ctx", {}).get("error")
        if isinstance(cause, ConfigError):
            return str(cause)
        where = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in detail["loc"]]
        key = cls._path + "".join(where)
        if detail["type"] == "extra_forbidden":
            return f"{key}: unknown key{cls._suggestion(str(detail['loc'][-1]))}"
        got = f"got {reprlib.repr(detail['input'])}"
        if detail["type"] == "value_error":
            return f"{key}: {cause}, {got}"
        wanted = _PLAIN_WORDS.get(detail["type"]) or detail["msg"].removeprefix("Input should be ")
        return f"{key}: must be {wanted}, {got}"

    @classmethod
    def _suggestion(cls, name: str) -> str:
        close = difflib.get_close_matches(name, cls.model_fields, n=1)
        known = ", ".join(cls.model_fields)
        return f"; did you mean {close[0]}?" if close else f"; known here: {known}"


class MemoryConfig(_Section):
    """How much memory a stream may take, and how many points its engine sees."""

    _path: ClassVar[str] = "streaming_tda.memory"
    max_mb: int = Field(
        default=2048, ge=1, description="Memory the stream may use, in MB (1024 x 1024 bytes)."
    )
    landmark_ratio: float = Field(
        default=0.1,
        gt=0,
        le=1,
        description="Landmarks as a share of a window's largest number of points.",
    )
    max_landmarks: int | None = Field(
        default=None,
        ge=1,
        description="Landmarks of a window; unset, `landmark_ratio` decides, up to 512. "
        "A window with no more points than this is exact.",
    )


class StabilityConfig(_Section):
    """Which features count as stable."""

    _path: ClassVar[str] = "streaming_tda.stability"
    threshold: float = Field(
        default=0.15,
        ge=0,
        le=1,
        description="Smallest ratio of a feature's persistence to its former one.",
        json_schema_extra=_LATER,
    )
    min_persistence: float = Field(
        default=0.05,
        ge=0,
        allow_inf_nan=False,
        description="Shortest bar that is tracked as a feature, in the unit of the data.",
        json_schema_extra=_LATER,
    )


class PerformanceConfig(_Section):
    """How the work is divided."""

    _path: ClassVar[str] = "streaming_tda.performance"
    batch_size: int = Field(
        default=100,
        ge=1,
        description="Points in a micro-batch of the async processor.",
        json_schema_extra=_LATER,
    )
    parallel_workers: int = Field(default=4, ge=1, le=1024, description="Threads of the engine.")


class WindowConfig(_Section):
    """How event time is read."""

    _path: ClassVar[str] = "streaming_tda.window"
    allowed_lateness_ms: int = Field(
        default=0, ge=0, le=_MAX_MS, description="How late a point may come and still be sorted in."
    )
    max_empty_ticks: int = Field(
        default=10,
        ge=0,
        description="Ticks given to one gap of the data before the clock jumps over it.",
    )


class EngineConfig(_Section):
    """What is computed, and on what."""

    _path: ClassVar[str] = "streaming_tda.engine"
    backend: BackendName = Field(
        default="auto", description="Engine; `auto` takes the fastest one usable."
    )
    metric: MetricName = Field(
        default="euclidean",
        description="Distance between points; `cosine` is the angle in radians.",
    )
    max_edge_length: float = Field(
        default=math.inf,
        gt=0,
        description="Longest edge of the filtration, inclusive; `.inf` for no limit.",
    )
    homology_dimensions: Annotated[tuple[Dimension, ...], AfterValidator(_set_of_values)] = Field(
        default=(0, 1), strict=False, description="Dimensions of the features: 0 parts, 1 loops."
    )


class Config(_Section):
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

    _path: ClassVar[str] = "streaming_tda"

    enabled: bool = Field(
        default=True,
        description="Whether the stream is to run where it is embedded.",
        json_schema_extra=_LATER,
    )
    scales: Annotated[tuple[Milliseconds, ...], AfterValidator(_set_of_values)] = Field(
        default=(100, 1000, 10000, 60000),
        strict=False,
        description="Length of each sliding window, in milliseconds.",
    )
    memory: MemoryConfig = MemoryConfig()
    stability: StabilityConfig = StabilityConfig()
    performance: PerformanceConfig = PerformanceConfig()
    window: WindowConfig = WindowConfig()
    engine: EngineConfig = EngineConfig()

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
        try:
            if not isinstance(path, str | PathLike):
                raise ConfigError("the name of a file is needed")
            document = _read_yaml(Path(path))
            if not isinstance(document, dict) or set(document) != {cls._path}:
                raise ConfigError(f"the file needs one top-level key, {cls._path}, and no other")
            settings = document[cls._path]
            if not isinstance(settings, dict):
                raise ConfigError(f"{cls._path} must be a mapping, got {reprlib.repr(settings)}")
            return cls(**settings)
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from error.__cause__


class _OneKeyLoader(yaml.SafeLoader):
    """A safe loader whose mappings have text keys only, each of them once."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not key.tag.endswith(":str"):
                raise _problem(key, "is not text")
            if key.value in seen:
                raise _problem(key, "is repeated")
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _problem(key: yaml.Node, what: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=f"key {key.value!r} {what}", problem_mark=key.start_mark)


def _read_yaml(path: Path) -> Any:
    try:
        return yaml.load(path.read_text(encoding="utf-8-sig"), _OneKeyLoader)
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"is not UTF-8 text: byte {error.start} is wrong") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ConfigError(f"{place}{error.problem}") from error
    except (yaml.YAMLError, *_BAD_TAG) as error:
        raise ConfigError(f"is not valid YAML: {' '.join(str(error).split())}") from error
