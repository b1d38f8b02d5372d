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
_SLACK = 1 / 32  # of a step: more than rounding moves a place where steps are fine


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

    def has_history(self, array: Array) -> bool:
        """Return whether gradients pass through an array."""
        return False

    def detached(self, array: Array) -> Array:
        """Return an array without the history that gradients need."""
        return array

    def order(self, index: Array, size: int) -> Array:
        """Return the order of each row of numbers from 0 to ``size - 1``, ascending and stable."""
        if self.xp is not np:
            return index.argsort(axis=1)  # that of CuPy is stable
        # short integers are sorted by counting
        return index.astype(np.min_scalar_type(size - 1)).argsort(axis=1, kind="stable")

    def sorted_rows(self, array: Array) -> Array:
        """Return the rows in ascending order."""
        array = array.copy()
        array.sort(axis=1)
        return array

    def only(self, counted: Array | None, array: Array, other: float) -> Array:
        """Return an array, and another number where a row does not count; None counts all."""
        return array if counted is None else self.xp.where(counted, array, other)

    def positive(self, array: Array) -> Array:
        """Return the larger one of each number and 0, whose slope at 0 is 0."""
        return self.xp.maximum(array, 0)

    def root(self, array: Array) -> Array:
        """Return the square root, whose slope at 0 is taken as 0."""
        return self.xp.sqrt(array)

    def at_least(self, array: Array, least: float) -> Array:
        """Return the larger one of each number and ``least``."""
        return self.xp.maximum(array, least)

    def at_most(self, array: Array, most: Array | float) -> Array:
        """Return the smaller one of each number and ``most``."""
        return self.xp.minimum(array, most)

    def totals(self, array: Array) -> Array:
        """Return the sum of each row, shape (B, 1)."""
        if self.xp is np:
            return np.add.reduce(array, axis=1, keepdims=True)  # the method costs more
        return array.sum(axis=1, keepdims=True)

    def take(self, array: Array, index: Array) -> Array:
        """Return ``array[i, index[i, j]]``; of an index of shape (n,), the same of all rows."""
        if index.ndim == 1:
            return array.take(index, axis=1)
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

    def empty(self, shape: tuple[int, ...], like: Array) -> Array:
        """Return an array in the type of ``like``, beside it, whose numbers are yet to be set."""
        return self.xp.empty(shape, dtype=like.dtype)

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

        Up to rounding it follows from the distance to the first sample. Taken from a little less
        than the value it is the place or the one before, and a look at the sample there tells,
        unless ``exact`` is False. Then a value on a sample, or within rounding of it, may be given
        the next place.
        """
        values = self.detached(values)
        if grid.per_unit == 0 or (self.xp is np and values.size < _FEW):
            return self._searched(grid.samples, values)
        n = grid.size
        start = grid.low + ((_SLACK if exact else 0.0) - 1) / grid.per_unit
        place = values - start
        place *= grid.per_unit
        index = self.whole(place.clip(0, n)).clip(0, n)  # nan is unknown where values are unread
        if exact:
            index += self.look_up(grid.fenced, index) < values
        return index

    def look_up(self, table: Array, index: Array) -> Array:
        """Return ``table[index]``, of the shape of the index."""
        return table[index]

    def _searched(self, samples: Array, values: Array) -> Array:
        if self.xp is np:
            return samples.searchsorted(values)
        return self.xp.searchsorted(samples, values.ravel(), side="left").reshape(values.shape)

    def count(self, index: Array, counted: Array | None, size: int) -> Array:
        """Return how often each index is there where a row counts, shape (B, size).

        Parameters
        ----------
        index : array of int64, shape (B, N)
            From 0 to ``size - 1``.
        counted : array of bool, shape (B, N), or None
            Which rows count; None for all.
        size : int
            Numbers a row.
        """
        if counted is not None:
            return self.collect([index], [[counted]], size)[0]
        flat, n_rows = self._flat(index, size), len(index)
        return self.xp.bincount(flat, minlength=n_rows * size).reshape(n_rows, size)

    def collect(
        self, indices: Sequence[Array], weights: Sequence[Sequence[Array]], size: int
    ) -> list[Array]:
        """Return the sums of weights of each index, row by row, in float64.

        Parameters
        ----------
        indices : sequence of array of int64, shape (B, N)
            From 0 to ``size - 1``.
        weights : sequence of such sequences of arrays of F
            What is added up at those places.
        size : int
            Sums a row.

        Returns
        -------
        list of array of float64, shape (B, size)
            The sums of each sequence of weights.
        """
        n_rows = len(indices[0])
        flat = self._flat(indices[0] if len(indices) == 1 else self.concat(indices), size)
        found = []
        for given in weights:
            weight = (given[0] if len(given) == 1 else self.concat(given)).ravel()
            if self.xp is np:
                sums = np.bincount(flat, weight, minlength=n_rows * size)
            else:
                sums = self.xp.zeros(n_rows * size)
                self.xp.add.at(sums, flat, self.wide(weight))
            found.append(sums.reshape(n_rows, size))
        return found

    def _flat(self, index: Array, size: int) -> Array:
        n_rows = len(index)
        return (index + size * self.xp.arange(n_rows)[:, None]).ravel() if n_rows != 1 else index[0]

    def bell(self, array: Array) -> Array:
        """Return ``exp(-array ** 2)``; the array is lost."""
        self.xp.multiply(array, array, out=array)
        self.xp.negative(array, out=array)
        return self.xp.exp(array, out=array)

    def scaled(self, array: Array, factors: Array) -> Array:
        """Return ``array * factors``; the array is lost."""
        array *= factors
        return array

    def is_bool(self, array: Array) -> bool:
        """Tell whether the entries are true or false."""
        return bool(array.dtype.kind == "b")

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
