"""Chooses the broker: Apache Kafka, or a broker in memory when Kafka's jars are unavailable.

Invariant: the choice of the fallback broker prints a warning.
"""

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from infra.dev_stack.local.fallback_broker import FallbackBroker
from infra.dev_stack.local.jar_download import Listener
from infra.dev_stack.local.jars import verified_jars
from infra.dev_stack.local.kafka import LocalKafka
from infra.dev_stack.local.progress import Progress
from infra.errors import JarsUnavailable, StackError

_CONSEQUENCE = "Using an in-memory broker instead of Apache Kafka: its records are lost when it stops; the event log in PostgreSQL is not."

Broker = LocalKafka | FallbackBroker


async def choose_broker(folder: Path, *, progress: Progress, report: Callable[[str], None]) -> Broker:
    """Returns the broker to start in `folder`. `CARE_KAFKA_BROKER=fallback` selects the one in memory. Raises StackError."""
    if is_fallback_chosen():
        progress.warned(f"CARE_KAFKA_BROKER=fallback. {_CONSEQUENCE}")
        return FallbackBroker(folder)
    try:
        return LocalKafka(folder, await _jars(Listener(report)))
    except JarsUnavailable as problem:
        progress.warned(f"{problem} {_CONSEQUENCE}")
        return FallbackBroker(folder)


def is_fallback_chosen() -> bool:
    """Reads `CARE_KAFKA_BROKER`. Raises StackError for an unknown value."""
    value = os.environ.get("CARE_KAFKA_BROKER")
    if value and value != "fallback":
        raise StackError(f"CARE_KAFKA_BROKER must be “fallback” or unset, not “{value}”.")
    return bool(value)


async def _jars(listener: Listener) -> Sequence[Path]:
    try:
        return await asyncio.to_thread(verified_jars, listener)
    finally:
        listener.cancelled.set()  # a cancelled start must not wait for the download
