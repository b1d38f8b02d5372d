"""The asynchronous face of the library: points in, updates and events to many subscribers."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Any, Protocol, runtime_checkable

import numpy.typing as npt

from .config import Config, SubscriberPolicy
from .errors import InvalidInputError, LifecycleError
from .log import get_logger
from .processor_settings import Keywords, ProcessorSettings
from .processor_stats import MetadataMap, ProcessorStats
from .streaming.feature_tracker import FeatureTracker, Lifeline
from .streaming.hooks import BarTable, UpdateHook
from .streaming.intake import as_instant
from .streaming.multi_scale_processor import MultiScaleStream
from .streaming.persistence_stream import WindowUpdate
from .streaming.real_time_features import RealTimeFeatures
from .streaming.scheduler import Scheduler, count_of
from .streaming.worker import as_package_error
from .streaming.worker_thread import WorkerThread
from .subscriptions import Broadcast, Subscription
from .types import PersistenceUpdate, StreamingPoint, TDAStreamEvent

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


class StreamingTDAProcessor:
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
        If a setting has an unknown name or a value outside its range.
    BackendUnavailable
        If ``backend="cuda"`` is given, and there is no GPU or no CuPy; a GPU or driver that is
        too old shows once it starts.
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
        self._given = ProcessorSettings.of(
            scales,
            settings,
            slide_intervals_ms=slide_intervals_ms,
            dim=dim,
            max_points=max_points,
        )
        self._hooks = hooks
        self._log = get_logger(__name__)
        self._settings = self._given
        self._stream: MultiScaleStream | None = None
        self._scheduler: Scheduler | None = None
        self._broadcast = Broadcast(self._room_made)
        self._metadata = MetadataMap()
        self._stats = ProcessorStats()
        self._ignored = 0
        self._started = False
        self._starting: asyncio.Future[MultiScaleStream] | None = None
        self._closing: asyncio.Future[None] | None = None

    @property
    def config(self) -> Config:
        """The settings in force."""
        return self._settings.config

    @property
    def stats(self) -> ProcessorStats:
        """The counters as they are now."""
        if self._stream is not None and self._scheduler is not None:
            self._stats = ProcessorStats.of(self._stream, self._scheduler, self._broadcast)
        return replace(self._stats, ignored=self._ignored)

    def get_memory_usage(self) -> int:
        """Return the bytes of all buffers, of the points that wait, of features and of the hooks.

        Hooks with an attribute ``nbytes`` are counted. 0 once closed.
        """
        if self._stream is None or self._scheduler is None:
            return 0
        held = self._stream.get_memory_usage() + self._scheduler.nbytes
        beside = (*(self._hooks or ()), *self._broadcast.features.values())
        return held + sum(getattr(thing, "nbytes", 0) for thing in beside)

    def metadata_of(self, point_id: int) -> dict[str, Any] | None:
        """Return the metadata of a point, None if it had none or came too long ago.

        Parameters
        ----------
        point_id : int
            As in ``update.vertex_ids``.
        """
        return self._metadata.get(int(point_id))

    async def initialize(self, config: Config | Mapping[str, Any] | None = None) -> None:
        """Set the stream up, start the worker, and load what its engine needs.

        Parameters
        ----------
        config : Config or mapping, optional
            Settings; what was given to the constructor wins. A mapping has the keys of the
            YAML file, with or without ``streaming_tda`` around them.

        Raises
        ------
        LifecycleError
            If it runs already or has been closed.
        ConfigError, UnsupportedError, BackendUnavailable, MemoryLimitError
            If it cannot run with these settings; it can be initialised again then.
        """
        self._refuse_if_closed()
        if self._started or self._loading() is not None:
            raise LifecycleError("the processor runs already: it is initialised once")
        await self._start(config)

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

    async def get_current_features(self) -> dict[str, npt.NDArray[Any]]:
        """Return the features of each scale's latest update by window id.

        Returns
        -------
        dict of str to ndarray
            By default the bars, float32 of shape (n_bars, 3): birth, death, dimension. A scale
            that has not ticked yet is left out. With `RealTimeFeatures` among the hooks they are
            feature vectors, and those of all its scales together are there as ``"merged"``.
        """
        await self._ready()
        found = self._broadcast.features
        current = {
            name: features
            for name in self._settings.window_ids
            if (features := found.get(name)) is not None
        }
        merges = [hook.merge for hook in self._hooks or () if isinstance(hook, RealTimeFeatures)]
        return {**current, "merged": merges[0](current)} if current and merges else current

    async def get_lifelines(self, scale: str | None = None) -> list[Lifeline]:
        """Return the features that are alive, with their names, bars and stability.

        Parameters
        ----------
        scale : str, optional
            Only those of this time scale, for example ``"scale_1000ms"``.

        Returns
        -------
        list of Lifeline
            Those of every `FeatureTracker` among the hooks.
        """
        await self._ready()
        trackers = [hook for hook in self._hooks or () if isinstance(hook, FeatureTracker)]
        return [line for tracker in trackers for line in tracker.features(scale)]

    def subscribe_to_updates(
        self, *, limit: int | None = None, policy: SubscriberPolicy | None = None
    ) -> Subscription[WindowUpdate]:
        """Return an asynchronous iterator over all updates from now on.

        Parameters
        ----------
        limit : int, optional
            Updates that wait for this consumer at most; ``queues.subscriber_updates`` when
            left out.
        policy : str, optional
            What happens when so many wait: ``"drop_oldest"``, ``"coalesce"`` (the newest of
            each window stays), or ``"block"`` (the stream waits); ``queues.subscriber_policy``
            when left out.

        Raises
        ------
        LifecycleError
            If the processor is closed.
        ConfigError
            If a value is out of range.
        """
        self._refuse_if_closed()
        return self._broadcast.updates.subscribe(*self._settings.queue(limit, policy))

    def subscribe_to_events(
        self, *, limit: int | None = None, policy: SubscriberPolicy | None = None
    ) -> Subscription[TDAStreamEvent]:
        """Return an asynchronous iterator over all events from now on.

        Parameters, errors
            As `subscribe_to_updates`; ``"coalesce"`` keeps the newest event of each feature.
        """
        self._refuse_if_closed()
        return self._broadcast.events.subscribe(*self._settings.queue(limit, policy))

    async def close(self) -> None:
        """Push the points that wait, end the worker, and end all subscriptions.

        Raises
        ------
        AuraTDAError
            If the points that wait cannot be pushed; everything is closed all the same.
        """
        await self._close(drain=True)

    async def __aenter__(self) -> StreamingTDAProcessor:
        try:
            await self._ready()
        except BaseException:
            await self._close(drain=False)
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._close(drain=error is None)

    async def _ready(self) -> Scheduler | None:
        """Start if need be; None if the settings say that nothing is to run."""
        self._refuse_if_closed()
        while not self._started:
            loading = self._loading()
            if loading is None:
                await self._start(None)
            else:
                await self._until_loaded(loading)
        if self._scheduler is not None:
            self._adopt(self._scheduler)
        return self._scheduler

    def _loading(self) -> asyncio.Future[MultiScaleStream] | None:
        """Return the start under way; one of a loop that runs no more will never end."""
        loading = self._starting
        here = asyncio.get_running_loop()
        if loading is not None and loading.get_loop() is not here:
            if loading.get_loop().is_running():
                raise LifecycleError("the processor starts in another event loop")
            loading = self._starting = None
        return loading

    def _adopt(self, scheduler: Scheduler) -> None:
        """Go on in the running event loop."""
        loop = asyncio.get_running_loop()
        if scheduler.adopt(loop):
            self._broadcast.bind(loop)
            scheduler.wake(self._broadcast.drain)

    async def _start(self, config: Config | Mapping[str, Any] | None) -> None:
        settings = self._given.over(config)
        if not settings.config.enabled:
            self._settings, self._started = settings, True
            self._log.info("started", enabled=False)
            return
        executor = WorkerThread("aura-tda-worker")
        # compiling the engine's kernels takes seconds, once per installation
        self._starting = asyncio.wrap_future(executor.submit(settings.new_stream))
        self._starting.add_done_callback(partial(self._loaded, settings, executor))
        await self._until_loaded(self._starting)

    async def _until_loaded(self, loading: asyncio.Future[MultiScaleStream]) -> None:
        """Wait for the stream; a cancellation stops the waiting, not the loading."""
        await asyncio.wait([loading])
        error = loading.exception()
        if error is not None:
            known = as_package_error(error)
            raise known from known.__cause__
        self._refuse_if_closed()

    def _loaded(
        self,
        settings: ProcessorSettings,
        executor: WorkerThread,
        loading: asyncio.Future[MultiScaleStream],
    ) -> None:
        """Set everything up around a stream that has been loaded."""
        self._starting = None
        if loading.exception() is not None or self._closing is not None:
            executor.shutdown()
            return
        if self._hooks is None:
            self._hooks = (BarTable(), settings.new_tracker())
        self._stream = loading.result()
        self._scheduler = Scheduler(
            self._stream,
            (*self._hooks, self._broadcast.prepare),
            self._broadcast,
            executor,
            on_metadata=self._metadata.put,
            **settings.scheduling,
        )
        self._broadcast.bind(asyncio.get_running_loop())
        self._settings, self._started = settings, True
        self._log.info("started", enabled=True, scales=settings.config.scales)

    async def _close(self, *, drain: bool) -> None:
        if self._closing is not None:
            await asyncio.shield(self._closing)
            return
        if self._scheduler is not None:
            self._adopt(self._scheduler)
        loading = self._loading()
        self._closing = asyncio.get_running_loop().create_future()
        try:
            if loading is not None:
                await _until_done(loading)
            if self._scheduler is not None:
                self._broadcast.open_up()
                await self._scheduler.close(drain=drain)
        finally:
            self._stats = self.stats
            self._broadcast.close()
            self._metadata.clear()
            self._stream = self._scheduler = None
            self._closing.set_result(None)
            self._log.info("closed")

    def _refuse_if_closed(self) -> None:
        if self._closing is not None:
            raise LifecycleError("the processor is closed")

    def _room_made(self) -> None:
        """Go on delivering; called in any thread."""
        if self._scheduler is not None:
            self._scheduler.wake(self._broadcast.drain)


async def _until_done(future: asyncio.Future[Any]) -> None:
    """Wait until a future is done, however it ends; a cancellation is passed on only then."""
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError as error:  # noqa: PERF203 - the loop is there for it
            cancelled = error
    if cancelled is not None:
        raise cancelled
