"""Plain records that cross every floor of the package."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PersistenceUpdate"]


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
