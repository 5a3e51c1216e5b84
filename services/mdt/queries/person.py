"""The person's record."""

from uuid import UUID

from services.mdt.store.person import record_query
from services.mdt.store.tables import MERGED
from shared.contracts.persons import PersonRecordRecorded
from shared.kernel.errors import PersonRecordNotFound
from shared.persistence.statements import ReadSession, Statement

_STORY = Statement(record_query())
#: The refusal to a stranger is that of an unknown person.
UNKNOWN = "The meeting has no record of the person."


async def story(reader: ReadSession, person_id: UUID) -> PersonRecordRecorded:
    """The newest record, of this id if there is one. Raises PersonRecordNotFound."""
    record = await reader.fetch_value(_STORY, person_id=person_id)
    if record is None:
        raise PersonRecordNotFound(UNKNOWN)
    return PersonRecordRecorded.model_validate(record, extra="ignore")


async def merged_into(reader: ReadSession, person_id: UUID) -> UUID | None:
    """The record that this one was merged into."""
    return await MERGED.survivor(reader, person_id)
