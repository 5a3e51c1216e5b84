"""The briefing of a clinician: the story, the crisis plan, the preferred place of care and the lead."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.rapid_care.domain.response import Response
from services.rapid_care.store import projections
from services.rapid_care.store.responses import open_responses
from services.rapid_care.store.tables import MERGED, Tx
from shared.access import PREFERENCE_RANK, Part
from shared.contracts.care_plans import CarePlanRecorded
from shared.contracts.mdt import LeadActivated
from shared.contracts.persons import PersonRecordRecorded, Story
from shared.contracts.practices import Practice
from shared.kernel.errors import PersonRecordNotFound
from shared.persistence.practices import practices_of
from shared.persistence.relationships import PersonAccess
from shared.persistence.statements import ReadSession

#: The refusal to a stranger is that of an unknown person.
UNKNOWN = "Rapid Care has no record of the person."


@dataclass(frozen=True, slots=True)
class Briefing:
    """A part that has not arrived is absent; so is a withheld story that neither a running clock nor a stated reason opens.

    `other_plans` are in force as well: two persons with a plan each were merged. `open_responses` are all of the person.
    `informed_at`: the referrer last added information then, which is in the story. `practice` is the one for which the recorded code
    stands today; `lead` is absent also when it is a practice that has closed.
    """

    person: PersonRecordRecorded | None
    story: Story | None
    plan: CarePlanRecorded | None
    lead: LeadActivated | None
    practice: Practice | None = None
    other_plans: tuple[CarePlanRecorded, ...] = ()
    open_responses: tuple[UUID, ...] = ()
    informed_at: datetime | None = None


async def briefing(tx: Tx, response: Response, access: PersonAccess) -> Briefing:
    """The parts that the caller may see."""
    person_id, on = response.person_id, tx.policy.day_of(tx.now)
    person = await projections.person(tx, person_id)
    plans = await projections.plans(tx, person_id) if access.opens(Part.PLAN) else []
    unfinished = await open_responses(tx, person_id)
    lead = await projections.lead(tx, person_id)
    codes = [person.practice_code if person else None, lead.organisation if lead else None]
    practices = await practices_of(tx, filter(None, codes))
    return Briefing(
        person=person,
        story=person.story if person and _opens(person, access) else None,
        plan=plans[0] if plans else None,
        lead=None if lead and practices.has_closed(lead.professional_id, lead.organisation, on) else lead,
        practice=practices.first_on(codes, on),
        other_plans=tuple(plans[1:]),
        open_responses=tuple(each.id for each in unfinished),
        informed_at=await projections.informed_at(tx, response.referral_id),
    )


def _opens(person: PersonRecordRecorded, access: PersonAccess) -> bool:
    """In a command the record may be newer than the access, and share less."""
    return access.opens(Part.STORY) and PREFERENCE_RANK[person.sharing] <= PREFERENCE_RANK[access.sharing]


async def record(tx: Tx, person_id: UUID) -> PersonRecordRecorded:
    """The person's record with the story. Raises PersonRecordNotFound."""
    person = await projections.person(tx, person_id)
    if person is None:
        raise PersonRecordNotFound(UNKNOWN)
    return person


async def merged_into(reader: ReadSession, person_id: UUID) -> UUID | None:
    """The record that this one was merged into."""
    return await MERGED.survivor(reader, person_id)
