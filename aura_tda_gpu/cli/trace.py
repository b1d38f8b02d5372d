"""What a picture of a long stream needs, in bounded memory."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["Sample", "Trace"]

Float64Array = npt.NDArray[np.float64]


class Trace:
    """A signal over time as the range of each of at most ``limit`` runs of samples.

    Runs are single samples until there are too many; then neighbours are merged and the runs
    become twice as long.

    Parameters
    ----------
    limit : int
        Largest number of runs, even.
    """

    def __init__(self, limit: int = 16384) -> None:
        self._limit = limit
        self._stride = 1
        self._runs = np.empty((3, 0))
        self._rest = np.empty((3, 0))

    def add(self, times: Float64Array, values: Float64Array) -> None:
        """Add samples, both of shape (m,)."""
        rest = np.concatenate([self._rest, np.stack([times, values, values])], axis=1)
        n = rest.shape[1] // self._stride * self._stride
        self._runs = np.concatenate([self._runs, _merged(rest[:, :n], self._stride)], axis=1)
        self._rest = rest[:, n:]
        while self._runs.shape[1] > self._limit:
            even = self._runs.shape[1] // 2 * 2
            odd, self._runs = self._runs[:, even:], _merged(self._runs[:, :even], 2)
            # an odd run out is whole in itself: the next merge takes it with its neighbour
            self._runs = np.concatenate([self._runs, odd], axis=1)
            self._stride *= 2

    def __len__(self) -> int:
        """Return the number of runs."""
        return self._runs.shape[1] + (self._rest.shape[1] > 0)

    @property
    def times(self) -> Float64Array:
        """First time of each run, shape (n,)."""
        times, _, _ = self._all()
        return times

    @property
    def low(self) -> Float64Array:
        """Smallest value of each run, shape (n,)."""
        _, low, _ = self._all()
        return low

    @property
    def high(self) -> Float64Array:
        """Largest value of each run, shape (n,)."""
        _, _, high = self._all()
        return high

    def _all(self) -> tuple[Float64Array, Float64Array, Float64Array]:
        rest = _merged(self._rest, max(1, self._rest.shape[1]))
        times, low, high = np.concatenate([self._runs, rest], axis=1)
        return times, low, high


class Sample:
    """Every ``stride``-th of the values seen, for quantiles; at most ``limit`` of them."""

    def __init__(self, limit: int = 65536) -> None:
        self._limit = limit
        self._stride = 1
        self._kept: list[float] = []
        self.count = 0

    def add(self, value: float) -> None:
        """Add one value."""
        if self.count % self._stride == 0:
            self._kept.append(value)
        self.count += 1
        if len(self._kept) > self._limit:
            self._kept = self._kept[::2]
            self._stride *= 2

    def quantile(self, q: float) -> float:
        """Return a quantile of the values kept, nan if there are none."""
        return float(np.quantile(self._kept, q)) if self._kept else float("nan")


def _merged(runs: Float64Array, size: int) -> Float64Array:
    """Merge every ``size`` neighbouring runs, shape (3, n) with n a multiple of size."""
    times, low, high = runs.reshape(3, -1, size)
    return np.stack([times[:, 0], low.min(axis=1), high.max(axis=1)])
