"""The array functions of torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from .namespace import Array, Namespace

__all__ = ["torch_namespace"]


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

    def has_history(self, array: Array) -> bool:
        return bool(array.requires_grad)

    def detached(self, array: Array) -> Array:
        return array.detach()

    def order(self, index: Array, size: int) -> Array:
        # all rows at once, for a long array of integers is sorted by counting; not with numpy: what
        # traces a call would keep the order of its example for any input
        n_rows, n = index.shape
        rows = self.xp.arange(n_rows, device=index.device)[:, None]
        kind = self.xp.int32 if n_rows * size < 1 << 31 else self.xp.int64
        flat = (index + size * rows).to(kind).reshape(-1)
        return self.xp.sort(flat, stable=True).indices.reshape(n_rows, n) - n * rows

    def look_up(self, table: Array, index: Array) -> Array:
        return table.index_select(0, index.reshape(-1)).reshape(index.shape)

    def sorted_rows(self, array: Array) -> Array:
        # which of equal numbers has the gradient must not depend on the device
        return self.xp.sort(array, dim=1, stable=array.requires_grad).values

    def positive(self, array: Array) -> Array:
        return array.relu()

    def root(self, array: Array) -> Array:
        some = array > 0
        return self.xp.where(some, self.xp.where(some, array, 1.0) ** 0.5, 0.0)

    def at_least(self, array: Array, least: float) -> Array:
        return array.clamp(min=least)

    def at_most(self, array: Array, most: Array | float) -> Array:
        return array.clamp(max=most)

    def totals(self, array: Array) -> Array:
        return array.sum(1, keepdim=True)

    def take(self, array: Array, index: Array) -> Array:
        return array[:, index] if index.ndim == 1 else self.xp.gather(array, 1, index)

    def largest(self, array: Array, n: int) -> Array:
        if array.requires_grad:  # of equal numbers topk takes any
            return self.xp.sort(array, dim=1, descending=True, stable=True).values[:, :n]
        return self.xp.topk(array, n, dim=1).values

    def flip(self, array: Array) -> Array:
        return array.flip(1)

    def concat(self, arrays: Sequence[Array], axis: int = 1) -> Array:
        return self.xp.cat(list(arrays), dim=axis)

    def empty(self, shape: tuple[int, ...], like: Array) -> Array:
        return like.new_empty(shape)

    def running_max(self, array: Array) -> Array:
        return self.xp.cummax(array, 1).values

    def _searched(self, samples: Array, values: Array) -> Array:
        return self.xp.searchsorted(samples, values.contiguous())

    def count(self, index: Array, counted: Array | None, size: int) -> Array:
        ones = self.xp.ones_like(index) if counted is None else self.whole(counted)
        nothing = self.xp.zeros((len(index), size), dtype=ones.dtype, device=index.device)
        return nothing.scatter_add(1, index, ones)

    def collect(
        self, indices: Sequence[Array], weights: Sequence[Sequence[Array]], size: int
    ) -> list[Array]:
        index = indices[0]
        nothing = self.xp.zeros((len(index), size), dtype=self.xp.float64, device=index.device)
        found = []
        for given in weights:
            sums = nothing
            for index, weight in zip(indices, given, strict=True):
                sums = sums.scatter_add(1, index, self.wide(weight))
            found.append(sums)
        return found

    def bell(self, array: Array) -> Array:
        if array.requires_grad:
            return self.xp.exp(-(array * array))
        return array.mul_(array).neg_().exp_()

    def scaled(self, array: Array, factors: Array) -> Array:
        if array.requires_grad or factors.requires_grad:
            return array * factors
        try:
            return array.mul_(factors)
        except RuntimeError:  # under vmap, where the factors have an axis that the array has not
            return array * factors

    def is_bool(self, array: Array) -> bool:
        return bool(array.dtype == self.xp.bool)

    def erf(self, array: Array) -> Array:
        return self.xp.erf(array)


def torch_namespace(module: Any) -> Namespace:
    """Return the functions for arrays of torch, given its module."""
    return _Torch(module)
