"""Pictures of the scoreboard, each from one record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aura_tda_gpu.cli.pictures.plots import INK, SCALE_COLOURS, new_figure, style

from .throughput_pictures import logarithmic
from .throughput_run import LIMIT_S

if TYPE_CHECKING:
    from .scoreboard import Told

__all__ = ["draw_all", "draw_engine"]

Record = Mapping[str, Any]
MARKERS = "osD^vPX*"
_COLUMNS = 4


def draw_all(told: Sequence[Told], folder: Path) -> list[Path]:
    """Draw the pictures of all records that have one, and return their files.

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    for one in told:
        if one.benchmark in PICTURES:
            path = folder / f"scoreboard_{one.path.stem}.png"
            with style():
                figure = PICTURES[one.benchmark](one.record)
                if figure is not None:
                    figure.suptitle(one.machine, fontsize=9, x=0.01, ha="left")
                    figure.savefig(path, dpi=110)
                    drawn.append(path)
    return drawn


def draw_engine(told: Record) -> Any:
    """Return time against the size of a cloud, a panel for each cloud."""
    clouds = list(dict.fromkeys(row["cloud"] for row in told["rows"]))
    contenders = list(dict.fromkeys(who for row in told["rows"] for who in row["medians"]))
    n_rows = -(-(len(clouds) + 1) // _COLUMNS)
    figure = new_figure(2.9 * _COLUMNS, 2.6 * n_rows)
    grid = figure.subplots(n_rows, _COLUMNS, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, cloud in zip(grid, clouds, strict=False):
        rows = [row for row in told["rows"] if row["cloud"] == cloud]
        for i, who in enumerate(contenders):
            known = [row for row in rows if who in row["medians"]]
            points = [(row["n"], 1e3 * row["medians"][who]) for row in known]
            if points:
                axes.plot(*zip(*points, strict=True), **_line(i))
        axes.set(title=cloud)
        logarithmic(axes)
        sizes = sorted({row["n"] for row in rows})
        axes.set_xticks(sizes, [str(n) for n in sizes], rotation=45)
    for axes in grid[len(clouds) :]:
        axes.set_axis_off()
    handles = [grid[-1].plot([], [], **_line(i), label=who)[0] for i, who in enumerate(contenders)]
    grid[-1].legend(handles=handles, loc="center", fontsize=8)
    figure.supxlabel("points")
    figure.supylabel("ms, median")
    return figure


def draw_throughput(told: Record) -> Any:
    """Return latency against load, a panel for each source."""
    sources = list(dict.fromkeys(case["load"]["source"] for case in told["cases"]))
    figure = new_figure(1.2 + 2.9 * len(sources), 3.6)
    grid = figure.subplots(1, len(sources), sharey=True, squeeze=False)[0]
    for axes, source in zip(grid, sources, strict=True):
        cases = [case for case in told["cases"] if case["load"]["source"] == source]
        cases.sort(key=lambda case: case["offered_per_s"])
        names = [name for name in cases[0]["latency"] if name != "all"]
        for i, name in enumerate(names):
            points = [(c["offered_per_s"], c["latency"][name]) for c in cases]
            for key, dash, fill in (("p50", ":", "none"), ("high", "-", None)):
                known = [
                    (r, 1e3 * s)
                    for r, told_of in points
                    if (s := _latency(told_of, key)) is not None
                ]
                if known:
                    label = name.removeprefix("scale_").replace("ms", " ms")
                    line = {**_line(i), "linestyle": dash, "markerfacecolor": fill}
                    line["label"] = label if key == "high" else None
                    axes.plot(*zip(*known, strict=True), **line)
        axes.axhline(1e3 * LIMIT_S, color=INK, linewidth=0.8, linestyle="--")
        logarithmic(axes)
        axes.tick_params("x", rotation=45)
        axes.set(xlabel="points/s offered", title=source)
    grid[0].set_ylabel("latency, ms; full: p99 or\nlargest of few, dotted: median")
    grid[-1].legend(fontsize=8)
    return figure


def _latency(found: Mapping[str, Any], key: str) -> float | None:
    if key == "p50":
        return found["p50"]  # type: ignore[no-any-return]
    return found["largest"] if found["p99"] is None else found["p99"]  # type: ignore[no-any-return]


def draw_gpu(told: Record) -> Any:
    """Return the stages of rebuilds on a device, a bar for each cloud and size."""
    rows = told.get("stages") or []
    if not rows:
        return None
    stages = [stage for stage in rows[0]["median_ms"] if stage != "whole"]
    figure = new_figure(7, 0.9 + 0.3 * len(rows))
    axes = figure.subplots()
    names = [f"{row['shape']}, n = {row['n']}" for row in rows]
    left = [0.0] * len(rows)
    for i, stage in enumerate(stages):
        ms = [row["median_ms"].get(stage, 0.0) for row in rows]
        share = [value / row["median_ms"]["whole"] for value, row in zip(ms, rows, strict=True)]
        axes.barh(names, share, left=left, color=_line(i)["color"], label=stage)
        left = [a + b for a, b in zip(left, share, strict=True)]
    for name, row in zip(names, rows, strict=True):
        axes.annotate(f" {row['median_ms']['whole']:.1f} ms", (1.0, name), va="center", fontsize=8)
    axes.invert_yaxis()
    axes.set(xlim=(0, 1.2), xlabel="share of a rebuild from host to host, which is at the right")
    axes.legend(ncols=len(stages), fontsize=7, loc="upper center", bbox_to_anchor=(0.45, 1.16))
    return figure


def _line(i: int) -> dict[str, Any]:
    colour = SCALE_COLOURS[i % len(SCALE_COLOURS)]
    return {"color": colour, "marker": MARKERS[i % len(MARKERS)], "markersize": 4}


PICTURES: dict[str, Callable[[Record], Any]] = {
    "engine_performance": draw_engine,
    "gpu_performance": draw_gpu,
    "throughput": draw_throughput,
    "throughput_cuda": draw_throughput,
}
