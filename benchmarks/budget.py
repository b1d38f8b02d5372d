"""Which runs of a peer would take too long, told from the sizes before."""

from __future__ import annotations

import numpy as np

__all__ = ["Budget"]

HOPELESS = 10


class Budget:
    """What each variant of a peer took on one cloud, to tell what the next size will take."""

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self._seconds: dict[tuple[str, str], dict[int, float]] = {}

    def saw(self, peer: str, variant: str, n: int, seconds: float) -> None:
        """Remember one run."""
        self._seconds.setdefault((peer, variant), {})[n] = seconds

    def refusal(self, peer: str, variant: str, n: int) -> str | None:
        """Return why a run is left out, or None."""
        own = self._seconds.get((peer, variant))
        if not own:
            return None
        predicted = self.predicted(peer, variant, n)
        if predicted > self.limit:
            return f"predicted {predicted:.0f} s"
        last_n = max(own)
        last = own[last_n]
        variants = [runs for (name, _), runs in self._seconds.items() if name == peer]
        fastest = min(runs[last_n] for runs in variants if last_n in runs)
        if last > HOPELESS * fastest:
            return f"{last / fastest:.0f} times as slow as its other variant at n = {last_n}"
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
