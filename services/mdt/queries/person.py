"""The person's record, and the access to data about a person: that of today's practice (IG8)."""

from uuid import UUID

import sqlalchemy as sa

from services.mdt.domain.access import NotMdtMember, require_member
from services.mdt.store.case import CASE
from services.mdt.store.person import practice_of, record_query
from services.mdt.store.tables import MERGED, Tx
from shared.contracts.persons import PersonRecordRecorded
from shared.kernel.errors import PersonRecordNotFound
from shared.kernel.ids import PersonId
from shared.persistence.statements import ReadSession, Statement

_STORY = Statement(record_query())
_HAS_CASE = Statement(sa.select(sa.exists().where(MERGED.is_of_group(CASE.c.person_id))))


async def require_involved(tx: Tx, person_id: UUID) -> None:
    """Requires a case of the person, and a member of the meeting or the person's practice of today (IG8). Raises NotMdtMember."""
    if not await tx.fetch_value(_HAS_CASE, person_id=person_id):
        raise NotMdtMember("The person has no case at the meeting.")
    require_member(tx.actor, tx.policy, await practice_of(tx, PersonId(person_id)))


async def story(reader: ReadSession, person_id: UUID) -> PersonRecordRecorded:
    """The newest record, of this id if there is one. Raises PersonRecordNotFound."""
    record = await reader.fetch_value(_STORY, person_id=person_id)
    if record is None:
        raise PersonRecordNotFound("The meeting has no record of the person.")
    return PersonRecordRecorded.model_validate(record, extra="ignore")


async def merged_into(reader: ReadSession, person_id: UUID) -> UUID | None:
    """The record that this one was merged into."""
    return await MERGED.survivor(reader, person_id)
