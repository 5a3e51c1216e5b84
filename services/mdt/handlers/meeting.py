"""The weekly meeting: its cut-off, what happened at it, and what happens to the cases it did not reach."""

from services.mdt.commands import CancelMeeting, HoldMeeting
from services.mdt.domain import meeting as domain
from services.mdt.domain.meeting import Meeting
from services.mdt.handlers.diary import ensure_meetings, next_place
from services.mdt.handlers.listing import roll_over
from services.mdt.store import case as case_store
from services.mdt.store.meeting import lock_diary, meetings
from services.mdt.store.tables import Tx
from shared.kernel.at import At
from shared.persistence.timers import Timer


async def hold_meeting(at: At, command: HoldMeeting, *, tx: Tx) -> Meeting:
    await lock_diary(tx)
    meeting = await meetings.load(tx, at.id, if_version=at.version)
    await case_store.listed_cases(tx, meeting.id)  # waits for a discussion that is being recorded, so that it is counted
    discussed = await case_store.discussed(tx, meeting.id)
    held = await meetings.save(tx, domain.hold(meeting, command, discussed=discussed, now=tx.now, policy=tx.policy))
    await roll_over(tx, held, "not-reached")
    await ensure_meetings(tx=tx)
    return held


async def cancel_meeting(at: At, command: CancelMeeting, *, tx: Tx) -> Meeting:
    await lock_diary(tx)
    meeting = await meetings.load(tx, at.id, if_version=at.version)
    following = await next_place(tx, after=meeting.starts_at)
    cancelled = await meetings.save(tx, domain.cancel(meeting, command, next_meeting_id=following.meeting_id))
    await roll_over(tx, cancelled, "meeting-cancelled")
    await ensure_meetings(tx=tx)
    return cancelled


async def on_cut_off(timer: Timer, *, tx: Tx) -> None:
    await lock_diary(tx)
    meeting = await meetings.load(tx, timer.subject)
    taken = await case_store.taken(tx, meeting.id)
    await meetings.save(tx, domain.cut_off(meeting, listed=taken.ordinary + taken.urgent))
    await ensure_meetings(tx=tx)


async def on_roll_over(timer: Timer, *, tx: Tx) -> None:
    """Nobody recorded the meeting: what it did not discuss moves on all the same, so that no case waits for a form."""
    await lock_diary(tx)
    meeting = await meetings.load(tx, timer.subject)
    domain.require_unrecorded(meeting)
    await roll_over(tx, meeting, "meeting-not-recorded")
    await ensure_meetings(tx=tx)
