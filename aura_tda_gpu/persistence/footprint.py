"""How many bytes a window may keep, known before anything is compiled."""

from __future__ import annotations

__all__ = ["padded", "state_bytes"]

_LANES = 64
_MATRICES = 8  # bytes an entry: the distance in float32 and two certificates in uint16
_LISTS = 1  # bytes an entry for edges without hubs and for relations, which depend on the data
_VERTEX = 512  # bytes a vertex for the same
_DIAGRAMS = 512  # bytes a vertex for the bars of two diagrams and the loops of one


def padded(capacity: int) -> int:
    """Return the number of slots that hold a capacity, a multiple of 64."""
    return -(-capacity // _LANES) * _LANES


def state_bytes(capacity: int, dim: int) -> int:
    """Return the most that a window keeps beside its points: certificates and two diagrams.

    Where they would take more, the certificates go, and then the loops of the newest diagram. The
    bars that stay always fit: the edges with an empty lune make no triangle, so there are at
    most n^2 / 4 of them (Turan's theorem), and a bar takes 17 bytes in each of two diagrams.

    Parameters
    ----------
    capacity, dim : int
        Slots, and coordinates of a point.
    """
    n_slots = padded(capacity)
    each = 4 * dim + _VERTEX + _DIAGRAMS
    return (_MATRICES + _LISTS) * n_slots * n_slots + each * n_slots
