"""The life of a feature, and whether it is stable."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ...persistence.arrays import Float64Array
from .checks import integer, number

__all__ = ["Lifeline", "StabilityFilter", "TopologicalFeature"]


@dataclass(frozen=True, slots=True, eq=False)
class Lifeline:
    """A feature of one time scale, from its first tick to its last.

    Attributes
    ----------
    id : str
        ``"scale_1000ms/H1/3"``: scale, homology dimension, and a number that no other feature gets.
    dimension : int
        Homology dimension.
    scale : str
        Name of the time scale.
    first_seen, last_seen : float
        Event times in seconds of the ticks that showed its bar first and last. It became a
        feature at the ``min_ticks``-th of them at the earliest.
    n_ticks : int
        Ticks that showed its bar.
    times : ndarray of float64, shape (n,)
        Event times of the newest ticks that showed it since it became a feature.
    births, deaths : ndarray of float64, shape (n,)
        Its bar at these ticks; ``inf`` while it is open.
    stability : float
        Persistence of two ticks in a row, the smaller over the larger, smoothed over about five
        ticks; nan after its first one.
    last_ratio : float
        The newest of these ratios.
    p_value : float
        That of its bar at ``last_seen``, corrected for the number of bars; nan where there is
        none.
    significant : bool
        Whether the run-length rule decides so now; True where it is not asked.
    certain : bool
        Whether its bar was longer than twice the error bound at ``last_seen``, so that a bar of
        the whole window stands behind it.
    group : int
        The same number for what is one loop at several scales.
    cycle : tuple of tuple of int
        Closed walks through point ids that represent it, as they last were; empty in dimension 0.
    row : int
        Row of its bar in the newest diagram of its scale, -1 if that does not show it.
    """

    id: str
    dimension: int
    scale: str
    first_seen: float
    last_seen: float
    n_ticks: int
    times: Float64Array
    births: Float64Array
    deaths: Float64Array
    stability: float
    last_ratio: float
    p_value: float
    significant: bool
    certain: bool
    group: int
    cycle: tuple[tuple[int, ...], ...]
    row: int

    @property
    def birth(self) -> float:
        """Birth of its newest bar."""
        return float(self.births[-1])

    @property
    def death(self) -> float:
        """Death of its newest bar; ``inf`` while it is open."""
        return float(self.deaths[-1])

    @property
    def persistence(self) -> float:
        """Length of its newest bar."""
        return self.death - self.birth

    def __repr__(self) -> str:
        return (
            f"Lifeline({self.id}: [{self.birth:.4g}, {self.death:.4g}), {self.n_ticks} ticks, "
            f"{self.first_seen:g} to {self.last_seen:g} s, stability {self.stability:.2f})"
        )


class TopologicalFeature(Protocol):
    """What `StabilityFilter` reads of a feature; a `Lifeline` is one."""

    @property
    def id(self) -> str:
        """Its name."""

    @property
    def birth(self) -> float:
        """Birth of its bar."""

    @property
    def death(self) -> float:
        """Death of its bar."""


class StabilityFilter:
    """Tell features that keep their persistence from those that come and go.

    Parameters
    ----------
    stability_threshold : float
        A feature is stable if the smaller of its persistence and its former one is more than
        this share of the larger.
    max_features : int
        Features that are remembered; those not asked about longest are forgotten first.

    Raises
    ------
    ConfigError
        If a value is out of range.
    """

    def __init__(self, stability_threshold: float = 0.1, max_features: int = 10_000) -> None:
        self.threshold = number("stability_threshold", stability_threshold, 1)
        self.feature_history: OrderedDict[str, float] = OrderedDict()
        self._max_features = integer("max_features", max_features, 1)

    def is_stable(self, feature: TopologicalFeature) -> bool:
        """Compare a feature with what it was when last asked about, and remember it.

        Parameters
        ----------
        feature : object with id, birth and death
            For example a `Lifeline`.

        Returns
        -------
        bool
            False for a feature that was not asked about before.
        """
        length = feature.death - feature.birth
        former = self.feature_history.pop(feature.id, None)
        self.feature_history[feature.id] = length
        if len(self.feature_history) > self._max_features:
            self.feature_history.popitem(last=False)
        return former is not None and ratio_of(length, former) > self.threshold


def ratio_of(length: float, former: float) -> float:
    """Return the smaller of two persistences over the larger; 1 if both are infinite."""
    larger = max(length, former)
    if math.isinf(larger):
        return float(np.isinf(min(length, former)))
    return min(length, former) / larger if larger > 0 else 0.0
