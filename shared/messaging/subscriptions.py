"""What a context does with events and deadlines."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.contracts.event import Event

#: `async def on_<event>(event, envelope, *, tx)`
EventHandler = Callable[..., Awaitable[None]]
#: `async def on_<deadline>(timer, *, tx)`
TimerHandler = Callable[..., Awaitable[None]]
#: `async def before_<what>(coming, *, tx)`: reads and locks by one statement what a batch is about; of events it gets (event, envelope).
ReadAhead = Callable[..., Awaitable[None]]
OnEvent = Mapping[type[Event], tuple[EventHandler, ...]]
OnTimer = Mapping[str, TimerHandler]
Ahead = Mapping[type[Event] | str, ReadAhead]


@dataclass(frozen=True, slots=True)
class Wiring:
    """The whole wiring of a context: its name and its tables. `ahead` is for speed alone: without it each is read by its handler."""

    context: str
    on_event: OnEvent
    on_timer: OnTimer
    ahead: Ahead = field(default_factory=dict)

    @property
    def topics(self) -> list[str]:
        return sorted({event.TOPIC for event in self.on_event})

    async def read_ahead(self, coming: Iterable[tuple[type[Event] | str, Any]], *, tx: Any) -> None:
        """Before a batch, of each thing its kind and the thing."""
        together: dict[ReadAhead, list[Any]] = {}
        for kind, one in coming:
            if kind in self.ahead:
                together.setdefault(self.ahead[kind], []).append(one)
        for read, several in together.items():
            await read(several, tx=tx)
