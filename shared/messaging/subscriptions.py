"""The handlers of a context, by event class and by deadline."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.contracts.event import Event

#: `async def on_<event>(event, envelope, *, tx)`
EventHandler = Callable[..., Awaitable[None]]
#: `async def on_<deadline>(deadline, *, tx)`
DeadlineHandler = Callable[..., Awaitable[None]]
#: `async def prefetch_<rows>(items, *, tx)`: reads and locks the rows of these items; an item is a deadline or (event, envelope).
Prefetcher = Callable[..., Awaitable[None]]
OnEvent = Mapping[type[Event], tuple[EventHandler, ...]]
OnDeadline = Mapping[str, DeadlineHandler]
Prefetchers = Mapping[type[Event] | str, Prefetcher]


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """The subscriptions of the context. Prefetchers only save statements: a handler reads any row that was not prefetched."""

    context: str
    on_event: OnEvent
    on_deadline: OnDeadline
    prefetchers: Prefetchers = field(default_factory=dict)

    @property
    def topics(self) -> list[str]:
        return sorted({event.TOPIC for event in self.on_event})

    async def prefetch(self, batch: Iterable[tuple[type[Event] | str, Any]], *, tx: Any) -> None:
        """Prefetches the rows of a batch: pairs of an event class or deadline kind and its item."""
        items: dict[Prefetcher, list[Any]] = {}
        for kind, item in batch:
            if kind in self.prefetchers:
                items.setdefault(self.prefetchers[kind], []).append(item)
        for prefetcher, own in items.items():
            await prefetcher(own, tx=tx)
