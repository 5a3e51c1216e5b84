"""A death or a move of a person ends every unfinished response from before it; its reversal restores them, a return does not.

A merge and a separation only decide which ids are one person. The Community Point of Access publishes a death, a move and its reversal for
each of them.
"""

from uuid import UUID

from services.rapid_care.domain import person_change
from services.rapid_care.handlers.clinician import unassign_if_off_duty
from services.rapid_care.store.responses import ended_by_change, responses, unfinished_of_person
from services.rapid_care.store.tables import CHANGES, MERGED, Tx
from shared.contracts.envelope import Envelope
from shared.contracts.persons import (
    PersonChange,
    PersonDeceased,
    PersonMerged,
    PersonMoved,
    PersonRestored,
    PersonReturned,
    PersonSeparated,
    RecordedChange,
)
from shared.persistence.merged_persons import Merge


async def on_person_deceased(event: PersonDeceased, envelope: Envelope, *, tx: Tx) -> None:
    await _end_all(UUID(envelope.key), RecordedChange(PersonChange.DEATH, event.recorded_at), tx)


async def on_person_moved(event: PersonMoved, envelope: Envelope, *, tx: Tx) -> None:
    await _end_all(UUID(envelope.key), RecordedChange(PersonChange.MOVE, event.recorded_at), tx)


async def on_person_restored(event: PersonRestored, envelope: Envelope, *, tx: Tx) -> None:
    """Restores what ended by this change, not by an earlier or a later one."""
    mistaken = RecordedChange(event.mistaken, event.recorded_at)
    if not await CHANGES.reverse(tx, UUID(envelope.key), mistaken, event.restored_at):
        return
    for response in await ended_by_change(tx, UUID(envelope.key), mistaken):
        restored = await responses.save(tx, person_change.restore(response, tx.policy, tx.now))
        await unassign_if_off_duty(restored, tx)


async def on_person_merged(event: PersonMerged, envelope: Envelope, *, tx: Tx) -> None:
    await MERGED.merge(tx, Merge(UUID(envelope.key), event.into, event.merged_at))


async def on_person_separated(event: PersonSeparated, envelope: Envelope, *, tx: Tx) -> None:
    await MERGED.separate(tx, Merge(UUID(envelope.key), event.from_person, event.merged_at), event.separated_at)


async def on_person_returned(event: PersonReturned, envelope: Envelope, *, tx: Tx) -> None:
    """No death or move until then ends a response any longer. Those that it ended stay ended."""
    await CHANGES.end(tx, UUID(envelope.key), event.recorded_at)


async def _end_all(person_id: UUID, recorded: RecordedChange, tx: Tx) -> None:
    """Ends nothing by a record that is older than its reversal, than the return of the person, or than the receipt of the referral."""
    if not await CHANGES.record(tx, person_id, recorded):
        return
    for response in await unfinished_of_person(tx, person_id):
        if person_change.is_before(response, recorded):
            await responses.save(tx, person_change.end(response, recorded, tx.now))
