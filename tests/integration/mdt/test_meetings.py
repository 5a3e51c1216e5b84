"""Meetings on the real database: their schedule, cut-off and cancellation, and the cases that move to the next meeting."""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from services.mdt.handlers.schedule import ensure_meetings
from services.mdt.store import meeting as store
from shared.clock import LONDON
from shared.contracts.codes import Urgency
from shared.contracts.mdt import (
    CaseDeferred,
    CaseDiscussed,
    MeetingCancelled,
    MeetingCutOff,
    MeetingHeld,
    MeetingScheduled,
)
from shared.contracts.rapid_care import ResponseEscalated
from shared.kernel.ids import new_id
from tests.builders.context_app import RunningContext
from tests.builders.mdt import MONDAY, QUORUM, WEDNESDAY, Patient, a_discussion, hold, meetings, read, send_command


@pytest.mark.acceptance("mdt-1")
async def test_schedule_has_one_meeting_a_week_for_a_year(context: RunningContext) -> None:
    for _ in range(52):
        await context.let_pass(timedelta(weeks=1))

    scheduled = await context.published(MeetingScheduled)
    weeks = [event.starts_at.astimezone(LONDON).isocalendar()[:2] for event in scheduled]
    assert len(weeks) == len(set(weeks)) == 52 + 4
    assert all(later == earlier + timedelta(weeks=1) for earlier, later in zip(_mondays(scheduled), _mondays(scheduled)[1:], strict=False))
    assert len(await context.published(MeetingCutOff)) == 52


def _mondays(scheduled: list[MeetingScheduled]) -> list[datetime]:
    days = [event.starts_at.astimezone(LONDON) for event in scheduled]
    return [datetime.fromordinal(day.toordinal() - day.weekday()) for day in days]


async def test_concurrent_starts_schedule_each_meeting_once(context: RunningContext) -> None:
    async def start() -> None:
        async with context.database.transaction() as tx:
            await ensure_meetings(tx=tx)

    context.clock.advance(timedelta(weeks=20))
    await asyncio.gather(*(start() for _ in range(6)))

    assert len(await context.published(MeetingScheduled)) == 5 + 5


@pytest.mark.parametrize("now", [datetime(2013, 12, 20, 10, tzinfo=LONDON)], ids=["before Christmas"])
@pytest.mark.acceptance("mdt-1")
async def test_bank_holiday_moves_meeting(context: RunningContext) -> None:
    starts_at = [meeting["starts_at"] for meeting in await meetings(context)]

    assert starts_at[:2] == ["2013-12-27T13:00:00Z", "2014-01-02T13:00:00Z"]


@pytest.mark.acceptance("mdt-2")
async def test_after_cut_off_only_two_urgent_cases_are_listed(context: RunningContext) -> None:
    this_week, next_week = [meeting["id"] for meeting in await meetings(context)][:2]
    early = await (await Patient.listed(context)).case()
    await context.let_pass(timedelta(hours=3))

    late = await (await Patient.listed(context)).case()
    urgent = [await (await Patient.listed(context, urgency=Urgency.URGENT)).case() for _ in range(3)]

    assert (early["meeting_id"], late["meeting_id"]) == (this_week, next_week)
    assert [case["meeting_id"] for case in urgent] == [this_week, this_week, next_week]
    assert [event.listed for event in await context.published(MeetingCutOff)] == [1]


@pytest.mark.acceptance("mdt-2")
async def test_cut_off_lists_cases_by_rank_and_defers_others(context: RunningContext) -> None:
    calm = [await Patient.referred(context) for _ in range(11)]
    in_crisis = await Patient.referred(context)
    await context.deliver(ResponseEscalated(referral_id=new_id()), key=in_crisis.person_id, subject=new_id())
    await asyncio.gather(*(patient.command("screening", {"outcome": "eligible"}) for patient in calm))
    await in_crisis.command("screening", {"outcome": "eligible"})
    this_week, next_week = [meeting["id"] for meeting in await meetings(context)][:2]

    await context.let_pass(timedelta(hours=3))

    assert [event.listed for event in await context.published(MeetingCutOff)] == [10]
    assert await agenda(context, this_week) == [str(patient.person_id) for patient in (in_crisis, *calm[:9])]
    assert await agenda(context, next_week) == [str(patient.person_id) for patient in calm[9:]]
    assert [event.reason for event in await context.published(CaseDeferred)] == ["outranked"] * 2


