"""The live view of ``aura-tda watch``: barcodes of all scales, and how the run keeps up."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable
from types import TracebackType

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live

from ...config import Config
from ...streaming.settings import StreamSettings
from ...streaming.stats import StreamStats
from ...streaming.window_update import WindowUpdate
from ..pictures.history import longest_loops
from ..sources.base import Chunk
from ..words import points_of
from .barcode import ASCII, UNICODE, Glyphs, number
from .panels import Head, bound_of, elapsed, moment, page
from .state import Rates, ScaleState, WatchState

__all__ = ["WatchView"]

_FRAME = 0.1  # seconds between two drawings at least
_IDLE_FRAME = 0.5  # and at most
_LINE = 1.0  # seconds between two lines where there is no terminal
_NOTES = 100


class WatchView:
    """A watcher that shows every scale while the run goes on.

    On a terminal it takes the whole screen and draws in a thread of its own, at most ten times a
    second, whatever the rate of updates; in the end it leaves a line for each scale. Elsewhere it
    prints a line a second while something happens. Either way `see` only counts.

    Parameters
    ----------
    console : Console
        Where to show it.
    settings : Config
        Settings of the stream: its scales are the panels.
    queue_depth : callable, optional
        Returns how many rows wait to be pushed and how many may, None without a queue.
    stats : callable, optional
        Returns the counters of the stream, for the late points.
    clock : callable
        Wall-clock time in seconds.

    Raises
    ------
    AuraTDAError
        As `StreamSettings`.
    """

    def __init__(
        self,
        console: Console,
        settings: Config,
        queue_depth: Callable[[], tuple[int, int] | None] | None = None,
        *,
        stats: Callable[[], StreamStats] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        timeline = StreamSettings.of(settings).timeline
        self.console = console
        self.state = WatchState([scale.window_id for scale in timeline])
        self.notes: list[str] = []
        self._queue_depth = queue_depth
        self._stats = stats
        self._clock = clock
        self._live: Live | None = None
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._fault: Exception | None = None
        self._drawn: tuple[int, ...] | None = None
        self._start()

    def __enter__(self) -> WatchView:
        self._start()
        if self.console.is_terminal and not self.console.is_dumb_terminal:
            self._live = Live(
                self,
                console=self.console,
                screen=True,
                auto_refresh=False,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
            self._thread = threading.Thread(target=self._draw, name="aura-tda-watch", daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        live, self._live = self._live, None
        if live is None:
            if self._drawn != self.state.counters():
                self._print_line(self._clock())
            return
        try:
            self._stop.set()
            if self._thread is not None:
                self._thread.join()
        finally:
            live.stop()
        for line in self._last_words():
            self._print(line)
        for note in self.notes:
            self._print(note)
        if self._fault is not None and kind is None:
            raise self._fault

    def see(self, raw: Chunk, points: Chunk, updates: list[WindowUpdate]) -> None:
        """Count what passes; see `Watcher`."""
        self.state.take(len(points), updates)
        if self._live is None and (now := self._clock()) >= self._next_line:
            self._print_line(now)

    def say(self, line: str) -> None:
        """Show a message: below the panels while they are shown, and again after them."""
        if self._live is None:
            self._print(line)
        else:
            self.notes = [*self.notes, line][-_NOTES:]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        head, scales = self._look(self._clock())
        height = options.height or console.height
        glyphs = ASCII if options.ascii_only else UNICODE
        yield page(head, scales, self.notes, options.max_width, height, glyphs)

    def _start(self) -> None:
        self._started = self._clock()
        self._rates = Rates(self._started)
        self._next_line = self._started + _LINE

    def _look(self, now: float) -> tuple[Head, list[tuple[ScaleState, float]]]:
        """Return what to show at this moment."""
        state = self.state
        self._drawn = counters = state.counters()
        rate, *tick_rates = self._rates.mark(now, counters)
        head = Head(
            points=counters[0],
            rate=rate,
            late=None if self._stats is None else self._stats().late,
            queue=None if self._queue_depth is None else self._queue_depth(),
            seconds=now - self._started,
        )
        # a copy, for the next update may come while it is being drawn
        scales = [copy.copy(scale) for scale in state.scales.values()]
        return head, list(zip(scales, tick_rates, strict=True))

    def _draw(self) -> None:
        """Draw until told to stop, seldom while nothing happens."""
        assert self._live is not None
        live = self._live
        due = self._clock()
        try:
            while not self._stop.wait(_FRAME):
                now = self._clock()
                if now >= due or self._drawn != self.state.counters():
                    live.refresh()
                    due = now + _IDLE_FRAME
        except OSError:
            pass  # the terminal has gone; the run goes on
        except Exception as error:
            self._fault = error

    def _print(self, line: str) -> None:
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _last_words(self) -> list[str]:
        """Describe the last tick of each scale that had one."""
        glyphs = ASCII if self.console.options.ascii_only else UNICODE
        updates = [scale.last for scale in self.state.scales.values()]
        return [_in_words(update, glyphs) for update in updates if update is not None]

    def _print_line(self, now: float) -> None:
        """Print the state as one line."""
        head, _ = self._look(now)
        words = [elapsed(head.seconds), *(text for text, _ in head.words())]
        self._print("  |  ".join(["  ".join(words), *self._last_words()]))
        self._next_line = now + _LINE


def _in_words(update: WindowUpdate, glyphs: Glyphs) -> str:
    """Describe one update in a few words."""
    facts = [points_of(update), bound_of(update, glyphs)]
    if 1 in update.diagram.dimensions:
        longest, _ = longest_loops(update)
        facts.append(f"{len(update.diagram[1]):,} H1, longest {number(longest)}")
    return f"{update.window_id} at {moment(update)}: {', '.join(facts)}"
