"""A vectorisation as a module of torch, its range in the state."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from .base import Vectorisation
from .padding import checked

__all__ = ["Ranged", "rows_of_bars"]

_Self = TypeVar("_Self", bound="Ranged")
_FITTED = {"sample_range": 2, "im_range": 4, "limit": 1}  # numbers of each


class Ranged(nn.Module):
    """A module over a vectorisation whose fitted numbers are in buffers, nan where not set.

    The vectorisation is what is computed with, so that no number is read back from a GPU. The
    buffers are float64 whatever type the module is cast to, and never lose a digit.

    Parameters
    ----------
    vectorisation : Vectorisation
        Fitted or not.
    check_values : bool, optional
        Whether each call looks for rows that are no bars. When left out, it does on the CPU, where
        that needs no wait, unless it is compiled.
    """

    def __init__(self, vectorisation: Vectorisation, check_values: bool | None = None) -> None:
        super().__init__()
        self.check_values = check_values
        for name in self._names(vectorisation):
            self.register_buffer(name, torch.empty(0))
        self._adopt(vectorisation)
        self.register_load_state_dict_post_hook(_read_back)  # type: ignore[no-untyped-call]

    @property
    def is_fixed(self) -> bool:
        """Whether this is the vectorisation alone, without anything that learns."""
        return type(self) is Ranged

    @property
    def n_features(self) -> int:
        """Length of the feature vectors."""
        return self.vectorisation.n_features

    def get_feature_names_out(self) -> npt.NDArray[np.object_]:
        """Return the name of each feature, shape (n_features,)."""
        return self.vectorisation.get_feature_names_out()

    def fit(self: _Self, bars: Tensor, mask: Tensor | None = None) -> _Self:
        """Set what was left open from diagrams; see `Vectorisation.fit`.

        Parameters
        ----------
        bars : Tensor, shape (batch, n_bars, 3)
            Birth, death, homology dimension.
        mask : Tensor of bool, shape (batch, n_bars), optional
            Which rows are bars.

        Returns
        -------
        Module
            This one.
        """
        self._adopt(self.vectorisation.fit(bars, mask))
        return self

    def forward(self, bars: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the feature vectors, shape (batch, n_features)."""
        found: Tensor = self.vectorisation.transform(bars, mask, check_values=self.checks(bars))
        return found

    def checks(self, bars: Tensor) -> bool:
        """Tell whether a call looks for rows that are no bars."""
        if self.check_values is None:
            return bars.device.type == "cpu" and not torch.compiler.is_compiling()
        return self.check_values

    def _names(self, vectorisation: Vectorisation) -> list[str]:
        return [name for name in _FITTED if hasattr(vectorisation, name)]

    def _adopt(self, vectorisation: Vectorisation) -> None:
        """Take a vectorisation, and write its numbers into the buffers."""
        self.vectorisation = vectorisation
        for name in self._names(vectorisation):
            value = getattr(vectorisation, name)
            numbers = np.full(_FITTED[name], math.nan if value is None else value, np.float64)
            device = getattr(self, name).device
            setattr(self, name, torch.as_tensor(numbers, device=device))

    def _apply(self, fn: Callable[[Any], Any], recurse: bool = True) -> Any:
        moved = super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self._adopt(self.vectorisation)  # a cast rounds the numbers: write them anew
        return moved


def _read_back(module: nn.Module, _: object) -> None:
    """Take the numbers that a state holds."""
    assert isinstance(module, Ranged)
    found: dict[str, Any] = {}
    for name in module._names(module.vectorisation):
        numbers = [float(x) for x in getattr(module, name).tolist()]
        value = numbers[0] if name == "limit" else tuple(numbers)
        found[name] = None if math.isnan(numbers[0]) else value
    module._adopt(replace(module.vectorisation, **found))


def rows_of_bars(
    module: Ranged, bars: Tensor, mask: Tensor | None
) -> tuple[Any, Tensor, Tensor, Tensor]:
    """Return the namespace, and births, deaths and which rows count, for a module with a range.

    Raises
    ------
    InvalidInputError, LifecycleError
        As `TopologyFeatures.forward`.
    """
    vectorisation = module.vectorisation
    ns, mask = checked(bars, mask, check_values=module.checks(bars))
    vectorisation.refuse_unfitted()
    rows = vectorisation.rows(ns, bars, mask)
    return ns, rows.births, rows.deaths, rows.counted
