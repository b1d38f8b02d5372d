"""What noise looks like in small windows and in landmark windows: measured, and shipped as a table.

The table is made by ``benchmarks/calibrate_significance.py``, which says how; the file holds its
seed and its settings.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_left
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import ConfigError

__all__ = ["COLUMNS", "TABLE", "UNIVERSAL", "Calibration", "calibration_for"]

TABLE = Path(__file__).with_name("null_windows.json")
COLUMNS = "n_bars", "at_5", "at_1", "longest_5", "longest_1"


@dataclass(frozen=True, slots=True)
class Calibration:
    """How long the longest bar of pure noise is, against the middle of its diagram and by itself.

    Attributes
    ----------
    name : str
        ``"universal"`` for the asymptotic law, else the windows it was measured on: ``"exact"``,
        ``"cover"`` or ``"maxmin"``.
    points_per_vertex : float
        Rows for each vertex of the diagram, in the windows it was measured on.
    n_bars : tuple of float
        Ascending numbers of bars, at least two; between them the thresholds are interpolated in
        the logarithm, outside the nearest is taken. Empty for the universal law.
    at_5, at_1 : tuple of float
        In a window of so many bars of noise, the largest ``log log(death / birth)`` less their
        median is above this in at most 5 %, in at most 1 % of the windows. ``at_1`` is the larger.
        Fewer than three bars have no such median, and no use of it.
    longest_5, longest_1 : tuple of float
        The same of the largest ``death / birth`` itself, of noise in a plane, where it is largest:
        in at most 5 %, in at most 1 % of the windows it is above this, or the heights above the
        median are above what they are above half as often. Empty where it is not known.
    """

    name: str
    points_per_vertex: float = 1.0
    n_bars: tuple[float, ...] = ()
    at_5: tuple[float, ...] = ()
    at_1: tuple[float, ...] = ()
    longest_5: tuple[float, ...] = ()
    longest_1: tuple[float, ...] = ()

    def thresholds(self, n: int) -> tuple[float, float]:
        """Return ``at_5`` and ``at_1`` for ``n`` bars, at least one."""
        return self._between(n, self.at_5), self._between(n, self.at_1)

    def longest(self, n: int) -> tuple[float, float]:
        """Return ``log log`` of ``longest_5`` and of ``longest_1`` for ``n`` bars, at least one."""
        at_5, at_1 = (self._between(n, column) for column in self.log_longest)
        return at_5, at_1

    @property
    def log_longest(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """``log log`` of ``longest_5`` and of ``longest_1``."""
        at_5, at_1 = (
            tuple(math.log(math.log(ratio)) for ratio in column)
            for column in (self.longest_5, self.longest_1)
        )
        return at_5, at_1

    def _between(self, n: int, column: tuple[float, ...]) -> float:
        known = self.n_bars
        right = min(max(bisect_left(known, n), 1), len(known) - 1)
        share = math.log(n / known[right - 1]) / math.log(known[right] / known[right - 1])
        share = min(max(share, 0.0), 1.0)
        return column[right - 1] + share * (column[right] - column[right - 1])


UNIVERSAL = Calibration("universal")


def calibration_for(*, landmarks: str, n_vertices: int, n_points: int) -> Calibration:
    """Return the law of noise for a window.

    Parameters
    ----------
    landmarks : str
        ``"exact"``, or the strategy whose landmarks stand for the window, ``"cover"`` or
        ``"maxmin"``.
    n_vertices, n_points : int
        Vertices of the diagram, and rows of the window. No more rows than vertices is exact.

    Returns
    -------
    Calibration
        The entry with the most rows a vertex that are not more than those of the window: with
        fewer rows landmarks are more like a sample, whose bars are longer by chance.

    Raises
    ------
    ConfigError
        If the name is unknown.
    """
    table = _table()
    if landmarks not in table:
        raise ConfigError(f"unknown landmarks {landmarks!r}; choose one of {', '.join(table)}")
    entries = table[landmarks] if n_points > n_vertices > 0 else table["exact"]
    fitting = [e for e in entries if e.points_per_vertex * n_vertices <= n_points]
    return fitting[-1] if fitting else table["exact"][0]


@cache
def _table() -> dict[str, list[Calibration]]:
    """Return the entries of each name by ascending rows a vertex."""
    rows: list[dict[str, Any]] = json.loads(TABLE.read_text(encoding="utf-8"))["rows"]
    table: dict[str, list[Calibration]] = {}
    for row in sorted(rows, key=lambda row: float(row["points_per_vertex"])):
        columns = (tuple(map(float, row[key])) for key in COLUMNS)
        entry = Calibration(row["landmarks"], float(row["points_per_vertex"]), *columns)
        table.setdefault(entry.name, []).append(entry)
    return table
