"""Keeps the projection of the person's record. The GP as lead follows the registration (AC7), once it is confirmed."""

from collections.abc import Sequence
from uuid import UUID

from services.mdt.handlers.lead import follow_registration
from services.mdt.store.lead import LEADING_PRACTICES
from services.mdt.store.person import project_person
from services.mdt.store.tables import Tx
from shared.contracts.envelope import Envelope
from shared.contracts.persons import PersonRecordRecorded
from shared.kernel.ids import PersonId


async def prefetch_records(batch: Sequence[tuple[PersonRecordRecorded, Envelope]], *, tx: Tx) -> None:
    """Reads which people have a practice as their lead."""
    await LEADING_PRACTICES.prefetch(tx, [PersonId(UUID(envelope.key)) for _, envelope in batch])


async def on_person_record_recorded(event: PersonRecordRecorded, envelope: Envelope, *, tx: Tx) -> None:
    person_id = PersonId(UUID(envelope.key))
    await project_person(tx, person_id, envelope.sequence, event)
    leading = await LEADING_PRACTICES.get(tx, person_id)
    if event.is_practice_confirmed and leading is not None and leading != event.practice_code:
        await follow_registration(person_id, tx=tx)
