"""The person's story over HTTP, from the meeting's projection."""

from datetime import date
from uuid import UUID

from services.mdt.api.auth import Reader
from services.mdt.queries import person as queries
from services.mdt.queries.access import require_person
from shared.access import Part
from shared.contracts.codes import Locality
from shared.contracts.persons import PersonRecordRecorded, Story
from shared.kernel.errors import PartNotShared, PersonRecordNotFound, StoryWithheld
from shared.web.dependencies import Unit
from shared.web.problems import problems
from shared.web.requests import strict_router
from shared.web.responses import ResponseModel

router = strict_router(prefix="/mdt", tags=["people"])


class PersonStoryView(ResponseModel):
    """The person's record with their story, so that they give it once (AC1). `merged_into` is the surviving record.

    Without `is_practice_confirmed` the practice alone says that the person is registered with it: a case with its code gives it no lead.
    """

    person_id: UUID
    merged_into: UUID | None
    given_name: str
    family_name: str
    born_on: date | None
    address: str
    telephone: str | None
    practice_code: str
    is_practice_confirmed: bool
    locality: Locality | None
    story: Story

    @classmethod
    def of(cls, person_id: UUID, record: PersonRecordRecorded, merged_into: UUID | None) -> "PersonStoryView":
        own = {name: getattr(record, name) for name in cls.model_fields if hasattr(record, name)}
        return cls(person_id=person_id, merged_into=merged_into, **own)


@router.get("/people/{person_id:uuid}/story", responses=problems(PersonRecordNotFound, PartNotShared, StoryWithheld))
async def read_story(person_id: UUID, caller: Reader, unit: Unit) -> PersonStoryView:
    """The story that the person gave once."""
    async with unit.audited_read(caller, person_id) as tx:
        await require_person(tx, person_id, Part.STORY)
        record = await queries.story(tx, person_id)
        merged_into = await queries.merged_into(tx, person_id)
    return PersonStoryView.of(person_id, record, merged_into)
