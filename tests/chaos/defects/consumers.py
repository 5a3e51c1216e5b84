"""Seeded defects between Kafka and the handlers."""

import asyncio
from collections.abc import Sequence
from typing import Any

import faust
from mode import OneForOneSupervisor

from infra.operations.verify.verdict import Verdict
from services.rapid_care import subscriptions
from shared.contracts.envelope import Record, type_of
from shared.contracts.registry import event_type
from shared.messaging.event_processor import EventProcessor
from shared.messaging.inbound.consumer import Consumer
from shared.messaging.kafka_settings import KafkaSettings
from shared.persistence import inbox
from tests.builders.rapid_care import rapid_care
from tests.builders.referrals import MONDAY, OTHER_PERSON, referrals
from tests.chaos.defects.stack import DefectStack, run_consumer, run_relay, running

#: The route of a referral to Rapid Care.
URGENT: dict[str, Any] = {"route": "rapid-care", "service": "rapid-care", "urgency": "urgent", "reason": "urgent-deterioration"}
_ADMIN_SHUTDOWN = "57P01"


class _App(faust.App):
    def _create_directories(self) -> None:
        """Creates none: the agent uses no tables."""


class FaustDefaults:
    """Reads with an agent as in faust's manual, which acknowledges a record when the agent takes it."""

    def __init__(self, processor: EventProcessor, context: str, topics: list[str], kafka: KafkaSettings) -> None:
        self._processor, self._bootstrap, self._prefix = processor, kafka.bootstrap, kafka.prefix
        self._topics = [kafka.prefix + topic for topic in topics]
        self._group = f"{kafka.prefix}{context.replace('_', '-')}"

    async def run(self) -> None:
        """Runs until cancelled or stopped."""
        app: Any = _App(
            self._group,
            broker=f"kafka://{self._bootstrap}",
            agent_supervisor=OneForOneSupervisor,
            broker_commit_interval=0.5,
            consumer_auto_offset_reset="earliest",
            topic_allow_declare=False,
            topic_disable_leader=True,
            stream_wait_empty=False,
            web_enabled=False,
            loop=asyncio.get_running_loop(),
        )
        channel = app.topic(*self._topics, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
        app.agent(channel, name=self._group, concurrency=1)(self._apply_each)
        try:
            await app.start()
            await app.wait_until_stopped()
        finally:
            await app.stop()

    async def _apply_each(self, stream: Any) -> None:
        async for event in stream.events():
            record = event.message
            topic = record.topic.removeprefix(self._prefix)
            headers = tuple(record.headers.items()) if isinstance(record.headers, dict) else tuple(record.headers or ())
            await self._processor.apply([Record(topic, record.partition, record.offset, record.key, record.value, headers)])


class DuplicatingProcessor(EventProcessor):
    """Writes to the inbox, and applies events that are in it already."""

    async def _apply_in_one_transaction(self, records: Sequence[Record]) -> None:
        async with self._database.transaction() as tx:
            for arrived in await self._park_poison(records, tx):
                await inbox.claim(tx, [arrived.envelope])
                await self._handle(arrived, tx)


class SkippingProcessor(EventProcessor):
    """Passes over records of unknown types, instead of parking them."""

    async def apply(self, records: Sequence[Record]) -> None:
        await super().apply([record for record in records if event_type(type_of(record))])


async def acknowledged_before_applied(stack: DefectStack, *, is_seeded: bool) -> Verdict:
    """PostgreSQL terminates the consumer's session once."""
    kind = FaustDefaults if is_seeded else Consumer
    async with (
        referrals(stack.owner_url, stack.keys, MONDAY) as client,
        rapid_care(stack.owner_url, stack.keys, MONDAY) as care,
        stack.raising("rapid_care.inbox", _ADMIN_SHUTDOWN, times=1),
        running(
            run_relay(stack, "referrals", client.context.database),
            run_consumer(stack, subscriptions.SUBSCRIPTIONS, care.context.database, kind),
        ),
    ):
        await client.refer_and_route(**URGENT)
        await client.refer_and_route(nhs_number=OTHER_PERSON, **URGENT)
        await stack.until_rows("rapid_care.inbox", count=3 if is_seeded else 4)
        await stack.until_read(subscriptions.SUBSCRIPTIONS.context)
        return await stack.verify(client.context.clock)


async def no_inbox(stack: DefectStack, *, is_seeded: bool) -> Verdict:
    """After the first response has ended, the relay publishes every event again."""
    async with (
        referrals(stack.owner_url, stack.keys, MONDAY) as client,
        rapid_care(stack.owner_url, stack.keys, MONDAY) as care,
        running(
            run_relay(stack, "referrals", client.context.database),
            run_consumer(
                stack, subscriptions.SUBSCRIPTIONS, care.context.database, processor=DuplicatingProcessor if is_seeded else EventProcessor
            ),
        ),
    ):
        await client.refer_and_route(**URGENT)
        await stack.until_rows("rapid_care.response")
        (response,) = await stack.owner.fetch("SELECT id FROM rapid_care.response")
        await care.command(response["id"], "decline", reason="capacity")
        await stack.owner.execute("INSERT INTO referrals.outbox SELECT seq FROM referrals.event")
        await stack.until_published("referrals")
        await stack.until_read(subscriptions.SUBSCRIPTIONS.context)
        return await stack.verify(client.context.clock)
