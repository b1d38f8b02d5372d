"""Every array that an object holds, found without asking it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

__all__ = ["arrays_of", "bytes_of"]


def arrays_of(thing: object, seen: set[int] | None = None) -> Iterator[np.ndarray]:
    """Every array that an object of this package holds, each memory once."""
    seen = set() if seen is None else seen
    if id(thing) in seen or isinstance(thing, type):
        return
    seen.add(id(thing))
    if isinstance(thing, np.ndarray):
        if isinstance(thing.base, np.ndarray):
            yield from arrays_of(thing.base, seen)
        else:  # a kernel's array has its memory from numba
            yield thing
        return
    for part in _parts_of(thing):
        yield from arrays_of(part, seen)


def bytes_of(thing: object) -> int:
    """The size of all these arrays."""
    return sum(array.nbytes for array in arrays_of(thing))


def _parts_of(thing: Any) -> list[Any]:
    if isinstance(thing, dict):
        return list(thing.values())
    if isinstance(thing, list | tuple):
        return list(thing)
    if not getattr(type(thing), "__module__", "").startswith(("aura_tda_gpu.", "builtins")):
        return []
    names = [*getattr(thing, "__dict__", ()), *getattr(type(thing), "__slots__", ())]
    parts = [getattr(thing, name, None) for name in names]
    return parts + [cell.cell_contents for cell in getattr(thing, "__closure__", None) or ()]
