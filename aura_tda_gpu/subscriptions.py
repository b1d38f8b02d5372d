"""Many consumers of one stream: each sees every item once and in order, at its own pace."""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Generator, Hashable, Sequence
from types import TracebackType
from typing import Any, Generic, TypeVar

from .config import SubscriberPolicy
from .errors import LifecycleError
from .log import get_logger
from .persistence.engine import Float32Array
from .streaming.window_update import WindowUpdate
from .types import TDAStreamEvent

__all__ = ["Broadcast", "Hub", "Subscription"]

T = TypeVar("T")
_ELSEWHERE = "a subscription is read in the event loop of its processor"


class Subscription(AsyncIterator[T], Generic[T]):
    """The items of a stream from the moment of subscribing on, as an asynchronous iterator.

    It ends when the processor is closed, after what waits in it has been taken; leaving an
    ``async for`` early and forgetting the object is enough to leave the stream. One task
    iterates over it at a time.

    Attributes
    ----------
    limit : int
        Items that wait at most.
    policy : str
        What happens when so many wait: ``"drop_oldest"``, ``"coalesce"`` or ``"block"``.
    dropped : int
        Items that were dropped or replaced before they were taken.
    """

    def __init__(self, hub: Hub[T], limit: int, policy: SubscriberPolicy) -> None:
        self.limit = limit
        self.policy = policy
        self.dropped = 0
        self._hub = hub
        self._items: OrderedDict[Hashable, T] = OrderedDict()
        self._waiter: asyncio.Future[None] | None = None
        self._open = True

    @property
    def waiting(self) -> int:
        """Items that wait to be taken."""
        return len(self._items)

    def close(self) -> None:
        """Leave the stream; what waits can still be taken."""
        self._open = False
        self._hub.forget(self)
        self._wake()

    async def aclose(self) -> None:
        """Leave the stream; the same as `close`, for `contextlib.aclosing`."""
        self.close()

    async def __aenter__(self) -> Subscription[T]:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __await__(self) -> Generator[Any, None, Subscription[T]]:
        """Return the subscription itself: ``await`` before it is allowed and changes nothing."""
        return self
        yield

    def __aiter__(self) -> Subscription[T]:
        return self

    async def __anext__(self) -> T:
        loop = asyncio.get_running_loop()
        home = self._hub.loop
        if home is not None and home is not loop and home.is_running():
            raise LifecycleError(_ELSEWHERE)
        while not self._items:
            if not self._open:
                raise StopAsyncIteration
            await self._arrival(loop)
        _, item = self._items.popitem(last=False)
        if self.policy == "block" and len(self._items) == self.limit - 1:
            self._hub.room_made(self)
        return item

    async def _arrival(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait until there is something to take, or nothing will come any more."""
        if self._waiter is not None:
            raise LifecycleError("two tasks iterate over one subscription: subscribe twice")
        waiter = self._waiter = loop.create_future()
        # nobody else may hold a consumer that waits
        self._hub.waiting.add(self)
        try:
            await waiter
        finally:
            if self._waiter is waiter:
                self._waiter = None
                self._hub.waiting.discard(self)

    def put(self, item: T, key: Hashable) -> None:
        """Take one more item, as the hub hands it out."""
        items = self._items
        if key in items:
            del items[key]
            self._count_lost()
        items[key] = item
        if len(items) > self.limit and self.policy != "block":
            items.popitem(last=False)
            self._count_lost()
        self._wake()

    def _count_lost(self) -> None:
        if not self.dropped:
            get_logger(__name__).warning("subscriber_lags", policy=self.policy, limit=self.limit)
        self.dropped += 1
        self._hub.dropped += 1

    def refuse_other_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let a consumer that waits in another loop fail; nothing could reach it there."""
        waiter = self._waiter
        if waiter is None or waiter.get_loop() is loop:
            return

        def fail() -> None:
            if not waiter.done():
                waiter.set_exception(LifecycleError(_ELSEWHERE))

        self._waiter = None
        self._hub.waiting.discard(self)
        with contextlib.suppress(RuntimeError):  # of a loop that is closed
            waiter.get_loop().call_soon_threadsafe(fail)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Hub(Generic[T]):
    """Hands each item to all subscriptions, in the event loop's thread.

    Parameters
    ----------
    key_of : callable
        What a newer item replaces an older one by, under ``"coalesce"``.
    on_room : callable
        Called when a subscription that held the stream back does so no more; in any thread.

    Attributes
    ----------
    waiting : set of Subscription
        Those whose consumer waits.
    loop : AbstractEventLoop or None
        Where items are published; None before that is known.
    dropped : int
        Items dropped or replaced in the queues of all subscriptions there have been.
    """

    def __init__(self, key_of: Callable[[T], Hashable], on_room: Callable[[], None]) -> None:
        self.waiting: set[Subscription[T]] = set()
        self.loop: asyncio.AbstractEventLoop | None = None
        self.dropped = 0
        self._key_of = key_of
        self._on_room = on_room
        self._members: dict[int, weakref.ref[Subscription[T]]] = {}
        self._full: set[int] = set()
        self._n_items = 0
        self._closed = False

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Say in which event loop everything is published."""
        if loop is not self.loop:
            self.loop = loop
            for subscription in list(self.waiting):
                subscription.refuse_other_loop(loop)

    def __len__(self) -> int:
        """Return the number of subscriptions."""
        return len(self._members)

    @property
    def blocked(self) -> bool:
        """Whether a subscription with the policy ``"block"`` is full."""
        return bool(self._full) and not self._closed

    def subscribe(self, limit: int, policy: SubscriberPolicy) -> Subscription[T]:
        """Return a new subscription to what is published from now on."""
        subscription = Subscription(self, limit, policy)
        number = id(subscription)

        def gone(_: object) -> None:
            self._remove(number)

        self._members[number] = weakref.ref(subscription, gone)
        return subscription

    def forget(self, subscription: Subscription[T]) -> None:
        """Hand nothing more to a subscription."""
        self._remove(id(subscription))

    def publish(self, item: T) -> None:
        """Hand an item to every subscription."""
        self._n_items += 1
        for number, ref in list(self._members.items()):
            member = ref()
            if member is None:
                continue
            coalesced = member.policy == "coalesce"
            member.put(item, self._key_of(item) if coalesced else self._n_items)
            if member.policy == "block" and member.waiting >= member.limit:
                self._full.add(number)

    def room_made(self, subscription: Subscription[T]) -> None:
        """Note that a subscription takes items again."""
        self._let_through(id(subscription))

    def close(self) -> None:
        """Hold nothing back any more, and end every subscription behind what waits in it."""
        self.open_up()
        for ref in list(self._members.values()):
            if (member := ref()) is not None:
                member.close()

    def open_up(self) -> None:
        """Let nobody hold the stream back any more."""
        self._closed = True

    def _remove(self, number: int) -> None:
        self._members.pop(number, None)
        self._let_through(number)

    def _let_through(self, number: int) -> None:
        if number in self._full:
            self._full.discard(number)
            self._on_room()


class Broadcast:
    """The outlet of a processor: updates, and the events in them, to all subscriptions.

    Parameters
    ----------
    on_room : callable
        Called when it is not blocked any more; in any thread.

    Attributes
    ----------
    updates, events : Hub
        Where to subscribe.
    features : dict of str to ndarray or None
        Those of the newest update of each window.
    """

    def __init__(self, on_room: Callable[[], None]) -> None:
        self.updates: Hub[WindowUpdate] = Hub(lambda update: update.window_id, on_room)
        self.events: Hub[TDAStreamEvent] = Hub(lambda event: event.feature_id, on_room)
        self.features: dict[str, Float32Array | None] = {}
        self._backlog: deque[WindowUpdate | TDAStreamEvent] = deque()

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Say in which event loop everything is published."""
        self.updates.bind(loop)
        self.events.bind(loop)
        self.drain()

    @property
    def blocked(self) -> bool:
        """Whether something waits for a subscription with the policy ``"block"``."""
        return bool(self._backlog) or self.updates.blocked or self.events.blocked

    @property
    def heard(self) -> bool:
        """Whether there is a subscription; may be asked in any thread."""
        return len(self.updates) > 0 or len(self.events) > 0

    def put(self, update: WindowUpdate) -> None:
        """Publish an update, then its events, or queue them behind what is held back."""
        self.features[update.window_id] = update.features
        self._backlog.append(update)
        if len(self.events):
            try:
                self._backlog.extend(list(update.events))
            except Exception as error:
                # a hook's own events, or ones that were not asked for while the worker had them
                get_logger(__name__).error("events_failed", error=str(error), exc_info=error)
        self.drain()

    def drain(self) -> None:
        """Publish what was held back, as far as possible."""
        while self._backlog:
            item = self._backlog[0]
            hub: Hub[Any] = self.events if isinstance(item, TDAStreamEvent) else self.updates
            if hub.blocked:
                return
            self._backlog.popleft()
            hub.publish(item)

    def prepare(self, updates: Sequence[WindowUpdate]) -> None:
        """Work events out in the worker's thread if somebody is subscribed to them; a hook."""
        if len(self.events):
            for update in updates:
                events, update.events = update.events, ()
                update.events = list(events)

    def open_up(self) -> None:
        """Let nobody hold the stream back any more."""
        self.updates.open_up()
        self.events.open_up()
        self.drain()

    def close(self) -> None:
        """End every subscription behind what waits in it."""
        self.features = {}
        self.open_up()
        self.updates.close()
        self.events.close()
