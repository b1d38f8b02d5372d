"""What the pictures of docs/engine.md are drawn with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
from lunes import Lune, Pair, precedes
from matplotlib.collections import LineCollection, PolyCollection

from aura_tda_gpu import Diagram
from aura_tda_gpu.persistence.distances import pairwise

BLUE, RED, GREEN, ORANGE = "#0072B2", "#B3001B", "#009E73", "#E69F00"
INK, GREY, PALE = "#222222", "#999999", "#d9d9d9"
Points = npt.NDArray[np.float32]


def noisy_ring(n: int, noise: float, seed: int) -> Points:
    rng = np.random.default_rng(seed)
    angle = 2 * np.pi * (np.arange(n) + rng.uniform(-0.45, 0.45, n)) / n
    radius = 1 + noise * rng.standard_normal(n)
    return (radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)).astype(np.float32)


def levelled(points: Points, edge: Pair) -> Points:
    a, b = points[list(edge)]
    along = (b - a) / np.linalg.norm(b - a)
    turn = np.stack([along, [-along[1], along[0]]], axis=1)
    return ((points - (a + b) / 2) @ turn / np.linalg.norm(b - a)).astype(np.float32)


def spanning_tree(D: npt.NDArray[np.float32], edges: Iterable[Pair]) -> list[Pair]:
    """Return the edges that merge two components (Kruskal)."""
    component = list(range(len(D)))
    tree = []
    for a, b in sorted(edges, key=lambda e: (D[e], max(e), min(e))):
        if component[a] != component[b]:
            tree.append((a, b))
            component = [component[a] if c == component[b] else c for c in component]
    return tree


def edges_of(n: int) -> list[Pair]:
    return [(a, b) for b in range(n) for a in range(b)]


def as_pair(edge: Any) -> Pair:
    a, b = sorted(int(v) for v in edge)
    return a, b


def edges_of_walks(walks: list[list[int]]) -> list[Pair]:
    """Return the edges of closed walks."""
    return [pair for walk in walks for pair in zip(walk, [*walk[1:], walk[0]], strict=True)]


def barcode(axis: Any, diagram: Diagram, marks: Iterable[float]) -> None:
    """Draw the finite bars, H0 below and H1 above."""
    height = 0
    for dimension, colour in ((0, GREY), (1, BLUE)):
        closed = diagram[dimension][np.isfinite(diagram[dimension]).all(axis=1)]
        for birth, death in closed:
            axis.plot([birth, death], [height, height], color=colour, lw=2)
            height += 1
    for mark in marks:
        axis.axvline(mark, color=INK, lw=0.6, ls=":")
    axis.set_title("bars: H0 grey, H1 blue")
    axis.set_yticks([])
    axis.set_xlabel("length")
    axis.spines[["top", "right", "left"]].set_visible(False)


def triangles(axis: Any, points: Points, D: npt.NDArray[np.float32], length: float) -> None:
    n = len(points)
    filled = [
        points[[a, b, c]]
        for a, b in edges_of(n)
        for c in range(b + 1, n)
        if max(D[a, b], D[b, c], D[a, c]) <= length
    ]
    axis.add_collection(PolyCollection(filled, color=BLUE, alpha=0.08, lw=0))


def lines(
    axis: Any,
    points: Points,
    pairs: list[Pair],
    colour: str,
    width: float,
    label: str = "_nolegend_",
) -> None:
    segments = [points[list(pair)] for pair in pairs]
    axis.add_collection(LineCollection(segments, colors=colour, linewidths=width, label=label))


def dots(axis: Any, points: Points, colour: str = INK) -> None:
    axis.scatter(*points.T, s=16, color=colour, zorder=3)


def bare(axis: Any, title: str) -> None:
    axis.set_title(title)
    axis.set_aspect("equal")
    axis.set_axis_off()


def tag(axis: Any, point: Any, text: str, centre: Any) -> None:
    """Write a name beside a point, on the side away from the centre."""
    away = point - centre
    away = 13 * away / np.hypot(*away)
    axis.annotate(
        text, point, away, textcoords="offset points", ha="center", va="center", fontsize=12
    )


def legend_below(axis: Any, columns: int = 1) -> None:
    """Name what is drawn, below an axis that has names to show."""
    handles, labels = axis.get_legend_handles_labels()
    axis.legend(handles, labels, loc="upper center", bbox_to_anchor=(0.5, 0.02), ncols=columns)


def draw_lune(axis: Any, points: Points, edge: Pair, lune: Lune) -> None:
    """Draw an edge of length one about the origin with its lune."""
    side = np.linspace(-np.pi / 3, np.pi / 3, 60)
    right = np.stack([np.cos(side) - 0.5, np.sin(side)], axis=1)
    axis.add_collection(PolyCollection([np.concatenate([right, -right])], color=BLUE, alpha=0.15))
    D = pairwise(points, "euclidean")
    joined = [
        (u, v)
        for u, v in edges_of(len(points))
        if {u, v} <= set(lune.vertices) and precedes(D, (u, v), edge)
    ]
    lines(axis, points, joined, GREY, 0.8)
    for hub, colour in zip(lune.hubs, (GREEN, ORANGE), strict=False):
        lines(axis, points, [pair for pair in joined if hub in pair], colour, 2)
    lines(axis, points, [edge], INK, 2.5)
    dots(axis, points, PALE)
    dots(axis, points[list(edge)], INK)
    for end, name in zip(edge, "ab", strict=True):
        tag(axis, points[end], name, np.zeros(2))
    colours = (GREEN, ORANGE) if lune.kind == "split" else (BLUE, BLUE)
    for component, colour in zip(lune.components, colours, strict=False):
        dots(axis, points[list(component)], colour)
    for hub, colour in zip(lune.hubs, (GREEN, ORANGE), strict=False):
        axis.scatter(*points[hub], s=90, color=colour, zorder=4)
        tag(axis, points[hub], "hub", points[list(lune.vertices)].mean(axis=0))
    axis.set_xlim(-1.0, 1.0)
    axis.set_ylim(-0.92, 0.92)


def draw_death(axis: Any, points: Points, edge: Pair, lune: Lune) -> None:
    """Draw the edge that kills the longest loop, and the four edges of its relation."""
    a, b = edge
    first, second = (component[0] for component in lune.components[:2])
    triangles = [points[[a, b, apex]] for apex in (first, second)]
    axis.add_collection(
        PolyCollection(triangles, color=ORANGE, alpha=0.25, lw=0, label="triangles that it closes")
    )
    for vertex, name in ((a, "a"), (b, "b"), (first, "r₀"), (second, "r₁")):
        tag(axis, points[vertex], name, points.mean(axis=0))
    relation = [(a, first), (first, b), (b, second), (second, a)]
    lines(axis, points, relation, BLUE, 1.6, "way around both: the relation")
    lines(axis, points, [edge], RED, 2.8, "death edge ab, a split edge")
