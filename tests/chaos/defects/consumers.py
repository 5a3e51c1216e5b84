"""Faulty ways from Kafka to an effect."""

from collections.abc import Sequence
from typing import Any

from mode import OneForOneSupervisor

from infra.operations.verify.verdict import Verdict
from services.rapid_care import subscriptions
from shared.contracts.envelope import Record
from shared.kernel.actor import SYSTEM
from shared.messaging.event_processor import EventProcessor
from shared.messaging.inbound.consumer import Consumer
from shared.persistence import inbox
from tests.builders.rapid_care import rapid_care
from tests.builders.referrals import MONDAY, SOMEBODY_ELSE, referrals
from tests.chaos.defects.stack import Ground, consume, doing, relaying

#: What reaches Rapid Care.
URGENT: dict[str, Any] = {"route": "rapid-care", "service": "rapid-care", "urgency": "urgent", "reason": "urgent-deterioration"}
_ADMINISTRATOR = "57P01"  # the database's connections are being ended


class FaustDefaults(Consumer):
    """An agent as the manual of faust begins: it is acknowledged what was taken, and a new agent takes the next."""

    def _build(self) -> Any:
        app: Any = super()._build()
        app.conf.agent_supervisor, app.conf.broker_commit_interval = OneForOneSupervisor, 0.5
        app.topics.clear()  # only the agent reads
        channel = app.topic(*self._topics, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
        app.agent(channel, name=self._group, concurrency=1)(self._consume)
        make = app._new_consumer

        def streaming() -> Any:
            consumer = make()
            del consumer._drain_messages
            return consumer

        app._new_consumer = streaming
        return app

    async def _consume(self, stream: Any) -> None:
        async for event in stream.events():
            await self._intake.apply([self._record(event.message)])


class InboxUnasked(EventProcessor):
    """Writes down what it applies, and applies what was written down."""

    async def _apply_in_one_transaction(self, records: Sequence[Record]) -> None:
        async with self._database.transaction(SYSTEM) as tx:
            for arrived in await self._park_poison(records, tx):
                await inbox.claim(tx, [arrived.envelope])
                await self._handle(arrived, tx)


async def acknowledged_before_applied(ground: Ground, *, is_seeded: bool) -> Verdict:
    """The database ends the connection of the consumer, once."""
    kind = FaustDefaults if is_seeded else Consumer
    async with (
        referrals(ground.owner_url, ground.keys, MONDAY) as desk,
        rapid_care(ground.owner_url, ground.keys, MONDAY) as care,
        ground.raising("rapid_care.inbox", _ADMINISTRATOR, times=1),
        doing(
            relaying(ground, "referrals", desk.context.database), consume(ground, subscriptions.SUBSCRIPTIONS, care.context.database, kind)
        ),
    ):
        await desk.routed(**URGENT)
        await desk.routed(nhs_number=SOMEBODY_ELSE, **URGENT)
        await ground.until("rapid_care.inbox", count=3 if is_seeded else 4)
        await ground.until_read(subscriptions.SUBSCRIPTIONS.context)
        return await ground.judge(desk.context.clock)


async def no_inbox(ground: Ground, *, is_seeded: bool) -> Verdict:
    """Everything comes once more, as after any failure of a relay, when the first response has ended."""
    async with (
        referrals(ground.owner_url, ground.keys, MONDAY) as desk,
        rapid_care(ground.owner_url, ground.keys, MONDAY) as care,
        doing(
            relaying(ground, "referrals", desk.context.database),
            consume(ground, subscriptions.SUBSCRIPTIONS, care.context.database, intake=InboxUnasked if is_seeded else EventProcessor),
        ),
    ):
        await desk.routed(**URGENT)
        await ground.until("rapid_care.response")
        (response,) = await ground.owner.fetch("SELECT id FROM rapid_care.response")
        await care.do(response["id"], "decline", reason="capacity")
        await ground.owner.execute("INSERT INTO referrals.outbox SELECT seq FROM referrals.event")
        await ground.until_sent("referrals")
        await ground.until_read(subscriptions.SUBSCRIPTIONS.context)
        return await ground.judge(desk.context.clock)
