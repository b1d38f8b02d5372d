"""Exit codes of the command, and the one line that a failure prints."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer

from ..errors import (
    AuraTDAError,
    BackendUnavailable,
    BadRowError,
    ConfigError,
    MemoryLimitError,
    MissingDependencyError,
    UnsupportedError,
)

__all__ = [
    "DATA_UNUSABLE",
    "EPILOG",
    "OK",
    "SETTINGS_WRONG",
    "SIGNAL_WORDS",
    "exit_code",
    "exit_codes",
    "signal_code",
    "tell_error",
]

OK = 0
DATA_UNUSABLE = 1
SETTINGS_WRONG = 2
SIGNAL_WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}

EPILOG = (
    "Exit codes: 0 done; 1 the data could not be used to the end; 2 an option, a setting or a "
    "missing part; 130 interrupted; 143 terminated. What was computed before is kept in every case."
)

_SETTINGS_ERRORS = (
    BackendUnavailable,
    ConfigError,
    MemoryLimitError,
    MissingDependencyError,
    UnsupportedError,
)
# names of the stream's own settings, in errors that it raises later
_SETTINGS = {
    "allowed_lateness_ms": "--lateness-ms",
    "max_landmarks": "--max-landmarks",
    "max_memory_mb": "--max-memory-mb",
}


def signal_code(number: int) -> int:
    """Return the exit code after a signal: what a shell gives for it."""
    return 128 + number


@contextmanager
def exit_codes() -> Iterator[None]:
    """Turn the errors of this package into one line on standard error and an exit code."""
    try:
        yield
    except AuraTDAError as error:
        _fail(error)
    except KeyboardInterrupt as stop:
        number = stop.args[0] if stop.args else signal.SIGINT
        typer.echo(SIGNAL_WORDS[number], err=True)
        raise typer.Exit(signal_code(number)) from None


def exit_code(error: AuraTDAError) -> int:
    """Return the exit code that an error stands for: 1 for the data, 2 for what was asked."""
    return SETTINGS_WRONG if isinstance(error, _SETTINGS_ERRORS) else DATA_UNUSABLE


def tell_error(error: AuraTDAError) -> str:
    """Return an error as one line, with settings under the names of their options."""
    line = " ".join(str(error).split())
    if isinstance(error, BadRowError):
        joint = "" if line.endswith("?") else ";"
        line += f"{joint} --on-bad-row skip leaves such rows out, and counts them"
    if isinstance(error, MemoryLimitError):
        for name, option in _SETTINGS.items():
            line = line.replace(name, option)
    encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
    return line.encode(encoding, "replace").decode(encoding)


def _fail(error: AuraTDAError) -> NoReturn:
    typer.echo(f"error: {tell_error(error)}", err=True)
    raise typer.Exit(exit_code(error))
