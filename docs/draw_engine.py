"""Draw the pictures of docs/engine.md from computations with the package.

Usage: python docs/draw_engine.py [FOLDER]

Prints the caption of each picture; the page holds the same captions.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from engine_drawing import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PALE,
    RED,
    Points,
    as_pair,
    barcode,
    bare,
    dots,
    draw_death,
    draw_lune,
    edges_of,
    edges_of_walks,
    legend_below,
    levelled,
    lines,
    noisy_ring,
    spanning_tree,
    triangles,
)
from lunes import Lune, Pair, all_lunes, fires, lune_of

from aura_tda_gpu import MultiScaleStream, RipsWindow, vietoris_rips
from aura_tda_gpu.persistence.distances import pairwise
from aura_tda_gpu.persistence.vines import compare

IMAGES = Path(__file__).with_name("img")
STYLE: dict[str, Any] = {
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "savefig.dpi": 120,
}


def main(folder: Path) -> None:
    """Write every picture and print its caption."""
    folder.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(STYLE):
        for draw in (filtration, lunes, births, update, bars, cover):
            figure, caption = draw()
            figure.savefig(folder / f"engine_{draw.__name__}.png", metadata={"Software": None})
            plt.close(figure)
            print(caption)


def filtration() -> tuple[Any, str]:
    """Edges and triangles of a few points at four lengths, and the bars."""
    points = noisy_ring(14, 0.06, seed=5)
    D = pairwise(points, "euclidean")
    diagram = vietoris_rips(points)
    birth, death = (float(value) for value in diagram[1][0])
    shown = (0.35, birth, 1.15, death)
    titles = ("edges join points", "a loop is born", "it lives", "it dies")
    figure, axes = plt.subplots(1, 5, figsize=(12, 2.9), width_ratios=(1, 1, 1, 1, 1.25))
    for axis, length, title in zip(axes, shown, titles, strict=False):
        edges = [e for e in edges_of(len(points)) if D[e] <= length]
        triangles(axis, points, D, length)
        lines(axis, points, edges, GREY, 0.9)
        dots(axis, points)
        bare(axis, f"{length:.2f}: {title}")
    lines(axes[1], points, [as_pair(diagram.birth_edges[1][0])], ORANGE, 2.5)
    lines(axes[3], points, [as_pair(diagram.death_edges[1][0])], RED, 2.5)
    barcode(axes[4], diagram, shown)
    figure.tight_layout()
    return figure, (
        "Fourteen points and all edges up to four lengths. The loop is born with an edge of "
        f"{birth:.2f} (orange) and dies with one of {death:.2f} (red). Triangles are blue, the "
        "darker the more of them lie over each other. The dotted lines among the bars stand at the "
        "four lengths."
    )


def lunes() -> tuple[Any, str]:
    """One edge of each kind, found in random clouds."""
    wanted = {"empty": 0, "one hub": 5, "two hubs": 5, "split": 4}
    says = {
        "empty": "empty: an RNG edge",
        "one hub": "one hub",
        "two hubs": "two hubs, joined",
        "split": "split: two components",
    }
    figure, axes = plt.subplots(1, 4, figsize=(12, 3.2))
    for axis, (kind, size) in zip(axes, wanted.items(), strict=True):
        points, edge, lune = _example(kind, size)
        draw_lune(axis, points, edge, lune)
        bare(axis, says[kind])
    figure.tight_layout()
    return figure, (
        "The lune of the black edge ab is blue. Lines join those of its vertices that are nearer "
        "to each other than a and b; green and orange ones end at a hub. On the right green and "
        "orange are the two components. Grey points are outside."
    )


def births() -> tuple[Any, str]:
    """RNG, spanning tree and birth edges of a noisy circle, and the life of its longest loop."""
    points = noisy_ring(48, 0.1, seed=2)
    D = pairwise(points, "euclidean")
    diagram = vietoris_rips(points)
    found = all_lunes(D, range(len(points)))
    rng = [edge for edge, lune in found.items() if lune.kind == "empty"]
    tree = spanning_tree(D, rng)
    opening = [edge for edge in rng if edge not in tree]
    death = as_pair(diagram.death_edges[1][0])
    figure, axes = plt.subplots(1, 3, figsize=(12, 4.9))
    lines(axes[0], points, tree, GREY, 1.4, "spanning tree: merge components")
    lines(axes[0], points, opening, ORANGE, 2.2, "birth edges: open loops")
    bare(axes[0], f"{len(rng)} RNG edges: {len(tree)} merge, {len(opening)} open a loop")
    lines(
        axes[1], points, edges_of_walks(diagram.cycle(1, 0)), BLUE, 1.6, "loop of the longest bar"
    )
    lines(axes[1], points, [as_pair(diagram.birth_edges[1][0])], ORANGE, 2.8, "its birth edge")
    bare(axes[1], f"the longest bar is born at {diagram[1][0, 0]:.2f}")
    draw_death(axes[2], points, death, found[death])
    bare(axes[2], f"and dies at {diagram[1][0, 1]:.2f}")
    for axis in axes:
        dots(axis, points)
        legend_below(axis)
    figure.tight_layout()
    split = sum(lune.kind == "split" for lune in found.values())
    return figure, (
        f"A noisy circle of {len(points)} points: {len(found)} edges, {len(rng)} of them RNG edges "
        f"({len(tree)} merge, {len(opening)} give birth), {split} split."
    )


def update() -> tuple[Any, str]:
    """Which edges an update looks at again."""
    old_points, new_points, slot = _replacement()
    old, new = (pairwise(points, "euclidean") for points in (old_points, new_points))
    before, after = (all_lunes(D, range(len(D))) for D in (old, new))
    staying = [edge for edge in before if slot not in edge]
    again = [e for e in staying if fires(before[e], e, old, new, [slot], [slot])]
    other = [e for e in staying if len(before[e].components) != len(after[e].components)]
    if not set(other) <= set(again):
        raise AssertionError("an edge changed that no rule had named")
    figure, axes = plt.subplots(1, 3, figsize=(12, 4.5), sharex=True, sharey=True)
    lines(axes[0], old_points, [e for e in before if slot in e], RED, 0.5)
    bare(axes[0], f"before: {len(before)} edges, {len(before) - len(staying)} of them leave")
    lines(axes[1], new_points, [e for e in after if slot in e], GREEN, 0.5)
    bare(axes[1], f"{len(after) - len(staying)} edges are new and are looked at")
    lines(axes[2], new_points, staying, PALE, 0.3, "no rule fires: nothing to do")
    lines(axes[2], new_points, again, BLUE, 1.0, "rule fires: look again")
    lines(axes[2], new_points, other, ORANGE, 2.6, "components did change")
    bare(axes[2], f"of the {len(staying)} others {len(again)} are looked at again")
    for axis, points in zip(axes, (old_points, new_points, new_points), strict=True):
        dots(axis, points)
        for point, colour, marker, name in (
            (old_points[slot], RED, "X", "point that leaves"),
            (new_points[slot], GREEN, "P", "point that comes"),
        ):
            axis.scatter(*point, s=65, color=colour, marker=marker, zorder=4, label=name)
        legend_below(axis, 2)
    figure.tight_layout()
    return figure, (
        f"One of {len(old_points)} points is replaced. Of the {len(staying)} edges between the "
        f"others, rules fire for {len(again)}; {len(other)} of these have another number of "
        "components than before."
    )


def bars() -> tuple[Any, str]:
    """The bars before and after that update."""
    old_points, new_points, slot = _replacement()
    window = RipsWindow(len(old_points), 2)
    ids = window.insert(old_points)
    before, before_ids = window.diagram(), window.ids
    window.replace(ids[[slot]], new_points[[slot]])
    after, after_ids = window.diagram(), window.ids
    changes = compare(before, before_ids, after, after_ids)
    figure, axes = plt.subplots(1, 2, figsize=(12, 3.4), sharex=True)
    for dimension, axis in enumerate(axes):
        rows = changes.continued[dimension]
        gone, come = changes.died[dimension], changes.born[dimension]
        # one line a bar; the few that did not go on stand on top
        drawn = [(after[dimension][i], GREY) for _, i in rows]
        drawn += [(before[dimension][i], RED) for i in gone]
        drawn += [(after[dimension][i], GREEN) for i in come]
        drawn = [(bar, colour) for bar, colour in drawn if np.isfinite(bar).all()]
        for colour, label in ((GREEN, "begins"), (RED, "ends"), (GREY, "goes on")):
            axis.plot([], [], color=colour, lw=3, label=label)
        for height, ((birth, death), colour) in enumerate(drawn):
            axis.plot([birth, death], [height, height], color=colour, lw=1 if dimension == 0 else 3)
        axis.set_title(f"H{dimension}: {len(rows)} bars go on, {len(gone)} end, {len(come)} begin")
        axis.set_yticks([])
        axis.set_xlabel("length")
        axis.spines[["top", "right", "left"]].set_visible(False)
    axes[0].legend(loc="upper right")
    figure.tight_layout()
    kept, ended, begun = (
        sum(len(part[k]) for k in (0, 1))
        for part in (changes.continued, changes.died, changes.born)
    )
    return figure, (
        f"The bars of that update: {kept} go on (grey), {ended} end (red), {begun} begin (green). "
        "A bar goes on where the same edges make it. The H0 bar that never ends is not drawn."
    )


def cover() -> tuple[Any, str]:
    """Landmarks of a drifting stream at three ticks."""
    n, rate = 9_000, 1000.0
    times = np.arange(n) / rate
    rng = np.random.default_rng(3)
    angle = 2 * np.pi * times / 0.37
    rows = np.stack([np.cos(angle) + 0.25 * times, np.sin(angle)], axis=1)
    rows += rng.normal(0, 0.03, rows.shape)
    stream = MultiScaleStream(scales=[2000], dim=2, max_points=2_100, max_landmarks=60)
    updates = {round(update.timestamp, 3): update for update in stream.push(rows, times)}
    figure, axes = plt.subplots(1, 3, figsize=(12, 4.0), sharex=True, sharey=True)
    known: set[int] = set()
    for axis, time in zip(axes, (7.0, 7.2, 7.4), strict=True):
        shown = updates[time]
        eps = shown.diagram.info["covering_radius"]
        _draw_cover(axis, rows, times, shown, eps, known, time)
        known = set(shown.vertex_ids.tolist())
        bare(axis, f"{time:.1f} s: {shown.n_points} rows, {len(known)} landmarks, eps {eps:.2f}")
    figure.tight_layout(rect=(0, 0.08, 1, 1))
    handles, labels = axes[-1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=4, markerscale=1.3)
    return figure, (
        "A noisy circle that drifts to the right, the last two seconds at three ticks. The discs "
        "of radius eps around the landmarks hold all rows (grey). A ghost is a landmark whose own "
        "row has left the window."
    )


def _replacement() -> tuple[Points, Points, int]:
    """Return a noisy circle before and after one point was replaced, and the slot."""
    old = noisy_ring(48, 0.1, seed=2)
    new, slot = old.copy(), 9
    new[slot] = (-0.72, -0.62)
    return old, new, slot


def _example(kind: str, size: int) -> tuple[Points, Pair, Lune]:
    """Return a cloud with an edge of a kind, turned so that the edge lies level."""
    for seed in range(10_000):
        cloud = np.random.default_rng(seed).uniform(-1.2, 1.2, (13, 2)).astype(np.float32)
        D = pairwise(cloud, "euclidean")
        for edge in edges_of(len(cloud)):
            lune = lune_of(D, edge, range(len(cloud)))
            if lune.kind != kind or len(lune.vertices) != size or not 0.9 < D[edge] < 1.6:
                continue
            if _clear(D, edge, lune):
                return levelled(cloud, edge), edge, lune
    raise AssertionError(f"no edge with {kind}")


def _clear(D: npt.NDArray[np.float32], edge: Pair, lune: Lune) -> bool:
    """Tell whether the points of a lune lie far enough apart to be seen."""
    own = [*edge, *lune.vertices]
    apart = D[np.ix_(own, own)] + np.eye(len(own), dtype=np.float32) * 9
    return float(apart.min()) > 0.22 * float(D[edge])


def _draw_cover(
    axis: Any, rows: Any, times: Any, shown: Any, eps: float, known: set[int], time: float
) -> None:
    inside = (times >= time - 2.0) & (times < time)
    oldest = int(np.flatnonzero(inside)[0])
    ids = shown.vertex_ids
    ghosts = ids < oldest
    fresh = np.array([known and i not in known for i in ids.tolist()], bool)
    for point in rows[ids]:
        axis.add_patch(plt.Circle(point, eps, color=BLUE, alpha=0.08, lw=0))
    axis.scatter(*rows[inside].T, s=2, color=GREY, label="rows of the window")
    kinds = (
        (~ghosts & ~fresh, BLUE, "o", "landmark"),
        (ghosts & ~fresh, RED, "X", "ghost: its own row has left"),
        (fresh, GREEN, "P", "opened since the picture before"),
    )
    for chosen, colour, marker, label in kinds:
        axis.scatter(*rows[ids[chosen]].T, s=28, color=colour, marker=marker, label=label)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES)
