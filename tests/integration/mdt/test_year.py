"""A year of the weekly meeting on the real database, command by command."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from services.mdt.commands import DiscussCase, HoldMeeting, ReferCase, ScreenCase
from services.mdt.domain import care_plan
from services.mdt.domain.case import Case
from services.mdt.domain.meeting import MeetingNotFound
from services.mdt.handlers.case import refer_case, screen_case
from services.mdt.handlers.discussion import discuss_case
from services.mdt.handlers.meeting import hold_meeting
from services.mdt.store.care_plan import care_plans, open_plan
from services.mdt.store.case import listed_cases
from services.mdt.store.meeting import meetings
from services.mdt.store.tables import Tx
from shared.contracts.care_plans import CarePlanAgreed
from shared.contracts.codes import Locality, ScreeningOutcome
from shared.contracts.mdt import CaseDiscussed, LeadActivated, MeetingHeld
from shared.kernel.ids import PersonId, new_id
from shared.kernel.target import Target
from tests.builders.context_app import RunningContext
from tests.builders.mdt import MONDAY
from tests.builders.mdt_states import POLICY, a_discussion_command, a_proposal, an_agreed_action

CASES, WEEKS = 233, 52
#: No person here has a risk score. Reviewed as at level 2, all of them fit into the agendas of a year.
POLICY_OF_A_YEAR = replace(POLICY, review_weeks_very_high_risk=POLICY.review_weeks)


async def refer_and_screen(context: RunningContext, count: int) -> None:
    """Refers and screens `count` new people."""
    async with context.database.transaction() as tx:
        tx.start_batch()
        for _ in range(count):
            case = await refer_case(ReferCase(PersonId(new_id()), "W07", Locality.WEST), tx=tx)
            await screen_case(Target(case.id, case.version), ScreenCase(ScreeningOutcome.ELIGIBLE), tx=tx)


async def hold_next_meeting(context: RunningContext) -> int:
    """Holds the next meeting and discusses every listed case; returns the number of cases."""
    row = await context.database.pool.fetchrow("SELECT id, starts_at FROM meeting WHERE starts_at > $1 ORDER BY 2", context.clock.at)
    if row is None:
        raise MeetingNotFound("No meeting is scheduled.")
    await context.let_pass(row["starts_at"] - context.clock.at)
    async with context.database.transaction() as tx:
        tx.start_batch()
        meeting = await meetings.load(tx, UUID(str(row["id"])))
        await hold_meeting(Target(meeting.id, meeting.version), HoldMeeting(POLICY.quorum), tx=tx)
        listed = await listed_cases(tx, row["id"])
        for case in listed:
            await discuss_case(Target(case.id, case.version), _discussion(context, case), tx=tx)
            await fulfil_action(tx, case)
    return len(listed)


async def fulfil_action(tx: Tx, case: Case) -> None:
    """The navigator of the plan's only action fulfils its task at once, so that a year has no reminders."""
    plan = await open_plan(tx, case.person_id)
    assert plan is not None
    (action,) = care_plan.next_steps(plan)
    fulfilled = care_plan.fulfil(plan, action.action_id, care_plan.Occurrence.TASK_FULFILLED)
    assert fulfilled is not None
    await care_plans.save(tx, fulfilled)


def _discussion(context: RunningContext, case: Case) -> DiscussCase:
    due_on = POLICY.day_of(context.clock.at) + timedelta(weeks=1)
    proposal = a_proposal(f"nurse-{case.id.int % 7}", has_accepted=True)
    return a_discussion_command(actions=(an_agreed_action(due_on=due_on),), lead=proposal, is_agreed_by_person=True)


@pytest.mark.parametrize("policy", [POLICY_OF_A_YEAR], ids=["reviews as at level 2"])
@pytest.mark.parametrize("now", [MONDAY - timedelta(days=4)], ids=["thursday"])
@pytest.mark.acceptance("mdt-9")
async def test_everyone_discussed_in_a_year_has_plan_and_lead(context: RunningContext) -> None:
    discussed = []
    for week in range(1, WEEKS + 1):
        await refer_and_screen(context, CASES * week // WEEKS - CASES * (week - 1) // WEEKS)
        discussed.append(await hold_next_meeting(context))

    first = await context.database.pool.fetchval("SELECT count(DISTINCT key) FROM event WHERE type = $1", CaseDiscussed.TYPE)
    agreed = await context.published(CarePlanAgreed)
    assert (first, len(agreed)) == (CASES, CASES)
    assert len(await context.published(LeadActivated)) == CASES
    assert len(await context.published(MeetingHeld)) == WEEKS
    assert max(discussed) <= POLICY.capacity
    assert await context.database.pool.fetchval("SELECT count(*) FROM lead WHERE status = 'active'") == CASES
