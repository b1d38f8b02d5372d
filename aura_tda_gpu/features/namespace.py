"""The few array functions that numpy, CuPy and torch spell differently."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from ..errors import InvalidInputError

__all__ = ["Array", "Grid", "Namespace", "namespace_of"]

Array: TypeAlias = Any  # of numpy, CuPy or torch; F means floating, the type of the values


_FEW = 4096  # values that numpy finds faster by searching


class Grid(NamedTuple):
    """Equidistant samples, both ends among them.

    Attributes
    ----------
    samples : array of F, shape (n,)
        Ascending.
    fenced : array of F, shape (n + 2,)
        The samples between two nan, to which nothing compares.
    low, per_unit : float
        The first sample, and how many steps there are in a unit; 0 where rounding makes steps
        unequal.
    """

    samples: Array
    fenced: Array
    low: float
    per_unit: float


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
        return _grid(self, low, high, n, like.dtype, _device_of(like))

    def constant(self, numbers: tuple[float, ...], like: Array) -> Array:
        """Return numbers in the type of ``like``, beside it, shape (n,)."""
        return _constant(self, numbers, like.dtype, _device_of(like))

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


class _Torch(Namespace):
    """The same functions of torch."""

    def from_host(self, array: npt.NDArray[Any], device: Any) -> Array:
        with self.xp.inference_mode(False):  # else no later backward pass could use it
            return self.xp.as_tensor(array, device=device)

    def is_on_host(self, array: Array) -> bool:
        return bool(array.device.type == "cpu")

    def zeros(self, shape: tuple[int, ...], like: Array) -> Array:
        return self.xp.zeros(shape, dtype=like.dtype, device=like.device)

    def whole(self, array: Array) -> Array:
        return array.to(self.xp.int64)

    def cast(self, array: Array, like: Array) -> Array:
        return array.to(like.dtype)

    def wide(self, array: Array) -> Array:
        return array.to(self.xp.float64)

    def detached(self, array: Array) -> Array:
        return array.detach()

    def argsort(self, array: Array) -> Array:
        # not with numpy, which is quicker: what traces a call would keep this order for any input
        return self.xp.argsort(array.detach(), dim=1, stable=True)

    def sorted_rows(self, array: Array) -> Array:
        # which of equal numbers has the gradient must not depend on the device
        return self.xp.sort(array, dim=1, stable=array.requires_grad).values

    def at_least(self, array: Array, least: float) -> Array:
        return array.clamp(min=least)

    def take(self, array: Array, index: Array) -> Array:
        return self.xp.gather(array, 1, index)

    def largest(self, array: Array, n: int) -> Array:
        if array.requires_grad:  # of equal numbers topk takes any
            return self.xp.sort(array, dim=1, descending=True, stable=True).values[:, :n]
        return self.xp.topk(array, n, dim=1).values

    def flip(self, array: Array) -> Array:
        return array.flip(1)

    def concat(self, arrays: Sequence[Array], axis: int = 1) -> Array:
        return self.xp.cat(list(arrays), dim=axis)

    def running_max(self, array: Array) -> Array:
        return self.xp.cummax(array, 1).values

    def _searched(self, samples: Array, values: Array) -> Array:
        return self.xp.searchsorted(samples, values.contiguous())

    def collect(self, index: Array, weights: Sequence[Array], size: int) -> list[Array]:
        nothing = self.xp.zeros((len(index), size), dtype=self.xp.float64, device=index.device)
        return [nothing.scatter_add(1, index, self.wide(weight)) for weight in weights]

    def bell(self, array: Array) -> Array:
        if array.requires_grad:
            return self.xp.exp(-(array * array))
        return array.mul_(array).neg_().exp_()

    def erf(self, array: Array) -> Array:
        return self.xp.erf(array)


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
    return _Torch(module) if module.__name__ == "torch" else Namespace(module)


_NUMPY = Namespace(np)


def _device_of(array: Array) -> Any:
    """Return where an array is; a GPU of CuPy by its number."""
    device = getattr(array, "device", None)
    return getattr(device, "id", device)


@lru_cache(maxsize=256)
def _constant(ns: Namespace, numbers: tuple[float, ...], dtype: Any, device: Any) -> Array:
    return ns.from_host(np.array(numbers, _floats(dtype)), device)


def _floats(dtype: Any) -> Any:
    """Return the type of numpy for one of any library."""
    return np.dtype(str(dtype).rpartition(".")[2]).type


@lru_cache(maxsize=256)
def _grid(ns: Namespace, low: float, high: float, n: int, dtype: Any, device: Any) -> Grid:
    floats = _floats(dtype)
    samples = np.linspace(low, high, n).astype(floats)
    fenced = np.concatenate([[np.nan], samples, [np.nan]]).astype(floats)
    reach, step = max(abs(low), abs(high)), (high - low) / max(1, n - 1)
    info = np.finfo(floats)
    fine = n > 1 and step > 100 * reach * float(info.eps) and step > 1e3 * float(info.tiny)
    where = partial(ns.from_host, device=device)
    return Grid(where(samples), where(fenced), float(samples[0]), 1 / step if fine else 0.0)
