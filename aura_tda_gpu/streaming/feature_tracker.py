"""Features that keep their name from tick to tick, and what happens to them."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from ..config import StabilityConfig
from ..errors import ConfigError
from ..persistence.kernels.track_columns import SERIAL
from ..persistence.significance import required_run
from .tracking.checks import integer, number
from .tracking.lifeline import Lifeline, StabilityFilter
from .tracking.links import Links, LoopOfScale
from .tracking.scale import ScaleState, Tick, refuse_past, tick
from .tracking.snapshot import read, write
from .tracking.told import FeatureIds, born_in, events_of, lifeline_of, loops_of
from .tracking.tracks import TrackRules, longest_first, records
from .window_update import WindowUpdate

__all__ = ["FeatureTracker", "Lifeline", "StabilityFilter"]

_SETTINGS = (
    "min_persistence",
    "min_ticks",
    "stability_threshold",
    "alpha",
    "min_change",
    "max_tracks",
    "history",
)
_RELEASE = 0.5  # of min_persistence, below which a feature is not seen


@dataclass(frozen=True, slots=True)
class _Kept:
    """What a tracker knows after an instant."""

    scales: dict[str, ScaleState] = field(default_factory=dict)
    links: Links = field(default_factory=Links)
    finished: tuple[Lifeline, ...] = ()
    loops: dict[str, list[LoopOfScale]] = field(default_factory=dict)  # as far as they are known


class FeatureTracker:
    """The hook that gives features their names and lives: ``update.events``.

    A bar keeps its name while the same two pairs of points make its birth and its death; bars whose
    name has gone are assigned to the bars that are left, where distances to the diagonal and, if
    several are as near, shared points of their loops decide. A feature is born once its bar was
    long enough and stable for ``min_ticks`` ticks and the run-length rule calls it significant; it
    dies after ``min_ticks`` ticks without a bar of at least half
    ``min_persistence``, or once it has shrunk to half and that rule speaks against it. A name
    is never given to another feature; a loop that comes back where it was gets its own again.

    Parameters
    ----------
    min_persistence : float
        Shortest bar of a feature that is born, in the unit of the data; open bars always count.
    min_ticks : int
        Ticks in a row to birth, and ticks without its bar to death.
    stability_threshold : float
        Smallest ratio of the persistences at two ticks of one feature; for a birth, of the ratio
        smoothed.
    alpha : float
        Level of significance; 1 asks for none. In dimension 0, where there is no law of noise, a
        part counts as significant that stands apart: it and what it merges with have 5 vertices
        and a twentieth of all, and they merge at three times the ninth decile of all merges. Loops
        cut off at ``max_edge_length`` are asked as if they ended there. Loops born at 0, and open
        parts, are not asked.
    min_change : float
        Share of its persistence that birth or death must move by for a ``feature_update``, and by
        more than the error bounds of the two ticks.
    max_tracks : int
        Bars of one dimension of one scale that are followed at most, longest first.
    history : int
        Bars of a lifeline that are kept.
    finished : int
        Lifelines that are kept after their end.

    Raises
    ------
    ConfigError
        If a value is out of range.

    Notes
    -----
    The pairing of edges as the identity of a bar is from Cohen-Steiner, Edelsbrunner and Morozov,
    "Vines and vineyards by updating persistence in linear time" (SoCG 2006), section 4. A tracker
    may be read in one thread while another feeds it.

    Examples
    --------
    >>> import numpy as np
    >>> from aura_tda_gpu import FeatureTracker, MultiScaleStream
    >>> t = np.arange(0, 3, 0.01)
    >>> tracker = FeatureTracker(min_persistence=0.3)
    >>> stream = MultiScaleStream([1000])
    >>> circle = np.column_stack([np.cos(6.4 * t), np.sin(6.4 * t)])
    >>> for update in tracker.follow(stream.push(circle, t)):
    ...     for event in update.events:
    ...         if event.dimension == 1:
    ...             print(f"{event.timestamp:.1f}", event.event_type, event.feature_id)
    1.2 feature_birth scale_1000ms/H1/0
    """

    def __init__(
        self,
        min_persistence: float = 0.0,
        *,
        min_ticks: int = 3,
        stability_threshold: float = 0.15,
        alpha: float = 0.05,
        min_change: float = 0.1,
        max_tracks: int = 512,
        history: int = 128,
        finished: int = 256,
    ) -> None:
        self.min_persistence = number("min_persistence", min_persistence, math.inf)
        self.min_ticks = integer("min_ticks", min_ticks, 1)
        self.stability_threshold = number("stability_threshold", stability_threshold, 1)
        self.alpha = number("alpha", alpha, 1)
        if self.alpha == 0:
            raise ConfigError("alpha must be above 0: nothing is significant at this level")
        self.min_change = number("min_change", min_change, math.inf)
        self.max_tracks = integer("max_tracks", max_tracks, 1)
        self.history = integer("history", history, 1)
        self._most_finished = integer("finished", finished, 0)
        self._kept = _Kept()
        self._lock = threading.Lock()

    @classmethod
    def of(cls, stability: StabilityConfig) -> FeatureTracker:
        """Return a tracker with the settings of a configuration."""
        return cls(
            stability.min_persistence,
            min_ticks=stability.min_ticks,
            stability_threshold=stability.threshold,
            alpha=stability.alpha,
        )

    @property
    def nbytes(self) -> int:
        """Bytes kept between two ticks."""
        with self._lock:
            lives = sum(3 * line.times.nbytes for line in self._kept.finished)
            return lives + sum(state.nbytes for state in self._kept.scales.values())

    def follow(self, updates: Iterable[WindowUpdate]) -> list[WindowUpdate]:
        """Give updates their events, all of them, and return them.

        `features` then tells of the newest: with a live stream, pass what each push returned.

        Parameters
        ----------
        updates : iterable of WindowUpdate
            What a stream returned, in its order.

        Raises
        ------
        InvalidInputError
            If an update is not later than the one before of its scale; nothing has been followed
            then.
        """
        followed = list(updates)
        self(followed)
        return followed

    def __call__(self, updates: Sequence[WindowUpdate]) -> None:
        """Give updates their events, instant by instant; see `UpdateHook`.

        An interrupted call has followed an instant or not; what it has not can be given again.
        """
        with self._lock:
            refuse_past(self._kept.scales, updates)
        for _, instant in groupby(updates, lambda update: update.timestamp):
            with self._lock:
                self._follow(list(instant))

    def features(self, scale: str | None = None, dimension: int | None = None) -> list[Lifeline]:
        """Return the features that are alive, scale by scale, longest bar of a dimension first.

        Parameters
        ----------
        scale : str, optional
            Only those of this time scale, for example ``"scale_1000ms"``.
        dimension : int, optional
            Only those of this homology dimension.
        """
        with self._lock:
            kept = self._kept
            return [
                lifeline_of(state, k, track, kept.links.groups)
                for state in kept.scales.values()
                if scale in (None, state.scale)
                for k, tracks in state.tracks.items()
                if dimension in (None, k)
                for track in longest_first(records(tracks[tracks[:, SERIAL] >= 0]))
            ]

    def finished(self) -> list[Lifeline]:
        """Return the features that ended last, oldest first."""
        with self._lock:
            return list(self._kept.finished)

    def snapshot(self) -> bytes:
        """Return the tracker as bytes: settings, features, their histories and groups."""
        settings = {name: getattr(self, name) for name in _SETTINGS}
        with self._lock:
            settings["finished"], kept = self._most_finished, self._kept
            return write(settings, kept.scales.values(), kept.links, kept.finished)

    @classmethod
    def restore(cls, data: bytes) -> FeatureTracker:
        """Return the tracker that `snapshot` wrote; names go on where they were.

        Raises
        ------
        SnapshotError
            If the bytes are no snapshot of a tracker, cut short, altered, or of another version.
        """
        settings, states, links, finished = read(data)
        tracker = cls(**settings)
        tracker._kept = _Kept(states, links, tuple(finished))
        return tracker

    def _follow(self, updates: Sequence[WindowUpdate]) -> None:
        """Follow one instant; until the last line, the tracker is what it was."""
        former = self._kept
        ticks = [self._tick(former.scales, update) for update in updates]
        scales = {**former.scales, **{done.after.scale: done.after for done in ticks}}
        ended = [
            lifeline_of(done.before, k, track, former.links.groups)
            for done in ticks
            for k, step in done.steps.items()
            if len(step.dead)
            for track in records(step.dead)
        ]
        ticked = {done.after.scale for done in ticks}
        loops = {
            name: former.loops[name] if name in former.loops.keys() - ticked else loops_of(state)
            for name, state in scales.items()
        }
        links = former.links.after(
            [name for done in ticks for name in born_in(done)],
            [line.id for line in ended],
            [loops[state.scale] for state in sorted(scales.values(), key=lambda s: s.duration)],
        )
        for done in ticks:
            done.update.events = events_of(done, former.links.groups, links.groups)
            done.update.feature_ids = FeatureIds(done)
        finished = (*former.finished, *ended) if ended else former.finished
        excess = max(len(finished) - self._most_finished, 0)
        self._kept = _Kept(scales, links, finished[excess:], loops)

    def _tick(self, states: Mapping[str, ScaleState], update: WindowUpdate) -> Tick:
        """Follow one update; nothing is kept."""
        state = states.get(update.window_id, ScaleState(update.window_id))
        overlap = update.duration_seconds / update.slide_seconds
        return tick(state, update, self._rules(overlap), length=self.history)

    def _rules(self, overlap: float) -> TrackRules:
        return TrackRules(
            min_persistence=self.min_persistence,
            release=_RELEASE * self.min_persistence,
            threshold=self.stability_threshold,
            min_ticks=self.min_ticks,
            min_change=self.min_change,
            required=0 if self.alpha == 1 else required_run(overlap),
            alpha=self.alpha,
            max_tracks=self.max_tracks,
        )
