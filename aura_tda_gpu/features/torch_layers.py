"""Vectorisations as modules of torch, ranges and all in their state."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ..errors import ConfigError, InvalidInputError, LifecycleError
from . import formulas
from .base import Vectorisation
from .checks import at_least
from .padding import checked
from .vectorisations import FeatureVector, PersistenceImage

__all__ = ["LearnablePersistenceImage", "Ranged", "TopologyFeatures", "rows_of_bars"]

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
        found: Tensor = self.vectorisation.transform(bars, mask, check_values=self._checks(bars))
        return found

    def _checks(self, bars: Tensor) -> bool:
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


class LearnablePersistenceImage(Ranged):
    """A persistence image that learns how much a bar of a given length weighs.

    The weight is 0 at length 0, as the stability of the image asks, and linear between equidistant
    lengths, at each of which it is learned; beyond the last one it stays as it is there. It starts
    as that of the image, ``length ** power``.

    Parameters
    ----------
    image : PersistenceImage
        Dimension, bandwidth, resolution and range; not with ``integrate``.
    n_weights : int
        Lengths at which there is a weight, up to the end of the range.
    check_values : bool, optional
        As in `TopologyFeatures`.

    Raises
    ------
    ConfigError
        If a value is out of range.

    References
    ----------
    Adams et al., Persistence images: a stable vector representation of persistent homology,
    JMLR 18, 2017, section 4. Hofer et al., Deep learning with topological signatures, NIPS 2017.
    """

    def __init__(
        self,
        image: PersistenceImage,
        *,
        n_weights: int = 8,
        check_values: bool | None = None,
    ) -> None:
        if not isinstance(image, PersistenceImage) or image.integrate:
            raise ConfigError(f"image must be a PersistenceImage of densities, not {image!r}")
        at_least(1, n_weights, "n_weights")
        super().__init__(image, check_values)
        self.log_weights = nn.Parameter(torch.empty(n_weights))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Let the weights be those of the image."""
        n = len(self.log_weights)
        lengths = torch.linspace(0, self._longest, n + 1, dtype=torch.float64)[1:]
        with torch.no_grad():
            self.log_weights.copy_(self._image.power * lengths.log())

    def fit(self, bars: Tensor, mask: Tensor | None = None) -> LearnablePersistenceImage:
        """Set the range from diagrams, as `TopologyFeatures.fit`; the weights start anew."""
        super().fit(bars, mask)
        self.reset_parameters()
        return self

    def forward(self, bars: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the images as rows, shape (batch, n_features); see `PersistenceImage`."""
        ns, births, deaths, counted = rows_of_bars(self, bars, mask)
        x, y = self._image.grids(ns, bars)
        lengths = deaths - births
        weights = torch.where(counted, self._weights(lengths), 0.0)
        image = formulas.gaussian_image(ns, births, lengths, weights, x, y, self._image.bandwidth)
        found: Tensor = image.reshape(len(image), -1)
        return found

    @property
    def _image(self) -> PersistenceImage:
        assert isinstance(self.vectorisation, PersistenceImage)
        return self.vectorisation

    @property
    def _longest(self) -> float:
        """The last length at which there is a weight; 1 as long as there is no range."""
        last = 0.0 if self._image.im_range is None else self._image.im_range[3]
        return last if last > 0 else 1.0

    def _weights(self, lengths: Tensor) -> Tensor:
        """Return the weight of each bar."""
        n = len(self.log_weights)
        values = nn.functional.pad(self.log_weights.exp(), (1, 0)).to(lengths.dtype)
        places = (lengths / self._longest * n).clamp(0, n)
        below = places.detach().floor().clamp(max=n - 1)
        low, high = values[below.long()], values[below.long() + 1]
        return low + (high - low) * (places - below)


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
        found = torch.cat([part(bars, mask) for part in self.parts], 1)
        return found[0] if is_single else found

    def _modules_of_parts(self) -> list[Any]:
        return list(self.parts)


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
    ns, mask = checked(bars, mask, check_values=module._checks(bars))
    if not vectorisation.is_fitted:
        raise LifecycleError(f"{type(module).__name__} is not fitted: call fit(), or give a range")
    rows = vectorisation._rows(ns, bars, mask)
    return ns, rows.births, rows.deaths, rows.counted


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
