"""The page of the live view: a head line, and a panel for each time scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ...streaming.window_update import WindowUpdate
from ..words import count, points_of
from .barcode import Glyphs, bar_lines, number
from .state import ScaleState

__all__ = ["Head", "bound_of", "elapsed", "head_line", "moment", "page"]

_MIN_HEIGHT = 3  # two borders and a bar
_GOOD_HEIGHT = 8
_MIN_WIDTH = 72


@dataclass(frozen=True, slots=True)
class Head:
    """The counters above the panels.

    Attributes
    ----------
    points : int
        Points pushed.
    rate : float
        Points a second, lately.
    late : int or None
        Points dropped as too old; None if nobody tells.
    queue : tuple of (int, int) or None
        How many rows wait, and how many may; None if there is no queue.
    seconds : float
        Wall-clock time since the start.
    """

    points: int
    rate: float
    late: int | None
    queue: tuple[int, int] | None
    seconds: float

    def words(self) -> list[tuple[str, str]]:
        """Return what to say, each part with its style."""
        parts = [(count(self.points, "point"), "bold"), (f"{self.rate:,.0f} points/s", "")]
        if self.late is not None:
            parts.append((f"{self.late:,} late", "yellow" if self.late else ""))
        if self.queue is not None:
            waiting, room = self.queue
            full = 2 * waiting > room
            parts.append((f"queue {waiting:,}/{room:,}", "yellow" if full else ""))
        return parts


def elapsed(seconds: float) -> str:
    """Return a time as hours, minutes and seconds."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def bound_of(update: WindowUpdate, glyphs: Glyphs) -> str:
    """Say how far the diagram may be from that of all points."""
    if update.error_bound == 0.0:
        return "exact"
    if math.isnan(update.error_bound):
        return "no bound"
    return f"error {glyphs.at_most} {number(update.error_bound)}"


def moment(update: WindowUpdate) -> str:
    """Return the event time of a tick, to the millisecond."""
    return f"{update.timestamp:.3f}".rstrip("0").rstrip(".") + " s"


def head_line(head: Head, width: int) -> Text:
    """Return the line above the panels, the time at its right end."""
    line = Text(no_wrap=True, overflow="ellipsis", end="")
    for text, style in head.words():
        line.append("  " if line else "")
        line.append(text, style=style)
    clock = elapsed(head.seconds)
    line.truncate(max(0, width - len(clock) - 1))
    line.pad_right(max(1, width - len(line) - len(clock)))
    return line.append(clock)


def page(
    head: Head,
    scales: Sequence[tuple[ScaleState, float]],
    notes: Sequence[str],
    width: int,
    height: int,
    glyphs: Glyphs,
) -> Table:
    """Lay everything out on a screen.

    Parameters
    ----------
    head : Head
        The counters of the run.
    scales : sequence of (ScaleState, float)
        The scales, finest first, each with its ticks a second.
    notes : sequence of str
        What was said; the last of them is shown on the last line.
    width, height : int
        Cells of the screen.
    glyphs : Glyphs
        What the terminal can show.
    """
    lines: list[RenderableType] = [head_line(head, width)]
    room = height - 1 - bool(notes)
    columns = _columns(len(scales), width, room)
    if room // _MIN_HEIGHT * columns < len(scales):
        room -= 1
    shown = min(len(scales), max(0, room // _MIN_HEIGHT) * columns)
    n_rows = -(-shown // columns)
    for row in range(n_rows):
        # what does not divide goes to the first rows
        tall = room // n_rows + (row < room % n_rows)
        some = scales[row * columns : min(shown, (row + 1) * columns)]
        lines.append(_row(some, columns, width, tall, glyphs))
    if shown < len(scales) and height > 1:
        hidden = f"{len(scales) - shown} of {len(scales)} scales need a taller window"
        lines.append(Text(hidden, style="dim", no_wrap=True, overflow="ellipsis"))
    if notes:
        lines.append(Text(notes[-1], style="yellow", no_wrap=True, overflow="ellipsis"))
    grid = Table.grid(expand=True)
    for line in lines:
        grid.add_row(line)
    return grid


def _columns(n: int, width: int, room: int) -> int:
    """Return into how many columns the panels go: few, unless that leaves them no height."""
    most = max(1, min(n, width // _MIN_WIDTH))
    for columns in range(1, most):
        n_rows = -(-n // columns)
        if room // n_rows >= _GOOD_HEIGHT or n_rows == -(-n // most):
            return columns
    return most


def _row(
    scales: Sequence[tuple[ScaleState, float]],
    columns: int,
    width: int,
    height: int,
    glyphs: Glyphs,
) -> Table:
    grid = Table.grid(expand=True)
    cells = [width // columns + (i < width % columns) for i in range(columns)]
    for cell in cells:
        grid.add_column(width=cell)
    grid.add_row(
        *(
            _panel(scale, rate, cell, height, glyphs)
            for (scale, rate), cell in zip(scales, cells, strict=False)
        )
    )
    return grid


def _panel(scale: ScaleState, rate: float, width: int, height: int, glyphs: Glyphs) -> Panel:
    """Return the panel of one scale: facts of its last tick, bars, and how it keeps up."""
    update = scale.last
    n_lines = height - 2
    lines: list[Text] = []
    axis = 0.0
    if update is not None:
        lines, axis = bar_lines(update.diagram, n_lines, width - 4, glyphs)
    if not lines:
        axis = 0.0
        what = "no tick yet" if update is None else "no bar"
        what = "no point in this window" if update is not None and not update.n_points else what
        lines = [Text(what, style="dim")]
    return Panel(
        Text("\n").join(lines),
        box=box.ROUNDED,
        title=_title(scale, glyphs),
        title_align="left",
        subtitle=None if update is None else _subtitle(scale, rate, axis, n_lines, glyphs),
        subtitle_align="left",
        border_style="yellow" if update is not None and update.n_overflowed else "bright_black",
        width=width,
        height=height,
    )


def _title(scale: ScaleState, glyphs: Glyphs) -> Text:
    update = scale.last
    title = Text().append(scale.window_id, style="bold default")
    if update is None:
        return title
    for part in (moment(update), bound_of(update, glyphs), points_of(update)):
        title.append(f" {glyphs.rest} ", style="dim").append(part, style="default")
    return title


def _subtitle(scale: ScaleState, rate: float, axis: float, n_lines: int, glyphs: Glyphs) -> Text:
    update = scale.last
    assert update is not None
    median, high = (1e3 * seconds for seconds in scale.latency())
    parts = [(f"{rate:.1f} ticks/s", ""), (f"p50 {median:.1f} p99 {high:.1f} ms", "")]
    if scale.skipped_ticks:
        parts.append((f"{scale.skipped_ticks:,} skipped", "yellow"))
    if update.n_overflowed:
        parts.append((f"{update.n_overflowed:,} overflowed", "yellow"))
    if hidden := _hidden(update, n_lines):
        parts.append((hidden, ""))
    if axis:
        parts.append((f"axis to {number(axis)}", ""))
    line = Text()
    for text, style in parts:
        line.append(f" {glyphs.rest} " if line else "", style="dim").append(text, style=style)
    return line


def _hidden(update: WindowUpdate, n_lines: int) -> str:
    """Say how many bars have no line."""
    words = []
    room = n_lines
    for dimension in reversed(update.diagram.dimensions):
        n_bars = len(update.diagram[dimension])
        if n_bars > room:
            words.append(f"+{n_bars - room:,} H{dimension}")
        room = max(0, room - n_bars)
    return " ".join(words)
