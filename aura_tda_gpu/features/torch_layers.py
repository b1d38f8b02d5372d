"""Several vectorisations, fixed ones and those that learn, as one module of torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ..errors import ConfigError, InvalidInputError
from .base import Vectorisation
from .feature_vector import FeatureVector
from .torch_ranged import Ranged

__all__ = ["TopologyFeatures"]


class TopologyFeatures(nn.Module):
    """Vectorisations as one module: bars in, one feature vector a diagram out.

    Parameters
    ----------
    *parts : Vectorisation, FeatureVector or Module
        Whose features come one after the other. A module takes ``(bars, mask)`` and has
        ``n_features`` and ``get_feature_names_out``, as `LearnablePersistenceImage` and `PersLay`.
    check_values : bool, optional
        Whether each call looks for rows that are no bars. When left out, it does on the CPU, where
        that needs no wait, unless it is compiled.

    Raises
    ------
    ConfigError
        If there is no part, or something else among them.

    Notes
    -----
    What `fit` found is in the state: ``state_dict`` of a fitted module makes an unfitted one of the
    same parts a fitted one. Gradients pass to the bars where a vectorisation has any.

    Examples
    --------
    >>> import torch
    >>> from aura_tda_gpu.features import BettiCurve, PersistenceEntropy
    >>> features = TopologyFeatures(BettiCurve(1, resolution=3), PersistenceEntropy(1))
    >>> bars = torch.tensor([[[0.0, 2.0, 1.0], [1.0, 2.0, 1.0]]])
    >>> features.fit(bars)(bars).shape
    torch.Size([1, 4])
    """

    def __init__(
        self, *parts: Vectorisation | FeatureVector | nn.Module, check_values: bool | None = None
    ) -> None:
        super().__init__()
        if not parts:
            raise ConfigError("TopologyFeatures needs one vectorisation at least")
        modules: list[nn.Module] = []
        for part in parts:
            if isinstance(part, nn.Module) and hasattr(part, "n_features"):
                modules.append(part)
            elif isinstance(part, Vectorisation | FeatureVector):
                flat = part.parts if isinstance(part, FeatureVector) else (part,)
                modules += [Ranged(each, check_values) for each in flat]
            else:
                raise ConfigError(
                    f"parts must be vectorisations, or modules with n_features, not {part!r}"
                )
        self.parts = nn.ModuleList(modules)
        self._places = _runs(modules)

    @property
    def n_features(self) -> int:
        """Length of the feature vectors."""
        return sum(part.n_features for part in self._modules_of_parts())

    def get_feature_names_out(self) -> npt.NDArray[np.object_]:
        """Return the name of each feature, shape (n_features,)."""
        names = [part.get_feature_names_out() for part in self._modules_of_parts()]
        return np.concatenate(names)

    def fit(self, bars: Tensor, mask: Tensor | None = None) -> TopologyFeatures:
        """Set all ranges that were left open from diagrams.

        Parameters
        ----------
        bars : Tensor, shape (batch, n_bars, 3)
            Birth, death, homology dimension.
        mask : Tensor of bool, shape (batch, n_bars), optional
            Which rows are bars.

        Returns
        -------
        TopologyFeatures
            This one.

        Raises
        ------
        InvalidInputError
            If shape, type or device do not fit, a row is no bar, or no bar counts.
        """
        for part in self._modules_of_parts():
            if hasattr(part, "fit"):
                part.fit(*_batched(bars, mask)[:2])
        return self

    def forward(self, bars: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the feature vectors.

        Parameters
        ----------
        bars : Tensor, shape (batch, n_bars, 3) or (n_bars, 3)
            Birth, death, homology dimension; float32 or float64.
        mask : Tensor of bool, shape (batch, n_bars) or (n_bars,), optional
            Which rows are bars; all of them when left out.

        Returns
        -------
        Tensor, shape (batch, n_features) or (n_features,)
            In the type and on the device of ``bars``.

        Raises
        ------
        InvalidInputError
            If shape, type or device do not fit, or, where that is checked, a row is no bar.
        LifecycleError
            If a range is neither given nor fitted.
        """
        bars, mask, is_single = _batched(bars, mask)
        found = torch.cat([self._of_run(run, bars, mask) for run in self._places], 1)
        return found[0] if is_single else found

    def _modules_of_parts(self) -> list[Any]:
        return list(self.parts)

    def _of_run(self, run: Sequence[int], bars: Tensor, mask: Tensor | None) -> Tensor:
        """Return the features of parts that follow each other; fixed ones share their work."""
        parts: list[Any] = [self.parts[i] for i in run]
        found: Tensor
        if not isinstance(parts[0], Ranged) or not parts[0].is_fixed:
            found = parts[0](bars, mask)
        else:
            vector = FeatureVector(tuple(part.vectorisation for part in parts))
            found = vector.transform(bars, mask, check_values=parts[0].checks(bars))
        return found


def _runs(modules: Sequence[nn.Module]) -> list[list[int]]:
    """Return the places of the parts, those of fixed ones that follow each other together."""
    runs: list[list[int]] = []
    before = False
    for i, module in enumerate(modules):
        is_fixed = isinstance(module, Ranged) and module.is_fixed
        if is_fixed and before:
            runs[-1].append(i)
        else:
            runs.append([i])
        before = is_fixed
    return runs


def _batched(bars: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None, bool]:
    """Return bars and mask with a batch, and whether there was none.

    Raises
    ------
    InvalidInputError
        If the bars are no tensor.
    """
    if not isinstance(bars, Tensor):
        raise InvalidInputError(f"bars must be a torch tensor, not {type(bars).__name__}")
    if bars.ndim != 2:
        return bars, mask, False
    return bars[None], None if mask is None else mask[None], True
