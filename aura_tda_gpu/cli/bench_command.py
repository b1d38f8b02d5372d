"""``aura-tda bench``: the benchmarks of a checkout of the repository."""

from __future__ import annotations

import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from ..errors import MissingDependencyError
from .exits import exit_codes

__all__ = ["bench_app"]

_EPILOG = (
    "Exit codes: 0 done, whether or not the targets are met; 1 a result was wrong; 2 an option, or "
    "no benchmarks here."
)

bench_app = typer.Typer(
    help="Measure this library; needs a checkout of its repository.",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@bench_app.callback(invoke_without_command=True)
def start(context: typer.Context) -> None:
    """Measure this library; needs a checkout of its repository."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit


@bench_app.command(epilog=_EPILOG)
def accuracy(
    quick: Annotated[bool, typer.Option("--quick", help="Two short streams, for a trial.")] = False,
    metric: Annotated[
        str, typer.Option(help="euclidean, or dtm: weights against outliers.")
    ] = "euclidean",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the record as JSON, no tables.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            help="File of the record; if left out, in benchmarks/results, of a quick run in out."
        ),
    ] = None,
    pictures: Annotated[
        Path | None, typer.Option(help="Folder of the pictures; out/accuracy if left out.")
    ] = None,
) -> None:
    """Hold streams of known loops against the full diagram of each window: some ten minutes.

    Tells how many loops are found, followed, stable and alike at several scales, how late, and
    what noise looks like. Progress goes to standard error.
    """
    arguments = ["--metric", metric]
    arguments += ["--quick"] if quick else []
    arguments += ["--json"] if as_json else []
    for option, path in (("--output", output), ("--pictures", pictures)):
        arguments += [] if path is None else [option, str(path.absolute())]
    with exit_codes():
        code = _run("accuracy_metrics", arguments)
    raise typer.Exit(code)


def _run(module: str, arguments: list[str]) -> int:
    """Run a benchmark in a process of its own, and return its exit code.

    Raises
    ------
    MissingDependencyError
        If this package is not in a checkout.
    """
    root = Path(str(resources.files("aura_tda_gpu"))).parent
    if not (root / "benchmarks" / f"{module}.py").is_file():
        raise MissingDependencyError(
            "the benchmarks are not part of the installed package: they are in the folder "
            "benchmarks/ of its repository. In a checkout: pip install -e '.[bench,plot]', then "
            "aura-tda bench"
        )
    return subprocess.call([sys.executable, "-m", f"benchmarks.{module}", *arguments], cwd=root)
