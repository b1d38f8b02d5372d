"""A stream's topology one sample at a time, as river's transformers work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import ConfigError, InvalidInputError, LifecycleError
from .base import Vectorisation
from .checks import is_number
from .feature_vector import FeatureVector
from .padding import pad

__all__ = ["StreamTransformer"]


class StreamTransformer:
    """Turn samples into the topological features of the windows they end.

    It has river's ``learn_one`` and ``transform_one`` and needs nothing of river.

    Parameters
    ----------
    stream : MultiScaleStream
        New, and not used elsewhere.
    vectorisation : Vectorisation or FeatureVector
        With its ranges given or fitted.
    time : str, optional
        The entry of a sample that is its event time in seconds; the others are coordinates.
    period_ms : float
        Without ``time``: milliseconds from one sample to the next.

    Raises
    ------
    ConfigError
        If the vectorisation is none, or ``period_ms`` is not positive.
    LifecycleError
        If the vectorisation is not fitted.

    Examples
    --------
    >>> from aura_tda_gpu import MultiScaleStream
    >>> from aura_tda_gpu.features import PersistenceLengths
    >>> topology = StreamTransformer(MultiScaleStream([100]), PersistenceLengths(0, n_longest=1))
    >>> for i in range(102):
    ...     topology.learn_one({"x": i % 7, "y": 0.0})
    >>> topology.transform_one({"x": 0.0, "y": 0.0})
    {'scale_100ms_h0_length_1': 1.0}
    """

    _supervised = False  # river asks

    def __init__(
        self,
        stream: Any,
        vectorisation: Vectorisation | FeatureVector,
        *,
        time: str | None = None,
        period_ms: float = 1.0,
    ) -> None:
        if not isinstance(vectorisation, Vectorisation | FeatureVector):
            raise ConfigError(f"vectorisation must be one, or a FeatureVector: {vectorisation!r}")
        if not is_number(period_ms) or not period_ms > 0:
            raise ConfigError(f"period_ms must be positive and finite, not {period_ms!r}")
        if not vectorisation.is_fitted:
            raise LifecycleError("the vectorisation of a StreamTransformer must be fitted")
        self.stream = stream
        self.vectorisation = vectorisation
        self.time = time
        self.period_ms = period_ms
        self._coordinates: list[str] | None = None
        self._n_seen = 0
        names = vectorisation.get_feature_names_out()
        self._features = {f"{scale}_{name}": 0.0 for scale in stream.windows for name in names}

    def learn_one(self, x: Mapping[str, Any]) -> None:
        """Take one more sample.

        Parameters
        ----------
        x : mapping of str to float
            The same entries each time.

        Raises
        ------
        InvalidInputError
            If an entry is missing or new, or as `MultiScaleStream.push`; nothing has changed then.
        """
        names = [name for name in x if name != self.time]
        known = names if self._coordinates is None else self._coordinates
        if set(names) != set(known) or (self.time is not None and self.time not in x):
            wanted = sorted({*known, *([] if self.time is None else [self.time])})
            raise InvalidInputError(f"a sample must have the entries {wanted}, not {sorted(x)}")
        now = self._n_seen * self.period_ms / 1000 if self.time is None else x[self.time]
        updates = self.stream.push([[x[name] for name in known]], [now])
        self._coordinates = known
        self._n_seen += 1
        for update in updates:
            vector = self.vectorisation.transform(*pad([update.diagram]))[0]
            names_out = self.vectorisation.get_feature_names_out()
            for name, value in zip(names_out, vector.tolist(), strict=True):
                self._features[f"{update.window_id}_{name}"] = value

    def transform_one(self, x: Mapping[str, Any]) -> dict[str, float]:
        """Return the features of each scale at its last tick, 0 before the first.

        Parameters
        ----------
        x : mapping
            Not used: what counts is what has been learned.
        """
        return dict(self._features)
