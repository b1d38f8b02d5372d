"""Lunes and the rules of an update by plain loops: what docs/engine.md tells, for small clouds.

The engine does the same with bitsets and with two small integers an edge. Here every lune is a
list, so that the pictures can show it and a reader can check it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

__all__ = ["Lune", "Pair", "all_lunes", "fires", "lune_of", "precedes"]

Matrix = npt.NDArray[np.float32]
Pair = tuple[int, int]


@dataclass(frozen=True)
class Lune:
    """The lune of an edge and what is noted about it.

    Attributes
    ----------
    kind : str
        ``"empty"``, ``"one hub"``, ``"two hubs"``, ``"connected"`` or ``"split"``.
    vertices : tuple of int
        Vertices nearer to both ends than the ends are to each other.
    hubs : tuple of int
        The certificate: one hub, two, or none.
    components : tuple of tuple of int
        Vertices of each component.
    """

    kind: str
    vertices: tuple[int, ...]
    hubs: tuple[int, ...]
    components: tuple[tuple[int, ...], ...]


def precedes(D: Matrix, e: Pair, f: Pair) -> bool:
    """Tell whether edge ``e`` enters before edge ``f``: by length, ties by the larger vertices."""
    return _key(D, e) < _key(D, f)


def lune_of(D: Matrix, edge: Pair, alive: Iterable[int]) -> Lune:
    """Look at the lune of one edge.

    Parameters
    ----------
    D : ndarray of float32, shape (n, n)
        Distances of all slots.
    edge : tuple of int
        Its two ends.
    alive : iterable of int
        Slots that hold a point.
    """
    a, b = edge
    inside = tuple(v for v in alive if v not in edge and _in_lune(D, edge, v))

    def joined(u: int, v: int) -> bool:
        return precedes(D, (u, v), edge)

    def served(hubs: Pair | tuple[int]) -> bool:
        others = (v for v in inside if v not in hubs)
        return all(any(joined(v, h) for h in hubs) for v in others)

    if not inside:
        return Lune("empty", (), (), ())
    nearest_first = sorted(inside, key=lambda v: (D[a, v] + D[b, v], v))
    for h in nearest_first:
        if served((h,)):
            return Lune("one hub", inside, (h,), (inside,))
    for h, g in combinations(nearest_first, 2):
        if joined(h, g) and served((h, g)):
            return Lune("two hubs", inside, (h, g), (inside,))
    components = _components(inside, joined)
    return Lune("connected" if len(components) == 1 else "split", inside, (), components)


def all_lunes(D: Matrix, alive: Iterable[int]) -> dict[Pair, Lune]:
    """Return the lune of every edge between slots that hold a point."""
    slots = sorted(alive)
    return {edge: lune_of(D, edge, slots) for edge in combinations(slots, 2)}


def fires(
    lune: Lune, edge: Pair, old: Matrix, new: Matrix, gone: Iterable[int], come: Iterable[int]
) -> bool:
    """Tell whether an edge between points that stay has to be looked at again.

    These are the rules of the table in docs/engine.md.

    Parameters
    ----------
    lune : Lune
        What was noted about it.
    edge : tuple of int
        Its two ends.
    old, new : ndarray of float32, shape (n, n)
        Distances before and after.
    gone, come : iterable of int
        Slots whose old point leaves, and slots that get a new one.
    """
    gone, come = set(gone), set(come)
    lost = [y for y in lune.vertices if y in gone]
    kept = [v for v in lune.vertices if v not in gone]
    entered = [x for x in come if _in_lune(new, edge, x)]

    def joined_to_any(x: int, others: Iterable[int]) -> bool:
        return any(precedes(new, (x, v), edge) for v in others)

    if lune.hubs:
        leaves = not gone.isdisjoint(lune.hubs)
        return leaves or not all(joined_to_any(x, lune.hubs) for x in entered)
    if len(lost) > 1 or not all(_dominated(old, edge, y, kept) for y in lost):
        return True
    if lune.kind == "connected":
        return not all(joined_to_any(x, kept) for x in entered)
    alone = lune.kind == "split" and len(come) == 1
    return not all(alone and _dominated(new, edge, x, kept) for x in entered)


def _dominated(D: Matrix, edge: Pair, v: int, others: Iterable[int]) -> bool:
    """Tell whether what v is joined to is joined to its nearest one as well."""
    joined = [u for u in others if precedes(D, (u, v), edge)]
    if not joined:
        return False
    nearest = min(joined, key=lambda u: _key(D, (u, v)))
    return all(u == nearest or precedes(D, (u, nearest), edge) for u in joined)


def _key(D: Matrix, edge: Pair) -> tuple[float, int, int]:
    return float(D[edge]), max(edge), min(edge)


def _in_lune(D: Matrix, edge: Pair, v: int) -> bool:
    return precedes(D, (edge[0], v), edge) and precedes(D, (edge[1], v), edge)


def _components(
    vertices: tuple[int, ...], joined: Callable[[int, int], bool]
) -> tuple[tuple[int, ...], ...]:
    left, components = set(vertices), []
    while left:
        found, border = set(), {min(left)}
        while border:
            found |= border
            border = {v for v in left - found if any(joined(u, v) for u in border)}
        components.append(tuple(sorted(found)))
        left -= found
    return tuple(components)
