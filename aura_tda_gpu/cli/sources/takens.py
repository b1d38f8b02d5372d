"""Delay embedding of a scalar stream."""

from __future__ import annotations

import numpy as np

from ...errors import ConfigError
from .base import Chunk

__all__ = ["DelayEmbedding", "parse_takens"]

_MAX_SPAN = 1_000_000


class DelayEmbedding:
    """Turn samples ``x_i`` into points ``(x_i, x_(i-lag), ..., x_(i-(dim-1) lag))``.

    A point has the time of its newest sample. Samples are counted by their row in the source,
    so no point reaches across a row that was skipped. Takens, "Detecting strange attractors in
    turbulence" (1981), section 2.

    Parameters
    ----------
    dim : int
        Coordinates of a point.
    lag : int
        Distance of two coordinates, in samples.

    Raises
    ------
    ConfigError
        If a number is out of range.
    """

    def __init__(self, dim: int, lag: int) -> None:
        if dim < 2 or lag < 1 or (dim - 1) * lag > _MAX_SPAN:
            raise ConfigError(
                f"--takens {dim}:{lag}: DIM must be 2 or more, LAG 1 or more, and "
                f"(DIM - 1) x LAG at most {_MAX_SPAN}"
            )
        self.dim = dim
        self.lag = lag
        self._tail: Chunk | None = None

    @property
    def span(self) -> int:
        """Samples between the newest and the oldest coordinate."""
        return (self.dim - 1) * self.lag

    def __call__(self, chunk: Chunk) -> Chunk:
        """Return the points that the samples of one more chunk, shape (m, 1), complete."""
        joined = chunk
        if self._tail is not None:
            pair = (self._tail, chunk)
            joined = Chunk(
                np.concatenate([c.points for c in pair]),
                np.concatenate([c.times for c in pair]),
                np.concatenate([c.rows for c in pair]),
                np.concatenate([c.places for c in pair]),
            )
        self._tail = joined[max(0, len(joined) - self.span) :]
        n = max(0, len(joined) - self.span)
        signal = joined.points[:, 0]
        starts = [self.span - i * self.lag for i in range(self.dim)]
        points = np.stack([signal[start : start + n] for start in starts], axis=1)
        newest = joined[len(joined) - n :]
        unbroken = newest.rows - joined.rows[:n] == self.span
        return Chunk(points, newest.times, newest.rows, newest.places)[unbroken]


def parse_takens(text: str) -> DelayEmbedding:
    """Read ``DIM:LAG``.

    Raises
    ------
    ConfigError
        If the text is something else.
    """
    dim, colon, lag = text.partition(":")
    if not (colon and dim.strip().isdecimal() and lag.strip().isdecimal()):
        raise ConfigError(f"--takens must be DIM:LAG, two whole numbers such as 3:7, not {text!r}")
    return DelayEmbedding(int(dim), int(lag))
