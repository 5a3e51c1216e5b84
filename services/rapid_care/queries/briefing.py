"""The briefing of a clinician: the story, the crisis plan, the preferred place of care and the lead."""

from dataclasses import dataclass
from uuid import UUID

from services.rapid_care.domain.access import may_see_story
from services.rapid_care.store import projections
from services.rapid_care.store.responses import is_in_crisis
from shared.contracts.care_plans import CarePlanRecorded
from shared.contracts.mdt import LeadActivated
from shared.contracts.persons import PersonRecordRecorded, Story
from shared.kernel.errors import PersonRecordNotFound, StoryWithheld
from shared.persistence.statements import ReadSession


@dataclass(frozen=True, slots=True)
class Briefing:
    """A part that has not arrived is absent; so is a withheld story after the crisis."""

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
    """The person's record from the projection. Raises PersonRecordNotFound, StoryWithheld."""
    person = await projections.person(reader, person_id)
    if person is None:
        raise PersonRecordNotFound("Rapid Care has no record of the person.")
    if not may_see_story(person.sharing, is_in_crisis=await is_in_crisis(reader, person_id)):
        raise StoryWithheld("The person has withheld their story.")
    return person
