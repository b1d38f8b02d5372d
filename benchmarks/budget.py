"""Which runs of a peer would take too long, told from the sizes before."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from .comparison import timed

__all__ = ["Budget"]

T = TypeVar("T")
HELD_UP = 2  # times the prediction, beyond which a run is made again
SLOWER = 3  # times as slow as the other variant, beyond which a variant is not tried


class Budget:
    """What each variant of a peer took on one cloud, to tell what the next size will take."""

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self._seconds: dict[tuple[str, str], dict[int, float]] = {}

    def saw(self, peer: str, variant: str, n: int, seconds: float) -> None:
        """Remember one run; of several of one size the fastest counts."""
        seen = self._seconds.setdefault((peer, variant), {})
        seen[n] = min(seconds, seen.get(n, seconds))

    def timed(self, peer: str, variant: str, n: int, run: Callable[[], T]) -> tuple[float, T]:
        """Return the seconds of a run, remembered, and what it returned.

        One that takes so much longer than predicted that it seems to have been held up is made
        again, and the faster one counts.
        """
        seconds, found = timed(run)
        if seconds > HELD_UP * self.predicted(peer, variant, n):
            seconds = min(seconds, timed(run)[0])
        self.saw(peer, variant, n, seconds)
        return seconds, found

    def refusal(self, peer: str, variant: str, n: int) -> str | None:
        """Return why a run is left out, or None."""
        own = self._seconds.get((peer, variant))
        if not own:
            return None
        predicted = self.predicted(peer, variant, n)
        if predicted > self.limit:
            return f"predicted {predicted:.0f} s"
        others = [v for name, v in self._seconds if name == peer and v != variant]
        fastest = min((self.predicted(peer, v, n) for v in others), default=predicted)
        if len(own) >= 2 and predicted > SLOWER * fastest:
            return f"predicted {predicted / fastest:.0f} times as slow as its other variant"
        return None

    def predicted(self, peer: str, variant: str, n: int) -> float:
        """Return the seconds that a run will take, infinite where none was seen."""
        own = self._seconds.get((peer, variant))
        if not own:
            return float("inf")
        last_n = max(own)
        return own[last_n] * (n / last_n) ** self._exponent(own)

    @staticmethod
    def _exponent(own: dict[int, float]) -> float:
        """Growth with n: at least cubic, and whatever steeper was seen."""
        if len(own) < 2:
            return 4.0
        before, last = sorted(own)[-2:]
        return max(3.0, float(np.log(own[last] / own[before]) / np.log(last / before)))
