"""A person's record with the lead and the navigators of their tasks."""

from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa

from services.navigation.domain.access import Lead
from services.navigation.store.navigator import NAVIGATOR
from services.navigation.store.projections import lead_of, record_of
from services.navigation.store.tables import MERGED
from services.navigation.store.task import TASK
from shared.contracts.persons import PersonRecordRecorded
from shared.kernel.actor import Professional
from shared.kernel.errors import PersonRecordNotFound
from shared.kernel.ids import PersonId
from shared.persistence.statements import ReadSession, Statement


@dataclass(frozen=True, slots=True)
class PersonWithLead:
    """A person's newest record, the lead, and the navigators of present and past tasks, under all their ids.

    `merged_into` is the record that this one was merged into.
    """

    record: PersonRecordRecorded
    lead: Lead | None
    navigators: list[Professional]
    merged_into: UUID | None


_NAVIGATORS = Statement(
    sa.select(NAVIGATOR.c.code, NAVIGATOR.c.organisation)
    .distinct()
    .join(TASK, TASK.c.navigator_id == NAVIGATOR.c.code)
    .where(MERGED.is_of_group(TASK.c.person_id))
)


async def story(reader: ReadSession, person_id: UUID) -> PersonWithLead:
    """Raises PersonRecordNotFound."""
    record = await record_of(reader, PersonId(person_id))
    if record is None:
        raise PersonRecordNotFound("Care navigation has no record of the person.")
    rows = await reader.fetch(_NAVIGATORS, person_id=person_id)
    navigators = [Professional(row["code"], row["organisation"]) for row in rows]
    return PersonWithLead(record, await lead_of(reader, PersonId(person_id)), navigators, await MERGED.survivor(reader, person_id))
