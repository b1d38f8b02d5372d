"""The run itself: source to stream to output, with an orderly end whatever happens."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Protocol

from rich.console import Console

from ..errors import BadRowError, InvalidInputError, SourceError
from ..streaming.feature_tracker import FeatureTracker
from ..streaming.multi_scale_processor import MultiScaleStream
from ..streaming.window_update import WindowUpdate
from .exits import OK, SIGNAL_WORDS, signal_code
from .progress import Report
from .records import UpdateWriter
from .sources.base import Chunk, Source
from .sources.takens import DelayEmbedding
from .wall_clock import WallClock

__all__ = [
    "Interrupt",
    "Run",
    "ViewConsole",
    "Watcher",
    "catch_interrupt",
    "stderr_console",
]


_PAUSE = 0.05  # seconds without a row before the run looks at signals and at the clock


class Watcher(Protocol):
    """Whoever wants to see what passes, for a picture or a table."""

    def see(self, raw: Chunk, points: Chunk, updates: list[WindowUpdate]) -> None:
        """Look at the rows read, the points pushed, and what came out."""


@dataclass
class Interrupt:
    """What ends a run early: the first SIGINT or SIGTERM, or an output that nobody reads.

    A second signal ends the run at once.

    Attributes
    ----------
    signal : int or None
        Which one came.
    output_closed : bool
        Whether the reader of the output has gone.
    """

    signal: int | None = None
    output_closed: bool = False

    @property
    def asked(self) -> bool:
        """Whether a signal asked the run to end."""
        return self.signal is not None

    @property
    def exit_code(self) -> int:
        """0, or what a shell gives for the signal."""
        return OK if self.signal is None else signal_code(self.signal)

    @property
    def word(self) -> str:
        """``"interrupted"`` or ``"terminated"``, else ``"output closed"`` or ``"end"``."""
        if self.signal is not None:
            return SIGNAL_WORDS[signal.Signals(self.signal)]
        return "output closed" if self.output_closed else "end"


@contextmanager
def catch_interrupt() -> Iterator[Interrupt]:
    """Turn the first SIGINT or SIGTERM into a flag that the run looks at between two pushes."""
    state = Interrupt()

    def note(number: int, frame: FrameType | None) -> None:
        if state.asked:
            raise KeyboardInterrupt(number)
        state.signal = number

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield state
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass
class Run:
    """Everything a run needs.

    Parameters
    ----------
    source : Source
        Where rows come from.
    stream : MultiScaleStream
        What they are pushed into.
    writer : UpdateWriter, optional
        Where updates go.
    report : Report
        Counters and their display.
    interrupt : Interrupt
        Asked between two pushes.
    embedding : DelayEmbedding, optional
        Applied to the rows first.
    tracker : FeatureTracker, optional
        Gives the updates their events.
    watchers : sequence of Watcher
        They see everything that passes.
    clock : WallClock, optional
        Moves the windows while the source is silent.
    batch_size : int
        Rows in one push at most.
    say : callable
        Told what a person should know before the end.
    """

    source: Source
    stream: MultiScaleStream
    writer: UpdateWriter | None
    report: Report
    interrupt: Interrupt
    embedding: DelayEmbedding | None = None
    tracker: FeatureTracker | None = None
    watchers: Sequence[Watcher] = ()
    clock: WallClock | None = None
    batch_size: int = 100
    say: Callable[[str], None] = lambda line: None
    _warned: bool = False

    def __call__(self) -> None:
        """Push all rows, until the end or the first signal.

        Raises
        ------
        AuraTDAError
            Where the data cannot be used, after everything before it has been written.
        BrokenPipeError
            If nobody reads the output any more.
        """
        chunks = self.source.chunks(self.batch_size, _PAUSE)
        while not self.interrupt.asked and (raw := next(chunks, None)) is not None:
            if len(raw):
                if self.clock is not None:
                    self.clock.note(raw.times)
                self._push(raw, raw if self.embedding is None else self.embedding(raw))
            mark = None if self.clock is None else self.clock.mark()
            if mark is not None:
                self._tick(self.stream.advance(mark))
        if not self.interrupt.asked:
            self._tick(self.stream.flush())

    def _push(self, raw: Chunk, chunk: Chunk) -> None:
        """Push some points; an unusable one is skipped or ends the run behind those before it."""
        updates: list[WindowUpdate] = []
        refused = 0
        rest = chunk
        while len(rest):
            try:
                updates += self.stream.push(rest.points, rest.times)
                break
            except InvalidInputError as error:
                if error.row is None:
                    raise
                bad = error.row
                updates += self.stream.push(rest.points[:bad], rest.times[:bad])
                if not self.source.options.skip_bad_rows:
                    self._pass_on(raw, chunk[:bad], updates, bad)
                    raise self._unusable(error, rest[bad:], bad) from error
                refused += 1
                rest = rest[bad + 1 :]
        self.source.bad_rows += refused
        self._pass_on(raw, chunk, updates, len(chunk) - refused)

    def _unusable(self, error: InvalidInputError, rest: Chunk, row: int) -> SourceError:
        """Name the first row of ``rest`` as the one that a push refused."""
        what = str(error).replace(f"row {row}", "this row")
        if "292 years" in what and self.source.options.time_column is not None:
            unit = self.source.options.time_unit
            what += f"; it was read in {unit}: is --time-unit right?"
            if not self.report.points:  # then it is the unit, and all rows would be left out
                return SourceError(f"{self.source.place(int(rest.places[0]))}: {what}")
        return BadRowError(f"{self.source.place(int(rest.places[0]))}: {what}")

    def _tick(self, updates: list[WindowUpdate]) -> None:
        """Pass on updates that no row brought about."""
        if updates:
            dim = len(self.source.columns)
            none = Chunk.empty(dim if self.embedding is None else self.embedding.dim)
            self._pass_on(Chunk.empty(dim), none, updates, 0)

    def _pass_on(
        self, raw: Chunk, points: Chunk, updates: list[WindowUpdate], n_points: int
    ) -> None:
        if not self._warned and self.stream.n_late:
            self._warned = True
            self.say(late_warning(self.clock))
        # first, for the output may have been closed
        self.report.step(n_points, updates, self.source.fraction())
        if self.tracker is not None:
            self.tracker.follow(updates)
        for watcher in self.watchers:
            watcher.see(raw, points, updates)
        if self.writer is not None:
            self.writer.write(updates)


def late_warning(clock: WallClock | None) -> str:
    """Return what to say of the first row that comes too late."""
    if clock is not None and clock.passed:
        return (
            "a row came later than the wall clock allows, and is dropped: was it held back in a "
            "pipe (stdbuf -oL, python -u), or replayed slowly? --grace-ms or --clock event keeps it"
        )
    return (
        "a row is older than the rows before it allow, and is dropped: if the rows are not in "
        "time order, sort them or raise --lateness-ms"
    )


def stderr_console() -> Console:
    """Return the console for everything that is not a result."""
    return Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)


class ViewConsole(Console):
    """Standard output for a view; a reader that goes away is an error that can be caught."""

    def on_broken_pipe(self) -> None:
        """Raise on, with nothing left in the buffer for the end of the process to write."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())
        raise BrokenPipeError
