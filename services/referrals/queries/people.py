"""Persons: their record, their one contact, and their risk level."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa

from services.referrals.domain import Policy
from services.referrals.domain.person import Person, PersonNotFound
from services.referrals.domain.referral import POINT_OF_ACCESS
from services.referrals.store import directory, relationships
from services.referrals.store.identity import find_group
from services.referrals.store.leads import LEAD
from services.referrals.store.people import PERSON, find_person, get_person
from services.referrals.store.risks import RISK
from shared.access import Basis, Part
from shared.contracts.codes import Role
from shared.contracts.practices import gp_id
from shared.persistence.person_names import PersonName
from shared.persistence.practices import practices_of
from shared.persistence.relationships import PersonAccess
from shared.persistence.statements import ReadSession, Statement, any_of
from shared.persistence.transaction import Transaction

#: What every read of a person asks.
RELATIONSHIPS = relationships.RELATIONSHIPS
#: The ids of the person's records.
_PEOPLE = any_of("people")
_LEAD = Statement(
    sa.select(LEAD)
    .where(LEAD.c.person_id == _PEOPLE, LEAD.c.is_ended.is_(False))
    .order_by(LEAD.c.activated_at.desc(), LEAD.c.lead_id.desc())
    .limit(1)
)
_NEWEST = (RISK.c.valid_from.desc(), RISK.c.level.desc(), RISK.c.person_id)
_RISK = Statement(
    sa.select(RISK.c.level, RISK.c.valid_from, RISK.c.climbed_on).where(RISK.c.person_id == _PEOPLE).order_by(*_NEWEST).limit(1)
)
_PRACTICE = Statement(sa.select(RISK.c.practice_code).where(RISK.c.person_id == _PEOPLE).order_by(*_NEWEST).limit(1))
_NAMES = Statement(sa.select(PERSON.c.id, PERSON.c.given_name, PERSON.c.family_name, PERSON.c.born_on).where(PERSON.c.id == _PEOPLE))

#: A person's record; raises PersonNotFound.
person = get_person
#: The practices by the code that stands for them on a day.
practice = directory.practice
acting_practice = directory.acting_practice


@dataclass(frozen=True, slots=True)
class Contact:
    """The one responsible professional. `telephone` is their organisation's, else that of the Community Point of Access.

    `is_family_kept_informed` is None to a referrer without a further relationship: it would learn of a contact and of the preference.
    """

    professional_id: str
    role: str
    organisation: str
    telephone: str
    is_gp_by_default: bool
    since: datetime | None
    is_family_kept_informed: bool | None

    def seen_on(self, basis: Basis | None) -> "Contact":
        return replace(self, is_family_kept_informed=None) if basis is Basis.REFERRER else self


@dataclass(frozen=True, slots=True)
class Risk:
    level: int
    valid_from: date
    climbed_on: date | None


async def require_person(tx: Transaction[Policy], person_id: UUID, part: Part = Part.EXISTENCE) -> PersonAccess:
    """What the caller may see of the person, at least this part. Raises PersonNotFound, PartNotShared, StoryWithheld."""
    access = await RELATIONSHIPS.access(tx, person_id)
    access.require(part, PersonNotFound("No person has this id."))
    return access


async def names(reader: ReadSession, person_ids: Sequence[UUID]) -> Mapping[UUID, PersonName]:
    """By record; a person whom case finding alone knows has none."""
    rows = await reader.fetch(_NAMES, people=list(person_ids)) if person_ids else []
    return {row["id"]: PersonName(row["given_name"], row["family_name"], row["born_on"]) for row in rows}


async def find(reader: ReadSession, person_id: UUID) -> Person | None:
    return await find_person(reader, person_id)


async def contact(reader: ReadSession, person_id: UUID, *, on: date, policy: Policy, otherwise: str | None = None) -> Contact:
    """The one contact: the active lead, else the GP of the person's practice of today (AC2, G15), else the Community Point of Access.

    From the day on which a practice that leads has closed, the practice of today is the contact, also before the meeting has handed over.
    The risk import names the practice of a person who was never referred; `otherwise` is that of an onward referral without a record.
    Raises PersonNotFound.
    """
    group = await find_group(reader, person_id)
    people = list(group.ids)
    row = await reader.fetch_one(_LEAD, people=people)
    record = await find_person(reader, person_id, group)
    is_informed = record is not None and record.is_family_kept_informed
    practice_code = record.practice_code if record else await reader.fetch_value(_PRACTICE, people=people) or otherwise
    codes = [practice_code, row["organisation"] if row else None]
    practices = await practices_of(reader, filter(None, codes))
    if row is not None and not practices.has_closed(row["professional_id"], row["organisation"], on):
        return Contact(
            professional_id=row["professional_id"],
            role=row["role"],
            organisation=row["organisation"],
            telephone=await _telephone(reader, row["organisation"], on, policy),
            is_gp_by_default=row["is_fallback"],
            since=row["activated_at"],
            is_family_kept_informed=is_informed,
        )
    if practice_code is None and row is None:
        raise PersonNotFound("No person has this id.")
    if found := practices.first_on(codes, on):
        is_default, since = (row["is_fallback"], row["activated_at"]) if row else (True, None)
        return Contact(gp_id(found.code), Role.GP, found.code, found.telephone, is_default, since, is_informed)
    telephone = await _telephone(reader, policy.organisation, on, policy)
    return Contact(POINT_OF_ACCESS, POINT_OF_ACCESS, policy.organisation, telephone, False, None, is_informed)


async def risk(reader: ReadSession, person_id: UUID) -> Risk | None:
    row = await reader.fetch_one(_RISK, people=list((await find_group(reader, person_id)).ids))
    return None if row is None else Risk(**row)


async def _telephone(reader: ReadSession, organisation: str, on: date, policy: Policy) -> str:
    """The practice's or organisation's number; for others, that of the Community Point of Access."""
    entry = await directory.practice(reader, organisation, on) or await directory.organisation(reader, organisation, on)
    entry = entry or await directory.organisation(reader, policy.organisation, on)
    return entry.telephone if entry else ""
