"""``aura-tda config``: show, check and describe the settings."""

from __future__ import annotations

import json
import math
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ..config import Config
from ..config.layers import DEFAULT, Layers, resolve
from ..config.yaml_text import ROOT_KEY, yaml_text
from ..errors import ConfigError
from .exits import SETTINGS_WRONG, exit_codes, tell_error

__all__ = ["config_app"]

# a stream made in Python from keywords alone has defaults of its own
_KEYWORD_DEFAULTS = {
    "memory.max_mb": "1024",
    "performance.parallel_workers": "all usable cores",
}
_EPILOG = "Exit codes: 0 done; 2 a file, a variable or an option is wrong."

config_app = typer.Typer(
    help="Show, check and describe the settings of a stream.",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@config_app.callback(invoke_without_command=True)
def start(context: typer.Context) -> None:
    """Show, check and describe the settings of a stream."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit


@config_app.command(epilog=_EPILOG)
def show(
    file: Annotated[Path | None, typer.Argument(help="YAML file of settings.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON: the settings, and their origins.")
    ] = False,
    config: Annotated[Path | None, typer.Option(help="The same as FILE, as run takes it.")] = None,
) -> None:
    """Print the settings in effect, and where each comes from: default, FILE or environment.

    What is printed as YAML is itself a file of settings.
    """
    with exit_codes():
        if file is not None and config is not None:
            raise ConfigError(f"--config {config}: {file} is the file already; give one of them")
        layers = resolve(file or config, os.environ)
        _say(_as_json(layers) if as_json else _as_yaml(layers))


@config_app.command(epilog=_EPILOG)
def validate(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="YAML files of settings.")],
) -> None:
    """Check files of settings, one line for each; the environment plays no part.

    A line "FILE: ok" goes to standard output, a line "error: FILE: ..." to standard error.
    """
    faulty = [file for file in files if not _is_valid(file)]
    if faulty:
        raise typer.Exit(SETTINGS_WRONG)


@config_app.command()
def schema() -> None:
    """Print the JSON schema of a file of settings."""
    _say(json.dumps(Config.json_schema(), indent=2, allow_nan=False))


def _is_valid(file: Path) -> bool:
    try:
        Config.load(file)
    except ConfigError as error:
        typer.echo(f"error: {tell_error(error)}", err=True)
        return False
    _say(f"{_printable(str(file))}: ok")
    return True


def _as_yaml(layers: Layers) -> str:
    """Return the settings as YAML, the origin of each beside it."""
    lines = [f"{ROOT_KEY}:"]
    for name, value in layers.config.model_dump().items():
        if isinstance(value, dict):
            lines.append(f"  {name}:")
            lines += [f"    {_line(layers, f'{name}.{key}', value[key])}" for key in value]
        else:
            lines.append(f"  {_line(layers, name, value)}")
    return "\n".join(lines)


def _line(layers: Layers, key: str, value: Any) -> str:
    setting = f"{key.rpartition('.')[2]}: {yaml_text(value)}"
    origin = _printable(layers.origins[key])
    if origin == DEFAULT and key in _KEYWORD_DEFAULTS:
        origin += f"; {_KEYWORD_DEFAULTS[key]} for a MultiScaleStream without settings"
    return f"{setting}  # {origin}"


def _as_json(layers: Layers) -> str:
    """Return the settings and their origins as JSON; no limit is null there."""
    settings = _finite(layers.config.model_dump())
    document = {"settings": {ROOT_KEY: settings}, "origins": layers.origins}
    return json.dumps(document, indent=2, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(inner) for name, inner in value.items()}
    return None if value == math.inf else value


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)


def _say(text: str) -> None:
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    typer.echo(text.encode(encoding, "replace").decode(encoding))
