"""What a context does with events and deadlines."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.contracts.event import Event

#: `async def on_<event>(event, envelope, *, tx)`
EventHandler = Callable[..., Awaitable[None]]
#: `async def on_<deadline>(deadline, *, tx)`
DeadlineHandler = Callable[..., Awaitable[None]]
#: `async def before_<what>(coming, *, tx)`: reads and locks by one statement what a batch is about; of events it gets (event, envelope).
Prefetcher = Callable[..., Awaitable[None]]
OnEvent = Mapping[type[Event], tuple[EventHandler, ...]]
OnDeadline = Mapping[str, DeadlineHandler]
Prefetchers = Mapping[type[Event] | str, Prefetcher]


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """The whole wiring of a context: its name and its tables. `ahead` is for speed alone: without it each is read by its handler."""

    context: str
    on_event: OnEvent
    on_deadline: OnDeadline
    prefetchers: Prefetchers = field(default_factory=dict)

    @property
    def topics(self) -> list[str]:
        return sorted({event.TOPIC for event in self.on_event})

    async def prefetch(self, coming: Iterable[tuple[type[Event] | str, Any]], *, tx: Any) -> None:
        """Before a batch, of each thing its kind and the thing."""
        together: dict[Prefetcher, list[Any]] = {}
        for kind, one in coming:
            if kind in self.prefetchers:
                together.setdefault(self.prefetchers[kind], []).append(one)
        for read, several in together.items():
            await read(several, tx=tx)
