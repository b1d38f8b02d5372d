"""The picture of one diagram: its barcode, and its points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...persistence.diagram import Diagram
from ..words import count
from . import plots

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["diagram_figure"]

_COLOURS = ("#666666", "#D55E00", "#0072B2", "#009E73")  # by dimension
_MAX_BARS = 300


def diagram_figure(diagram: Diagram, title: str) -> Figure:
    """Draw a barcode and, beside it, the diagram.

    Parameters
    ----------
    diagram : Diagram
        Bars of any dimensions; of more than 300 in one dimension the barcode shows the longest.
    title : str
        What the bars belong to.

    Notes
    -----
    A bar no longer than twice the error bound need not exist in the diagram of all points;
    the band above the diagonal shows which.
    """
    with plots.style():
        figure = plots.new_figure(9, 4)
        figure.suptitle(title, x=0.01, ha="left", fontsize=11)
        left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
        end = _end_of(diagram)
        _draw_barcode(left, diagram, end)
        _draw_points(right, diagram, end)
    return figure


def _draw_barcode(axes: Axes, diagram: Diagram, end: float) -> None:
    height = 0
    for dimension in diagram.dimensions:
        bars = diagram[dimension]
        bars = bars[:_MAX_BARS]
        bars = bars[np.lexsort((bars[:, 1], bars[:, 0]))]
        rows = height + np.arange(len(bars))
        colour = _COLOURS[dimension % len(_COLOURS)]
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
    axes.plot([0, end], [0, end], color=plots.SECOND_COLOUR, linewidth=0.8)
    if bound != 0:
        known = np.isfinite(bound)
        width = 2 * bound if known else end
        label = f"not certain: up to {width:.3g} long" if known else "not certain"
        axes.fill_between(
            [0, end],
            [0, end],
            [width, end + width],
            color=plots.BOUND_COLOUR,
            linewidth=0,
            zorder=0,
            label=label,
        )
    for dimension in diagram.dimensions:
        bars = diagram[dimension]
        colour = _COLOURS[dimension % len(_COLOURS)]
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
    return f"H{dimension}: {count(total, 'bar')}" + (
        f", the longest {shown} shown" if shown < total else ""
    )


def _end_of(diagram: Diagram) -> float:
    """Return where the axes end: a little beyond the last finite value."""
    values = np.concatenate([diagram[k].ravel() for k in diagram.dimensions])
    finite = values[np.isfinite(values)]
    return 1.08 * float(finite.max()) if finite.size and finite.max() > 0 else 1.0
