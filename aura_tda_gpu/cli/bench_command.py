"""``aura-tda bench``: the benchmarks of a checkout of the repository."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from ..errors import MissingDependencyError
from .exits import exit_codes

__all__ = ["bench_app"]

_EPILOG = (
    "Exit codes: 0 done, whether or not the targets are met; 1 a result was wrong; 2 an option, or "
    "no benchmarks here."
)

_RECORD = "File of the record; if left out, in benchmarks/results, of a trial in out/benchmarks."

_COMPARED = "Exit codes: 0 nothing became worse; 1 something did; 2 records cannot be compared."

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


@bench_app.command(epilog=_EPILOG)
def throughput(
    rate: Annotated[
        str, typer.Option(help="Points a second to each stream; several with commas.")
    ] = "50000",
    source: Annotated[
        str, typer.Option(help="knot, lorenz or recording; several with commas.")
    ] = "knot",
    scales: Annotated[str, typer.Option(help="Windows in milliseconds.")] = "100,1000,10000,60000",
    dim: Annotated[int, typer.Option(help="Coordinates of a point.")] = 3,
    landmarks: Annotated[int, typer.Option(help="Of each window.")] = 512,
    backend: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    streams: Annotated[int, typer.Option(help="At once, each in a process of its own.")] = 1,
    duration: Annotated[float, typer.Option(help="Seconds that are measured.")] = 21.0,
    fill: Annotated[
        float | None, typer.Option(help="Seconds pushed before; the longest scale if left out.")
    ] = None,
    queue: Annotated[
        int | None, typer.Option(help="Points that may wait; a second's load if left out.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(help="Of the engine; the cores shared by streams if left out.")
    ] = None,
    no_features: Annotated[bool, typer.Option("--no-features", help="Follow no features.")] = False,
    find_max: Annotated[
        bool, typer.Option("--find-max", help="Find the highest load with p99 below 100 ms.")
    ] = False,
    profile: Annotated[bool, typer.Option("--profile", help="Time each stage.")] = False,
    trace: Annotated[
        Path | None, typer.Option(help="File of the profile as a Chrome trace.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Folder for pictures.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the record as JSON, no tables.")
    ] = False,
    output: Annotated[Path | None, typer.Option(help=_RECORD)] = None,
) -> None:
    """Offer points at fixed times, and tell how late the updates come.

    Points do not wait for the stream, so falling behind shows as latency. Windows are full when
    the measurement begins. Progress goes to standard error.
    """
    values = {
        "rate": rate,
        "source": source,
        "scales": scales,
        "dim": dim,
        "landmarks": landmarks,
        "backend": backend,
        "streams": streams,
        "duration": duration,
        "fill": fill,
        "queue": queue,
        "threads": threads,
    }
    flags = {
        "no-features": no_features,
        "find-max": find_max,
        "profile": profile,
        "json": as_json,
    }
    _leave_with("throughput", values, flags, {"trace": trace, "plot": plot, "output": output})


@bench_app.command(epilog=_EPILOG)
def engine(
    sizes: Annotated[
        str | None, typer.Option(help="Points of a cloud; several with commas.")
    ] = None,
    peers: Annotated[str | None, typer.Option(help="Of these libraries; with commas.")] = None,
    peer_limit: Annotated[
        float | None, typer.Option(help="Longest predicted run of another library, seconds.")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="All sizes and repeats: an hour.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the record as JSON, no tables.")
    ] = False,
    plot: Annotated[Path | None, typer.Option(help="Folder for a log-log picture.")] = None,
    output: Annotated[Path | None, typer.Option(help=_RECORD)] = None,
) -> None:
    """Hold diagrams against those of other libraries, and compare the times.

    Bars are equal to the last bit before a time is taken; a library that is missing, or would take
    too long, is named with the reason.
    """
    values = {"n": sizes, "peers": peers, "peer-limit": peer_limit}
    flags = {"full": full, "json": as_json}
    _leave_with("engine_performance", values, flags, {"plot": plot, "output": output})


@bench_app.command(epilog=_COMPARED)
def compare(
    before: Annotated[
        str, typer.Argument(metavar="A.json[,A2.json...]", help="Records of before, one a run.")
    ],
    after: Annotated[str, typer.Argument(metavar="B.json[,B2.json...]", help="Records of now.")],
    tolerance: Annotated[
        float, typer.Option(help="Share by which a figure may be worse in any case.")
    ] = 0.05,
    other_machine: Annotated[
        bool, typer.Option("--other-machine", help="Compare records of different machines, too.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, no table.")] = False,
) -> None:
    """Tell by how much each figure of one record differs from another, and what became worse.

    With several runs a side, how much runs differ is part of the noise.
    """
    flags = {"other-machine": other_machine, "json": as_json}
    files = [
        ",".join(str(Path(part).absolute()) for part in side.split(",")) for side in (before, after)
    ]
    _leave_with("compare", {"tolerance": tolerance}, flags, {}, files)


@bench_app.command(epilog=_EPILOG)
def scoreboard(
    output: Annotated[
        Path | None, typer.Option(help="File of the page; docs/scoreboard.md if left out.")
    ] = None,
) -> None:
    """Draw the scoreboard and its pictures from the records, and from nothing else."""
    _leave_with("scoreboard", {}, {}, {"output": output})


def _leave_with(
    module: str,
    values: Mapping[str, object],
    flags: Mapping[str, bool],
    paths: Mapping[str, Path | None],
    files: Sequence[str] = (),
) -> NoReturn:
    """Run a benchmark with these options, and end with its exit code."""
    arguments = list(files)
    for name, value in values.items():
        arguments += [] if value is None else [f"--{name}={value}"]
    arguments += [f"--{name}" for name, given in flags.items() if given]
    for name, path in paths.items():
        arguments += [] if path is None else [f"--{name}={path.absolute()}"]
    with exit_codes():
        code = _run(module, arguments)
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
