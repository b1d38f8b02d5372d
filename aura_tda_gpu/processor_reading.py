"""What a processor tells: updates and events to subscribers, features, counters."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy.typing as npt

from .config import SubscriberPolicy
from .errors import ConfigError
from .processor_life import ProcessorLife
from .streaming.feature_tracker import FeatureTracker, Lifeline
from .streaming.real_time_features import RealTimeFeatures
from .streaming.window_update import WindowUpdate
from .subscriptions import Hub, Subscription
from .types import TDAStreamEvent

__all__ = ["ProcessorReading"]

T = TypeVar("T")


class ProcessorReading(ProcessorLife):
    """The side of a processor that is read; see `ProcessorLife` for its parameters."""

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
        self._look()
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

        Raises
        ------
        ConfigError
            If there is no such scale.
        """
        await self._ready()
        known = self._settings.window_ids
        if scale is not None and scale not in known:
            raise ConfigError(f"there is no scale {scale!r}; choose one of {', '.join(known)}")
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
        return self._subscribed(self._broadcast.updates, limit, policy)

    def subscribe_to_events(
        self, *, limit: int | None = None, policy: SubscriberPolicy | None = None
    ) -> Subscription[TDAStreamEvent]:
        """Return an asynchronous iterator over all events from now on.

        Parameters, errors
            As `subscribe_to_updates`; ``"coalesce"`` keeps the newest event of each feature.
        """
        return self._subscribed(self._broadcast.events, limit, policy)

    def _subscribed(
        self, hub: Hub[T], limit: int | None, policy: SubscriberPolicy | None
    ) -> Subscription[T]:
        """Return a subscription to what is finished from now on."""
        self._refuse_if_closed()
        settings = self._settings.queue(limit, policy)
        self._look()
        subscription = hub.subscribe(*settings)
        self._look()
        return subscription

    def _look(self) -> None:
        """Publish what is finished."""
        if self._scheduler is not None:
            self._scheduler.look()
