"""Comparing a window's state with what its points alone say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..errors import StateCorruption
from . import distances
from .edge_keys import LENGTH_SHIFT, VERTEX_MASK, VERTEX_SHIFT, UInt64Array, key_after
from .kernels import edge_lists, verify

if TYPE_CHECKING:
    from .lune_state import LuneState

__all__ = ["verify_state"]


def verify_state(state: LuneState) -> None:
    """Check distances, enclosing radius, the codes of every edge, and the lists of edges.

    Raises
    ------
    StateCorruption
        Names the first edge in the order of the filtration, by its two slots.
    """
    _verify_distances(state)
    edge_keys = _all_edges(state)
    at = verify.first_false(state.bits, state.first, state.second, edge_keys)
    if at >= 0:
        raise _wrong("what is noted about the lune of", edge_keys[at])
    lists = state.lists
    codes = state.first[_ends(edge_keys)], state.second[_ends(edge_keys)]
    empty = 2 * state.n_slots
    expected = {
        "rng": edge_keys[codes[0] == empty],
        "loose": edge_keys[codes[1] == empty + 1],
        "splits": edge_keys[codes[1] == empty + 2],
    }
    for name, wanted in expected.items():
        found = getattr(lists, name)
        found = found[found <= _end(state)]
        if not np.array_equal(found, wanted):
            raise _wrong(f"the list of {name} edges lacks, or has too often,", _odd(found, wanted))
    at = verify.first_false_split(state.bits, lists.splits, lists.reps)
    if at >= 0:
        raise _wrong("the components of the lune of", lists.splits[at])


def _verify_distances(state: LuneState) -> None:
    live = state.live
    fresh = distances.pairwise(state.points[live], state.metric).view(np.uint32)
    expected = np.full_like(state.bits, edge_lists.INFINITE)
    expected[np.ix_(live, live)] = fresh
    wrong = np.argwhere(state.bits != expected)
    if len(wrong):
        a, b = (int(slot) for slot in wrong[0])
        raise StateCorruption(f"the distance of slots {a} and {b} is not theirs", (a, b))
    farthest = fresh.max(axis=1, initial=0)
    odd = np.flatnonzero(state.farthest[live] != farthest)
    if len(odd):
        slot = int(live[odd[0]])
        raise StateCorruption(f"the farthest point from slot {slot} is another", (slot, slot))
    r_enc = np.uint32(farthest.min() if len(live) else 0)
    if state.r_enc != r_enc:
        raise StateCorruption(
            f"the enclosing radius is {r_enc.view(np.float32)}, not {state.r_enc.view(np.float32)}"
        )


def _odd(found: UInt64Array, wanted: UInt64Array) -> np.uint64:
    """Return the first key where two lists part, one of which is sorted and without repeats."""
    shared = min(len(found), len(wanted))
    parting = np.flatnonzero(found[:shared] != wanted[:shared])
    if len(parting):
        return np.uint64(min(found[parting[0]], wanted[parting[0]]))
    return np.uint64((found if len(found) > shared else wanted)[shared])


def _all_edges(state: LuneState) -> UInt64Array:
    """Return the sorted keys of all edges that matter."""
    rows, columns = np.tril_indices(len(state.live), -1)
    larger, smaller = state.live[rows].astype(np.uint64), state.live[columns].astype(np.uint64)
    lengths = state.bits[larger, smaller].astype(np.uint64)
    edge_keys: UInt64Array = np.sort((lengths << LENGTH_SHIFT) | (larger << VERTEX_SHIFT) | smaller)
    return edge_keys[edge_keys <= _end(state)]


def _end(state: LuneState) -> np.uint64:
    return key_after(state.threshold)


def _ends(edge_keys: UInt64Array) -> tuple[UInt64Array, UInt64Array]:
    return (edge_keys >> VERTEX_SHIFT) & VERTEX_MASK, edge_keys & VERTEX_MASK


def _wrong(what: str, key: np.uint64) -> StateCorruption:
    larger, smaller = _ends(np.array([key], np.uint64))
    edge = (int(smaller[0]), int(larger[0]))
    return StateCorruption(f"{what} edge {edge[0]}-{edge[1]} (slots) is not true", edge)
