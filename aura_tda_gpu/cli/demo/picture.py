"""The picture of the demo: the recording, its loops at three scales, and three windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ...streaming.window_update import WindowUpdate
from ..pictures import plots
from ..pictures.history import History
from ..pictures.loops import draw_loops, draw_signal
from .reading import NO_LOOP, ONE_LOOP, SEVERAL_LOOPS, Reading, spans_where

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

__all__ = ["heartbeat_figure"]

Float64Array = npt.NDArray[np.float64]

_UNIT = "a.u."
_SECOND_LOOP = "#222222"
_FRAME = 1.1  # axes by the spread of the points


def heartbeat_figure(
    history: History,
    updates: Mapping[str, Sequence[WindowUpdate]],
    readings: Mapping[str, Reading],
    lost: Sequence[plots.Span],
    points: Float64Array,
    durations: Mapping[str, float],
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
    durations : mapping of str to float
        Lengths of the windows in seconds, by window id.
    """
    with plots.style():
        figure = plots.new_figure(9.5, 9.6)
        grid = figure.add_gridspec(2, 1, height_ratios=(2.2, 1))
        above, below = figure.add_subfigure(grid[0]), figure.add_subfigure(grid[1])
        top, *panels = above.subplots(1 + len(readings), 1, sharex=True)
        draw_signal(top, history.signals, unit=_UNIT)
        for span in lost:
            _mark_lost([top, *panels], span)
        top.set_title("recording of a pulse sensor")
        for index, (axes, scale) in enumerate(zip(panels, readings, strict=True)):
            draw_loops(axes, history, scale, index, unit=_UNIT, legend=index == 0, strip=True)
            _mark_one_loop(axes, readings[scale], index)
        panels[-1].set_xlabel("time (s); a window is drawn at its end")
        onset = next(iter(readings.values())).onset()
        scale = list(readings)[len(readings) // 2]
        below.suptitle(
            f"three windows of {plots.scale_name(scale)} and the loops found in them",
            x=0.01,
            ha="left",
            fontsize=10,
        )
        colour = plots.SCALE_COLOURS[len(readings) // 2]
        _draw_windows(
            below, updates[scale], readings[scale], points, colour, onset, durations[scale]
        )
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
    colour: str,
    onset: float,
    duration: float,
) -> None:
    """Draw one window of each kind with the loops found in it, the noise enlarged."""
    chosen = {
        "no loop: noise": _longest_run(reading, NO_LOOP),
        "one loop: the pulse": reading.clearest(onset),
        "several loops: a disturbance": reading.most_divided(onset),
    }
    clouds = [points[np.sort(updates[tick].vertex_ids)][:, [0, -1]] for tick in chosen.values()]
    full = _frame(np.concatenate(clouds[1:]))
    panels = figure.subplots(1, len(chosen))
    for axes, (name, tick), cloud in zip(panels, chosen.items(), clouds, strict=True):
        update, state = updates[tick], reading.states[tick]
        axes.plot(*cloud.T, color="#bbbbbb", linewidth=0.5, zorder=0)
        axes.scatter(*cloud.T, s=5, color="#777777", linewidths=0)
        if state == SEVERAL_LOOPS:
            _draw_loop(axes, update, 1, points, _SECOND_LOOP, "second longest")
        if state != NO_LOOP:
            _draw_loop(axes, update, 0, points, colour, "longest loop")
        frame = _frame(cloud) if state == NO_LOOP else full
        zoom = np.ptp(full[0]) / np.ptp(frame[0])
        note = f", enlarged {zoom:.0f} times" if zoom > 1.5 else ""
        times = f"{update.timestamp - duration:g} to {update.timestamp:g} s"
        axes.set_title(f"{name}\n{times}{note}", fontsize=9)
        axes.set(xlim=frame[0], ylim=frame[1], aspect="equal", xlabel=f"signal now ({_UNIT})")
    handles, labels = panels[-1].get_legend_handles_labels()
    figure.legend(handles[::-1], labels[::-1], loc="upper right", ncols=2, fontsize=8)
    panels[0].set_ylabel(f"signal 120 ms earlier ({_UNIT})")


def _frame(cloud: Float64Array) -> Float64Array:
    """Return the limits of square axes around points of shape (n, 2), one axis a row."""
    low, high = cloud.min(axis=0), cloud.max(axis=0)
    half = _FRAME * max(float((high - low).max()), 1e-9) / 2
    middle = (low + high) / 2
    return np.stack([middle - half, middle + half], axis=1)


def _draw_loop(
    axes: Axes, update: WindowUpdate, row: int, points: Float64Array, colour: str, label: str
) -> None:
    """Draw a cycle that represents one bar of H1."""
    for number, walk in enumerate(update.diagram.cycle(1, row)):
        ids = update.vertex_ids[[*walk, walk[0]]]
        (line,) = axes.plot(points[ids, 0], points[ids, -1], color=colour, linewidth=1.8)
        if number == 0:
            line.set_label(label)


def _longest_run(reading: Reading, state: int) -> int:
    """Return the tick in the middle of the longest run of a state in which there are loops."""
    mask = (reading.states == state) & (reading.longest > 0)
    first, last = max(
        spans_where(mask, reading.times), key=lambda span: span[1] - span[0], default=(0.0, 0.0)
    )
    return int(np.argmin(np.abs(reading.times - (first + last) / 2)))
