"""The options that ``run`` and ``watch`` share, and what they stand for."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_type_hints

import typer

from ..config import BackendName, Config, LandmarkStrategyName, MetricName
from ..config.layers import layered
from ..errors import ConfigError

if TYPE_CHECKING:
    from .sources.base import SourceOptions
    from .sources.takens import DelayEmbedding

__all__ = ["RunOptions", "takes_run_options"]

_CLOCKS = ("event", "wall")
_ON_BAD_ROW = ("stop", "skip")


def _choice(text: str, *values: str) -> Any:
    """Return an option whose value a shell can complete; the value is checked elsewhere."""
    return typer.Option(help=text, autocompletion=lambda: list(values))


@dataclass(frozen=True)
class RunOptions:
    """Source and options of a run, as they were given."""

    source: Annotated[
        str,
        typer.Argument(
            help="CSV, JSON lines, NPY or Parquet file, a point in each row; - is standard input."
        ),
    ]
    time_column: Annotated[
        str | None, typer.Option(help="Column of event times: name, or index from 0.")
    ] = None
    time_unit: Annotated[
        str, _choice("Unit of numbers in that column: s, ms, us or ns.", "s", "ms", "us", "ns")
    ] = "s"
    rate: Annotated[
        float | None, typer.Option(help="Rows a second, if there is no time column.")
    ] = None
    columns: Annotated[
        str | None,
        typer.Option(help="Coordinates, as a,b,c; all numeric columns but time if left out."),
    ] = None
    takens: Annotated[
        str | None,
        typer.Option(help="DIM:LAG: delay embedding of one column, the lag in samples."),
    ] = None
    format: Annotated[
        str,
        _choice(
            "auto, csv, jsonl, npy or parquet; auto looks at what the source holds.",
            *("auto", "csv", "jsonl", "npy", "parquet"),
        ),
    ] = "auto"
    follow: Annotated[
        bool, typer.Option("--follow", help="Wait for the file to grow, until Ctrl-C.")
    ] = False
    clock: Annotated[
        str | None,
        _choice(
            "event: windows move with the rows; wall: also while none come. "
            "Left out, wall for standard input, a pipe or --follow.",
            *_CLOCKS,
        ),
    ] = None
    grace_ms: Annotated[
        int, typer.Option(help="How far the wall clock stays behind the newest row.")
    ] = 1000
    scales: Annotated[
        str | None, typer.Option(help="Window lengths in ms, as 1000,4000,16000.")
    ] = None
    config: Annotated[
        Path | None, typer.Option(help="YAML file of settings; options given here win.")
    ] = None
    plot: Annotated[Path | None, typer.Option(help="Folder to draw pictures into.")] = None
    lateness_ms: Annotated[
        int | None, typer.Option(help="How late a row may come and still be sorted in.")
    ] = None
    max_landmarks: Annotated[
        int | None, typer.Option(help="A window of at most so many points is exact.")
    ] = None
    landmarks: Annotated[
        str | None,
        _choice(
            "Landmarks of a larger one: cover keeps them, maxmin selects anew at each tick.",
            *get_args(LandmarkStrategyName),
        ),
    ] = None
    max_memory_mb: Annotated[int | None, typer.Option(help="Memory of the stream.")] = None
    metric: Annotated[
        str | None,
        _choice("euclidean, manhattan, chebyshev, cosine or dtm.", *get_args(MetricName)),
    ] = None
    dtm_mass: Annotated[
        float | None,
        typer.Option(help="With --metric dtm: share of a window's rows that makes a weight."),
    ] = None
    max_edge_length: Annotated[
        float | None, typer.Option(help="Longest edge of the filtration.")
    ] = None
    backend: Annotated[
        str | None, _choice("auto, cpu, cuda or reference.", *get_args(BackendName))
    ] = None
    on_bad_row: Annotated[
        str,
        _choice("stop, or skip: leave out and count rows that cannot be used.", *_ON_BAD_ROW),
    ] = "stop"
    batch_size: Annotated[
        int | None, typer.Option(help="Rows handed to the stream at a time, at most.")
    ] = None

    def check(self) -> None:
        """Check what neither the settings nor the source check.

        Raises
        ------
        ConfigError
            If a value is unknown or out of range.
        """
        if self.on_bad_row not in _ON_BAD_ROW:
            raise ConfigError(f"--on-bad-row must be stop or skip, not {self.on_bad_row!r}")
        if self.clock not in (None, *_CLOCKS):
            raise ConfigError(f"--clock must be event or wall, not {self.clock!r}")
        if self.grace_ms < 0:
            raise ConfigError(f"--grace-ms must be a number from 0 on, not {self.grace_ms}")

    def settings(self) -> Config:
        """Return the settings: defaults, then the file, then the environment, then options.

        Raises
        ------
        ConfigError
            If one of them is wrong, or says that the stream is not to run.
        """
        given = {
            "scales": ("--scales", _durations(self.scales)),
            "performance.batch_size": ("--batch-size", self.batch_size),
            "window.allowed_lateness_ms": ("--lateness-ms", self.lateness_ms),
            "memory.max_landmarks": ("--max-landmarks", self.max_landmarks),
            "memory.landmarks": ("--landmarks", self.landmarks),
            "memory.max_mb": ("--max-memory-mb", self.max_memory_mb),
            "engine.metric": ("--metric", self.metric),
            "engine.dtm_mass": ("--dtm-mass", self.dtm_mass),
            "engine.max_edge_length": ("--max-edge-length", self.max_edge_length),
            "engine.backend": ("--backend", self.backend),
        }
        settings = layered(
            self.config,
            os.environ,
            {key: value for key, (_, value) in given.items()},
            {key: option for key, (option, _) in given.items()},
        )
        if not settings.enabled:
            raise ConfigError("streaming_tda.enabled is false: set it to true to run a stream")
        return settings

    def source_options(self, settings: Config) -> SourceOptions:
        """Return what to take from the source.

        Raises
        ------
        ConfigError
            If it makes no sense.
        """
        from ..streaming.settings import StreamSettings
        from .sources.base import SourceOptions

        return SourceOptions(
            time_column=self.time_column,
            time_unit=self.time_unit,
            rate=self.rate,
            columns=None if self.columns is None else _names(self.columns),
            skip_bad_rows=self.on_bad_row == "skip",
            format=self.format,
            follow=self.follow,
            queue_rows=settings.queues.input_points,
            slide_ns=StreamSettings.of(settings).shortest_slide_ns,
        )

    def embedding(self) -> DelayEmbedding | None:
        """Return the delay embedding asked for.

        Raises
        ------
        ConfigError
            If it is not written as one.
        """
        from .sources.takens import parse_takens

        return None if self.takens is None else parse_takens(self.takens)


def takes_run_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command all fields of `RunOptions` as options, in front of its own.

    Parameters
    ----------
    command : callable
        Takes a `RunOptions`, and options of its own by keyword.
    """
    keyword = inspect.Parameter.KEYWORD_ONLY
    hints = get_type_hints(RunOptions, include_extras=True)
    shared = {
        field.name: inspect.Parameter(
            field.name,
            keyword,
            default=inspect.Parameter.empty if field.default is MISSING else field.default,
            annotation=hints[field.name],
        )
        for field in fields(RunOptions)
    }
    own_hints = get_type_hints(command, include_extras=True)
    _, *own = inspect.signature(command).parameters.values()

    def flat(**given: Any) -> None:
        options = RunOptions(**{name: given.pop(name) for name in shared})
        command(options, **given)

    parameters = list(shared.values())
    parameters += [p.replace(annotation=own_hints[p.name], kind=keyword) for p in own]
    flat.__name__, flat.__doc__ = command.__name__, command.__doc__
    flat.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    flat.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return flat


def _names(text: str) -> tuple[str, ...]:
    """Read the value of ``--columns``."""
    names = tuple(name.strip() for name in text.split(","))
    if "" in names:
        raise ConfigError(f"--columns must be names or indexes such as x,y, not {text!r}")
    return names


def _durations(text: str | None) -> tuple[int, ...] | None:
    """Read the value of ``--scales``."""
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise ConfigError(
            f"--scales must be whole milliseconds such as 1000,4000, not {text!r}"
        ) from None
