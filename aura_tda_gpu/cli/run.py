"""``aura-tda run`` and ``watch``: a source in, a line of JSON for every tick out, or a view."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from ..config import Config
from ..errors import AuraTDAError, ConfigError, SourceError
from ..streaming.feature_tracker import FeatureTracker
from ..streaming.multi_scale_processor import MultiScaleStream
from .exits import exit_code, tell_error
from .passed import Passed, TimeDoubt
from .pictures import plots
from .pictures.diagram import diagram_figure
from .pictures.history import History
from .pictures.loops import loops_figure
from .progress import Report
from .records import UpdateWriter
from .run_options import RunOptions
from .running import Run, ViewConsole, catch_interrupt, stderr_console
from .sources.base import Source, SourceOptions
from .sources.opening import STDIN, open_source
from .sources.takens import DelayEmbedding
from .summary import closing_lines
from .wall_clock import WallClock
from .warming import warm_up
from .watch.view import WatchView

__all__ = ["run_source", "try_source"]


class _Notices:
    """Where messages go: to standard error, to the view, or into the summary."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self.lines: list[str] = []
        self.show = show

    def __call__(self, line: str) -> None:
        self.lines.append(line)
        self.show(line)


def run_source(
    options: RunOptions, output: str | None, *, view: bool = False, as_json: bool = False
) -> int:
    """Stream a source through the windows of its settings.

    Parameters
    ----------
    options : RunOptions
        What to stream, and how.
    output : str or None
        File for the updates, ``"-"`` for standard output.
    view : bool
        Show the bars on standard output while they change.
    as_json : bool
        Give the summary as one object on standard error, and nothing beside it.

    Returns
    -------
    int
        Exit code: 0, or 130 after Ctrl-C, 143 after SIGTERM; with ``as_json`` also that of an
        error, which the object names.

    Raises
    ------
    AuraTDAError
        After what was computed before it has been written and drawn.
    """
    settings, embedding = _checked(options)
    if view and output == "-":
        raise ConfigError("--output -: watch itself shows on standard output; name a file")
    console = stderr_console()
    notices = _Notices((lambda line: None) if as_json else console.print)
    warm_up(settings, notices)  # a stream that is made compiles, too, and without a word
    stream = MultiScaleStream(settings)
    with ExitStack() as stack:
        source = stack.enter_context(_opened(options, settings, embedding, notices))
        if options.plot is not None:
            plots.check_folder(options.plot, "--plot")
        writer = None if output is None else stack.enter_context(_writer(output, options))
        interrupt = stack.enter_context(catch_interrupt())
        # lines on a terminal are progress enough
        quiet = view or as_json or (writer is not None and writer.on_terminal)
        report = Report(console, live=not quiet)
        history = None if options.plot is None else History()
        passed, doubt = Passed(), _doubt(options, source, notices)
        watchers = [watcher for watcher in (history, passed, doubt) if watcher is not None]
        clock = _clock(options, source, settings)
        size = settings.performance.batch_size
        run = Run(
            source,
            stream,
            writer,
            report,
            interrupt,
            embedding,
            FeatureTracker.of(settings.stability),
            watchers,
            clock,
            size,
            notices,
        )
        panels = _view(run, settings) if view else None
        fault = _stream(run, panels, notices)
        if doubt is not None:
            doubt.tell()
        if interrupt.asked:
            kept = ": what was computed so far is written" if writer is not None else ""
            notices(f"{interrupt.word}{kept}")
        least = settings.stability.min_persistence
        for line in closing_lines(source, stream, report, clock, least, passed):
            notices(line)
        if not as_json:
            console.print(report.summary(stream.stats.late))
        unpictured = None if history is None else _draw(history, source, options.plot, notices)
        fault = fault or unpictured
        if as_json:
            reason = interrupt.word if fault is None else f"error: {tell_error(fault)}"
            record = report.summary_record(stream.stats, source, reason)
            console.print(json.dumps({**record, "notices": notices.lines}, allow_nan=False))
        elif fault is not None:
            raise fault
        return interrupt.exit_code if fault is None else exit_code(fault)


def try_source(options: RunOptions, *, as_json: bool) -> None:
    """Say what a run would take; nothing is streamed and nothing written.

    Parameters
    ----------
    options : RunOptions
        What would be streamed, and how.
    as_json : bool
        Say it as one JSON object.

    Raises
    ------
    AuraTDAError
        If the source cannot be read, or the settings cannot be met.
    """
    from .dry_run.estimate import estimate_run, show_estimate

    settings, embedding = _checked(options)
    say = stderr_console().print
    with _opened(options, settings, embedding, say) as source:
        show_estimate(estimate_run(source, settings, embedding), as_json=as_json)


