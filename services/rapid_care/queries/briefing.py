"""What whoever goes to a person is told: the story, the crisis plan, where the person wants to be, and who is the lead."""

from dataclasses import dataclass
from uuid import UUID

from services.rapid_care.domain.access import may_see_story
from services.rapid_care.store import projections
from services.rapid_care.store.responses import is_in_crisis
from shared.contracts.mdt import CarePlanRecorded, LeadActivated
from shared.contracts.referrals import PersonRecordRecorded, Story
from shared.kernel.errors import PersonRecordNotFound, StoryWithheld
from shared.persistence.statements import ReadSession


@dataclass(frozen=True, slots=True)
class Briefing:
    """Each part is absent when nobody has told it; the story also when it is withheld and the crisis over."""

    person: PersonRecordRecorded | None
    story: Story | None
    plan: CarePlanRecorded | None
    lead: LeadActivated | None


async def briefing(reader: ReadSession, person_id: UUID) -> Briefing:
    person = await projections.person(reader, person_id)
    may_see = person is not None and may_see_story(person.sharing, is_in_crisis=await is_in_crisis(reader, person_id))
    return Briefing(
        person=person,
        story=person.story if person and may_see else None,
        plan=await projections.plan(reader, person_id),
        lead=await projections.lead(reader, person_id),
    )


async def record(reader: ReadSession, person_id: UUID) -> PersonRecordRecorded:
    """What the person told once, from our own copy. Raises PersonRecordNotFound, StoryWithheld."""
    found = await projections.person(reader, person_id)
    if found is None:
        raise PersonRecordNotFound("Rapid Care has no record of the person.")
    if not may_see_story(found.sharing, is_in_crisis=await is_in_crisis(reader, person_id)):
        raise StoryWithheld("The person has withheld their story.")
    return found
