"""Seeded defects of a feed and of a projection."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from infra.operations.verify.verdict import Verdict
from services.navigation import subscriptions as navigation_subscriptions
from services.rapid_care import subscriptions as rapid_care_subscriptions
from shared.contracts.envelope import Envelope
from shared.contracts.persons import PersonRecordRecorded
from shared.messaging.subscriptions import OnEvent
from shared.persistence.transaction import Transaction
from tests.builders.navigation import NAVIGATOR, navigation
from tests.builders.rapid_care import rapid_care
from tests.builders.referrals import MONDAY, referrals
from tests.chaos.defects.stack import DefectStack, run_consumer, run_relay, running

_SERIALIZATION_FAILURE = "40001"
_TO_NAVIGATION: dict[str, Any] = {"route": "navigation", "service": "care-navigation"}
_NUMBERED_BY_A_SEQUENCE = """
CREATE SEQUENCE public.feed_number;
CREATE FUNCTION public.number_entry() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
    $$ BEGIN NEW.sequence := nextval('public.feed_number'); RETURN NEW; END $$;
CREATE TRIGGER number_entry BEFORE INSERT ON navigation.feed_entry FOR EACH ROW EXECUTE FUNCTION public.number_entry()"""
_KEEP_FIRST = "INSERT INTO person (person_id, sequence, record) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"


async def keep_first(event: PersonRecordRecorded, envelope: Envelope, *, tx: Transaction[Any]) -> None:
    """Stores the first record of a person and ignores later ones."""
    await tx.connection.execute(_KEEP_FIRST, UUID(envelope.key), envelope.sequence, event.model_dump(mode="json"))


async def feed_gap(stack: DefectStack, *, is_seeded: bool) -> Verdict:
    """The transaction that adds a task to a feed fails with a serialization error and is repeated."""
    if is_seeded:
        await stack.owner.execute(_NUMBERED_BY_A_SEQUENCE)
    async with (
        referrals(stack.owner_url, stack.keys, MONDAY) as client,
        navigation(stack.owner_url, stack.keys, MONDAY) as navigators,
        running(
            run_relay(stack, "referrals", client.context.database),
            run_consumer(stack, navigation_subscriptions.SUBSCRIPTIONS, navigators.context.database),
        ),
    ):
        await navigators.register(NAVIGATOR)
        async with stack.raising("navigation.task", _SERIALIZATION_FAILURE, times=1, at_commit=True):
            await client.refer_and_route(**_TO_NAVIGATION)
            await stack.until_rows("navigation.feed_entry")
        return await stack.verify(client.context.clock)


async def stale_projection(stack: DefectStack, *, is_seeded: bool) -> Verdict:
    """A second referral is merged into the first and adds to the person's story."""
    replaced: OnEvent = {PersonRecordRecorded: (keep_first,)} if is_seeded else {}
    subscriptions = replace(
        rapid_care_subscriptions.SUBSCRIPTIONS, on_event={**rapid_care_subscriptions.SUBSCRIPTIONS.on_event, **replaced}
    )
    async with (
        referrals(stack.owner_url, stack.keys, MONDAY) as client,
        rapid_care(stack.owner_url, stack.keys, MONDAY) as care,
        running(run_relay(stack, "referrals", client.context.database), run_consumer(stack, subscriptions, care.context.database)),
    ):
        await client.refer()
        joined = await client.refer(story={"narrative": "He has fallen since, and his daughter stays with him."})
        assert joined["status"] == "merged"
        await stack.until_rows("rapid_care.inbox", count=2)
        return await stack.verify(client.context.clock)
