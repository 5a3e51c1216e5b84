"""The four contexts by name: URL prefix, subscriptions, policy class. A context is imported on request, so that `care` starts quickly."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shared.deployment import ContextSettings
    from shared.messaging.subscriptions import Subscriptions

CONTEXTS = ("referrals", "rapid_care", "mdt", "navigation")


def prefix(context: str) -> str:
    return f"/{context.replace('_', '-')}"


def subscriptions_of(context: str) -> "Subscriptions":
    found: Subscriptions = import_module(f"services.{context}.subscriptions").SUBSCRIPTIONS
    return found


def subscribed_types(consumer: str, producer: str) -> list[str]:
    """The types of the events of `producer` that `consumer` subscribes to."""
    topics = f"{producer.replace('_', '-')}."
    return [event.TYPE for event in subscriptions_of(consumer).on_event if event.TOPIC.startswith(topics)]


def settings_of(context: str) -> "type[ContextSettings]":
    found: type[ContextSettings] = import_module(f"services.{context}.settings").Settings
    return found


def policy_of(context: str) -> type[Any]:
    found: type[Any] = import_module(f"services.{context}.domain.policy").Policy
    return found
