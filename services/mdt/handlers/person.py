"""Keeps the projection of the person's record. The GP as lead follows the registration (AC7), confirmed or in doubt."""

from collections.abc import Sequence
from uuid import UUID

from services.mdt.handlers.lead import follow_registration
from services.mdt.store.lead import PRACTICES_THAT_LEAD
from services.mdt.store.person import project_person
from services.mdt.store.practices import same_practice
from services.mdt.store.tables import Tx
from shared.contracts.envelope import Envelope
from shared.contracts.persons import PersonRecordRecorded
from shared.kernel.ids import PersonId


async def prefetch_records(batch: Sequence[tuple[PersonRecordRecorded, Envelope]], *, tx: Tx) -> None:
    """Reads which people have a practice as their lead or as a proposed one."""
    await PRACTICES_THAT_LEAD.prefetch(tx, [PersonId(UUID(envelope.key)) for _, envelope in batch])


async def on_person_record_recorded(event: PersonRecordRecorded, envelope: Envelope, *, tx: Tx) -> None:
    person_id = PersonId(UUID(envelope.key))
    await project_person(tx, person_id, envelope.sequence, event)
    if await _concerns(event, await PRACTICES_THAT_LEAD.get(tx, person_id), tx):
        await follow_registration(person_id, tx=tx)


async def _concerns(event: PersonRecordRecorded, leading: frozenset[str], tx: Tx) -> bool:
    """Whether a practice that leads is not the confirmed one, or is the one in doubt, under whichever code (docs/adr/0048)."""
    if event.is_practice_confirmed or not leading:
        return bool(leading - {event.practice_code})
    return not leading.isdisjoint(await same_practice(tx, event.practice_code))
