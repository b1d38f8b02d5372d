"""What a processor counts, and what it remembers of its points."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from .streaming.multi_scale_processor import MultiScaleStream
from .streaming.scheduler import Scheduler
from .streaming.stats import StreamStats
from .subscriptions import Broadcast

__all__ = ["MetadataMap", "ProcessorStats"]

_MAX_REMEMBERED = 10_000
_NOTHING = StreamStats(
    accepted=0, late=0, overflowed=0, ticks={}, skipped_ticks=0, watermark=None, pending=0
)


@dataclass(frozen=True, slots=True)
class ProcessorStats:
    """Counters of a processor.

    Attributes
    ----------
    stream : StreamStats
        Counters of the stream.
    batches : int
        Pushes into the stream.
    waiting : int
        Points that wait for the worker.
    dropped : int
        Points dropped because the input queue was full.
    refused : int
        Points refused after their caller had left.
    ignored : int
        Points counted and left alone because the configuration says ``enabled: false``.
    subscribers : int
        Subscriptions to updates and to events.
    dropped_items : int
        Updates and events dropped or replaced in the queues of all subscriptions so far.
    """

    stream: StreamStats = _NOTHING
    batches: int = 0
    waiting: int = 0
    dropped: int = 0
    refused: int = 0
    ignored: int = 0
    subscribers: int = 0
    dropped_items: int = 0

    @classmethod
    def of(
        cls, stream: MultiScaleStream, scheduler: Scheduler, broadcast: Broadcast
    ) -> ProcessorStats:
        """Return the counters as they are now."""
        return cls(
            stream=stream.stats,
            batches=scheduler.n_batches,
            waiting=scheduler.n_waiting,
            dropped=scheduler.n_dropped,
            refused=scheduler.n_refused,
            subscribers=len(broadcast.updates) + len(broadcast.events),
            dropped_items=broadcast.updates.dropped + broadcast.events.dropped,
        )


class MetadataMap:
    """The metadata of the newest points, by point id.

    Parameters
    ----------
    limit : int
        Points remembered at most.
    """

    def __init__(self, limit: int = _MAX_REMEMBERED) -> None:
        self._limit = limit
        self._found: OrderedDict[int, dict[str, Any]] = OrderedDict()

    def put(self, point_id: int, metadata: dict[str, Any]) -> None:
        """Remember the metadata of a point, and forget that of the oldest one if need be."""
        self._found[point_id] = metadata
        if len(self._found) > self._limit:
            self._found.popitem(last=False)

    def clear(self) -> None:
        """Forget everything."""
        self._found.clear()

    def get(self, point_id: int) -> dict[str, Any] | None:
        """Return the metadata of a point, or None."""
        return self._found.get(point_id)
