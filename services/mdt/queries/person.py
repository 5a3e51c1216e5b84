"""The person's record, and the access to data about a person."""

from uuid import UUID

import sqlalchemy as sa

from services.mdt.domain.access import NotMdtMember, require_member
from services.mdt.store.case import CASE
from services.mdt.store.person import PERSON
from services.mdt.store.tables import Tx
from shared.contracts.referrals import PersonRecordRecorded
from shared.kernel.errors import PersonRecordNotFound
from shared.persistence.statements import ReadSession, Statement

_STORY = Statement(sa.select(PERSON.c.record).where(PERSON.c.person_id == sa.bindparam("person_id")))
_PRACTICE = Statement(
    sa.select(CASE.c.practice_code).where(CASE.c.person_id == sa.bindparam("person_id")).order_by(CASE.c.id.desc()).limit(1)
)


async def require_involved(tx: Tx, person_id: UUID) -> None:
    """Requires a case of the person, and a member of the meeting or the person's practice (IG8). Raises NotMdtMember."""
    practice_code: str | None = await tx.fetch_value(_PRACTICE, person_id=person_id)
    if practice_code is None:
        raise NotMdtMember("The person has no case at the meeting.")
    require_member(tx.actor, tx.policy, practice_code)


async def story(reader: ReadSession, person_id: UUID) -> PersonRecordRecorded:
    """The newest record. Raises PersonRecordNotFound."""
    record = await reader.fetch_value(_STORY, person_id=person_id)
    if record is None:
        raise PersonRecordNotFound("The meeting has no record of the person.")
    return PersonRecordRecorded.model_validate(record, extra="ignore")
