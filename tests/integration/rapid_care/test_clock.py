"""The two-hour clock on the real database."""

from datetime import datetime, timedelta
from uuid import UUID

from infra.keys import Keys
from shared.clock import LONDON
from shared.contracts.rapid_care import ResponseAtRisk, ResponseBreached, ResponseRequested
from shared.kernel.ids import new_id
from tests.builders.rapid_care import a_routed_referral, rapid_care

SUNDAY_EVENING = datetime(2015, 3, 15, 19, 30, tzinfo=LONDON)


async def test_warnings_and_breach_come_once_each_at_their_times(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, SUNDAY_EVENING) as context:
        record = await context.deliver(a_routed_referral(SUNDAY_EVENING), key=new_id(), subject=new_id())
        await context.intake.apply([record])

        await context.let_pass(timedelta(hours=3))

        warnings = [event.minutes_elapsed for event in await context.published(ResponseAtRisk)]
        assert warnings == [60, 90, 110]
        assert len(await context.published(ResponseRequested)) == 1
        assert len(await context.published(ResponseBreached)) == 1


async def test_an_accepted_response_has_a_new_version_and_the_old_one_is_refused(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, SUNDAY_EVENING) as context:
        await context.deliver(a_routed_referral(SUNDAY_EVENING), key=new_id(), subject=new_id())
        response_id: UUID = await context.database.pool.fetchval("SELECT id FROM response")
        staff = context.token("rapid-care:respond")

        answer = await context.http.post(f"/rapid-care/responses/{response_id}/acceptance", headers=staff | {"If-Match": 'W/"1"'})

        assert answer.status_code == 200, answer.text
        assert answer.headers["etag"] == 'W/"2"'
        again = await context.http.post(f"/rapid-care/responses/{response_id}/acceptance", headers=staff | {"If-Match": 'W/"1"'})
        assert (again.status_code, again.json()["code"]) == (412, "version-conflict")
