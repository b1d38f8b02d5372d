"""The figures of all streams together, against their targets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .accuracy_scores import consistency
from .known_streams import NOISE_SHAPES

__all__ = ["TARGETS", "summary", "table_lines", "verdict_lines"]

# least share, largest share or number; a tick of the tracker in seconds
TARGETS = {
    "detection": 0.97,
    "false_positive_ticks": 0.05,
    "spurious_per_1000_ticks": 1.0,
    "stability": 0.95,
    "consistency": 0.9,
    "switches_per_1000_ticks": 1.0,
    "tracker_tick_s": 0.001,
    "certain": 1.0,
}

Row = dict[str, Any]

_COUNTED = ("there", "shown", "followed", "due", "due_followed")


def summary(rows: Sequence[Row], times: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the figures of all streams together.

    Parameters
    ----------
    rows : sequence of dict
        From `accuracy_cases.run_case`.
    times : sequence of dict
        From `accuracy_tracker_time.tracker_times`.

    Returns
    -------
    dict
        Counts, and the shares made of them; nan where there is nothing to count.
    """
    noise = [row for row in rows if row["shape"] in NOISE_SHAPES]
    loops = [row for row in rows if row["shape"] not in NOISE_SHAPES]
    found, untested = (
        {key: sum(row[name][key] for row in loops) for key in _COUNTED}
        for name in ("detection", "detection_untested")
    )
    late = [delay for row in loops for delay in row["delays"]]
    known = [delay for delay in late if delay is not None]
    noise_ticks = sum(row["ticks"] for row in noise)
    loop_ticks = sum(row["ticks"] for row in loops)
    drifting = [row["switches"] for row in loops if row["drift"]]
    lost, certain = (sum(row[key] for row in rows) for key in ("lost", "certain"))
    stable, lives = np.sum([(0, 0), *(row["stability"] for row in loops)], axis=0).tolist()
    robust = [row["robust"] for row in loops if row["robust"]]
    return {
        **found,
        "detection_in_diagram": _share(found["shown"], found["there"]),
        "detection_untested": _share(untested["due_followed"], untested["due"]),
        "detection_by_tracker": _share(found["due_followed"], found["due"]),
        "detection_by_tracker_from_first_tick": _share(found["followed"], found["there"]),
        "noise_ticks": noise_ticks,
        "false_positive_ticks": _share(sum(row["significant_ticks"] for row in noise), noise_ticks),
        "spurious_per_1000_ticks": 1000 * _share(sum(r["births"] for r in noise), noise_ticks),
        "spurious_beside_loops_per_1000_ticks": 1000
        * _share(sum(row["spurious"] for row in loops), loop_ticks),
        "precision": _share(found["followed"], sum(row["live"] for row in loops)),
        "stability": _share(stable, lives),
        "consistency": consistency(pair for row in loops for pair in row["pairs"]),
        "consistency_of_all": consistency(pair for row in loops for pair in row["all_pairs"]),
        "switches_per_1000_ticks": _per_1000(drifting),
        "switches_per_1000_ticks_untested": _per_1000(
            [row["switches_untested"] for row in loops if row["drift"]]
        ),
        "switches_per_1000_ticks_of_all": _per_1000([row["switches"] for row in loops]),
        "drifting_ticks": sum(ticks for _, ticks in drifting),
        "delays": len(late),
        "never_followed": late.count(None),
        "delay_ticks": [float(np.quantile(known, q)) for q in (0.5, 0.95, 1)] if known else None,
        "certain_bars": certain,
        "lost": lost,
        "certain": _share(certain - lost, certain),
        "robust": {
            key: _share(sum(r[key] for r in robust), sum(r["there"] for r in robust))
            for key in ("stand_out", "followed")
        },
        "tracker_tick_s": max(time["cpu_s"][0] for time in times),
        "smallest_p_below_5_percent": _share(
            sum(p <= 0.05 for row in noise for p in row["smallest"]),
            sum(len(row["smallest"]) for row in noise),
        ),
    }


