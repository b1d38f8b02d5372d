"""The asynchronous face of the library: points in, updates and events to many subscribers."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy.typing as npt

from .config import Config
from .errors import InvalidInputError
from .processor_reading import ProcessorReading
from .processor_settings import Keywords, ProcessorSettings
from .streaming.entrance import count_of
from .streaming.event_times import as_instant
from .streaming.hooks import UpdateHook, checked_hooks
from .streaming.window_update import WindowUpdate
from .types import PersistenceUpdate, StreamingPoint

if sys.version_info >= (3, 11):
    from typing import Unpack
else:
    from typing_extensions import Unpack

__all__ = ["StreamingProcessor", "StreamingTDAProcessor"]


@runtime_checkable
class StreamingProcessor(Protocol):
    """What any asynchronous processor of a stream offers."""

    async def initialize(self, config: Mapping[str, Any]) -> None:
        """Set the processor up."""

    async def process_point(self, point: StreamingPoint) -> PersistenceUpdate | None:
        """Take one point, and return what it brings about, if anything."""

    async def get_current_features(self) -> Mapping[str, npt.NDArray[Any]]:
        """Return the features of every scale as they are now."""

    def subscribe_to_updates(self) -> AsyncIterator[PersistenceUpdate]:
        """Return the updates from now on."""


class StreamingTDAProcessor(ProcessorReading):
    """Persistence diagrams of a stream at several time scales, computed off the event loop.

    Use it as ``async with StreamingTDAProcessor(...) as tda``. Without that it starts at the
    first call that is awaited, and `close` ends it. All calls come from one event loop.

    Parameters
    ----------
    scales : iterable of int, or Config
        Lengths of the windows in milliseconds, or all settings at once.
    slide_intervals_ms, dim, max_points
        As in `MultiScaleStream`; a configuration has no keys for them.
    hooks : sequence of UpdateHook, optional
        What completes the updates of each instant, in a worker thread, before anybody sees
        them; by default `BarTable` for ``update.features`` and `FeatureTracker` for
        ``update.events``.
    **settings
        ``max_memory_mb``, ``max_landmarks``, ``landmarks``, ``landmark_ratio``,
        ``min_persistence``, ``min_ticks``, ``alpha``, ``stability_threshold``, ``batch_size``,
        ``batch_deadline_ms``,
        ``parallel_workers``, ``input_points``, ``input_policy``, ``subscriber_updates``,
        ``subscriber_policy``, ``allowed_lateness_ms``, ``max_empty_ticks``, ``metric``,
        ``dtm_mass``, ``max_edge_length``, ``homology_dimensions``, ``backend``, ``enabled``: the
        keys of the configuration, described in docs/config.md. They win over the configuration.

    Raises
    ------
    ConfigError
        If a setting has an unknown name or a value outside its range, or a hook cannot be called.
    BackendUnavailable
        If ``backend="cuda"`` is given without ``enabled=False``, and there is no driver or no
        CuPy, whatever `initialize` may get later; a GPU that is missing, and a GPU or driver that
        is too old, show once it starts.
    UnsupportedError, MemoryLimitError
        As `MultiScaleStream`, once it starts.

    Notes
    -----
    A call whose points bring no tick about returns at once; they are pushed together with
    others. Cancelling a call does not take its points back. Every refused call leaves the
    stream as it was.
    """

    def __init__(
        self,
        scales: Iterable[int] | Config | None = None,
        *,
        slide_intervals_ms: Sequence[float] | None = None,
        dim: int | None = None,
        max_points: int | None = None,
        hooks: Sequence[UpdateHook] | None = None,
        **settings: Unpack[Keywords],
    ) -> None:
        given = ProcessorSettings.of(
            scales,
            settings,
            slide_intervals_ms=slide_intervals_ms,
            dim=dim,
            max_points=max_points,
        )
        super().__init__(given, None if hooks is None else checked_hooks(hooks))

    async def process_point(self, point: StreamingPoint) -> WindowUpdate | None:
        """Take one point.

        Parameters
        ----------
        point : StreamingPoint
            Coordinates, event time in seconds, and metadata to be found under its id.

        Returns
        -------
        WindowUpdate or None
            If the point closed a tick, the latest update of the finest scale that ticked;
            its ``all`` holds every update.

        Raises
        ------
        InvalidInputError, MemoryLimitError
            As `MultiScaleStream.push`; the point has not been taken then.
        LifecycleError
            If the processor is closed.
        WorkerError
            If something unforeseen went wrong in the worker; the point may have been taken.
        """
        scheduler = await self._ready()
        if scheduler is None:
            self._ignored += 1
            return None
        try:
            parts = point.coordinates, point.timestamp, point.metadata
        except AttributeError:
            raise InvalidInputError(f"a StreamingPoint is expected, not {point!r}") from None
        if not isinstance(point.timestamp, float):
            try:
                as_instant(point.timestamp)
            except InvalidInputError as error:
                raise InvalidInputError(f"process_point takes one point: {error}") from None
        updates = await scheduler.submit(*parts)
        return self._settings.summary_of(updates) if updates else None

    async def process_batch(self, points: Any, timestamps: Any = None) -> list[WindowUpdate]:
        """Take points, and return the updates of all ticks they close.

        Parameters
        ----------
        points, timestamps
            As in `MultiScaleStream.push`.

        Returns
        -------
        list of WindowUpdate
            By time, then finest scale first.

        Raises
        ------
        InvalidInputError, MemoryLimitError, LifecycleError, WorkerError
            As `process_point`.
        """
        scheduler = await self._ready()
        if timestamps is None:
            raise InvalidInputError(
                "process_batch takes points (m, dim) and timestamps (m,); "
                "for a StreamingPoint call process_point"
            )
        if scheduler is None:
            self._ignored += count_of(timestamps)
            return []
        return await scheduler.submit(points, timestamps)

    async def advance(self, now: Any) -> list[WindowUpdate]:
        """Move the watermark of a silent source; see `MultiScaleStream.advance`."""
        scheduler = await self._ready()
        return [] if scheduler is None else await scheduler.command("advance", now)

    async def flush(self) -> list[WindowUpdate]:
        """Let every scale tick once past the last point; see `MultiScaleStream.flush`."""
        scheduler = await self._ready()
        return [] if scheduler is None else await scheduler.command("flush")
