"""Pictures of diagrams and of loops over time; matplotlib is imported when one is drawn."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ConfigError, MissingDependencyError
from ..persistence.diagram import Diagram
from ..streaming.persistence_stream import WindowUpdate
from .history import History
from .trace import Trace

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "DIMENSION_COLOURS",
    "SCALE_COLOURS",
    "Span",
    "diagram_figure",
    "draw_loops",
    "draw_signal",
    "loops_figure",
    "new_figure",
    "require_matplotlib",
    "save",
    "scale_name",
    "style",
    "title_of",
]

Span = tuple[float, float]

# Okabe and Ito's colours: told apart by people who do not see red and green alike
SCALE_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
DIMENSION_COLOURS = ("#666666", "#D55E00", "#0072B2", "#009E73")
_INK = "#222222"
_SECOND = "#999999"
_BOUND = "#ecd9b4"
_STYLE: Any = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#666666",
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "svg.hashsalt": "aura-tda",
}
_MAX_BARS = 300


def require_matplotlib() -> None:
    """Raise unless pictures can be drawn.

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            "pictures need matplotlib: pip install 'aura-tda-gpu[plot]'"
        ) from error


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure, sizes in inches, that no other figure knows of."""
    require_matplotlib()
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def style() -> Any:
    """Return the context in which figures of this package are drawn and saved."""
    require_matplotlib()
    import matplotlib as mpl

    return mpl.rc_context(_STYLE)


def save(figure: Figure, folder: Path, stem: str) -> list[Path]:
    """Write a figure as PNG, 150 dots an inch, and as SVG.

    Raises
    ------
    ConfigError
        If the folder cannot be written to.
    """
    png, svg = folder / f"{stem}.png", folder / f"{stem}.svg"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with style():
            figure.savefig(png, dpi=150)
            figure.savefig(svg, metadata={"Date": None})
    except OSError as error:
        raise ConfigError(f"{folder}: {error.strerror or error}") from error
    return [png, svg]


def scale_name(window_id: str) -> str:
    """Return ``"scale_4000ms"`` as ``"4 s"``."""
    found = re.fullmatch(r"scale_(\d+)ms", window_id)
    if found is None:
        return window_id
    ms = int(found[1])
    return f"{ms} ms" if ms < 1000 else f"{ms / 1000:g} s"


def title_of(update: WindowUpdate) -> str:
    """Describe the window of one update."""
    title = f"window of {scale_name(update.window_id)} that ends at {update.timestamp:g} s"
    if update.n_vertices < update.n_points:
        return f"{title}, {update.n_vertices} landmarks for {update.n_points} points"
    return f"{title}, {update.n_points} points"


def diagram_figure(diagram: Diagram, title: str) -> Figure:
    """Draw a barcode and, beside it, the diagram.

    Parameters
    ----------
    diagram : Diagram
        Bars of any dimensions; of more than 300 in one dimension the barcode shows the longest.
    title : str
        What the bars belong to.
    """
    with style():
        figure = new_figure(9, 4)
        figure.suptitle(title, x=0.01, ha="left", fontsize=11)
        left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
        end = _end_of(diagram)
        _draw_barcode(left, diagram, end)
        _draw_points(right, diagram, end)
    return figure


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
    with style():
        figure = new_figure(9, 2 + 1.5 * max(1, len(scales)))
        if title:
            figure.suptitle(title, x=0.01, ha="left", fontsize=11)
        top, *panels = figure.subplots(1 + len(scales), 1, sharex=True, squeeze=False)[:, 0]
        start = _start_of(history)
        draw_signal(top, history.signals, names=names, unit=unit, start=start)
        for index, (axes, scale) in enumerate(zip(panels, scales, strict=True)):
            draw_loops(axes, history, scale, index, unit=unit, start=start, legend=index == 0)
        bottom = panels[-1] if panels else top
        bottom.set_xlabel(f"time since {start:.15g} s (s)" if start else "time (s)")
    return figure


def draw_signal(
    axes: Axes,
    signals: Sequence[Trace],
    *,
    names: Sequence[str] = (),
    unit: str = "",
    start: float = 0.0,
) -> None:
    """Draw the signals of a stream."""
    for index, signal in enumerate(signals):
        colour = _INK if len(signals) == 1 else SCALE_COLOURS[index]
        label = names[index] if index < len(names) else f"column {index}"
        # up and down once in each run: its range where it is many samples, a line where it is one
        times = np.repeat(signal.times - start, 2)
        values = np.stack([signal.low, signal.high], axis=1).ravel()
        axes.plot(times, values, color=colour, linewidth=0.6, label=label)
    axes.set_ylabel(f"signal ({unit})" if unit else "signal")
    axes.margins(x=0)
    if len(signals) > 1:
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, fontsize=8)


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
    """Draw the two longest loops of one scale over time, and below which length none is certain.

    ``strip`` explains a strip at the top edge in the legend, for a caller that draws one.
    """
    longest, second, bound = (g[scale] for g in (history.longest, history.second, history.bounds))
    times = longest.times - start
    axes.fill_between(times, 0, bound.high, step="post", color=_BOUND, linewidth=0, zorder=0)
    axes.plot(times, second.high, color=_SECOND, linewidth=0.8, drawstyle="steps-post")
    colour = SCALE_COLOURS[index % len(SCALE_COLOURS)]
    axes.plot(times, longest.high, color=colour, linewidth=1.3, drawstyle="steps-post")
    axes.set_ylim(0, 1.12 * float(longest.high.max(initial=0.0)) or 1.0)
    axes.margins(x=0)
    axes.set_title(f"window of {scale_name(scale)}", color=colour)
    axes.set_ylabel(f"persistence\n({unit})" if unit else "persistence")
    if legend:
        _legend_of_loops(axes, colour if strip else None)


def _legend_of_loops(axes: Axes, strip: str | None) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Artist] = [
        Line2D([], [], color=_INK, linewidth=1.3, label="longest loop"),
        Line2D([], [], color=_SECOND, linewidth=0.8, label="second longest"),
        Patch(color=_BOUND, label="within the error bound"),
    ]
    if strip is not None:
        handles.append(Line2D([], [], color=strip, linewidth=5, label="one loop dominates"))
    axes.legend(
        handles=handles,
        loc="lower right",
        bbox_to_anchor=(1, 1),
        borderaxespad=0.2,
        ncols=len(handles),
        fontsize=8,
    )


def _draw_barcode(axes: Axes, diagram: Diagram, end: float) -> None:
    height = 0
    for dimension in diagram.dimensions:
        bars = diagram[dimension]
        bars = bars[:_MAX_BARS]
        bars = bars[np.lexsort((bars[:, 1], bars[:, 0]))]
        rows = height + np.arange(len(bars))
        colour = DIMENSION_COLOURS[dimension % len(DIMENSION_COLOURS)]
        axes.hlines(rows, bars[:, 0], np.minimum(bars[:, 1], end), colors=colour, linewidth=1)
        axes.plot([], [], color=colour, label=_count(diagram, dimension, len(bars)))
        height += len(bars) + max(2, len(bars) // 20)
    axes.set_xlim(0, end)
    axes.set_ylim(-1, max(height, 1))
    axes.set_yticks([])
    axes.set_xlabel("edge length")
    axes.set_title("barcode")
    axes.legend(loc="lower right", fontsize=8)


def _draw_points(axes: Axes, diagram: Diagram, end: float) -> None:
    bound = diagram.error_bound
    axes.plot([0, end], [0, end], color=_SECOND, linewidth=0.8)
    if np.isfinite(bound) and bound > 0:
        axes.fill_between(
            [0, end], [0, end], [bound, end + bound], color=_BOUND, linewidth=0, zorder=0
        )
        label = f"within the error bound, {bound:.3g}"
        axes.fill_between([], [], color=_BOUND, label=label)
    for dimension in diagram.dimensions:
        bars = diagram[dimension]
        colour = DIMENSION_COLOURS[dimension % len(DIMENSION_COLOURS)]
        closed = np.isfinite(bars[:, 1])
        births, deaths = bars[closed].T
        axes.scatter(births, deaths, s=14, color=colour, label=f"H{dimension}", linewidths=0)
        births = bars[~closed, 0]
        axes.scatter(births, np.full(len(births), end), s=30, marker="^", color=colour, zorder=3)
    axes.set_xlim(-0.02 * end, end)
    axes.set_ylim(0, 1.04 * end)
    axes.set_xlabel("birth")
    axes.set_ylabel("death (triangles: never)")
    axes.set_title("diagram")
    axes.legend(loc="lower right", fontsize=8)


def _count(diagram: Diagram, dimension: int, shown: int) -> str:
    total = len(diagram[dimension])
    return f"H{dimension}: {total} bars" + (f", the longest {shown} shown" if shown < total else "")


def _end_of(diagram: Diagram) -> float:
    """Return where the axes end: a little beyond the last finite value."""
    values = np.concatenate([diagram[k].ravel() for k in diagram.dimensions])
    finite = values[np.isfinite(values)]
    return 1.08 * float(finite.max()) if finite.size and finite.max() > 0 else 1.0


def _start_of(history: History) -> float:
    """Return what to subtract from the times: 0 unless they are far from it."""
    first = min((float(s.times[0]) for s in history.signals if len(s)), default=0.0)
    return float(np.floor(first)) if abs(first) > 1e5 else 0.0
