"""Pictures over time: the stream, and its longest loops at each scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..trace import Trace
from . import plots
from .history import History

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_loops", "draw_signal", "loops_figure"]

_GAP = 10  # times the median step: a longer one is drawn as a gap


def loops_figure(
    history: History, *, names: Sequence[str] = (), unit: str = "", title: str = ""
) -> Figure:
    """Draw the stream and, under it, its longest loop at each scale.

    Parameters
    ----------
    history : History
        What a run has left.
    names : sequence of str
        Names of the signals.
    unit : str
        Unit of the coordinates, for the axis.
    title : str
        What the stream is.
    """
    scales = list(history.longest)
    with plots.style():
        figure = plots.new_figure(9, 2 + 1.5 * max(1, len(scales)))
        if title:
            figure.suptitle(title, x=0.01, ha="left", fontsize=11)
        top, *panels = figure.subplots(1 + len(scales), 1, sharex=True, squeeze=False)[:, 0]
        start = _start_of(history)
        draw_signal(top, history.signals, names=names, unit=unit, start=start)
        if history.n_columns > len(history.signals):
            top.set_title(f"the first {len(history.signals)} of {history.n_columns} columns")
        for index, (axes, scale) in enumerate(zip(panels, scales, strict=True)):
            draw_loops(axes, history, scale, index, unit=unit, start=start, legend=index == 0)
        bottom = panels[-1] if panels else top
        bottom.set_xlabel(f"time (s), counted from {start:.15g}" if start else "time (s)")
    return figure


def draw_signal(
    axes: Axes,
    signals: Sequence[Trace],
    *,
    names: Sequence[str] = (),
    unit: str = "",
    start: float = 0.0,
) -> None:
    """Draw the signals of a stream, broken where there is a gap in time."""
    lines, labels = [], []
    for index, signal in enumerate(signals):
        colour = plots.INK if len(signals) == 1 else plots.SCALE_COLOURS[index]
        times, values = _outline(signal)
        lines += axes.plot(times - start, values, color=colour, linewidth=0.6)
        labels.append(names[index] if index < len(names) else f"column {index}")
    axes.set_ylabel(f"signal ({unit})" if unit else "signal")
    axes.margins(x=0)
    if len(signals) > 1:
        axes.legend(lines, labels, loc="lower right", bbox_to_anchor=(1, 1), ncols=3, fontsize=8)


def draw_loops(
    axes: Axes,
    history: History,
    scale: str,
    index: int,
    *,
    unit: str = "",
    start: float = 0.0,
    legend: bool = False,
    strip: bool = False,
) -> None:
    """Draw the two longest loops of one scale over time, and up to which length none is certain.

    That is twice the error bound. ``strip`` explains a strip at the top edge in the legend, for a
    caller that draws one.
    """
    longest, second, bound = (g[scale] for g in (history.longest, history.second, history.bounds))
    times = longest.times - start
    top = 1.12 * float(longest.high.max(initial=0.0)) or 1.0
    # where no bound is known, nothing is certain
    band = np.minimum(2 * bound.high, top)
    axes.fill_between(times, 0, band, step="post", color=plots.BOUND_COLOUR, linewidth=0, zorder=0)
    axes.plot(times, second.high, color=plots.SECOND_COLOUR, linewidth=0.8, drawstyle="steps-post")
    colour = plots.SCALE_COLOURS[index % len(plots.SCALE_COLOURS)]
    axes.plot(times, longest.high, color=colour, linewidth=1.3, drawstyle="steps-post")
    axes.set_ylim(0, top)
    axes.margins(x=0)
    axes.set_title(f"window of {plots.scale_name(scale)}", color=colour)
    axes.set_ylabel(f"persistence\n({unit})" if unit else "persistence")
    if legend:
        _legend_of_loops(axes, colour, strip)


def _legend_of_loops(axes: Axes, colour: str, strip: bool) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Artist] = [
        Line2D([], [], color=colour, linewidth=1.3, label="longest loop"),
        Line2D([], [], color=plots.SECOND_COLOUR, linewidth=0.8, label="second longest"),
        Patch(color=plots.BOUND_COLOUR, label="not certain (up to twice the error bound)"),
    ]
    if strip:
        handles.append(Line2D([], [], color=colour, linewidth=5, label="one loop dominates"))
    axes.legend(
        handles=handles,
        loc="lower right",
        bbox_to_anchor=(1, 1),
        borderaxespad=0.2,
        ncols=len(handles),
        fontsize=8,
    )


def _outline(signal: Trace) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return what to draw of a signal: up and down once in each run, nan in a gap of time."""
    times = np.repeat(signal.times, 2)
    values = np.stack([signal.low, signal.high], axis=1).ravel()
    steps = np.abs(np.diff(signal.times))
    if not steps.any():
        return times, values
    after = 2 * (1 + np.flatnonzero(steps > _GAP * np.median(steps[steps > 0])))
    return np.insert(times, after, times[after]), np.insert(values, after, np.nan)


def _start_of(history: History) -> float:
    """Return what to subtract from the times: 0 unless they are far from it."""
    first = min((float(s.times[0]) for s in history.signals if len(s)), default=0.0)
    return float(np.floor(first)) if abs(first) > 1e5 else 0.0
