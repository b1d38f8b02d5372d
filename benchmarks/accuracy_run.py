"""A known stream through windows and tracker, every window held against its full Rips diagram."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
import numpy.typing as npt

from aura_tda_gpu import FeatureTracker, MultiScaleStream
from aura_tda_gpu.persistence.cpu import CpuEngine
from aura_tda_gpu.persistence.significance import (
    calibration_for,
    corrected,
    p_values,
    required_run,
)
from aura_tda_gpu.streaming.window_update import WindowUpdate

from .accuracy_scores import Bars, certain_and_lost
from .known_streams import KnownStream, Streamed
from .peers import ripser_py

__all__ = ["ALPHA", "Batch", "Followed", "Observed", "Setting", "full_diagrams", "watch"]

ALPHA = 0.05
_DTM_MASS = 0.1
_NEARLY_ALL = 0.8
_PUSHES = 200  # of a stream

Key = tuple[str, float]  # scale and time of a tick


@dataclass(frozen=True, slots=True)
class Setting:
    """How a stream is watched.

    Attributes
    ----------
    scales : tuple of int
        Lengths of the windows in milliseconds.
    max_landmarks : int
        Windows of more points are represented by landmarks.
    metric : str
        ``"euclidean"``, or ``"dtm"`` where the stream offers it.
    every : int
        Every so many ticks of a scale are held against the full diagram.
    """

    scales: tuple[int, ...] = (1000, 2000, 4000)
    max_landmarks: int = 512
    metric: str = "euclidean"
    every: int = 1


@dataclass(frozen=True, slots=True)
class Batch:
    """What an outside library says of one window.

    Attributes
    ----------
    bars : dict of int to ndarray, shape (n, 2)
        Of all its points, by dimension.
    clean : ndarray, shape (n, 2)
        Bars of dimension 1 of its points that are no outliers, without weights.
    n_points : int
    """

    bars: dict[int, Bars]
    clean: Bars
    n_points: int


@dataclass(frozen=True, slots=True)
class Observed:
    """One tick of one scale.

    Attributes
    ----------
    timestamp : float
        Event time in seconds.
    n_points, n_vertices : int
        Of the window.
    error_bound : float
        Of its diagram.
    bars : ndarray, shape (n, 2)
        Of dimension 1, longest first.
    ids : tuple of (str or None), length n
        Feature of each bar.
    any_ids : tuple of (str or None), length n
        The same of a tracker that asks for no significance.
    parts : tuple of int, length n, or None
        Which known loop each bar is, -1 where that is not clear; None where loops share points.
    groups : dict of str to int
        Group of each of these features, where several scales ticked.
    p : ndarray of float64, shape (n,)
        p-value of each bar, not corrected.
    births : int
        Features of dimension 1 that were born.
    batch : Batch or None
        The full window, where it was computed.
    certain, lost : int
        Bars of both dimensions that are certain, and those of them without a partner.
    """

    timestamp: float
    n_points: int
    n_vertices: int
    error_bound: float
    bars: Bars
    ids: tuple[str | None, ...]
    any_ids: tuple[str | None, ...]
    parts: tuple[int, ...] | None
    groups: dict[str, int]
    p: npt.NDArray[np.float64]
    births: int
    batch: Batch | None
    certain: int = 0
    lost: int = 0

    @property
    def is_significant(self) -> bool:
        """Whether a bar has a corrected p-value of at most 5 %."""
        return bool((corrected(self.p) <= ALPHA).any())


@dataclass(frozen=True, slots=True)
class Followed:
    """All ticks of one scale.

    Attributes
    ----------
    scale : str
        Name of the time scale.
    patience : int
        Ticks that the rules of the tracker need to call a loop a feature.
    ticks : list of Observed
        In order.
    """

    scale: str
    patience: int
    ticks: list[Observed] = field(default_factory=list)


def full_diagrams(stream: KnownStream, setting: Setting) -> dict[Key, Batch]:
    """Return the diagrams of all full windows of a stream, by ripser."""
    if not ripser_py.available():
        sys.exit(f"ripser.py is the oracle and is not installed: {ripser_py.INSTALL}")
    rows = stream.rows()
    stamps = np.round(1e9 * rows.times).astype(np.int64)
    found = {}
    for scale in setting.scales:
        slide = scale * 100_000  # nanoseconds, a tenth
        for i in range(1, int(stamps[-1] // slide) + 1):
            if i % setting.every == 0:
                end = i * slide
                first, last = np.searchsorted(stamps, [end - 10 * slide, end])
                found[f"scale_{scale}ms", end / 1e9] = _batch(rows, first, last, setting.metric)
    return found


def watch(
    stream: KnownStream, setting: Setting, batches: dict[Key, Batch]
) -> tuple[list[Followed], FeatureTracker]:
    """Run a stream, and hold every tick against the full window.

    Parameters
    ----------
    stream : KnownStream
        What is pushed.
    setting : Setting
        How it is watched.
    batches : dict
        From `full_diagrams`; ticks that it lacks are not compared.

    Returns
    -------
    followed : list of Followed
        Finest scale first.
    tracker : FeatureTracker
        As it is at the end, with its defaults.
    """
    rows = stream.rows()
    tracker, untested = FeatureTracker(alpha=ALPHA), FeatureTracker(alpha=1)
    windows = MultiScaleStream(
        setting.scales,
        dim=rows.points.shape[1],
        max_points=int(stream.rate * max(setting.scales) / 1000) + 8,
        max_landmarks=setting.max_landmarks,
        metric=setting.metric,
        backend="cpu",
        parallel_workers=1,
        **({"dtm_mass": _DTM_MASS} if setting.metric == "dtm" else {}),
    )
    scales: dict[str, Followed] = {}
    for part in np.array_split(np.arange(len(rows.times)), _PUSHES):
        updates = windows.push(rows.points[part], rows.times[part])
        for timestamp, instant in groupby(updates, lambda update: update.timestamp):
            together = list(instant)
            untested(together)
            any_ids = [tuple(update.feature_ids[1]) for update in together]
            tracker(together)
            # scales that tick alone are not compared
            lines = tracker.features(dimension=1) if len(together) > 1 else []
            groups = {line.id: line.group for line in lines}
            for update, ids in zip(together, any_ids, strict=True):
                name = update.window_id
                found = scales.setdefault(name, Followed(name, _patience(update, tracker)))
                batch = batches.get((name, timestamp))
                found.ticks.append(_observed(update, ids, groups, batch, rows, stream))
    if windows.stats.overflowed or windows.stats.skipped_ticks:
        sys.exit(f"{stream.label}: a window lost points or ticks ({windows.stats})")
    return [scales[f"scale_{scale}ms"] for scale in sorted(setting.scales)], tracker


def _patience(update: WindowUpdate, tracker: FeatureTracker) -> int:
    overlap = update.duration_seconds / update.slide_seconds
    return max(tracker.min_ticks, required_run(overlap))


def _observed(
    update: WindowUpdate,
    any_ids: tuple[str | None, ...],
    groups: dict[str, int],
    batch: Batch | None,
    rows: Streamed,
    stream: KnownStream,
) -> Observed:
    certain = lost = 0
    if batch is not None:
        if batch.n_points != update.n_points:
            sys.exit(f"{stream.label}: {update.n_points} points in a window of {batch.n_points}")
        for k, bars in batch.bars.items():
            sure, without = certain_and_lost(update.diagram[k], bars, update.error_bound)
            certain, lost = certain + sure, lost + without
    ids = tuple(update.feature_ids[1])
    calibration = calibration_for(
        landmarks="exact" if update.error_bound == 0 else update.diagram.info["landmarks"],
        n_vertices=update.n_vertices,
        n_points=update.n_points,
    )
    return Observed(
        timestamp=update.timestamp,
        n_points=update.n_points,
        n_vertices=update.n_vertices,
        error_bound=update.error_bound,
        bars=update.diagram[1],
        ids=ids,
        any_ids=any_ids,
        parts=None if rows.part is None else _parts(update, rows.part, 2 * stream.loops),
        groups={name: groups[name] for name in ids if name in groups},
        p=p_values(update.diagram[1], calibration=calibration),
        births=sum(e.event_type == "feature_birth" and e.dimension == 1 for e in update.events),
        batch=batch,
        certain=certain,
        lost=lost,
    )


def _parts(update: WindowUpdate, part: npt.NDArray[np.bool_], longest: int) -> tuple[int, ...]:
    """Return the known loop that nearly all points of a bar's cycle are of; -1 for short bars."""
    bars = update.diagram[1]
    found = np.full(len(bars), -1)
    for row in range(min(longest, len(bars))):
        walks = update.diagram.cycle(1, row)
        second = part[update.vertex_ids[np.concatenate(walks)]].mean()
        if max(second, 1 - second) >= _NEARLY_ALL:
            found[row] = int(second > 0.5)
    return tuple(found.tolist())


