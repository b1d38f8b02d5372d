"""Points for a given load: any row of a stream, by its number, at any rate.

Row i of a source arrives at ``i / rate`` seconds, which is its event time, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from aura_tda_gpu.cli.demo.run import LAG, recording_path

from .clouds import lorenz
from .streams import Points, torus_knot_points

__all__ = ["SOURCES", "Source", "source"]

NOISE = 0.05  # deviation; of coordinates beyond those of the shape as well
_POOL = 1 << 16  # rows of noise that are drawn once
_LORENZ_STEP = 0.02  # seconds of `clouds.lorenz`


class Source(Protocol):
    """A stream whose rows can be asked for in any order."""

    dim: int

    def block(self, first: int, last: int) -> Points:
        """Return rows ``first`` to ``last - 1``, shape (last - first, dim)."""


class Shape:
    """A curve run through in event time, with normal noise.

    Parameters
    ----------
    curve : callable
        Seconds, shape (m,), to places, shape (m, 3).
    noise : float
        Its deviation in the coordinates of the curve.
    rate_hz, dim, seed
        As in `source`.
    """

    def __init__(
        self,
        curve: Callable[[Points], Points],
        noise: float,
        rate_hz: float,
        dim: int,
        seed: int,
    ) -> None:
        self.dim = dim
        self._curve = curve
        self._rate = rate_hz
        self._noise = np.random.default_rng(seed).normal(0, NOISE, (_POOL, dim))
        self._noise[:, :3] *= noise / NOISE

    def block(self, first: int, last: int) -> Points:
        """Return some rows; see `Source`."""
        rows = np.arange(first, last)
        points = self._noise[rows % _POOL]
        own = min(3, self.dim)
        points[:, :own] += self._curve(rows / self._rate)[:, :own]
        return points


class Recording:
    """The demo's recording of a pulse, delay-embedded, a sample for each row, over and over."""

    def __init__(self, dim: int) -> None:
        self.dim = dim
        signal = np.loadtxt(recording_path(), delimiter=",", skiprows=1, usecols=1)
        span = (dim - 1) * LAG
        columns = [signal[span - k * LAG : len(signal) - k * LAG] for k in range(dim)]
        self._rows: Points = np.column_stack(columns)

    def block(self, first: int, last: int) -> Points:
        """Return some rows; see `Source`."""
        return self._rows[np.arange(first, last) % len(self._rows)]


def _knot(rate_hz: float, seconds: float, dim: int, seed: int) -> Source:
    return Shape(torus_knot_points, NOISE, rate_hz, dim, seed)


def _lorenz(rate_hz: float, seconds: float, dim: int, seed: int) -> Source:
    from scipy.interpolate import CubicSpline

    path = lorenz(int(seconds / _LORENZ_STEP) + 4, np.random.default_rng(seed))
    curve: Any = CubicSpline(_LORENZ_STEP * np.arange(len(path)), path)
    return Shape(curve, 0.0, rate_hz, dim, seed)


def _recording(rate_hz: float, seconds: float, dim: int, seed: int) -> Source:
    return Recording(dim)


SOURCES: dict[str, Callable[[float, float, int, int], Source]] = {
    "knot": _knot,
    "lorenz": _lorenz,
    "recording": _recording,
}


def source(name: str, rate_hz: float, seconds: float, dim: int, seed: int = 0) -> Source:
    """Return a source of points.

    Parameters
    ----------
    name : str
        ``"knot"``, a noisy torus knot run through in 0.7 s; ``"lorenz"``, a Lorenz attractor in
        its own time; ``"recording"``, the recording of the demo, a sample a row.
    rate_hz : float
        Rows a second.
    seconds : float
        Event time that will be asked for.
    dim : int
        Coordinates; beyond those of the shape they are noise, of a recording more delays.
    seed : int
        Of noise and of the start.
    """
    return SOURCES[name](rate_hz, seconds, dim, seed)


def event_times(first: int, last: int, rate_hz: float) -> npt.NDArray[np.float64]:
    """Return the seconds at which some rows arrive."""
    return np.arange(first, last) / rate_hz
