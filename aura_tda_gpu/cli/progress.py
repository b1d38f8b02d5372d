"""How a run goes, on standard error: a live line on a terminal, a summary everywhere."""

from __future__ import annotations

import math
import time
from types import TracebackType
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from ..streaming.stats import StreamStats
from ..streaming.window_update import WindowUpdate
from .sources.base import Source
from .trace import Sample
from .words import count

__all__ = ["LiveLine", "Report"]


class LiveLine:
    """A bar, a text and the time since the start, kept up to date; only on a terminal.

    Parameters
    ----------
    console : Console
        Where to draw, standard error as a rule.
    live : bool
        Whether to draw at all.
    text : str
        Shown until there is another.
    """

    def __init__(self, console: Console, *, live: bool = True, text: str = "") -> None:
        self._progress: Progress | None = None
        self._task = TaskID(0)
        self._text = text
        if live and console.is_terminal:
            self._progress = Progress(
                BarColumn(bar_width=24),
                TextColumn("{task.fields[line]}"),
                TimeElapsedColumn(),
                console=console,
                transient=True,
            )

    @property
    def is_shown(self) -> bool:
        """Whether anybody sees it."""
        return self._progress is not None

    def __enter__(self) -> LiveLine:
        if self._progress is not None:
            self._task = self._progress.add_task("", total=None, line=self._text)
            self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def show(self, text: str, share: float | None) -> None:
        """Show a text, and how much is done, from 0 to 1; None where that is not known."""
        if self._progress is not None:
            total = None if share is None else 1.0
            self._progress.update(self._task, line=text, completed=share or 0.0, total=total)


class Report:
    """Counters of a run, and their display.

    Parameters
    ----------
    console : Console
        Where to write, standard error as a rule.
    live : bool
        Show a line that is kept up to date; only on a terminal.

    Attributes
    ----------
    points, ticks : int
        Points taken and updates computed so far.
    skipped_ticks : int
        Ticks left out between two updates, in gaps of the data.
    seconds : float
        Wall-clock time since the run began.
    longest : float
        Longest persistence of a loop that closed.
    latencies : Sample
        Seconds of work for each tick.
    """

    def __init__(self, console: Console, *, live: bool = True) -> None:
        self.console = console
        self.points = 0
        self.ticks = 0
        self.skipped_ticks = 0
        self.longest = 0.0
        self.latencies = Sample()
        self._started = time.perf_counter()
        self._line = LiveLine(console, live=live)
        self._latest = ""

    @property
    def seconds(self) -> float:
        """Wall-clock time since the run began."""
        return time.perf_counter() - self._started

    def __enter__(self) -> Report:
        self._started = time.perf_counter()
        self._line.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._line.__exit__(kind, error, traceback)

    def step(self, n_points: int, updates: list[WindowUpdate], fraction: float | None) -> None:
        """Count what one push brought."""
        self.points += n_points
        self.ticks += len(updates)
        for update in updates:
            self.latencies.add(update.latency_seconds)
            self.skipped_ticks += update.skipped_ticks
            self.longest = max(self.longest, _longest_loop(update))
        if not self._line.is_shown:
            return
        if updates:
            self._latest = f"  last {1e3 * updates[-1].latency_seconds:.1f} ms"
        line = f"{count(self.points, 'point')}  {self.rate:,.0f}/s  {count(self.ticks, 'tick')}"
        self._line.show(line + self._latest, fraction)

    @property
    def rate(self) -> float:
        """Points a second so far."""
        return self.points / max(self.seconds, 1e-9)

    def summary(self, late: int) -> str:
        """Return the run in one line."""
        line = f"{count(self.points, 'point')}, {count(self.ticks, 'tick')}, {late:,} late"
        line += f", {self.rate:,.0f} points/s"
        if self.ticks:
            p50, p99 = (1e3 * self.latencies.quantile(q) for q in (0.5, 0.99))
            line += f", latency of a tick p50 {p50:.1f} ms, p99 {p99:.1f} ms"
        return line

    def summary_record(
        self, stats: StreamStats, source: Source, reason: str | None = None
    ) -> dict[str, Any]:
        """Return the run as plain numbers and None, ready for JSON.

        Parameters
        ----------
        stats : StreamStats
            Counters of the stream.
        source : Source
            Where the rows came from.
        reason : str, optional
            Why the run ended: ``"end"``, ``"interrupted"``, ``"terminated"``,
            ``"output closed"`` or ``"error: ..."``.

        Returns
        -------
        dict
            ``points``, ``ticks``, ``skipped_ticks``, ``late``, ``overflowed``, ``bad_rows``
            (int), ``cut_off`` (bool), ``seconds``, ``points_per_second``,
            ``latency_p50_seconds``, ``latency_p99_seconds`` (float; the latencies None without
            a tick) and ``reason``.
        """
        seconds = self.seconds
        latencies = [self.latencies.quantile(q) for q in (0.5, 0.99)]
        p50, p99 = (None if math.isnan(value) else round(value, 6) for value in latencies)
        return {
            "points": self.points,
            "ticks": self.ticks,
            "skipped_ticks": self.skipped_ticks,
            "late": stats.late,
            "overflowed": stats.overflowed,
            "bad_rows": source.bad_rows,
            "cut_off": source.cut_off,
            "seconds": round(seconds, 6),
            "points_per_second": round(self.points / max(seconds, 1e-9), 3),
            "latency_p50_seconds": p50,
            "latency_p99_seconds": p99,
            "reason": reason,
        }


def _longest_loop(update: WindowUpdate) -> float:
    if 1 not in update.diagram.dimensions:
        return 0.0
    bars = update.diagram[1]
    closed = bars[np.isfinite(bars[:, 1])]
    return float(closed[0, 1] - closed[0, 0]) if len(closed) else 0.0
