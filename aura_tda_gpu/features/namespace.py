"""The few array functions that numpy, CuPy and torch spell differently."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InvalidInputError
from .arrays import Array, Grid, device_of, kept_constant, kept_grid

__all__ = ["Array", "Grid", "Namespace", "namespace_of"]

_FEW = 4096  # values that numpy finds faster by searching


class Namespace:
    """Functions of numpy or CuPy, where torch has them under another name or with other rules.

    Parameters
    ----------
    xp : module
        numpy or cupy. What all three libraries agree on is called through this module.
    """

    def __init__(self, xp: Any) -> None:
        self.xp = xp

    def grid(self, low: float, high: float, n: int, like: Array) -> Grid:
        """Return ``n`` equidistant samples in the type of ``like``, beside it."""
        return kept_grid(self, low, high, n, like.dtype, device_of(like))

    def constant(self, numbers: tuple[float, ...], like: Array) -> Array:
        """Return numbers in the type of ``like``, beside it, shape (n,)."""
        return kept_constant(self, numbers, like.dtype, device_of(like))

    def from_host(self, array: npt.NDArray[Any], device: Any) -> Array:
        """Return an array of numpy on a device; CuPy's is the current one."""
        return self.xp.asarray(array)

    def is_on_host(self, array: Array) -> bool:
        """Return whether an array is in the memory of the host."""
        return self.xp is np

    def zeros(self, shape: tuple[int, ...], like: Array) -> Array:
        """Return zeros in the type of ``like``, beside it."""
        return self.xp.zeros(shape, dtype=like.dtype)

    def cast(self, array: Array, like: Array) -> Array:
        """Return an array in the floating type of another."""
        return array.astype(like.dtype, copy=False)

    def wide(self, array: Array) -> Array:
        """Return an array in float64."""
        return array.astype(np.float64, copy=False)

    def whole(self, array: Array) -> Array:
        """Return an array in int64."""
        return array.astype(np.int64)

    def detached(self, array: Array) -> Array:
        """Return an array without the history that gradients need."""
        return array

    def argsort(self, array: Array) -> Array:
        """Return the order of the rows, ascending; that of equal numbers counts for gradients."""
        return array.argsort(axis=1)

    def sorted_rows(self, array: Array) -> Array:
        """Return the rows in ascending order."""
        return self.xp.sort(array, axis=1)

    def at_least(self, array: Array, least: float) -> Array:
        """Return the larger one of each number and ``least``."""
        return self.xp.maximum(array, least)

    def take(self, array: Array, index: Array) -> Array:
        """Return ``array[i, index[i, j]]``."""
        if len(array) == 1:
            return array.take(index[0], axis=1)
        return array[self.xp.arange(len(array))[:, None], index]

    def largest(self, array: Array, n: int) -> Array:
        """Return the ``n`` largest numbers of each row, the largest first."""
        return self.flip(self.sorted_rows(array))[:, :n]

    def flip(self, array: Array) -> Array:
        """Return the rows back to front."""
        return array[:, ::-1]

    def concat(self, arrays: Sequence[Array], axis: int = 1) -> Array:
        """Return arrays one after the other."""
        return self.xp.concatenate(arrays, axis=axis)

    def running_max(self, array: Array) -> Array:
        """Return the largest value of each row up to each place."""
        if self.xp is np:
            return np.maximum.accumulate(array, axis=1)
        step = 1  # CuPy has no such scan
        while step < array.shape[1]:
            head, tail = array[:, :step], self.xp.maximum(array[:, step:], array[:, :-step])
            array, step = self.concat([head, tail]), 2 * step
        return array

    def where_index(self, grid: Grid, values: Array, *, exact: bool = True) -> Array:
        """Return the first place of the grid that is not below each value, int64.

        Up to rounding it follows from the distance to the first sample; what rounding does is
        put right by a look at the samples to both sides, unless ``exact`` is False. The order of
        places is that of values in any case.
        """
        values = self.detached(values)
        if grid.per_unit == 0 or (self.xp is np and values.size < _FEW):
            return self._searched(grid.samples, values)
        n = len(grid.samples)
        place = self.xp.ceil((values - grid.low) * grid.per_unit).clip(0, n)
        index = self.whole(place).clip(0, n)  # nan is unknown where values are unread
        if not exact:
            return index
        index = index - self.whole(grid.fenced[index] >= values)
        return index + self.whole(grid.fenced[index + 1] < values)

    def _searched(self, samples: Array, values: Array) -> Array:
        if self.xp is np:
            return samples.searchsorted(values)
        return self.xp.searchsorted(samples, values.ravel(), side="left").reshape(values.shape)

    def collect(self, index: Array, weights: Sequence[Array], size: int) -> list[Array]:
        """Return the sums of weights of each index, row by row, in float64.

        Parameters
        ----------
        index : array of int64, shape (B, N)
            From 0 to ``size - 1``.
        weights : sequence of array of F, shape (B, N)
            What is added up.
        size : int
            Sums a row.

        Returns
        -------
        list of array of float64, shape (B, size)
            The sums of each array of weights.
        """
        n_rows = len(index)
        flat = (index + size * self.xp.arange(n_rows)[:, None]).ravel() if n_rows != 1 else index[0]
        found = []
        for weight in weights:
            if self.xp is np:
                sums = np.bincount(flat, weight.ravel(), minlength=n_rows * size)
            else:
                sums = self.xp.zeros(n_rows * size)
                self.xp.add.at(sums, flat, self.wide(weight).ravel())
            found.append(sums.reshape(n_rows, size))
        return found

    def bell(self, array: Array) -> Array:
        """Return ``exp(-array ** 2)``; the array is lost."""
        array *= array
        array *= -1
        return self.xp.exp(array)

    def erf(self, array: Array) -> Array:
        """Return the error function."""
        if self.xp is np:
            from scipy.special import erf
        else:
            from cupyx.scipy.special import erf
        return erf(array)


def namespace_of(array: object, what: str = "values") -> Namespace:
    """Return the functions for an array.

    Raises
    ------
    InvalidInputError
        If it is no array of numpy, CuPy or torch.
    """
    if isinstance(array, np.ndarray):
        return _NUMPY
    for name, kind in (("torch", "Tensor"), ("cupy", "ndarray")):
        module = sys.modules.get(name)  # whoever has such an array has loaded its module
        if module is not None and isinstance(array, getattr(module, kind)):
            return _of_module(module)
    raise InvalidInputError(
        f"{what} must be an array of numpy, CuPy or torch, not {type(array).__name__}; "
        "pad() makes one of diagrams"
    )


@lru_cache(maxsize=4)
def _of_module(module: Any) -> Namespace:
    if module.__name__ != "torch":
        return Namespace(module)
    from .namespace_torch import torch_namespace

    return torch_namespace(module)


_NUMPY = Namespace(np)