def _checked(options: RunOptions) -> tuple[Config, DelayEmbedding | None]:
    """Return settings and embedding; all options that can be checked without data are right."""
    options.check()
    if options.time_column is None and options.rate is None:
        raise ConfigError(_where_is_time(options))
    if options.plot is not None:
        plots.require_matplotlib()
    return options.settings(), options.embedding()


def _where_is_time(options: RunOptions) -> str:
    """Return the question, with the columns to choose from where a file tells them."""
    question = "where is time? give --time-column NAME, or --rate HZ without one"
    if not Path(options.source).is_file():
        return question
    peek = SourceOptions(rate=1.0, format=options.format)
    try:
        with open_source(options.source, peek) as source:
            return f"{question}; the columns are {', '.join(source.names)}"
    except AuraTDAError:
        return question


def _opened(
    options: RunOptions,
    settings: Config,
    embedding: DelayEmbedding | None,
    say: Callable[[str], None],
) -> Source:
    """Return the source, its columns checked."""
    source = open_source(options.source, options.source_options(settings), say)
    columns = ", ".join(source.columns)
    if embedding is not None and len(source.columns) != 1:
        source.close()
        raise ConfigError(f"--takens needs one column: choose it with --columns from {columns}")
    if source.left_out:
        say(f"columns without numbers are left out: {', '.join(source.left_out)}")
    return source


def _writer(output: str, options: RunOptions) -> UpdateWriter:
    return UpdateWriter(output, 0 if options.source == STDIN else options.source)


def _clock(options: RunOptions, source: Source, settings: Config) -> WallClock | None:
    """Return the clock of a live source, unless event time was asked for."""
    if options.clock == "event" or not source.live:
        return None
    return WallClock(source, options.grace_ms, settings.window.allowed_lateness_ms)


def _doubt(options: RunOptions, source: Source, say: Callable[[str], None]) -> TimeDoubt | None:
    """Return who looks whether a column taken is the time; None where it was chosen."""
    chosen = options.rate is None or options.columns is not None
    return None if chosen else TimeDoubt(source, say)


def _view(run: Run, settings: Config) -> WatchView:
    def queue() -> tuple[int, int]:
        return run.source.queue() or (0, 0)

    depth = None if run.source.queue() is None else queue
    return WatchView(ViewConsole(), settings, depth, stats=lambda: run.stream.stats)


def _stream(run: Run, view: WatchView | None, notices: _Notices) -> AuraTDAError | None:
    """Carry out a run, in a view if there is one, and return what ended it early."""
    try:
        with ExitStack() as stack:
            if view is not None:
                run.watchers = [*run.watchers, stack.enter_context(view)]
                stack.callback(setattr, notices, "show", notices.show)
                notices.show = view.say
            stack.enter_context(run.report)
            run()
    except AuraTDAError as error:
        return error
    except BrokenPipeError:
        run.interrupt.output_closed = True
        notices("nobody reads the output any more: stopped")
        return None
    if run.report.points or run.interrupt.asked:
        return None
    return _nothing(run.source, run.embedding)


def _nothing(source: Source, embedding: DelayEmbedding | None) -> AuraTDAError:
    """Return why there was not a single point."""
    if embedding is not None:
        need = embedding.span + 1
        return ConfigError(
            f"--takens {embedding.dim}:{embedding.lag} needs {need} rows without a break, "
            f"and {source.path} has none such"
        )
    return SourceError(f"{source.path}: no row could be used")


def _draw(
    history: History, source: Source, folder: Path | None, say: Callable[[str], None]
) -> AuraTDAError | None:
    """Draw the pictures of ``--plot``, and return why that failed."""
    if folder is None or not history.last:
        return None
    name = source.path.name
    try:
        if any(1 in update.diagram.dimensions for update in history.last.values()):
            figure = loops_figure(history, names=source.columns, title=name)
            plots.save(figure, folder, "loops_over_time")
        for window_id, update in history.last.items():
            title = f"{name}: {plots.title_of(update)}"
            plots.save(diagram_figure(update.diagram, title), folder, window_id)
    except AuraTDAError as error:
        return error
    say(f"pictures are in {folder}")
    return None
