"""Batches of diagrams, worked off in parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .bars import BarRows, at_least_a_row
from .namespace import Array, Namespace

if TYPE_CHECKING:
    from .base import Vectorisation

__all__ = ["WIDTH", "joined", "room", "step_of", "vectors_of"]

_CHUNK = 1 << 18  # numbers in the largest intermediate array: they stay in the cache
WIDTH = 8  # numbers a bar, of what is computed for several at once
_DEVICE_CHUNK = 1 << 25  # on a GPU, where few large steps are better


def room(ns: Namespace, like: Array) -> int:
    """Return how many numbers the largest intermediate array may hold."""
    return _CHUNK if ns.is_on_host(like) else _DEVICE_CHUNK


def step_of(n: int, wanted: int) -> int:
    """Return how many of ``n`` diagrams are a part, where all parts are nearly of one size."""
    wanted = max(1, wanted)
    n_parts = max(1, (n + wanted // 2) // wanted)
    return max(1, -(-n // n_parts))


def vectors_of(ns: Namespace, parts: Sequence[Vectorisation], values: Array, mask: Array) -> Array:
    """Return the feature vectors of vectorisations one after the other, shape (B, F).

    They share their bars, and what is derived from these.
    """
    values, mask = at_least_a_row(ns, values, mask)
    n, n_bars = mask.shape
    step = step_of(n, room(ns, values) // (WIDTH * n_bars))
    if n <= step:
        return joined(ns, [_side_by_side(ns, parts, values, mask)], values)
    found = [
        _side_by_side(ns, parts, values[i : i + step], mask[i : i + step])
        for i in range(0, n, step)
    ]
    return joined(ns, found, values)


def _side_by_side(
    ns: Namespace, parts: Sequence[Vectorisation], values: Array, mask: Array
) -> list[list[Array]]:
    every: dict[int | None, BarRows] = {}
    rows: dict[tuple[object, ...], BarRows] = {}
    found = []
    for part in parts:
        if part.counting not in rows:
            if part.dimension not in every:
                every[part.dimension] = part.all_rows(ns, values, mask)
            rows[part.counting] = part.without_open(every[part.dimension])
        found.append(part.pieces(ns, rows[part.counting], values))
    return found


def joined(ns: Namespace, blocks: Sequence[Sequence[Sequence[Array]]], like: Array) -> Array:
    """Return arrays side by side and below each other as one, in the type of another.

    Parameters
    ----------
    ns : Namespace
        The functions for the arrays.
    blocks : sequence of sequence of sequence of array
        Blocks of rows, from the top; in each blocks of columns, from the left; in each the arrays
        of shape (b, F) from the top.
    like : array
        Of the type that is wanted, and beside it.
    """
    if len(blocks) == 1 and all(len(pieces) == 1 for pieces in blocks[0]):
        row = [pieces[0] for pieces in blocks[0]]
        return ns.cast(row[0] if len(row) == 1 else ns.concat(row), like)
    if any(ns.has_history(piece) for block in blocks for pieces in block for piece in pieces):
        rows = [ns.concat([ns.concat(pieces, axis=0) for pieces in block]) for block in blocks]
        return ns.cast(ns.concat(rows, axis=0), like)
    n = sum(piece.shape[0] for block in blocks for piece in block[0])
    whole = ns.empty((n, sum(pieces[0].shape[1] for pieces in blocks[0])), like)
    top = 0
    for block in blocks:
        left = 0
        for pieces in block:
            row_of, right = top, left + pieces[0].shape[1]
            for piece in pieces:
                end = row_of + piece.shape[0]
                whole[row_of:end, left:right] = piece
                row_of = end
            left = right
        top = row_of
    return whole
