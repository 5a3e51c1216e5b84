"""Keeps the projection of the person's record."""

from uuid import UUID

from services.mdt.store.person import project_person
from services.mdt.store.tables import Tx
from shared.contracts.envelope import Envelope
from shared.contracts.referrals import PersonRecordRecorded
from shared.kernel.ids import PersonId


async def on_person_record_recorded(event: PersonRecordRecorded, envelope: Envelope, *, tx: Tx) -> None:
    await project_person(tx, PersonId(UUID(envelope.key)), envelope.sequence, event)
