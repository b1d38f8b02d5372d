"""How many bytes an update in place may keep, known before anything is compiled."""

from __future__ import annotations

__all__ = ["padded", "state_bytes"]

_LANES = 64
_MATRICES = 8  # bytes an entry: the distance in float32 and two certificates in uint16
_LISTS = 1  # bytes an entry for edges without hubs and for relations, which depend on the data
_VERTEX = 512  # bytes a vertex for the same


def padded(capacity: int) -> int:
    """Return the number of slots that hold a capacity, a multiple of 64."""
    return -(-capacity // _LANES) * _LANES


def state_bytes(capacity: int, dim: int) -> int:
    """Return the most that the state of a window may take; a larger one is not kept.

    Parameters
    ----------
    capacity, dim : int
        Slots, and coordinates of a point.
    """
    n_slots = padded(capacity)
    return (_MATRICES + _LISTS) * n_slots * n_slots + (4 * dim + _VERTEX) * n_slots
