"""A persistence image that learns its weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..errors import ConfigError
from . import formulas
from .checks import at_least
from .torch_ranged import Ranged, rows_of_bars
from .vectorisations import PersistenceImage

__all__ = ["LearnablePersistenceImage"]


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
