"""Numbers with their nouns, and what the vertices of a diagram are."""

from __future__ import annotations

from ..streaming.window_update import WindowUpdate

__all__ = ["count", "points_of"]


def count(n: int, noun: str) -> str:
    """Return a number with its noun: ``"1 tick"``, ``"2,000 ticks"``."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def points_of(update: WindowUpdate) -> str:
    """Say how many points a window holds, and what the engine saw of them if that differs."""
    points = count(update.n_points, "point")
    if update.error_bound != 0.0:
        return f"{points}, {count(update.n_vertices, 'landmark')}"
    if update.n_vertices < update.n_points:
        return f"{points}, {count(update.n_vertices, 'distinct point')}"
    return points
