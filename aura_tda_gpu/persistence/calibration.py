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

__all__ = ["TABLE", "UNIVERSAL", "Calibration", "calibration_for"]

TABLE = Path(__file__).with_name("null_windows.json")


@dataclass(frozen=True, slots=True)
class Calibration:
    """How far above the middle of its diagram the longest bar of pure noise lies.

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
    """

    name: str
    points_per_vertex: float = 1.0
    n_bars: tuple[float, ...] = ()
    at_5: tuple[float, ...] = ()
    at_1: tuple[float, ...] = ()

    def thresholds(self, n: int) -> tuple[float, float]:
        """Return ``at_5`` and ``at_1`` for ``n`` bars, at least one."""
        known = self.n_bars
        right = min(max(bisect_left(known, n), 1), len(known) - 1)
        share = math.log(n / known[right - 1]) / math.log(known[right] / known[right - 1])
        share = min(max(share, 0.0), 1.0)
        at_5, at_1 = (
            column[right - 1] + share * (column[right] - column[right - 1])
            for column in (self.at_5, self.at_1)
        )
        return at_5, at_1


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
        columns = (tuple(map(float, row[key])) for key in ("n_bars", "at_5", "at_1"))
        entry = Calibration(row["landmarks"], float(row["points_per_vertex"]), *columns)
        table.setdefault(entry.name, []).append(entry)
    return table
