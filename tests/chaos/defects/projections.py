"""A faulty feed and a faulty copy: what another context told, on the screens of those who act."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from infra.operations.verify.verdict import Verdict
from services.navigation import subscriptions as navigation_agents
from services.rapid_care import subscriptions as rapid_care_agents
from shared.contracts.envelope import Envelope
from shared.contracts.referrals import PersonRecordRecorded
from shared.messaging.subscriptions import OnEvent
from shared.persistence.transaction import Transaction
from tests.builders.navigation import NAVIGATOR, navigation
from tests.builders.rapid_care import rapid_care
from tests.builders.referrals import MONDAY, referrals
from tests.chaos.defects.stack import Ground, consume, doing, relaying

_CONTENDED = "40001"
_TO_NAVIGATION: dict[str, Any] = {"route": "navigation", "service": "care-navigation"}
_NUMBERED_BY_A_SEQUENCE = """
CREATE SEQUENCE public.feed_number;
CREATE FUNCTION public.number_entry() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
    $$ BEGIN NEW.sequence := nextval('public.feed_number'); RETURN NEW; END $$;
CREATE TRIGGER number_entry BEFORE INSERT ON navigation.feed_entry FOR EACH ROW EXECUTE FUNCTION public.number_entry()"""
_KEEP_FIRST = "INSERT INTO person (person_id, sequence, record) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"


async def keep_first(event: PersonRecordRecorded, envelope: Envelope, *, tx: Transaction[Any]) -> None:
    """Keeps what it is told of a person when it hears of them, and nothing later."""
    await tx.connection.execute(_KEEP_FIRST, UUID(envelope.key), envelope.sequence, event.model_dump(mode="json"))


async def lost_number(ground: Ground, *, is_seeded: bool) -> Verdict:
    """The transaction that enters a task into a feed is in another's way, and is done again."""
    if is_seeded:
        await ground.owner.execute(_NUMBERED_BY_A_SEQUENCE)
    async with (
        referrals(ground.owner_url, ground.keys, MONDAY) as desk,
        navigation(ground.owner_url, ground.keys, MONDAY) as screens,
        doing(
            relaying(ground, "referrals", desk.context.database), consume(ground, navigation_agents.SUBSCRIPTIONS, screens.context.database)
        ),
    ):
        await screens.register(NAVIGATOR)
        async with ground.raising("navigation.task", _CONTENDED, times=1, at_commit=True):
            await desk.routed(**_TO_NAVIGATION)
            await ground.until("navigation.feed_entry")
        return await ground.judge(desk.context.clock)


async def stale_copy(ground: Ground, *, is_seeded: bool) -> Verdict:
    """A second referral joins the first, and tells more of the person."""
    told: OnEvent = {PersonRecordRecorded: (keep_first,)} if is_seeded else {}
    wiring = replace(rapid_care_agents.SUBSCRIPTIONS, on_event={**rapid_care_agents.SUBSCRIPTIONS.on_event, **told})
    async with (
        referrals(ground.owner_url, ground.keys, MONDAY) as desk,
        rapid_care(ground.owner_url, ground.keys, MONDAY) as care,
        doing(relaying(ground, "referrals", desk.context.database), consume(ground, wiring, care.context.database)),
    ):
        await desk.sent()
        joined = await desk.sent(story={"narrative": "He has fallen since, and his daughter stays with him."})
        assert joined["status"] == "merged"
        await ground.until("rapid_care.inbox", count=2)
        return await ground.judge(desk.context.clock)
