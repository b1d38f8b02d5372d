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


def torch_namespace(module: Any) -> Namespace:
    """Return the functions for arrays of torch, given its module."""
    return _Torch(module)
