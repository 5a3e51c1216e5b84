"""A year of the meeting on the real database, command by command."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from infra.dev_stack.dev_secrets import Keys
from services.mdt.commands import DiscussCase, HoldMeeting, ReferCase, ScreenCase
from services.mdt.domain.case import Case
from services.mdt.domain.meeting import MeetingNotFound
from services.mdt.handlers.case import refer_case, screen_case
from services.mdt.handlers.discussion import discuss_case
from services.mdt.handlers.meeting import hold_meeting
from services.mdt.store.case import listed_cases
from services.mdt.store.meeting import meetings
from shared.contracts.codes import Locality, ScreeningOutcome
from shared.contracts.mdt import CarePlanAgreed, CaseDiscussed, LeadActivated, MeetingHeld
from shared.kernel.ids import PersonId, new_id
from shared.kernel.target import Target
from tests.builders.context_app import RunningContext
from tests.builders.mdt import MONDAY, mdt
from tests.builders.mdt_states import POLICY, a_proposal, an_agreed_action, what_was_agreed

CASES, WEEKS = 233, 52
#: Nobody here was scored; reviewed as at level 2, the year has room for everybody.
POLICY_OF_A_YEAR = replace(POLICY, review_weeks_very_high_risk=POLICY.review_weeks)


async def refer_and_screen(context: RunningContext, number: int) -> None:
    async with context.database.transaction() as tx:
        for _ in range(number):
            case = await refer_case(ReferCase(PersonId(new_id()), "W07", Locality.WEST), tx=tx)
            await screen_case(Target(case.id, case.version), ScreenCase(ScreeningOutcome.ELIGIBLE), tx=tx)


async def meet(context: RunningContext) -> int:
    """Discusses whatever is listed for the next meeting and holds it; says how many cases that were."""
    row = await context.database.pool.fetchrow("SELECT id, starts_at FROM meeting WHERE starts_at > $1 ORDER BY 2", context.clock.at)
    if row is None:
        raise MeetingNotFound("The diary is empty.")
    await context.let_pass(row["starts_at"] - context.clock.at)
    async with context.database.transaction() as tx:
        meeting = await meetings.load(tx, UUID(str(row["id"])))
        await hold_meeting(Target(meeting.id, meeting.version), HoldMeeting(POLICY.quorum), tx=tx)
        listed = await listed_cases(tx, row["id"])
        for case in listed:
            await discuss_case(Target(case.id, case.version), _decided(context, case), tx=tx)
    return len(listed)


def _decided(context: RunningContext, case: Case) -> DiscussCase:
    due_on = POLICY.day_of(context.clock.at) + timedelta(weeks=1)
    proposal = a_proposal(f"nurse-{case.id.int % 7}", has_accepted=True)
    return what_was_agreed(actions=(an_agreed_action(due_on=due_on),), lead=proposal, is_agreed_by_person=True)


@pytest.mark.acceptance("mdt-9")
async def test_everybody_discussed_in_a_year_has_a_joint_plan_and_one_lead(owner_url: str, keys: Keys) -> None:
    async with mdt(owner_url, keys, MONDAY - timedelta(days=4), POLICY_OF_A_YEAR) as context:
        discussed = []
        for week in range(1, WEEKS + 1):
            await refer_and_screen(context, CASES * week // WEEKS - CASES * (week - 1) // WEEKS)
            discussed.append(await meet(context))

        first = await context.database.pool.fetchval("SELECT count(DISTINCT key) FROM event WHERE type = $1", CaseDiscussed.TYPE)
        agreed = await context.published(CarePlanAgreed)
        assert (first, len(agreed)) == (CASES, CASES)
        assert len(await context.published(LeadActivated)) == CASES
        assert len(await context.published(MeetingHeld)) == WEEKS
        assert max(discussed) <= POLICY.capacity
        assert await context.database.pool.fetchval("SELECT count(*) FROM lead WHERE status = 'active'") == CASES
