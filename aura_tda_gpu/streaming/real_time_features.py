"""One feature vector a tick for each scale, and one for all of them together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from ..errors import ConfigError, InvalidInputError, LifecycleError
from ..features.base import Vectorisation
from ..features.feature_vector import FeatureVector
from ..persistence.diagram import Diagram
from ..persistence.engine import Float32Array
from .running_features import RunningFeature, TickBars
from .settings import durations, window_id
from .window_update import WindowUpdate

__all__ = ["RealTimeFeatures"]


class RealTimeFeatures:
    """The hook that makes a diagram a feature vector: ``update.features``.

    Parameters
    ----------
    features : FeatureVector or Vectorisation, or mapping of int to such
        What is computed, with all ranges given or fitted: the same at every scale, or one for
        each scale in milliseconds.
    scales : iterable of int, optional
        The scales in milliseconds, in any order; those of the mapping when left out.
    rebuild_every : int
        Ticks after which sums over bars are taken afresh; 1 takes them afresh at every tick.

    Raises
    ------
    ConfigError
        If scales are missing or repeated, or a value is out of range.
    LifecycleError
        If a range is neither given nor fitted.

    Notes
    -----
    Bars of two ticks are compared by birth and death to the last bit, as sorted integers: names of
    bars do not matter here. Where none of a dimension has moved, its features stay; a sum over
    bars (Betti and Euler curve, silhouette, image) that is some work takes in the bars that came
    and gives back those that went; the rest is computed afresh. Everything is computed in float64
    and told in float32.

    Examples
    --------
    >>> import numpy as np
    >>> from aura_tda_gpu import MultiScaleStream
    >>> from aura_tda_gpu.features import FeatureVector, PersistenceLengths, Silhouette
    >>> from aura_tda_gpu.streaming.real_time_features import RealTimeFeatures
    >>> t = np.arange(0, 3, 0.01)
    >>> circle = np.column_stack([np.cos(6.4 * t), np.sin(6.4 * t)])
    >>> parts = (PersistenceLengths(1, n_longest=2), Silhouette(1, sample_range=(0.0, 2.0)))
    >>> hook = RealTimeFeatures(FeatureVector(parts), [1000])
    >>> updates = MultiScaleStream([1000]).push(circle, t)
    >>> hook(updates)
    >>> updates[-1].features.shape, hook.get_feature_names_out()[0]
    ((102,), 'scale_1000ms_h1_length_1')
    """

    def __init__(
        self,
        features: FeatureVector | Vectorisation | Mapping[int, FeatureVector | Vectorisation],
        scales: Iterable[int] | None = None,
        *,
        rebuild_every: int = 64,
    ) -> None:
        if scales is None:
            if not isinstance(features, Mapping):
                raise ConfigError("scales: say at which scales, in milliseconds, as [100, 1000]")
            scales = tuple(features)
        if isinstance(rebuild_every, bool) or not isinstance(rebuild_every, int):
            raise ConfigError(f"rebuild_every must be an integer, not {rebuild_every!r}")
        if rebuild_every < 1:
            raise ConfigError(f"rebuild_every must be an integer from 1 on, not {rebuild_every}")
        self._scales: dict[str, _ScaleFeatures] = {}
        for scale in sorted(durations(scales)):
            given = features.get(scale) if isinstance(features, Mapping) else features
            if given is None:
                raise ConfigError(f"features: there are none for the scale {scale}")
            self._scales[window_id(scale)] = _ScaleFeatures(_parts_of(given), rebuild_every)
        self._latest: dict[str, Float32Array] = {}

    def __call__(self, updates: Sequence[WindowUpdate]) -> None:
        """Give each update its feature vector, float32 of shape (F,), read-only.

        Parameters
        ----------
        updates : sequence of WindowUpdate
            In time order.

        Raises
        ------
        InvalidInputError
            If an update is of another scale; names it.
        NotComputedError
            If a diagram was computed without a dimension that is asked for.
        """
        for update in updates:
            scale = self._scales.get(update.window_id)
            if scale is None:
                known = ", ".join(self._scales)
                raise InvalidInputError(f"no features for {update.window_id!r}, only {known}")
            update.features = self._latest[update.window_id] = scale.take(update.diagram)

    @property
    def window_ids(self) -> tuple[str, ...]:
        """Names of the scales, finest first."""
        return tuple(self._scales)

    @property
    def merged(self) -> Float32Array:
        """The latest features of all scales one after the other, as `merge` returns them."""
        return self.merge(self._latest)

    @property
    def nbytes(self) -> int:
        """Bytes held between two ticks."""
        return sum(scale.nbytes for scale in self._scales.values())

    def merge(self, by_scale: Mapping[str, Float32Array]) -> Float32Array:
        """Return features of all scales one after the other, finest first.

        Parameters
        ----------
        by_scale : mapping of str to ndarray of float32, shape (F,)
            Features by window id.

        Returns
        -------
        ndarray of float32, shape (sum of all F,)
            0 where a scale is missing: it has not ticked yet. Read-only.

        Raises
        ------
        InvalidInputError
            If the features of a scale are not of its length: another hook has made them.
        """
        parts = []
        for name, scale in self._scales.items():
            part = by_scale.get(name)
            if part is not None and part.shape != (scale.size,):
                raise InvalidInputError(
                    f"the features of {name} have shape {part.shape}, not ({scale.size},): "
                    "did another hook make them?"
                )
            parts.append(np.zeros(scale.size, np.float32) if part is None else part)
        merged: Float32Array = np.concatenate(parts)
        merged.setflags(write=False)
        return merged

    def get_feature_names_out(self, scale: str | None = None) -> npt.NDArray[np.object_]:
        """Return the name of each feature.

        Parameters
        ----------
        scale : str, optional
            A window id: the names of its features, for example ``"h1_length_1"``. When left out,
            those of `merged`, for example ``"scale_1000ms_h1_length_1"``.

        Returns
        -------
        ndarray of object, shape (F,)

        Raises
        ------
        ConfigError
            If there is no such scale.
        """
        if scale is None:
            return np.concatenate(
                [f"{name}_" + self.get_feature_names_out(name) for name in self._scales]
            )
        if scale not in self._scales:
            raise ConfigError(f"scale must be one of {', '.join(self._scales)}, not {scale!r}")
        return self._scales[scale].names


class _ScaleFeatures:
    """The features of one window."""

    def __init__(self, parts: tuple[Vectorisation, ...], rebuild_every: int) -> None:
        self._features = [RunningFeature(part, rebuild_every) for part in parts]
        self._dimensions = {part.dimension for part in parts if part.dimension is not None}
        self._bars: TickBars | None = None
        self.names = np.concatenate([part.get_feature_names_out() for part in parts])
        self.size = len(self.names)

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        held = sum(feature.nbytes for feature in self._features)
        return held + (0 if self._bars is None else self._bars.nbytes)

    def take(self, diagram: Diagram) -> Float32Array:
        """Return the features of a diagram, float32 of shape (F,)."""
        for dimension in self._dimensions:
            diagram[dimension]  # raises where it was not computed
        bars, self._bars = TickBars(diagram, self._bars), None
        told: Float32Array = np.empty(self.size, np.float32)
        np.concatenate(
            [feature.take(bars) for feature in self._features], out=told, casting="same_kind"
        )
        bars.forget()
        self._bars = bars  # after all went well: else the next tick starts afresh
        told.setflags(write=False)
        return told


def _parts_of(given: object) -> tuple[Vectorisation, ...]:
    """Return the parts of a vectorisation.

    Raises
    ------
    ConfigError, LifecycleError
        If it is none, or not fitted.
    """
    parts = given.parts if isinstance(given, FeatureVector) else (given,)
    found: list[Vectorisation] = []
    for part in parts:
        if not isinstance(part, Vectorisation):
            raise ConfigError(f"features must be vectorisations, not {part!r}")
        if not part.is_fitted:
            raise LifecycleError(f"{type(part).__name__} is not fitted: call fit(), or give ranges")
        found.append(part)
    return tuple(found)
