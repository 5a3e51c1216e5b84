"""The person's record, and the access to data about a person: that of today's practice (IG8)."""

from uuid import UUID

import sqlalchemy as sa

from services.mdt.domain.access import NotMdtMember, require_member
from services.mdt.store.case import CASE
from services.mdt.store.person import PERSON, practice_of
from services.mdt.store.tables import Tx
from shared.contracts.persons import PersonRecordRecorded
from shared.kernel.errors import PersonRecordNotFound
from shared.kernel.ids import PersonId
from shared.persistence.statements import ReadSession, Statement

_STORY = Statement(sa.select(PERSON.c.record).where(PERSON.c.person_id == sa.bindparam("person_id")))
_HAS_CASE = Statement(sa.select(sa.exists().where(CASE.c.person_id == sa.bindparam("person_id"))))


async def require_involved(tx: Tx, person_id: UUID) -> None:
    """Requires a case of the person, and a member of the meeting or the person's practice of today (IG8). Raises NotMdtMember."""
    if not await tx.fetch_value(_HAS_CASE, person_id=person_id):
        raise NotMdtMember("The person has no case at the meeting.")
    require_member(tx.actor, tx.policy, await practice_of(tx, PersonId(person_id)))


async def story(reader: ReadSession, person_id: UUID) -> PersonRecordRecorded:
    """The newest record. Raises PersonRecordNotFound."""
    record = await reader.fetch_value(_STORY, person_id=person_id)
    if record is None:
        raise PersonRecordNotFound("The meeting has no record of the person.")
    return PersonRecordRecorded.model_validate(record, extra="ignore")
