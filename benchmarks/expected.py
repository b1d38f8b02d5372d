"""The bars that are right: from the CPU engine, or, without numba, from stored digests.

``python -m benchmarks.expected`` writes the digests anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from aura_tda_gpu.persistence.reference import MAX_POINTS
from aura_tda_gpu.persistence.rips import vietoris_rips

from .clouds import cloud
from .comparison import Bars, assert_equal, bars_of, sorted_bars

__all__ = ["Oracle"]

STORED = Path(__file__).with_name("expected_bars.json")
STORED_SHAPES = ("lorenz", "torus", "gaussian 10-D")
STORED_SIZES = (1024, 2048)

Points = npt.NDArray[np.float32]


class Oracle:
    """Tells whether the bars of a seeded cloud are right.

    Parameters
    ----------
    use_cpu : bool, optional
        Whether to ask the CPU engine; by default where numba is installed.
    """

    def __init__(self, use_cpu: bool | None = None) -> None:
        self.use_cpu = _has_numba() if use_cpu is None else use_cpu
        self._stored: dict[str, dict[str, str]] = json.loads(STORED.read_text())

    @property
    def name(self) -> str:
        """What bars are compared with, in words."""
        if self.use_cpu:
            return "the CPU engine"
        return "stored digests, and the reference engine where the points differ (no numba)"

    def check(self, shape: str, n: int, found: Callable[[Points], Bars]) -> str:
        """Stop unless the bars of a cloud are right; return what they were compared with.

        Parameters
        ----------
        shape, n
            As in `clouds.cloud`.
        found : callable
            Computes bars of points.
        """
        points = cloud(shape, n)
        if self.use_cpu:
            self.check_points(points, found(points), f"{shape}, n = {n}")
            return "the CPU engine"
        stored = self._stored.get(f"{shape} {n}")
        if stored is not None and stored["points"] == _digest(points):
            if stored["bars"] != _digest_of_bars(found(points)):
                raise SystemExit(f"{shape}, n = {n}: other bars than stored; nothing is timed")
            return "a stored digest"
        few = points[:: -(-n // MAX_POINTS)]
        self.check_points(few, found(few), f"{len(few)} of {shape}, n = {n}")
        return f"the reference engine on {len(few)} of the points"

    def check_points(self, points: Points, found: Bars, who: str) -> str:
        """Stop unless ``found`` are the bars of any points; return what they were compared with."""
        if self.use_cpu:
            assert_equal(bars_of(vietoris_rips(points, backend="cpu")), found, who)
            return "the CPU engine"
        if len(points) > MAX_POINTS:
            return "nothing: numba is not installed"
        assert_equal(bars_of(vietoris_rips(points, backend="reference")), found, who)
        return "the reference engine"


def _has_numba() -> bool:
    try:
        import numba  # noqa: F401
    except ImportError:
        return False
    return True


def _digest(array: npt.NDArray[Any]) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:32]


def _digest_of_bars(bars: Bars) -> str:
    return _digest(np.concatenate([sorted_bars(bars[k]) for k in (0, 1)]))


def main() -> None:
    """Write the digests of the CPU engine's bars."""
    stored = {}
    for shape in STORED_SHAPES:
        for n in STORED_SIZES:
            points = cloud(shape, n)
            bars = bars_of(vietoris_rips(points, backend="cpu"))
            stored[f"{shape} {n}"] = {"points": _digest(points), "bars": _digest_of_bars(bars)}
    STORED.write_text(json.dumps(stored, indent=1) + "\n")


if __name__ == "__main__":
    main()