def _batch(rows: Streamed, first: int, last: int, metric: str) -> Batch:
    """Return the diagrams of one window; points relative to the first of the stream, as there."""
    points = (rows.points[first:last] - rows.points[0]).astype(np.float32)
    outlier = rows.is_outlier[first:last]
    bars = _bars(points, metric)
    is_clean = metric == "euclidean" and not outlier.any()
    clean = bars[1] if is_clean else _bars(points[~outlier], "euclidean")[1]
    return Batch(bars, clean, len(points))


def _bars(points: npt.NDArray[np.float32], metric: str) -> dict[int, Bars]:
    D = CpuEngine().pairwise(points, "euclidean")
    return ripser_py.bars(_weighted(D, points) if metric == "dtm" else D)


def _weighted(
    D: npt.NDArray[np.float32], points: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Return values of edges and, on the diagonal, of vertices, weighted by a distance to measure.

    From Anai et al., "DTM-based filtrations" (2020), p = 1, as a dissimilarity: an edge enters at
    the larger of ``d + f + g`` and twice each weight. Every sum is in the order that pins its bits.
    """
    k = max(1, math.ceil(_DTM_MASS * len(D) - 1e-6))
    squares = np.zeros(D.shape)
    for column in points.T.astype(np.float64):
        squares += np.square(np.subtract.outer(column, column))
    nearest = np.add.accumulate(np.sort(squares, axis=1)[:, :k], axis=1)[:, -1]
    weights = np.sqrt(nearest / k).astype(np.float32)
    pair = np.maximum(D + np.add.outer(weights, weights), 2 * np.maximum.outer(weights, weights))
    np.fill_diagonal(pair, 2 * weights)
    return pair
