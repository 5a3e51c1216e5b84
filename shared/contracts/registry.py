"""Every event of the product, found by its type. A new contract module is imported here, and that is all it needs."""

from functools import cache

from shared.contracts import audit, care_plans, mdt, navigation, persons, rapid_care, referrals, safeguarding
from shared.contracts.event import Event

MODULES = (referrals, persons, safeguarding, rapid_care, mdt, care_plans, navigation, audit)


@cache
def registry() -> dict[str, type[Event]]:
    """Event classes by TYPE, in the order of their modules."""
    return {event.TYPE: event for module in MODULES for event in vars(module).values() if is_event(event)}


def event_type(name: str) -> type[Event] | None:
    return registry().get(name)


def is_restricted(name: str) -> bool:
    """Whether the type is known and its events are sealed."""
    contract = event_type(name)
    return contract is not None and contract.RESTRICTED


def topics() -> dict[str, list[type[Event]]]:
    """Topic name to the events that travel on it."""
    found: dict[str, list[type[Event]]] = {}
    for event in registry().values():
        found.setdefault(event.TOPIC, []).append(event)
    return found


def is_event(candidate: object) -> bool:
    """Whether a value is a class of events, and no base class of them."""
    return isinstance(candidate, type) and issubclass(candidate, Event) and "TYPE" in vars(candidate)
