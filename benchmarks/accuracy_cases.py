"""The streams of the accuracy benchmark, and the figures of one of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from .accuracy_run import Followed, Observed, Setting, full_diagrams, watch
from .accuracy_scores import (
    Verdict,
    above_noise,
    consistency,
    delays,
    detection,
    judge,
    stability,
    switches,
    uniform_of_smallest,
)
from .known_streams import NOISE_SHAPES, KnownStream

__all__ = ["Case", "cases", "rows_of", "run_case"]

CLEAN, NOISY = {"noise": 0.02}, {"noise": 0.1}
FEW_OUTLIERS, OUTLIERS = ({"noise": 0.05, "outliers": share} for share in (0.02, 0.1))
DRIFT = {"noise": 0.05, "drift": 0.05}
ALL = (CLEAN, NOISY, FEW_OUTLIERS, OUTLIERS, DRIFT)
# surfaces need more points, for which ripser takes seconds: fewer streams of them
STREAMS: dict[str, tuple[tuple[dict[str, float], ...], tuple[float, float]]] = {
    "Clifford torus": ((CLEAN, DRIFT), (60.0, 80.0)),
    "torus": ((CLEAN, DRIFT), (60.0, 80.0)),
    "circle": (ALL, (60.0, 80.0)),
    "figure eight": (ALL, (60.0, 80.0)),
    "two circles": (ALL, (60.0, 80.0)),
    "loop opens and closes": (ALL, (60.0, 80.0)),
    "sphere": ((CLEAN, NOISY), (60.0, 80.0)),
}
SECONDS, NOISE_SECONDS, QUICK_SECONDS = 16.0, 50.0, 8.0

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """A stream, watched with exact windows and with landmarks.

    Attributes
    ----------
    stream : KnownStream
        What is pushed.
    setting : Setting
        How it is watched; ``max_landmarks`` is that of the second time.
    picture : Path or None
        Where to draw it.
    """

    stream: KnownStream
    setting: Setting
    picture: Path | None = None


def cases(metric: str, pictures: Path | None, *, quick: bool) -> list[Case]:
    """Return all cases, those that take longest first.

    Parameters
    ----------
    metric : str
        Of all streams.
    pictures : Path, optional
        Folder of the pictures, one for each stream at its higher rate.
    quick : bool
        A few short streams, which show that the benchmark works and nothing else.
    """
    if quick:
        setting = Setting((1000, 2000), 48, metric)
        loops = [KnownStream("figure eight", **DRIFT, rate=75, seconds=QUICK_SECONDS)]
        noises = [KnownStream("uniform 2-D", rate=50, seconds=QUICK_SECONDS)]
        few = replace(setting, every=10)
    else:
        setting = Setting((1000, 2000, 4000), 100, metric)
        loops = [
            KnownStream(shape, **given, rate=rate, seconds=SECONDS)
            for shape, (disturbed, rates) in STREAMS.items()
            for rate in rates[::-1]
            for given in disturbed
        ]
        noises = [KnownStream(name, rate=100, seconds=NOISE_SECONDS) for name in NOISE_SHAPES]
        few = replace(setting, scales=(1000, 2000), max_landmarks=64, every=10)
    found = []
    drawn: set[str] = set()
    for stream, watched in [*((s, setting) for s in loops), *((s, few) for s in noises)]:
        is_drawn = pictures is not None and stream.label not in drawn
        drawn.add(stream.label)
        path = pictures / f"{_file(stream)}.png" if is_drawn else None
        found.append(Case(stream, watched, path))
    return found


def run_case(case: Case) -> list[Row]:
    """Return the figures of a case, one row for each scale and way."""
    batches = full_diagrams(case.stream, case.setting)
    longest = max(batch.n_points for batch in batches.values())
    rows: list[Row] = []
    watched = {}
    for way, limit in (("exact", longest), ("landmarks", case.setting.max_landmarks)):
        followed, tracker = watch(case.stream, replace(case.setting, max_landmarks=limit), batches)
        watched[way] = followed
        rows += rows_of(case.stream, way, followed, tracker.stability_threshold)
    if case.picture is not None:
        from .accuracy_pictures import draw_stream

        draw_stream(case.stream, watched, case.picture)
    return rows


def rows_of(
    stream: KnownStream, way: str, followed: Sequence[Followed], threshold: float
) -> Iterator[Row]:
    """Yield the figures of each scale of a stream; exact scales only of the exact way."""
    judged = [_judged(stream, scale.ticks) for scale in followed]
    untested = [_judged(stream, scale.ticks, any_feature=True) for scale in followed]
    for i, (scale, verdicts) in enumerate(zip(followed, judged, strict=True)):
        ticks = scale.ticks
        if way == "landmarks" and not any(tick.error_bound for tick in ticks):
            continue
        seen = list(verdicts.values())
        both = _pairs(followed[i : i + 2], judged[i : i + 2], stream.loops)
        yield {
            "stream": stream.label,
            "shape": stream.shape,
            "rate": stream.rate,
            "outliers": stream.outliers,
            "drift": stream.drift,
            "way": way,
            "scale": scale.scale,
            "patience": scale.patience,
            "ticks": len(ticks),
            "ticks_compared": len(seen),
            "n_points": float(np.median([tick.n_points for tick in ticks])),
            "n_vertices": float(np.median([tick.n_vertices for tick in ticks])),
            "error_bound": float(np.median([tick.error_bound for tick in ticks])),
            "certain": sum(tick.certain for tick in ticks),
            "lost": sum(tick.lost for tick in ticks),
            "significant_ticks": sum(tick.is_significant for tick in ticks),
            "births": sum(tick.births for tick in ticks),
            "spurious": _spurious(ticks, seen),
            "detection": detection(seen, scale.patience),
            "detection_untested": detection(list(untested[i].values()), scale.patience),
            "delays": delays(seen, scale.patience, stream.loops),
            "switches": switches(seen),
            "switches_untested": switches(list(untested[i].values())),
            "stability": stability(seen, threshold),
            "live": sum(len(t.ids) - t.ids.count(None) for t in ticks if t.batch is not None),
            "pairs": both[0],
            "all_pairs": both[1],
            "consistency": consistency(both[0]),
            "robust": _robust(stream, ticks) if stream.outliers else None,
            "smallest": [uniform_of_smallest(tick.p) for tick in ticks if tick.batch is not None]
            if stream.shape in NOISE_SHAPES
            else [],
        }


def _judged(
    stream: KnownStream, ticks: Sequence[Observed], *, any_feature: bool = False
) -> dict[float, Verdict]:
    """Return the verdict of each tick that was held against the full window, by its time."""
    return {
        tick.timestamp: judge(
            tick.batch.bars[1],
            tick.bars,
            tick.any_ids if any_feature else tick.ids,
            tick.error_bound,
            loops=stream.loops,
            deviation=stream.noise,
            parts=tick.parts,
        )
        for tick in ticks
        if tick.batch is not None
    }


def _spurious(ticks: Sequence[Observed], verdicts: Sequence[Verdict]) -> int:
    """Count the features that never were the bar of a known loop."""
    true = {name for verdict in verdicts for name in verdict.ids}
    return len({name for tick in ticks for name in tick.ids if name is not None} - true)


def _pairs(
    followed: Sequence[Followed], judged: Sequence[dict[float, Verdict]], loops: int
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Return persistences of grouped loops at a scale and the next, 0 for a missing partner.

    First those of the known loops, at instants at which both batch diagrams have shown the same
    number of them for as long as the rules of the tracker need; a loop that neither scale follows
    says nothing here. Then those of all features at all instants.
    """
    due: list[tuple[float, float]] = []
    everything: list[tuple[float, float]] = []
    if len(followed) < 2 or not loops:
        return due, everything
    coarse = {tick.timestamp: tick for tick in followed[1].ticks}
    history = [list(verdicts.values()) for verdicts in judged]
    places = [{time: i for i, time in enumerate(verdicts)} for verdicts in judged]
    for tick in followed[0].ticks:
        other = coarse.get(tick.timestamp)
        if other is None or tick.batch is None or other.batch is None:
            continue
        everything += _grouped(_live(tick), _live(other))
        there = set()
        for scale, verdicts, place in zip(followed, history, places, strict=True):
            last = place[tick.timestamp] + 1
            there.update(v.there for v in verdicts[max(0, last - scale.patience) : last])
            there.update({0} if last < scale.patience else ())
        if len(there) == 1 and there != {0}:
            true = [{name for name in verdicts[tick.timestamp].ids if name} for verdicts in judged]
            due += _grouped(_live(tick, true[0]), _live(other, true[1]))
    return due, everything


