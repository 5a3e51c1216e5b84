"""The weekly meeting: cut-off, attendance, cancellation, and the roll-over of cases that it did not discuss."""

from services.mdt.commands import CancelMeeting, HoldMeeting
from services.mdt.domain import meeting as domain
from services.mdt.domain.meeting import Meeting
from services.mdt.handlers.agenda import cap_agenda, roll_over
from services.mdt.handlers.schedule import ensure_meetings, next_slot
from services.mdt.store.meeting import lock_diary, meetings
from services.mdt.store.tables import Tx
from shared.kernel.target import Target
from shared.persistence.deadlines import DueDeadline
from shared.persistence.transaction import EventSubject


async def hold_meeting(target: Target, command: HoldMeeting, *, tx: Tx) -> Meeting:
    """Records the attendance, on which every decision of the meeting depends."""
    meeting = await meetings.load(tx, target.id, if_version=target.version)
    return await meetings.save(tx, domain.hold(meeting, command, now=tx.now, policy=tx.policy))


async def cancel_meeting(target: Target, command: CancelMeeting, *, tx: Tx) -> Meeting:
    await lock_diary(tx)
    meeting = await meetings.load(tx, target.id, if_version=target.version)
    following = await next_slot(tx, after=meeting.starts_at)
    cancelled = await meetings.save(tx, domain.cancel(meeting, command, next_meeting_id=following.meeting_id))
    await roll_over(tx, cancelled, "meeting-cancelled")
    await ensure_meetings(tx=tx)
    return cancelled


async def on_cut_off(deadline: DueDeadline, *, tx: Tx) -> None:
    await lock_diary(tx)
    meeting = await meetings.load(tx, deadline.subject)
    domain.require_open_agenda(meeting)
    await meetings.save(tx, domain.cut_off(meeting, listed=await cap_agenda(tx, meeting)))
    await ensure_meetings(tx=tx)


async def on_roll_over(deadline: DueDeadline, *, tx: Tx) -> None:
    """Moves cases that were not discussed to the next meeting. A meeting without recorded attendance stays in the diary with a deadline."""
    await lock_diary(tx)
    meeting = await meetings.load(tx, deadline.subject)
    await roll_over(tx, meeting, domain.end(meeting))
    if again := domain.until_recorded(meeting, tx.now, tx.policy):
        tx.set_deadline(EventSubject(meeting.id, meeting.id, meeting.correlation_id), again)
    await ensure_meetings(tx=tx)
