"""The commands and their options."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from ..config import Config
from ..errors import (
    AuraTDAError,
    BackendUnavailable,
    ConfigError,
    MemoryLimitError,
    MissingDependencyError,
    UnsupportedError,
)

__all__ = ["app"]

_SETTINGS_ERRORS = (
    BackendUnavailable,
    ConfigError,
    MemoryLimitError,
    MissingDependencyError,
    UnsupportedError,
)
_OPTIONS = {
    "scales": "--scales",
    "window.allowed_lateness_ms": "--lateness-ms",
    "memory.max_landmarks": "--max-landmarks",
    "memory.max_mb": "--max-memory-mb",
    "engine.metric": "--metric",
    "engine.max_edge_length": "--max-edge-length",
    "engine.backend": "--backend",
}
# names of the stream's own settings, in errors that it raises later
_SETTINGS = {
    "allowed_lateness_ms": "--lateness-ms",
    "max_landmarks": "--max-landmarks",
    "max_memory_mb": "--max-memory-mb",
}
_EXIT_CODES = (
    "Exit codes: 0 done; 1 the data could not be used to the end; 2 an option, a setting or a "
    "missing part; 130 interrupted. What was computed before is kept in every case."
)

app = typer.Typer(
    name="aura-tda",
    help="Persistence diagrams of sliding windows over a stream, at several time scales.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def start(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> None:
    """Show the help or the version."""
    if version:
        from .doctor import package_version

        typer.echo(f"aura-tda {package_version()}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())
    else:
        return
    raise typer.Exit


@app.command(epilog=_EXIT_CODES)
def run(
    source: Annotated[str, typer.Argument(help="CSV or NPY file, a point in each row.")],
    time_column: Annotated[
        str | None, typer.Option(help="Column of event times: name, or index from 0.")
    ] = None,
    time_unit: Annotated[str, typer.Option(help="Unit of that column: s, ms, us or ns.")] = "s",
    rate: Annotated[
        float | None, typer.Option(help="Rows a second, if there is no time column.")
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(help="Coordinates, as a,b,c; all numeric columns but time if left out."),
    ] = None,
    takens: Annotated[
        str | None,
        typer.Option(help="DIM:LAG: delay embedding of one column, the lag in samples."),
    ] = None,
    scales: Annotated[
        str | None, typer.Option(help="Window lengths in ms, as 1000,4000,16000.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="YAML file of settings; options given here win.")
    ] = None,
    output: Annotated[str, typer.Option(help="File of JSON lines; - is standard output.")] = "-",
    plot: Annotated[Path | None, typer.Option(help="Folder to draw pictures into.")] = None,
    lateness_ms: Annotated[
        int | None, typer.Option(help="How late a row may come and still be sorted in.")
    ] = None,
    max_landmarks: Annotated[
        int | None, typer.Option(help="A window of at most so many points is exact.")
    ] = None,
    max_memory_mb: Annotated[int | None, typer.Option(help="Memory of the stream.")] = None,
    metric: Annotated[
        str | None, typer.Option(help="euclidean, manhattan, chebyshev or cosine.")
    ] = None,
    max_edge_length: Annotated[
        float | None, typer.Option(help="Longest edge of the filtration.")
    ] = None,
    backend: Annotated[str | None, typer.Option(help="auto, cpu, cuda or reference.")] = None,
    on_bad_row: Annotated[
        str, typer.Option(help="stop, or skip: leave out and count rows that cannot be used.")
    ] = "stop",
    batch_size: Annotated[
        int, typer.Option(min=1, help="Rows handed to the stream at a time.")
    ] = 100,
) -> None:
    """Stream a file, and write the diagram of every window at every tick as a line of JSON."""
    with exit_codes():
        from .run import run_source
        from .sources import SourceOptions
        from .takens import parse_takens

        if source == "-":
            raise UnsupportedError(
                "reading from standard input is not part of this version: name a file"
            )
        if on_bad_row not in ("stop", "skip"):
            raise ConfigError(f"--on-bad-row must be stop or skip, not {on_bad_row!r}")
        options = SourceOptions(
            time_column=time_column,
            time_unit=time_unit,
            rate=rate,
            columns=None if columns is None else _names(columns),
            skip_bad_rows=on_bad_row == "skip",
        )
        settings = _merged(
            Config() if config is None else Config.load(config),
            {
                "scales": None if scales is None else _durations(scales),
                "window.allowed_lateness_ms": lateness_ms,
                "memory.max_landmarks": max_landmarks,
                "memory.max_mb": max_memory_mb,
                "engine.metric": metric,
                "engine.max_edge_length": max_edge_length,
                "engine.backend": backend,
            },
        )
        code = run_source(
            source,
            options,
            settings,
            embedding=None if takens is None else parse_takens(takens),
            output=output,
            pictures=plot,
            batch_size=batch_size,
        )
    raise typer.Exit(code)


@app.command(epilog=_EXIT_CODES)
def demo(
    output: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("out/demo"),
    no_plot: Annotated[bool, typer.Option("--no-plot", help="Draw no pictures.")] = False,
) -> None:
    """Track the loops of a real heartbeat recording over three time scales."""
    with exit_codes():
        from .demo import run_demo

        code = run_demo(output, draw=not no_plot)
    raise typer.Exit(code)


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what this machine offers, and what the backend "auto" chooses and why."""
    with exit_codes():
        from .doctor import examine, show

        show(examine(), as_json=as_json)


@contextmanager
def exit_codes() -> Iterator[None]:
    """Turn the errors of this package into one line on standard error and an exit code."""
    try:
        yield
    except _SETTINGS_ERRORS as error:
        _fail(error, 2)
    except AuraTDAError as error:
        _fail(error, 1)
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        raise typer.Exit(130) from None


def _fail(error: AuraTDAError, code: int) -> NoReturn:
    line = " ".join(str(error).split())
    if isinstance(error, MemoryLimitError):
        for name, option in _SETTINGS.items():
            line = line.replace(name, option)
    encoding = getattr(sys.stderr, "encoding", "utf-8")
    typer.echo(f"error: {line.encode(encoding, 'replace').decode(encoding)}", err=True)
    raise typer.Exit(code)


def _names(text: str) -> tuple[str, ...]:
    """Read the value of ``--columns``."""
    names = tuple(name.strip() for name in text.split(","))
    if "" in names:
        raise ConfigError(f"--columns must be names or indexes such as x,y, not {text!r}")
    return names


def _durations(text: str) -> tuple[int, ...]:
    """Read the value of ``--scales``."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise ConfigError(
            f"--scales must be whole milliseconds such as 1000,4000, not {text!r}"
        ) from None


def _merged(config: Config, given: dict[str, Any]) -> Config:
    """Return the settings with those in their place that were given as options."""
    settings = config.model_dump()
    for path, value in given.items():
        if value is not None:
            *sections, key = path.split(".")
            place = settings
            for section in sections:
                place = place[section]
            place[key] = value
    try:
        return Config(**settings)
    except ConfigError as error:
        # what came from the file has been checked: only options can be at fault
        line = str(error)
        for path, option in _OPTIONS.items():
            line = line.replace(f"streaming_tda.{path}", option)
        raise ConfigError(re.sub(r"(--scales)\[\d+\]", r"\1", line)) from None
