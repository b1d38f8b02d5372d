"""The run itself: source to stream to output, with an orderly end whatever happens."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Protocol

from rich.console import Console

from ..config import Config
from ..errors import InvalidInputError, SourceError
from ..persistence import backends
from ..streaming.multi_scale_processor import MultiScaleStream
from ..streaming.persistence_stream import WindowUpdate
from .progress import Report
from .records import UpdateWriter
from .sources import Chunk, Source
from .takens import DelayEmbedding

__all__ = ["Interrupt", "Run", "Watcher", "catch_interrupt", "stderr_console", "warm_up"]


_PATIENCE = 2.0  # seconds; loading kernels that are compiled takes less


class Watcher(Protocol):
    """Whoever wants to see what passes, for a picture or a table."""

    def see(self, raw: Chunk, points: Chunk, updates: list[WindowUpdate]) -> None:
        """Look at the rows read, the points pushed, and what came out."""


@dataclass
class Interrupt:
    """Set by the first Ctrl-C; a second one ends the process at once.

    While ``waiting`` for data the first one raises KeyboardInterrupt, too.
    """

    asked: bool = False
    waiting: bool = False


@contextmanager
def catch_interrupt() -> Iterator[Interrupt]:
    """Turn the first SIGINT into a flag that the run looks at between two pushes."""
    state = Interrupt()

    def note(number: int, frame: FrameType | None) -> None:
        again, state.asked = state.asked, True
        if again or state.waiting:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, note)
    try:
        yield state
    finally:
        signal.signal(signal.SIGINT, before)


def warm_up(config: Config, say: Callable[[str], None]) -> None:
    """Compile or load the CPU kernels before the clock starts, if the CPU engine is to run.

    Raises
    ------
    AuraTDAError
        If the backend of the settings cannot run.
    """
    engine = config.engine
    notice = threading.Timer(_PATIENCE, say, ["compiling the CPU kernels, once per machine ..."])
    notice.start()
    try:
        chosen, _ = backends.resolve(engine.backend, 1, engine.homology_dimensions)
        if chosen.name != "cpu":
            return
        from ..persistence import cpu

        done = cpu.warm_up()
    finally:
        notice.cancel()
    if done["compiled"]:
        say(f"compiled the CPU kernels, once per machine: {done['seconds']:.1f} s")


@dataclass
class Run:
    """Everything a run needs.

    Parameters
    ----------
    source : Source
        Where rows come from.
    stream : MultiScaleStream
        What they are pushed into.
    writer : UpdateWriter
        Where updates go.
    report : Report
        Counters and their display.
    interrupt : Interrupt
        Asked between two pushes.
    embedding : DelayEmbedding, optional
        Applied to the rows first.
    watcher : Watcher, optional
        Sees everything that passes.
    batch_size : int
        Rows in one push.
    """

    source: Source
    stream: MultiScaleStream
    writer: UpdateWriter
    report: Report
    interrupt: Interrupt
    embedding: DelayEmbedding | None = None
    watcher: Watcher | None = None
    batch_size: int = 100

    def __call__(self) -> None:
        """Push all rows, until the end or the first Ctrl-C.

        Raises
        ------
        AuraTDAError
            Where the data cannot be used, after everything before it has been written.
        BrokenPipeError
            If nobody reads the output any more.
        """
        chunks = self.source.chunks(self.batch_size)
        while (raw := self._next(chunks)) is not None:
            self._push(raw, raw if self.embedding is None else self.embedding(raw))
        if not self.interrupt.asked:
            self._pass_on(0, self.stream.flush())

    def _next(self, chunks: Iterator[Chunk]) -> Chunk | None:
        """Return the next rows, None at the end or after Ctrl-C."""
        if self.interrupt.asked:
            return None
        try:
            self.interrupt.waiting = True
            return next(chunks, None)
        except KeyboardInterrupt:
            return None
        finally:
            self.interrupt.waiting = False

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
                    self._pass_on(bad, updates)
                    what = str(error).replace(f"row {bad}", "this row")
                    if "292 years" in what and self.source.options.time_column is not None:
                        unit = self.source.options.time_unit
                        what += f"; it was read in {unit}: is --time-unit right?"
                    place = self.source.place(int(rest.places[bad]))
                    raise SourceError(f"{place}: {what}") from error
                refused += 1
                rest = rest[bad + 1 :]
        self.source.bad_rows += refused
        if self.watcher is not None:
            self.watcher.see(raw, chunk, updates)
        self._pass_on(len(chunk) - refused, updates)

    def _pass_on(self, n_points: int, updates: list[WindowUpdate]) -> None:
        self.writer.write(updates)
        self.report.step(n_points, updates, self.source.fraction())


def stderr_console() -> Console:
    """Return the console for everything that is not a result."""
    return Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
