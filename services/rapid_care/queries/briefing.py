"""What whoever goes to a person is told: the story, the crisis plan, where the person wants to be, and who is the lead."""

from dataclasses import dataclass
from uuid import UUID

from services.rapid_care.store import copies
from shared.contracts.mdt import CarePlanRecorded, LeadActivated
from shared.contracts.referrals import PersonRecordRecorded
from shared.kernel.errors import NotFound
from shared.persistence.statements import Reader


@dataclass(frozen=True, slots=True)
class Briefing:
    """Each part is absent when nobody has told it yet."""

    person: PersonRecordRecorded | None
    plan: CarePlanRecorded | None
    lead: LeadActivated | None


class StoryNotFound(NotFound):
    code = "story-not-found"
    advice = "Ask the Community Point of Access, which records what people tell."


async def briefing(reader: Reader, person_id: UUID) -> Briefing:
    return Briefing(
        person=await copies.person(reader, person_id), plan=await copies.plan(reader, person_id), lead=await copies.lead(reader, person_id)
    )


async def record(reader: Reader, person_id: UUID) -> PersonRecordRecorded:
    """What the person told once, from our own copy. Raises StoryNotFound."""
    found = await copies.person(reader, person_id)
    if found is None:
        raise StoryNotFound("Nothing was told here about this person.")
    return found
