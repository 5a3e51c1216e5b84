"""The event log lies in months: they are there before they begin, no insert waits for one, and only the owner removes one."""

import asyncpg
import pytest

from shared.contracts.codes import PlaceOfCare
from shared.contracts.mdt import CarePlanRecorded
from shared.kernel.decision import Decision
from shared.messaging.address import Kafka
from shared.persistence.keeping import MONTHS_AHEAD, open_months
from tests.integration.platform.parcels import parcels, requested
from tests.integration.platform.post import NOW, Post
from tests.integration.platform.test_relay import relaying, until_sent

LIES_IN = "SELECT tableoid::regclass::text FROM rapid_care.event WHERE subject = $1 ORDER BY seq"


async def month(post: Post, ahead: int = 0) -> str:
    """The partition of this month, or of one that is to come."""
    name: str = await post.owner.fetchval("""SELECT to_char(now() + make_interval(months => $1), '"rapid_care.event_"YYYY_MM')""", ahead)
    return name


async def test_the_months_that_come_are_there_and_are_made_once(post: Post) -> None:
    assert await open_months(post.sender.database) == 0
    assert await post.owner.fetchval("SELECT to_regclass($1)", await month(post, MONTHS_AHEAD)) is not None


async def test_what_no_month_was_made_for_is_kept_and_goes_into_its_month_when_that_is_made(post: Post) -> None:
    await post.owner.execute(f"DROP TABLE {await month(post)}")
    parcel = await post.send()
    assert await post.owner.fetchval(LIES_IN, parcel.id) == "rapid_care.event_default"

    assert await open_months(post.sender.database) == 1

    assert await post.owner.fetchval(LIES_IN, parcel.id) == await month(post)
    assert await post.count("rapid_care.outbox JOIN rapid_care.event USING (seq)") == 1


async def test_a_restricted_event_lies_where_the_log_is_kept_whole(post: Post) -> None:
    parcel = await post.send()
    words = CarePlanRecorded(
        care_plan_id=parcel.id, plan_version=1, preferred_place_of_care=PlaceOfCare.HOME, what_matters="the garden", crisis=None
    )
    async with post.sender.database.transaction() as tx:
        await parcels.save(tx, Decision(await parcels.load(tx, parcel.id), [requested(parcel, NOW), words]))

    lies_in = [row[0] for row in await post.owner.fetch(LIES_IN, parcel.id)]
    assert lies_in == [await month(post), await month(post), "rapid_care.event_kept"]


@pytest.mark.parametrize(
    "deed", ["DROP TABLE {}", "DELETE FROM {}", "UPDATE {} SET topic = ''", "TRUNCATE {}", "ALTER TABLE event DETACH PARTITION {}"]
)
async def test_the_context_itself_cannot_reach_into_a_month(deed: str, post: Post) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await post.sender.database.pool.execute(deed.format(await month(post)))


async def test_an_unsent_event_is_sent_however_old_its_month(post: Post, kafka: Kafka) -> None:
    old, young = await post.send(), await post.send()
    age = "UPDATE rapid_care.event SET recorded_at = recorded_at - interval '300 days', shelf = shelf - 300 WHERE subject = $1"
    await post.owner.execute(age, old.id)

    async with relaying(post, kafka):
        await until_sent(post)

    assert await post.owner.fetchval(LIES_IN, old.id) == "rapid_care.event_default"
    assert await post.owner.fetchval(LIES_IN, young.id) == await month(post)
