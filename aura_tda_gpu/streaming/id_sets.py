"""Sets of point ids, each an array in which no id comes twice, compared with few operations."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..persistence.engine import Int64Array

__all__ = ["is_among", "n_different"]


def is_among(ids: Int64Array, others: Int64Array) -> npt.NDArray[np.bool_]:
    """Mark the ids that are among others, shape (m,)."""
    if not len(others):
        return np.zeros(len(ids), np.bool_)
    ascending = np.sort(others)
    places = ascending.searchsorted(ids)
    np.minimum(places, len(ascending) - 1, out=places)
    found: npt.NDArray[np.bool_] = ascending[places] == ids
    return found


def n_different(ids: Int64Array, others: Int64Array) -> int:
    """Return how many ids are in one of two sets only."""
    both = np.concatenate([ids, others])
    both.sort()
    return len(both) - 2 * int(np.count_nonzero(both[1:] == both[:-1]))
