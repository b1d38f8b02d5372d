"""Latencies in little memory, and quantiles only where there are enough of them."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

__all__ = ["ENOUGH", "QUANTILES", "Latencies", "enough"]

QUANTILES: Mapping[str, float] = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "p99.9": 0.999}
ENOUGH = 2  # latencies that must lie above a quantile
LEAST, LARGEST = 1e-7, 1e9
PRECISION = 0.01  # relative, once latencies are only counted
_KEPT = 1 << 16


def enough(q: float) -> int:
    """Return how many latencies a quantile needs: two of them lie above it."""
    return math.ceil(ENOUGH / (1 - q) - 1e-6)


class Latencies:
    """Seconds: all of them while they are few, then counts in buckets that are 1 % wide.

    Parameters
    ----------
    kept : int
        How many are kept one by one.
    """

    def __init__(self, kept: int = _KEPT) -> None:
        self._limit = kept
        self._values: list[float] = []
        self._width = math.log1p(PRECISION)
        n = math.ceil(math.log(LARGEST / LEAST) / self._width) + 1
        self._counts = np.zeros(n, np.int64)
        self._largest = 0.0
        self._sum = 0.0
        self._n = 0

    def __len__(self) -> int:
        """Return how many were added."""
        return self._n

    @property
    def exact(self) -> bool:
        """Whether all of them are kept."""
        return self._n == len(self._values)

    @property
    def values(self) -> list[float]:
        """The first ones, in the order they came: all of them where `exact`."""
        return self._values

    @property
    def largest(self) -> float | None:
        """The largest one."""
        return self._largest if self._n else None

    @property
    def mean(self) -> float | None:
        """The mean."""
        return self._sum / self._n if self._n else None

    def add(self, seconds: float) -> None:
        """Add one."""
        self._n += 1
        self._sum += seconds
        self._largest = max(self._largest, seconds)
        self._counts[self._bucket(seconds)] += 1
        if len(self._values) < self._limit:
            self._values.append(seconds)

    def add_all(self, other: Latencies) -> None:
        """Add those of another one."""
        self._n += other._n
        self._sum += other._sum
        self._largest = max(self._largest, other._largest)
        self._counts += other._counts
        if other.exact and len(self._values) + len(other._values) <= self._limit:
            self._values += other._values

    def quantile(self, q: float) -> float | None:
        """Return a latency that at least a share ``q`` of all do not exceed; None if too few.

        It is one of the latencies where all are kept, else at most 1 % more than one.
        """
        if self._n < enough(q):
            return None
        rank = max(0, math.ceil(q * self._n) - 1)
        if self.exact:
            return float(np.partition(np.asarray(self._values), rank)[rank])
        bucket = int(np.searchsorted(np.cumsum(self._counts), rank + 1))
        return min(LEAST * math.exp((bucket + 1) * self._width), self._largest)

    def high(self) -> tuple[str, float | None]:
        """Return p99 with its name, or the largest where there are too few for it."""
        p99 = self.quantile(0.99)
        return ("maximum", self.largest) if p99 is None else ("p99", p99)

    def too_few(self) -> str:
        """Say which quantiles there are too few updates for, and how many they need."""
        lacking = [f"{k} ({enough(q)})" for k, q in QUANTILES.items() if self._n < enough(q)]
        return f"{self._n} updates are too few for {', '.join(lacking)}" if lacking else ""

    def histogram(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """Return edges in seconds, shape (m + 1,), and counts, shape (m,), of what was met."""
        met = np.flatnonzero(self._counts)
        if not len(met):
            return np.array([LEAST]), np.zeros(0, np.int64)
        first, last = met[0], met[-1] + 1
        edges = LEAST * np.exp(np.arange(first, last + 1) * self._width)
        return edges, self._counts[first:last].copy()

    def as_dict(self) -> dict[str, object]:
        """Return all of it, ready for JSON; `from_dict` takes it."""
        met = np.flatnonzero(self._counts).tolist()
        return {
            "n": self._n,
            "sum": self._sum,
            "largest": self._largest,
            "buckets": [[i, int(self._counts[i])] for i in met],
            "values": self._values,
        }

    @classmethod
    def from_dict(cls, told: Mapping[str, object], kept: int = _KEPT) -> Latencies:
        """Return what `as_dict` told."""
        found = cls(kept)
        found._n = told["n"]  # type: ignore[assignment]
        found._sum = told["sum"]  # type: ignore[assignment]
        found._largest = told["largest"]  # type: ignore[assignment]
        found._values = list(told["values"])  # type: ignore[call-overload]
        for bucket, count in told["buckets"]:  # type: ignore[attr-defined]
            found._counts[bucket] = count
        return found

    def _bucket(self, seconds: float) -> int:
        if seconds <= LEAST:
            return 0
        return min(int(math.log(seconds / LEAST) / self._width), len(self._counts) - 1)
