"""A person's record with the lead."""

from dataclasses import dataclass
from uuid import UUID

from services.navigation.domain.access import Lead
from services.navigation.queries.access import UNKNOWN_PERSON
from services.navigation.store.projections import lead_of, record_of
from services.navigation.store.tables import MERGED
from shared.contracts.persons import PersonRecordRecorded
from shared.kernel.errors import PersonRecordNotFound
from shared.kernel.ids import PersonId
from shared.persistence.statements import ReadSession


@dataclass(frozen=True, slots=True)
class PersonWithLead:
    """A person's newest record and the lead, under all their ids. `merged_into` is the record that this one was merged into."""

    record: PersonRecordRecorded
    lead: Lead | None
    merged_into: UUID | None


async def story(reader: ReadSession, person_id: UUID) -> PersonWithLead:
    """Raises PersonRecordNotFound."""
    record = await record_of(reader, PersonId(person_id))
    if record is None:
        raise PersonRecordNotFound(UNKNOWN_PERSON)
    return PersonWithLead(record, await lead_of(reader, PersonId(person_id)), await MERGED.survivor(reader, person_id))
