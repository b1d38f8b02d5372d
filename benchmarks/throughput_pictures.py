"""Pictures of a load: how late updates are, and how that grows with the load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aura_tda_gpu.cli.pictures.plots import INK, SCALE_COLOURS, new_figure, style

from .latencies import Latencies
from .throughput_run import LIMIT_S, Outcome

__all__ = ["draw", "draw_curve", "draw_histogram", "logarithmic"]

_BINS = 60


def draw(outcomes: Mapping[str, Sequence[Outcome]], folder: Path) -> list[Path]:
    """Draw all pictures of a run into a folder, and return their files.

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for source, found in outcomes.items():
        for outcome in found:
            path = folder / f"latency_{source}_{outcome.load.rate_hz:.0f}.png"
            draw_histogram(outcome, path)
            paths.append(path)
        if len(found) > 1:
            paths.append(folder / f"load_{source}.png")
            rows = [_point(outcome) for outcome in found]
            draw_curve(rows, f"{source}, {_setting(found[0])}", paths[-1])
    return paths


def draw_histogram(outcome: Outcome, path: Path) -> None:
    """Draw the latencies of each scale of one load."""
    with style():
        figure = new_figure(7, 0.6 + 1.35 * len(outcome.latencies))
        grid = figure.subplots(len(outcome.latencies), 1, sharex=True, squeeze=False)[:, 0]
        rows = list(zip(grid, outcome.latencies.items(), SCALE_COLOURS, strict=False))
        for axes, (name, found), colour in rows:
            _histogram(axes, name, found, colour)
        logarithmic(grid[-1], "x")
        grid[-1].set(xlabel="from the arrival of a tick's last point, ms")
        figure.suptitle(
            f"{outcome.load.source}, {outcome.offered_per_s:,.0f} points/s offered, "
            f"{outcome.points_per_s:,.0f} taken; {_setting(outcome)}",
            fontsize=9,
            x=0.01,
            ha="left",
        )
        figure.savefig(path, dpi=110)


def draw_curve(rows: Sequence[Mapping[str, Any]], title: str, path: Path) -> None:
    """Draw latency against offered load.

    Parameters
    ----------
    rows : sequence of mapping
        ``rate`` in points/s, ``bears``, and ``high``: milliseconds by scale, p99 or maximum.
    title : str
        What was offered to what.
    path : Path
        PNG file.
    """
    with style():
        figure = new_figure(7, 3.6)
        axes = figure.subplots()
        rows = sorted(rows, key=lambda row: row["rate"])
        for name, colour in zip(rows[0]["high"], SCALE_COLOURS, strict=False):
            known = [(row["rate"], row["high"][name]) for row in rows if row["high"][name]]
            if known:
                axes.plot(*zip(*known, strict=True), "o-", color=colour, ms=4, label=_label(name))
        axes.axhline(1e3 * LIMIT_S, color=INK, lw=0.8, ls="--")
        borne = [row["rate"] for row in rows if row["bears"]]
        if borne:
            axes.axvline(max(borne), color=INK, lw=0.8, ls=":")
            axes.annotate(
                f" {max(borne):,.0f} points/s borne ",
                (max(borne), 0.93),
                xycoords=("data", "axes fraction"),
                ha="left" if max(borne) == rows[0]["rate"] else "right",
            )
        logarithmic(axes)
        axes.set(xlabel="points/s offered")
        axes.set_ylabel("latency, ms: p99, or largest of few")
        axes.set_title(f"{title}; dashed: the limit of {1e3 * LIMIT_S:.0f} ms", fontsize=9)
        axes.legend()
        figure.savefig(path, dpi=110)


def logarithmic(axes: Any, which: str = "xy") -> None:
    """Give axes logarithmic scales with plain numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    for name in which:
        getattr(axes, f"set_{name}scale")("log")
        axis = getattr(axes, f"{name}axis")
        axis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=7))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        axis.set_minor_locator(NullLocator())


def _histogram(axes: Any, name: str, found: Latencies, colour: str) -> None:
    edges, counts = found.histogram()
    if len(counts):
        ms = 1e3 * np.sqrt(edges[:-1] * edges[1:])
        bins = np.geomspace(1e3 * edges[0] * 0.999, 1e3 * edges[-1] * 1.001, _BINS)
        axes.hist(ms, bins=bins, weights=counts, color=colour)
        what, high = found.high()
        assert high is not None
        axes.axvline(1e3 * high, color=INK, lw=0.8, ls="--")
        axes.annotate(
            f" {what} {1e3 * high:.1f} ms",
            (1e3 * high, 0.85),
            xycoords=("data", "axes fraction"),
            ha="right",
        )
    axes.set_title(f"{_label(name)}: {len(found)} updates", fontsize=9)
    axes.set_ylabel("updates")


def _point(outcome: Outcome) -> dict[str, Any]:
    highs = {name: found.high()[1] for name, found in outcome.latencies.items()}
    return {
        "rate": outcome.offered_per_s,
        "bears": outcome.bears,
        "high": {name: None if high is None else 1e3 * high for name, high in highs.items()},
    }


def _label(name: str) -> str:
    """Return a window's name as people say it."""
    return name.removeprefix("scale_").replace("ms", " ms")


def _setting(outcome: Outcome) -> str:
    load = outcome.load
    return f"{load.landmarks} landmarks, {load.dim}-D, {len(outcome.streams)} stream" + (
        "s" if len(outcome.streams) > 1 else ""
    )
