"""What a context does with events and deadlines."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from shared.contracts.event import Event

#: `async def on_<event>(event, envelope, *, tx)`
EventHandler = Callable[..., Awaitable[None]]
#: `async def on_<deadline>(timer, *, tx)`
TimerHandler = Callable[..., Awaitable[None]]
OnEvent = Mapping[type[Event], tuple[EventHandler, ...]]
OnTimer = Mapping[str, TimerHandler]


@dataclass(frozen=True, slots=True)
class Wiring:
    """The whole wiring of a context: its name and its two tables."""

    context: str
    on_event: OnEvent
    on_timer: OnTimer

    @property
    def topics(self) -> list[str]:
        return sorted({event.TOPIC for event in self.on_event})
