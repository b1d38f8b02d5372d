"""The life of a processor: it starts once, in a thread of its own, and is closed once."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Any

from .config import Config
from .errors import LifecycleError
from .log import get_logger
from .processor_settings import ProcessorSettings
from .processor_stats import MetadataMap, ProcessorStats
from .streaming.hooks import BarTable, UpdateHook
from .streaming.multi_scale_processor import MultiScaleStream
from .streaming.scheduler import Scheduler
from .streaming.worker import as_package_error
from .streaming.worker_thread import WorkerThread
from .subscriptions import Broadcast

if sys.version_info >= (3, 11):
    from typing import Self
else:
    from typing_extensions import Self

__all__ = ["ProcessorLife"]


class ProcessorLife:
    """Starting at the first call that is awaited, and closing, in one event loop after another.

    Parameters
    ----------
    given : ProcessorSettings
        What the constructor got.
    hooks : sequence of UpdateHook, optional
        As in `StreamingTDAProcessor`.
    """

    def __init__(self, given: ProcessorSettings, hooks: Sequence[UpdateHook] | None) -> None:
        self._given = given
        self._hooks = hooks
        self._log = get_logger("aura_tda_gpu.processor")
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

    async def close(self) -> None:
        """Push the points that wait, end the worker, and end all subscriptions.

        Raises
        ------
        AuraTDAError
            If the points that wait cannot be pushed; everything is closed all the same.
        """
        await self._close(drain=True)

    async def __aenter__(self) -> Self:
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