async def test_concurrent_discussions_share_lock_on_meeting(context: RunningContext) -> None:
    one, other = await Patient.listed(context), await Patient.listed(context)
    await one.meet()
    meeting_id = UUID((await one.case())["meeting_id"])
    async with context.database.transaction() as discussing_one:
        await store.meetings.load_shared(discussing_one, meeting_id)
        await other.command("discussion", a_discussion(context.clock.at.date()))
        with pytest.raises(asyncpg.LockNotAvailableError):
            await context.database.pool.execute("SELECT FROM meeting WHERE id = $1 FOR UPDATE NOWAIT", meeting_id)


async def test_undiscussed_case_moves_to_next_meeting(context: RunningContext) -> None:
    reached, missed = await Patient.listed(context), await Patient.listed(context)
    await reached.discuss()

    await context.let_pass(timedelta(days=2))

    next_week = (await meetings(context))[0]
    assert [event.reason for event in await context.published(CaseDeferred)] == ["not-reached"]
    assert (await missed.case())["meeting_id"] == next_week["id"]
    assert [event.attended for event in await context.published(MeetingHeld)] == [tuple(QUORUM)]


async def test_meeting_without_quorum_decides_nothing(context: RunningContext) -> None:
    patient = await Patient.listed(context)
    await context.let_pass(WEDNESDAY - MONDAY)
    meeting = (await meetings(context))[0]

    response = await send_command(
        context, f"/mdt/meetings/{meeting['id']}/attendance", meeting["version"], {"attended": ["gp", "social-worker"]}
    )
    discussed = await patient.try_command("discussion", a_discussion())

    assert (response.status_code, response.json()["code"]) == (409, "not-quorate")
    assert (discussed.status_code, discussed.json()["code"]) == (409, "meeting-not-started")
    assert (await meetings(context))[0] == meeting
    assert ((await patient.case())["meeting_id"], (await patient.case())["status"]) == (meeting["id"], "listed")


async def test_mental_health_case_needs_mental_health_present(context: RunningContext) -> None:
    patient = await Patient.referred(context)
    case = await patient.command("screening", {"outcome": "eligible", "needs_mental_health": True})
    await patient.meet()

    refused = await patient.try_command("discussion", a_discussion())
    await hold(context, case["meeting_id"], [*QUORUM, "mental-health"])
    await patient.command("discussion", a_discussion())

    assert (refused.status_code, refused.json()["code"]) == (409, "not-quorate")
    assert (await patient.case())["status"] == "active-management"


async def test_meeting_with_decision_cannot_be_cancelled(context: RunningContext) -> None:
    await Patient.discussed(context)
    meeting = (await meetings(context))[0]

    response = await send_command(context, f"/mdt/meetings/{meeting['id']}/cancellation", meeting["version"], {"reason": "no-chair"})

    assert (response.status_code, response.json()["code"]) == (409, "illegal-transition")


async def test_late_decision_is_recorded_for_its_meeting(context: RunningContext) -> None:
    patient = await Patient.listed(context)
    met = (await patient.case())["meeting_id"]
    await context.let_pass(timedelta(days=5))
    assert (await patient.case())["meeting_id"] != met
    await hold(context, met)

    elsewhere = await patient.try_command("discussion", a_discussion(meeting_id=str(new_id())))
    await patient.command("discussion", a_discussion(meeting_id=met))

    assert (elsewhere.status_code, elsewhere.json()["code"]) == (409, "case-not-on-agenda")
    assert [str(event.meeting_id) for event in await context.published(CaseDiscussed)] == [met]
    assert (await patient.plan())["in_force"]["review_on"] == "2015-05-27"  # twelve weeks after the meeting
    minutes = await read(context, f"/mdt/meetings/{met}/discussions")
    assert [(each["person_id"], each["version"]["number"], each["is_agreed_by_person"]) for each in minutes] == [
        (str(patient.person_id), 1, True)
    ]


