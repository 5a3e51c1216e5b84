"""Schedules the meetings of this week and the next four, and later ones when a case needs a slot."""

from datetime import date, datetime, timedelta

from services.mdt.domain import meeting as domain
from services.mdt.domain.meeting import AgendaSlot, Meeting, Slot
from services.mdt.store import case as case_store
from services.mdt.store.meeting import lock_diary, meetings
from services.mdt.store.tables import Tx

_ONE_WEEK = timedelta(weeks=1)


async def ensure_meetings(*, tx: Tx) -> None:
    """Schedules missing meetings up to `weeks_ahead`. Idempotent, also across processes."""
    await lock_diary(tx)
    for weeks in range(tx.policy.weeks_ahead + 1):
        await _meeting_of(tx, _this_week(tx) + weeks * _ONE_WEEK)


async def find_slot(tx: Tx, *, is_urgent: bool) -> AgendaSlot:
    """The first free slot for a new case. The caller has locked the diary."""
    week = _this_week(tx)
    while True:
        meeting = await _meeting_of(tx, week)
        if meeting:
            usage = await case_store.agenda_usage(tx, meeting.id)
            slot = domain.free_slot(meeting, usage, is_urgent=is_urgent, now=tx.now, policy=tx.policy)
            if slot:
                return AgendaSlot(meeting.id, meeting.starts_at, slot)
        week += _ONE_WEEK


async def next_slot(tx: Tx, *, after: datetime) -> AgendaSlot:
    """A slot at the first meeting after that instant, even a full one, so that a deferred case moves by one meeting only.

    The caller has locked the diary.
    """
    week = _this_week(tx)
    while True:
        meeting = await _meeting_of(tx, week)
        if meeting and domain.is_upcoming(meeting, max(after, tx.now)):
            return AgendaSlot(meeting.id, meeting.starts_at, Slot.ORDINARY)
        week += _ONE_WEEK


async def _meeting_of(tx: Tx, week: date) -> Meeting | None:
    """The meeting of a week, scheduled when it is missing; None when its time has passed."""
    meeting = await meetings.find(tx, domain.meeting_id(week))
    if meeting:
        return meeting
    decision = domain.schedule(week, policy=tx.policy)
    return await meetings.save(tx, decision) if decision.state.starts_at > tx.now else None


def _this_week(tx: Tx) -> date:
    return domain.week_of(tx.policy.day_of(tx.now))