def verdict_lines(figures: dict[str, Any], times: Sequence[dict[str, Any]]) -> list[str]:
    """Return each figure beside its target: met or not met."""
    f, t = figures, TARGETS
    delay = f["delay_ticks"]
    told = "-" if delay is None else "{:g}, p95 {:g}, at most {:g}".format(*delay)
    lines = [
        f"certain bars with a partner: {f['certain']:.2%} of {f['certain_bars']}"
        + _met(f["certain"], ">=", t["certain"], 100, " %"),
        f"detection: {f['detection_in_diagram']:.2%} of {f['there']} loops have their bar"
        + _met(f["detection_in_diagram"], ">=", t["detection"], 100, " %"),
        f"  followed without a test (alpha = 1), of {f['due']} that were there as long as the "
        f"rules need: {f['detection_untested']:.2%}"
        + _met(f["detection_untested"], ">=", t["detection"], 100, " %"),
        f"  followed as significant (alpha = 0.05), of the same: {f['detection_by_tracker']:.2%}"
        + _met(f["detection_by_tracker"], ">=", t["detection"], 100, " %"),
        "  followed as significant, of all, from their first tick on: "
        f"{f['detection_by_tracker_from_first_tick']:.2%}"
        + _met(f["detection_by_tracker_from_first_tick"], ">=", t["detection"], 100, " %"),
        f"  delay in ticks: median {told}; {f['never_followed']} of {f['delays']} never followed",
        f"noise: {f['false_positive_ticks']:.2%} of {f['noise_ticks']} ticks have a significant "
        "bar" + _met(f["false_positive_ticks"], "<=", t["false_positive_ticks"], 100, " %"),
        f"  features reported in 1000 ticks: {f['spurious_per_1000_ticks']:.2f}"
        + _met(f["spurious_per_1000_ticks"], "<=", t["spurious_per_1000_ticks"]),
        f"  beside known loops, in 1000 ticks: {f['spurious_beside_loops_per_1000_ticks']:.2f}",
        f"  of the features alive beside known loops {f['precision']:.2%} are one that is there",
        "  smallest p-value at most 5 % in disjoint windows: "
        f"{f['smallest_p_below_5_percent']:.2%}",
        f"stability: {f['stability']:.2%}" + _met(f["stability"], ">=", t["stability"], 100, " %"),
        f"consistency of neighbouring scales: {f['consistency']:.3f}"
        + _met(f["consistency"], ">=", t["consistency"]),
        f"  of all features at all instants: {f['consistency_of_all']:.3f}"
        + _met(f["consistency_of_all"], ">=", t["consistency"]),
        f"identity switches in 1000 ticks: {f['switches_per_1000_ticks']:.2f} over "
        f"{f['drifting_ticks']} drifting"
        + _met(f["switches_per_1000_ticks"], "<=", t["switches_per_1000_ticks"]),
        f"  over all streams: {f['switches_per_1000_ticks_of_all']:.2f}; drifting, without a "
        f"test: {f['switches_per_1000_ticks_untested']:.2f}"
        + _met(f["switches_per_1000_ticks_untested"], "<=", t["switches_per_1000_ticks"]),
        f"outliers: loops of the other points that stand out {f['robust']['stand_out']:.1%}, "
        f"followed {f['robust']['followed']:.1%}",
    ]
    for time in times:
        cpu, wall = (tuple(1e3 * s for s in time[key]) for key in ("cpu_s", "wall_s"))
        lines.append(
            f"tracker, {time['bars']:g} bars, {time['pace']}: a tick takes {cpu[0]:.2f} ms "
            f"(p95 {cpu[1]:.2f}) of one core, {wall[0]:.2f} (p95 {wall[1]:.2f}) by the clock"
            + _met(cpu[0], "<=", 1e3 * t["tracker_tick_s"], 1, " ms")
        )
    return lines


def table_lines(rows: Sequence[Row]) -> list[str]:
    """Return one line for each scale of each stream."""
    lines = [
        f"{'':<44}{'':<22}{'':>6}{'':>6}{'error':>8}{'loops':>7}{'in dia-':>9}{'fol-':>8}"
        f"{'late':>6}{'spu-':>6}{'swit-':>6}{'sta-':>7}{'consis-':>8}",
        f"{'stream':<44}{'scale, way':<22}{'points':>6}{'kept':>6}{'bound':>8}{'there':>7}"
        f"{'gram':>9}{'lowed':>8}{'':>6}{'rious':>6}{'ches':>6}{'ble':>7}{'tency':>8}",
    ]
    return lines + [_line(row) for row in rows]


def _line(row: Row) -> str:
    found = row["detection"]
    late = [delay for delay in row["delays"] if delay is not None]
    spurious = row["births"] if row["shape"] in NOISE_SHAPES else row["spurious"]
    stream = f"{row['stream']}, {row['rate']:g}/s"
    return (
        f"{stream:<44}{row['scale'][6:] + ' ' + row['way']:<22}"
        f"{row['n_points']:>6.0f}{row['n_vertices']:>6.0f}{row['error_bound']:>8.2f}"
        f"{found['there']:>7}{_cell(_share(found['shown'], found['there']), '.1%'):>9}"
        f"{_cell(_share(found['due_followed'], found['due']), '.1%'):>8}"
        f"{_cell(float(np.median(late)) if late else math.nan, 'g'):>6}{spurious:>6}"
        f"{row['switches'][0]:>6}{_cell(_share(*row['stability']), '.0%'):>7}"
        f"{_cell(row['consistency'], '.2f'):>8}"
    )


def _cell(value: float, how: str) -> str:
    return "-" if math.isnan(value) else format(value, how)


def _share(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def _per_1000(counts: Sequence[tuple[int, int]]) -> float:
    return 1000 * _share(sum(c for c, _ in counts), sum(n for _, n in counts))


def _met(found: float, sign: str, limit: float, factor: float = 1, unit: str = "") -> str:
    if math.isnan(found):
        return " (nothing to count)"
    met = found >= limit if sign == ">=" else found <= limit
    return f" ({sign} {factor * limit:g}{unit} {'met' if met else 'not met'})"
