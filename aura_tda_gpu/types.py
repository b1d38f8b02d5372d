"""Plain records that cross every floor of the package."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy.typing as npt

__all__ = ["EventType", "PersistenceUpdate", "StreamingPoint", "TDAStreamEvent"]

EventType: TypeAlias = Literal["feature_birth", "feature_update", "feature_death"]


@dataclass(eq=False)
class StreamingPoint:
    """One point of a stream.

    Parameters
    ----------
    coordinates : array_like, shape (dim,)
        Coordinates.
    timestamp : float
        Event time in seconds.
    metadata : dict, optional
        Whatever belongs to the point.
    """

    coordinates: npt.ArrayLike
    timestamp: float
    metadata: dict[str, Any] | None = None


@dataclass(frozen=True)
class TDAStreamEvent:
    """Something that happened to a feature between two ticks of a window.

    Parameters
    ----------
    event_type : str
        ``"feature_birth"``, ``"feature_update"`` or ``"feature_death"``.
    feature_id : str
        Name of the feature, the same in all its events.
    dimension : int
        Homology dimension.
    scale : str
        Name of the time scale, for example ``"scale_100ms"``.
    timestamp : float
        Event time in seconds of the tick that shows it.
    metadata : dict
        What is known of the feature: ``birth``, ``death``, ``persistence`` and more.
    """

    event_type: EventType
    feature_id: str
    dimension: int
    scale: str
    timestamp: float
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(eq=False)
class PersistenceUpdate:
    """The bars of one window at one tick, as parallel lists.

    Parameters
    ----------
    births, deaths : list of float
        Filtration values; a death is ``inf`` for a bar that never closes.
    dimensions : list of int
        Homology dimension of each bar.
    timestamp : float
        Event time of the tick in seconds: the window holds
        ``[timestamp - duration, timestamp)``.
    window_id : str
        Name of the time scale, for example ``"scale_100ms"``.
    """

    births: list[float]
    deaths: list[float]
    dimensions: list[int]
    timestamp: float
    window_id: str
