"""``aura-tda run``: a file in, a line of JSON for every tick out, pictures if asked for."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from ..config import Config
from ..errors import AuraTDAError, ConfigError, SourceError
from ..streaming.multi_scale_processor import MultiScaleStream
from . import plots
from .history import History
from .plot_diagram import diagram_figure
from .plot_loops import loops_figure
from .progress import Report, count
from .records import UpdateWriter
from .running import Run, catch_interrupt, stderr_console, warm_up
from .sources import Source, SourceOptions, open_source
from .takens import DelayEmbedding

__all__ = ["INTERRUPTED", "run_source"]

INTERRUPTED = 130


def run_source(
    path: str,
    options: SourceOptions,
    config: Config,
    *,
    embedding: DelayEmbedding | None = None,
    output: str = "-",
    pictures: Path | None = None,
    batch_size: int = 100,
) -> int:
    """Stream a file through the windows of ``config``.

    Parameters
    ----------
    path : str
        CSV or NPY file.
    options : SourceOptions
        Which columns to take, and where time comes from.
    config : Config
        Settings of the stream.
    embedding : DelayEmbedding, optional
        Applied to the one column taken.
    output : str
        File for the updates, ``"-"`` for standard output.
    pictures : Path, optional
        Folder for pictures.
    batch_size : int
        Rows in one push; the result does not depend on it.

    Returns
    -------
    int
        Exit code: 0, or 130 after Ctrl-C.

    Raises
    ------
    AuraTDAError
        After what was computed before it has been written and drawn.
    """
    console = stderr_console()
    if pictures is not None:
        plots.require_matplotlib()
    fault: AuraTDAError | None = None
    with ExitStack() as stack:
        source = stack.enter_context(open_source(path, options))
        _check_columns(source, embedding, console)
        if pictures is not None:
            plots.check_folder(pictures, "--plot")
        warm_up(config, console.print)
        stream = MultiScaleStream(config)
        writer = stack.enter_context(UpdateWriter(output, path))
        interrupt = stack.enter_context(catch_interrupt())
        # lines on a terminal are progress enough
        report = Report(console, live=not writer.on_terminal)
        history = None if pictures is None else History()
        run = Run(source, stream, writer, report, interrupt, embedding, history, batch_size)
        try:
            with report:
                run()
            if not report.points and not interrupt.asked:
                fault = _nothing(source, embedding)
        except AuraTDAError as error:
            fault = error
        except BrokenPipeError:
            console.print("nobody reads the output any more: stopped")
        if interrupt.asked:
            console.print("interrupted: what was computed so far is written")
        tell(console, source, stream, report)
        if pictures is not None and history is not None and report.ticks:
            try:
                _draw(history, source, pictures, console)
            except AuraTDAError as error:
                fault = fault or error
        if fault is not None:
            raise fault
        return INTERRUPTED if interrupt.asked else 0


def tell(console: Console, source: Source, stream: MultiScaleStream, report: Report) -> None:
    """Say on one line what happened, and on lines of their own what went missing."""
    stats = stream.stats
    if source.cut_off:
        console.print(f"{source.path}: ends in the middle of a row, which was dropped")
    if source.open_end:
        console.print(f"{source.path}: the last row has no line end; taken as it stands")
    if source.bad_rows:
        what = "was" if source.bad_rows == 1 else "were"
        console.print(f"{source.path}: {count(source.bad_rows, 'unusable row')} {what} skipped")
    if stats.late:
        what = "point was" if stats.late == 1 else "points were"
        console.print(f"{stats.late} late {what} dropped: raise --lateness-ms to sort them in")
    if stats.overflowed:
        console.print(
            f"{count(stats.overflowed, 'point')} left a window early for want of memory: "
            "raise --max-memory-mb, or see n_overflowed in the output"
        )
    if report.skipped_ticks:
        what = "was" if report.skipped_ticks == 1 else "were"
        console.print(f"{count(report.skipped_ticks, 'tick')} in gaps of the data {what} left out")
    console.print(report.summary(stats.late))


def _check_columns(source: Source, embedding: DelayEmbedding | None, console: Console) -> None:
    columns = source.columns
    if embedding is not None and len(columns) != 1:
        raise ConfigError(
            f"--takens needs one column: choose it with --columns from {', '.join(columns)}"
        )
    if source.left_out:
        console.print(f"columns without numbers are left out: {', '.join(source.left_out)}")


def _nothing(source: Source, embedding: DelayEmbedding | None) -> AuraTDAError:
    """Return why there was not a single point."""
    if embedding is not None:
        need = embedding.span + 1
        return ConfigError(
            f"--takens {embedding.dim}:{embedding.lag} needs {need} rows without a break, "
            f"and {source.path} has none such"
        )
    return SourceError(f"{source.path}: no row could be used")


def _draw(history: History, source: Source, folder: Path, console: Console) -> None:
    """Draw the pictures of ``--plot``."""
    name = source.path.name
    if any(1 in update.diagram.dimensions for update in history.last.values()):
        figure = loops_figure(history, names=source.columns, title=name)
        plots.save(figure, folder, "loops_over_time")
    for window_id, update in history.last.items():
        title = f"{name}: {plots.title_of(update)}"
        plots.save(diagram_figure(update.diagram, title), folder, window_id)
    console.print(f"pictures are in {folder}")
