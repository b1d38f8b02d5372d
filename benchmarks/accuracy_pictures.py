"""Pictures of the accuracy benchmark; matplotlib is imported when one is drawn."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .accuracy_run import Followed, Observed
from .accuracy_scores import above_noise
from .known_streams import KnownStream

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["can_draw", "draw_p_values", "draw_stream"]

# Okabe and Ito's colours: told apart by people who do not see red and green alike
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
NOISE_COLOUR, TRUE_COLOUR, BOUND_COLOUR = "#cccccc", "#666666", "#f3e6cf"
_BARS = 12  # longest of a batch diagram
_NAMED = 6  # features of a legend


def can_draw() -> bool:
    """Return whether matplotlib is installed."""
    return importlib.util.find_spec("matplotlib") is not None


def draw_stream(stream: KnownStream, watched: Mapping[str, Sequence[Followed]], path: Path) -> None:
    """Draw the persistence of the features over time, the bars of the full windows behind.

    Parameters
    ----------
    stream : KnownStream
        What was watched.
    watched : mapping of str to sequence of Followed
        Its scales, finest first, for each way of watching.
    path : Path
        PNG file.
    """
    from matplotlib.figure import Figure

    ways, n_scales = list(watched), len(next(iter(watched.values())))
    figure = Figure(figsize=(5.6 * len(ways), 0.7 + 2.1 * n_scales), layout="constrained")
    grid = figure.subplots(n_scales, len(ways), sharex=True, sharey=True, squeeze=False)
    for column, way in zip(grid.T, ways, strict=True):
        for axes, scale in zip(column, watched[way], strict=True):
            _draw_scale(axes, stream, scale)
        column[-1].set_xlabel("event time, s")
    top = max(
        (float(np.ptp(bars, axis=1).max()) for bars in _batches(watched[ways[0]]) if len(bars)),
        default=1.0,
    )
    grid[0, 0].set_ylim(0, 1.35 * top)
    for axes in grid[:, 0]:
        axes.set_ylabel("persistence")
    figure.suptitle(
        f"{stream.label}, {stream.rate:g} points/s. Lines: features, one colour a name. "
        "Dots: bars of the full window, dark above twice the noise."
        "\nShaded: bars shorter than twice the error bound, which are not certain.",
        fontsize=9,
        x=0.01,
        ha="left",
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)


def _batches(scales: Sequence[Followed]) -> list[Any]:
    return [tick.batch.bars[1] for scale in scales for tick in scale.ticks if tick.batch]


def _draw_scale(axes: Axes, stream: KnownStream, scale: Followed) -> None:
    ticks = scale.ticks
    times = [tick.timestamp for tick in ticks]
    for is_true, colour, size in ((False, NOISE_COLOUR, 3), (True, TRUE_COLOUR, 14)):
        dots = [dot for tick in ticks for dot in _dots(stream, tick, is_true=is_true)]
        if dots:
            axes.scatter(*zip(*dots, strict=True), s=size, color=colour, linewidths=0, zorder=2)
    bounds = [2 * tick.error_bound for tick in ticks]
    if any(bounds):
        axes.fill_between(times, 0, bounds, color=BOUND_COLOUR, linewidth=0, zorder=1)
    lives: dict[str, list[tuple[float, float]]] = {}
    for tick in ticks:
        for bar, name in zip(tick.bars, tick.ids, strict=True):
            if name is not None:
                lives.setdefault(name, []).append((tick.timestamp, float(bar[1] - bar[0])))
    longest = sorted(lives, key=lambda name: -len(lives[name]))[:_NAMED]
    for i, (name, life) in enumerate(lives.items()):
        label = name.partition("/")[2] if name in longest else None
        style = {"color": COLOURS[i % len(COLOURS)], "linewidth": 1.5, "label": label}
        axes.plot(*zip(*life, strict=True), **style, marker=".", markersize=3, zorder=3)
    n, m = (int(np.median([getattr(t, key) for t in ticks])) for key in ("n_points", "n_vertices"))
    who = f"{n} points" if n == m else f"{n} points, {m} landmarks"
    axes.set_title(
        f"{scale.scale.replace('_', ' ')}: {who}, features: {len(lives)}", loc="left", fontsize=9
    )
    axes.spines[["top", "right"]].set_visible(False)
    if longest:
        axes.legend(loc="upper right", ncols=_NAMED, fontsize=7, frameon=False)


def _dots(stream: KnownStream, tick: Observed, *, is_true: bool) -> list[tuple[float, float]]:
    """Return time and persistence of the longest bars of a full window."""
    if tick.batch is None:
        return []
    bars = tick.batch.bars[1]
    n_true = len(above_noise(bars, stream.loops, stream.noise))
    lengths = np.sort(bars[:, 1] - bars[:, 0])[::-1]
    chosen = lengths[:n_true] if is_true else lengths[n_true:_BARS]
    return [(tick.timestamp, float(length)) for length in chosen]


def draw_p_values(smallest: Mapping[str, Mapping[str, Sequence[float]]], path: Path) -> None:
    """Draw the smallest p-values of windows of noise against those of a uniform law.

    Parameters
    ----------
    smallest : mapping of str to mapping of str to sequence of float
        By way of watching and stream: ``1 - (1 - min p)^n`` of disjoint windows.
    path : Path
        PNG file.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5 * len(smallest), 4.6), layout="constrained")
    grid = figure.subplots(1, len(smallest), sharex=True, sharey=True, squeeze=False)
    for axes, (way, streams) in zip(grid[0], smallest.items(), strict=True):
        low = 1.0
        for colour, (name, values) in zip(COLOURS, streams.items(), strict=False):
            found = np.sort(values)
            expected = (np.arange(len(found)) + 0.5) / len(found)
            low = min(low, float(expected[0]))
            axes.plot(expected, np.maximum(found, 1e-4), color=colour, linewidth=1.3, label=name)
        axes.plot([low, 1], [low, 1], color="#222222", linewidth=0.8, linestyle="--")
        axes.axhline(0.05, color="#999999", linewidth=0.8)
        axes.set(xscale="log", yscale="log", xlabel="expected of a uniform law")
        axes.set_title(
            f"{way}; below the dashed line: called significant too often", loc="left", fontsize=9
        )
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(fontsize=7, frameon=False)
    grid[0, 0].set_ylabel("smallest p-value of a window of noise, 1 - (1 - p)^n")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