def _live(tick: Observed, among: set[str] | None = None) -> dict[int, float]:
    """Return the persistence of the longest feature of each group."""
    found: dict[int, float] = {}
    for bar, name in zip(tick.bars, tick.ids, strict=True):
        if name in tick.groups and (among is None or name in among):
            found.setdefault(tick.groups[name], float(bar[1] - bar[0]))
    return found


def _grouped(finer: dict[int, float], coarser: dict[int, float]) -> list[tuple[float, float]]:
    return [(finer.get(g, 0.0), coarser.get(g, 0.0)) for g in sorted({*finer, *coarser})]


def _robust(stream: KnownStream, ticks: Sequence[Observed]) -> dict[str, int]:
    """Count the loops of the points without outliers that stand out, and that are followed."""
    counts = {"there": 0, "stand_out": 0, "followed": 0}
    for tick in ticks:
        if tick.batch is not None:
            there = len(above_noise(tick.batch.clean, stream.loops, stream.noise))
            stand_out = len(above_noise(tick.bars, stream.loops))
            live = sum(name is not None for name in tick.ids[: stream.loops])
            counts["there"] += there
            counts["stand_out"] += min(there, stand_out)
            counts["followed"] += min(there, live)
    return counts


def _file(stream: KnownStream) -> str:
    kept = "".join(c if c.isalnum() or c in ".-" else " " for c in stream.label)
    return "_".join(kept.split())
