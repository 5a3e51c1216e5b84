"""What the person told once, for the meeting's own screens."""

from uuid import UUID

import sqlalchemy as sa

from services.mdt.store.person import PERSON
from shared.persistence.statements import Reader, Statement

_STORY = Statement(sa.select(PERSON.c.record).where(PERSON.c.person_id == sa.bindparam("person_id")))


async def story(reader: Reader, person_id: UUID) -> dict[str, object] | None:
    """The record as it was last told; None when nobody told it yet."""
    record: dict[str, object] | None = await reader.fetch_value(_STORY, person_id=person_id)
    return record
