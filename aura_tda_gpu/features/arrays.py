"""Arrays that are made once, and kept: grids and constants."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Array", "Grid", "device_of", "kept_constant", "kept_grid"]

Array: TypeAlias = Any  # of numpy, CuPy or torch; F means floating, the type of the values


class _FromHost(Protocol):
    """What brings an array of numpy to a device."""

    def from_host(self, array: npt.NDArray[Any], device: Any) -> Array: ...

    def __hash__(self) -> int: ...


class Grid(NamedTuple):
    """Equidistant samples, both ends among them.

    Attributes
    ----------
    samples : array of F, shape (n,)
        Ascending.
    fenced : array of F, shape (n + 1,)
        The samples and a nan, to which nothing compares.
    low, per_unit : float
        The first sample, and how many steps there are in a unit; 0 where rounding makes steps
        unequal.
    key : tuple of (float, float, int)
        Ends as they were given, and number: grids of one type that agree in it are equal.
    """

    samples: Array
    fenced: Array
    low: float
    per_unit: float
    key: tuple[float, float, int]

    @property
    def size(self) -> int:
        """How many samples there are."""
        return self.key[2]


def device_of(array: Array) -> Any:
    """Return where an array is; a GPU of CuPy by its number."""
    device = getattr(array, "device", None)
    return getattr(device, "id", device)


@lru_cache(maxsize=256)
def kept_constant(ns: _FromHost, numbers: tuple[float, ...], dtype: Any, device: Any) -> Array:
    """Return numbers in a type on a device, shape (n,)."""
    return ns.from_host(np.array(numbers, _floats(dtype)), device)


def _floats(dtype: Any) -> Any:
    """Return the type of numpy for one of any library."""
    return np.dtype(str(dtype).rpartition(".")[2]).type


@lru_cache(maxsize=256)
def kept_grid(ns: _FromHost, low: float, high: float, n: int, dtype: Any, device: Any) -> Grid:
    """Return equidistant samples in a type on a device."""
    floats = _floats(dtype)
    samples = np.linspace(low, high, n).astype(floats)
    fenced = np.append(samples, floats(np.nan))
    reach, step = max(abs(low), abs(high)), (high - low) / max(1, n - 1)
    info = np.finfo(floats)
    fine = n > 1 and step > 1000 * reach * float(info.eps) and step > 1e3 * float(info.tiny)
    where = partial(ns.from_host, device=device)
    per_unit = 1 / step if fine else 0.0
    return Grid(where(samples), where(fenced), float(samples[0]), per_unit, (low, high, n))
