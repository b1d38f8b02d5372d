"""The picture of the demo: the recording, its loops at three scales, and three windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..streaming.persistence_stream import WindowUpdate
from . import plots
from .history import History
from .reading import NO_LOOP, ONE_LOOP, SEVERAL_LOOPS, Reading, spans_where

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

__all__ = ["heartbeat_figure"]

Float64Array = npt.NDArray[np.float64]

_UNIT = "a.u."
_SECOND_LOOP = "#222222"


def heartbeat_figure(
    history: History,
    updates: Mapping[str, Sequence[WindowUpdate]],
    readings: Mapping[str, Reading],
    lost: Sequence[plots.Span],
    points: Float64Array,
) -> Figure:
    """Draw the recording, the longest loops of each scale under it, and three windows.

    Parameters
    ----------
    history : History
        Traces of signal and loops.
    updates : mapping of str to sequence of WindowUpdate
        All updates, by window id.
    readings : mapping of str to Reading
        What they amount to.
    lost : sequence of Span
        Where the signal is flat.
    points : ndarray of float64, shape (n, dim)
        All points; the position is the vertex id.
    """
    with plots.style():
        figure = plots.new_figure(9.5, 9.2)
        grid = figure.add_gridspec(2, 1, height_ratios=(2.2, 1))
        above, below = figure.add_subfigure(grid[0]), figure.add_subfigure(grid[1])
        top, *panels = above.subplots(1 + len(readings), 1, sharex=True)
        plots.draw_signal(top, history.signals, unit=_UNIT)
        for span in lost:
            _mark_lost([top, *panels], span)
        top.set_title("recording of a pulse sensor")
        for index, (axes, scale) in enumerate(zip(panels, readings, strict=True)):
            plots.draw_loops(axes, history, scale, index, unit=_UNIT, legend=index == 0, strip=True)
            _mark_one_loop(axes, readings[scale], index)
        panels[-1].set_xlabel("time (s); a window is drawn at its end")
        onset = next(iter(readings.values())).onset()
        index = len(readings) // 2
        scale = list(readings)[index]
        _draw_windows(below, updates[scale], readings[scale], points, index, onset)
    return figure


def _mark_lost(panels: Sequence[Axes], span: plots.Span) -> None:
    """Shade a span in which the sensor gives nothing."""
    for axes in panels:
        axes.axvspan(*span, color="#e8e8e8", linewidth=0, zorder=-1)
    middle = (span[0] + span[1]) / 2
    panels[0].annotate(
        "flat: sensor lost",
        (middle, 0.55),
        xycoords=("data", "axes fraction"),
        rotation=90,
        ha="center",
        va="center",
        fontsize=8,
    )


def _mark_one_loop(axes: Axes, reading: Reading, index: int) -> None:
    """Put a strip over the ticks at which one loop dominates."""
    for first, last in spans_where(reading.states == ONE_LOOP, reading.times):
        axes.axvspan(first, last, ymin=0.95, color=plots.SCALE_COLOURS[index], linewidth=0)


def _draw_windows(
    figure: SubFigure,
    updates: Sequence[WindowUpdate],
    reading: Reading,
    points: Float64Array,
    index: int,
    onset: float,
) -> None:
    """Draw one window of each kind, all to the same measure, with the loops found in it."""
    colour = plots.SCALE_COLOURS[index]
    chosen = {
        "no loop: noise": _longest_run(reading, NO_LOOP),
        "one loop: the pulse": reading.clearest(onset),
        "several loops: a disturbance": reading.most_divided(onset),
    }
    panels = figure.subplots(1, len(chosen), sharex=True, sharey=True)
    for axes, (name, tick) in zip(panels, chosen.items(), strict=True):
        update = updates[tick]
        seen = points[np.sort(update.vertex_ids)]
        axes.plot(seen[:, 0], seen[:, -1], color="#bbbbbb", linewidth=0.5, zorder=0)
        axes.scatter(seen[:, 0], seen[:, -1], s=5, color="#777777", linewidths=0)
        state = reading.states[tick]
        if state == SEVERAL_LOOPS:
            _draw_loop(axes, update, 1, points, _SECOND_LOOP)
        if state != NO_LOOP:
            _draw_loop(axes, update, 0, points, colour)
        start = update.timestamp - 4
        axes.set_title(f"{name}\n{start:g} to {update.timestamp:g} s", fontsize=9)
        axes.set_xlabel("signal now (a.u.)")
        axes.set_aspect("equal")
    panels[0].set_ylabel("signal 120 ms earlier (a.u.)")


def _draw_loop(
    axes: Axes, update: WindowUpdate, row: int, points: Float64Array, colour: str
) -> None:
    """Draw a cycle that represents one bar of H1."""
    for walk in update.diagram.cycle(1, row):
        ids = update.vertex_ids[[*walk, walk[0]]]
        axes.plot(points[ids, 0], points[ids, -1], color=colour, linewidth=1.8)


def _longest_run(reading: Reading, state: int) -> int:
    """Return the tick in the middle of the longest run of a state in which there are loops."""
    mask = (reading.states == state) & (reading.longest > 0)
    first, last = max(
        spans_where(mask, reading.times), key=lambda span: span[1] - span[0], default=(0.0, 0.0)
    )
    return int(np.argmin(np.abs(reading.times - (first + last) / 2)))
