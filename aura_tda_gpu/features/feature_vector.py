"""Several vectorisations as one vector."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import ConfigError
from .base import Vectorisation
from .batches import vectors_of
from .namespace import Array
from .padding import checked

__all__ = ["FeatureVector"]


@dataclass(frozen=True)
class FeatureVector:
    """Several vectorisations, their features one after the other.

    Parameters
    ----------
    parts : sequence of Vectorisation
        At least one; a list becomes a tuple.

    Raises
    ------
    ConfigError
        If there is none, or something else among them.
    """

    parts: tuple[Vectorisation, ...]

    def __post_init__(self) -> None:
        if isinstance(self.parts, list):
            object.__setattr__(self, "parts", tuple(self.parts))
        if not isinstance(self.parts, tuple) or not self.parts:
            raise ConfigError(f"parts must be a sequence of vectorisations, not {self.parts!r}")
        for part in self.parts:
            if not isinstance(part, Vectorisation):
                raise ConfigError(f"parts must be vectorisations, not {part!r}")

    @property
    def is_fitted(self) -> bool:
        """Whether `transform` can be called."""
        return all(part.is_fitted for part in self.parts)

    @property
    def n_features(self) -> int:
        """Length of the feature vectors."""
        return sum(part.n_features for part in self.parts)

    def get_feature_names_out(self, input_features: object = None) -> npt.NDArray[np.object_]:
        """Return the name of each feature, shape (F,); the argument is not used."""
        return np.concatenate([part.get_feature_names_out() for part in self.parts])

    def fit(
        self, values: Array, mask: Array | None = None, *, check_values: bool = True
    ) -> FeatureVector:
        """Return the same with all parts fitted; parameters and errors as `Vectorisation.fit`."""
        return FeatureVector(
            tuple(part.fit(values, mask, check_values=check_values) for part in self.parts)
        )

    def transform(
        self, values: Array, mask: Array | None = None, *, check_values: bool = True
    ) -> Array:
        """Return the feature vectors of diagrams, shape (B, F).

        Parameters, errors
            As `Vectorisation.transform`.
        """
        ns, mask = checked(values, mask, check_values=check_values)
        for part in self.parts:
            part.refuse_unfitted()
        return vectors_of(ns, self.parts, values, mask)

    __call__ = transform

    def fit_transform(self, values: Array, mask: Array | None = None) -> Array:
        """Return ``fit(values, mask).transform(values, mask)``; what was fitted is lost."""
        return self.fit(values, mask).transform(values, mask)
