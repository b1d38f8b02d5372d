"""The commands and their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .bench_command import bench_app
from .config_command import config_app
from .exits import EPILOG, exit_codes
from .run_options import RunOptions, takes_run_options

__all__ = ["app"]

app = typer.Typer(
    name="aura-tda",
    help="Persistence diagrams of sliding windows over a stream, at several time scales.",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(config_app, name="config")
app.add_typer(bench_app, name="bench")


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


@app.command(epilog=EPILOG)
@takes_run_options
def run(
    options: RunOptions,
    output: Annotated[str, typer.Option(help="File of JSON lines; - is standard output.")] = "-",
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Say what memory and time it would take, from the first rows."
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Give the summary, or the dry run, as JSON.")
    ] = False,
) -> None:
    """Stream a source, and write the diagram of every window at every tick as a line of JSON."""
    with exit_codes():
        from .run import run_source, try_source

        if dry_run:
            try_source(options, as_json=as_json)
            raise typer.Exit
        code = run_source(options, output, as_json=as_json)
    raise typer.Exit(code)


@app.command(epilog=EPILOG)
@takes_run_options
def watch(
    options: RunOptions,
    output: Annotated[str | None, typer.Option(help="File of JSON lines, if wanted.")] = None,
) -> None:
    """Stream a source, and show the bars of every window as they change."""
    with exit_codes():
        from .run import run_source

        code = run_source(options, output, view=True)
    raise typer.Exit(code)


@app.command(epilog=EPILOG)
def demo(
    output: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("out/demo"),
    no_plot: Annotated[bool, typer.Option("--no-plot", help="Draw no pictures.")] = False,
) -> None:
    """Track the loops of a real heartbeat recording over three time scales."""
    with exit_codes():
        from .demo.run import run_demo

        code = run_demo(output, draw=not no_plot)
    raise typer.Exit(code)


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    kernels: Annotated[
        bool, typer.Option("--kernels", help="Compile the CUDA kernels, which needs no GPU.")
    ] = False,
    arch: Annotated[
        list[str] | None,
        typer.Option(help="With --kernels, for a GPU such as sm_90; may be repeated."),
    ] = None,
) -> None:
    """Say what this machine offers, and what the backend "auto" chooses and why."""
    with exit_codes():
        if kernels:
            from .doctor_kernels import show_kernels

            show_kernels(arch or [], as_json=as_json)
            raise typer.Exit
        from .doctor import examine, show

        show(examine(), as_json=as_json)