@pytest.mark.parametrize("now", [MONDAY - timedelta(days=4)], ids=["thursday"])
@pytest.mark.acceptance("mdt-8")
async def test_cancelled_meeting_moves_its_cases_in_order(context: RunningContext) -> None:
    cancelled, following = (await meetings(context))[:2]
    patients = []
    for number in range(10):
        context.clock.advance(timedelta(minutes=number))
        patients.append(await Patient.listed(context))
    before = await agenda(context, cancelled["id"])
    resident = await Patient.listed(context)  # the eleventh: listed for the following meeting already

    response = await send_command(context, f"/mdt/meetings/{cancelled['id']}/cancellation", cancelled["version"], {"reason": "no-chair"})

    assert response.status_code == 200, response.text
    after = await agenda(context, following["id"])
    assert after[:-1] == before == [str(patient.person_id) for patient in patients]
    assert after[-1] == str(resident.person_id)
    assert [event.next_meeting_id for event in await context.published(MeetingCancelled)] == [UUID(following["id"])]
    assert (
        await context.database.pool.fetchval(
            "SELECT count(*) FROM deadline WHERE subject = $1 AND state = 'pending'", UUID(cancelled["id"])
        )
    ) == 0


async def test_new_case_ranks_behind_cases_of_cancelled_meeting(context: RunningContext) -> None:
    for _ in range(10):
        await Patient.listed(context)
    cancelled, _, third = (await meetings(context))[:3]
    await send_command(context, f"/mdt/meetings/{cancelled['id']}/cancellation", cancelled["version"], {"reason": "no-chair"})

    newcomer = await Patient.listed(context)
    await context.let_pass(timedelta(weeks=1, hours=3))

    assert (await newcomer.case())["meeting_id"] == third["id"]


async def test_cases_of_unrecorded_meeting_roll_over(context: RunningContext) -> None:
    patient = await Patient.listed(context)

    await context.let_pass(timedelta(days=4, hours=4))

    case = await patient.case()
    assert [event.reason for event in await context.published(CaseDeferred)] == ["meeting-not-recorded"]
    assert (case["status"], case["is_deferred"], case["deferrals"]) == ("listed", True, 0)
    assert case["meeting_starts_at"] == "2015-03-11T13:00:00Z"


async def test_case_stays_listed_while_no_meeting_is_recorded(context: RunningContext) -> None:
    patient = await Patient.listed(context)

    await context.let_pass(timedelta(weeks=6))

    case = await patient.case()
    assert case["status"] == "listed"
    assert datetime.fromisoformat(case["meeting_starts_at"]) > context.clock.at


async def test_meeting_with_late_cut_off_stays_in_diary(context: RunningContext) -> None:
    missed = (await meetings(context))[0]

    context.clock.at += timedelta(weeks=1)  # no deadline fires

    assert (await meetings(context))[0] == missed | {"status": "scheduled"}


async def test_unrecorded_meeting_stays_in_the_diary_with_a_deadline(context: RunningContext) -> None:
    unrecorded = (await meetings(context))[0]

    await context.let_pass(timedelta(weeks=3))

    assert (await meetings(context))[0]["id"] == unrecorded["id"]
    pending = "SELECT count(*) FROM deadline WHERE subject = $1 AND kind = 'roll-over' AND state = 'pending'"
    assert await context.database.pool.fetchval(pending, UUID(unrecorded["id"])) == 1


async def test_agenda_puts_person_in_crisis_first(context: RunningContext) -> None:
    calm, in_crisis = await Patient.listed(context), await Patient.listed(context)
    await context.deliver(ResponseEscalated(referral_id=new_id()), key=in_crisis.person_id, subject=new_id())

    order = await agenda(context, (await calm.case())["meeting_id"])

    assert order == [str(in_crisis.person_id), str(calm.person_id)]


async def test_discussion_before_meeting_starts_is_refused(context: RunningContext) -> None:
    patient = await Patient.listed(context)

    response = await patient.try_command("discussion", a_discussion())

    assert (response.status_code, response.json()["code"]) == (409, "meeting-not-started")
    assert (await patient.case())["status"] == "listed"


async def agenda(context: RunningContext, meeting_id: str) -> list[str]:
    items = (await read(context, f"/mdt/meetings/{meeting_id}/agenda"))["items"]
    assert [item["position"] for item in items] == list(range(1, len(items) + 1))
    return [item["case"]["person_id"] for item in items]
