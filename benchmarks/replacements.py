"""Windows that all go through the same replacements, and how long each takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from aura_tda_gpu import Diagram, RipsWindow, vietoris_rips
from aura_tda_gpu.persistence.distances import pairwise

from .clouds import cloud
from .comparison import Bars, assert_equal, bars_of, timed

__all__ = ["FROM_POINTS", "REBUILT", "UPDATED", "WARM_UP", "Samples", "Windows"]

UPDATED, REBUILT, FROM_POINTS = "updated", "rebuilt", "vietoris_rips"
WARM_UP = 3  # replacements before the first one that is timed


@dataclass
class Samples:
    """Seconds of every contender, and what the window that updates says about its work."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    paths: list[str] = field(default_factory=list)
    rechecked: list[int] = field(default_factory=list)


class Windows:
    """Two windows of the same points: one updates in place as it is told to, one never does.

    Parameters
    ----------
    name : str
        The cloud; its first ``n`` points fill the windows, the later ones replace them.
    n : int
        Points held.
    n_fresh : int
        Points that can be put in.
    updates : str
        ``"always"`` or ``"auto"``, for the first window.
    backend : str
        Of both.
    """

    def __init__(
        self, name: str, n: int, n_fresh: int, updates: str, backend: str = "auto"
    ) -> None:
        points = cloud(name, n + n_fresh)
        self.name = name
        self._backend = backend
        self._fresh = points[n:]
        self._rng = np.random.default_rng(n)
        self._windows = {
            UPDATED: RipsWindow(n, points.shape[1], updates=updates, backend=backend),
            REBUILT: RipsWindow(n, points.shape[1], updates="never", backend=backend),
        }
        for window in self._windows.values():
            window.insert(points[:n])
            window.diagram()
        self._turn = 0

    @property
    def points(self) -> npt.NDArray[np.float32]:
        """The points held now, shape (n, dim)."""
        return self._windows[UPDATED].points

    def distances(self) -> npt.NDArray[np.float32]:
        """Return the matrix of distances of the points held now, for the peers."""
        return pairwise(self.points, "euclidean")

    def bars(self) -> Bars:
        """Return the bars of the points held now."""
        return bars_of(self._windows[UPDATED].diagram())

    def replace(
        self, m: int, samples: Samples, *, times: int = 1, from_points: bool = False
    ) -> None:
        """Replace ``m`` points chosen at random, and time it until the diagram is there.

        The contenders take turns at being first. All bars are compared, to the last bit.

        Parameters
        ----------
        m : int
            Points that go; as many come.
        samples : Samples
            Added to.
        times : int
            Replacements that a contender goes through before it is the turn of the next one.
        from_points : bool
            Whether `vietoris_rips` of the points held then is a contender, too.
        """
        steps = [self._step(m) for _ in range(times)]
        told: dict[str, list[Diagram]] = {}
        names = [UPDATED, REBUILT]
        for name in names[:: -1 if self._turn % 2 else 1]:
            window = self._windows[name]
            told[name] = []
            for slots, fresh in steps:
                gone = window.ids[slots]
                seconds, diagram = timed(lambda w=window, g=gone, f=fresh: _replaced(w, g, f))
                samples.seconds.setdefault(name, []).append(seconds)
                told[name].append(diagram)
        self._turn += 1
        who = f"after replacing {m} of {len(self.points)}, {self.name}"
        for updated, rebuilt in zip(told[UPDATED], told[REBUILT], strict=True):
            assert_equal(bars_of(rebuilt), bars_of(updated), f"{UPDATED} {who}")
            samples.paths.append(updated.info["path"])
            samples.rechecked.append(updated.info["n_rechecked"])
        if from_points:
            points = self.points
            seconds, batch = timed(lambda: vietoris_rips(points, backend=self._backend))
            samples.seconds.setdefault(FROM_POINTS, []).append(seconds)
            assert_equal(bars_of(told[REBUILT][-1]), bars_of(batch), f"{FROM_POINTS} {who}")

    def _step(self, m: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """Choose which slots get which points."""
        fresh, self._fresh = self._fresh[:m], self._fresh[m:]
        if len(fresh) < m:
            raise ValueError(f"only {len(fresh)} fresh points are left, not {m}")
        return self._rng.choice(len(self.points), m, replace=False), fresh


def _replaced(window: RipsWindow, gone: Any, fresh: Any) -> Diagram:
    window.replace(gone, fresh)
    return window.diagram()
