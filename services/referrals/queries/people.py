"""Persons: their record, their one contact, and their risk level."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa

from services.referrals.domain import Policy
from services.referrals.domain.person import UNKNOWN_PRACTICE, Person, PersonNotFound
from services.referrals.domain.referral import POINT_OF_ACCESS
from services.referrals.store import directory
from services.referrals.store.leads import LEAD
from services.referrals.store.people import get_person, persons
from services.referrals.store.risks import RISK
from shared.contracts.codes import Role
from shared.persistence.statements import ReadSession, Statement

_LEAD = Statement(
    sa.select(LEAD)
    .where(LEAD.c.person_id == sa.bindparam("person_id"), LEAD.c.is_ended.is_(False))
    .order_by(LEAD.c.activated_at.desc(), LEAD.c.lead_id.desc())
    .limit(1)
)
_RISK = Statement(sa.select(RISK.c.level, RISK.c.valid_from, RISK.c.climbed_on).where(RISK.c.person_id == sa.bindparam("person_id")))

_PRACTICE = Statement(sa.select(RISK.c.practice_code).where(RISK.c.person_id == sa.bindparam("person_id")))

#: A person's record; raises PersonNotFound.
person = get_person


@dataclass(frozen=True, slots=True)
class Contact:
    """The one responsible professional. `telephone` is their organisation's, else that of the Community Point of Access."""

    professional_id: str
    role: str
    organisation: str
    telephone: str
    is_gp_by_default: bool
    since: datetime | None
    is_family_kept_informed: bool


@dataclass(frozen=True, slots=True)
class Risk:
    level: int
    valid_from: date
    climbed_on: date | None


async def find(reader: ReadSession, person_id: UUID) -> Person | None:
    return await persons.find(reader, person_id)


async def contact(reader: ReadSession, person_id: UUID, *, on: date, policy: Policy, otherwise: str | None = None) -> Contact:
    """The one contact: the active lead, else the GP of the person's practice (AC2, G15), else the Community Point of Access.

    The risk import names the practice of a person who was never referred; `otherwise` is that of an onward referral without a record.
    Raises PersonNotFound.
    """
    row = await reader.fetch_one(_LEAD, person_id=person_id)
    record = await persons.find(reader, person_id)
    is_informed = record is not None and record.is_family_kept_informed
    if row is not None:
        return Contact(
            professional_id=row["professional_id"],
            role=row["role"],
            organisation=row["organisation"],
            telephone=await _telephone(reader, row["organisation"], on, policy),
            is_gp_by_default=row["is_fallback"],
            since=row["activated_at"],
            is_family_kept_informed=is_informed,
        )
    practice_code = record.practice_code if record else await reader.fetch_value(_PRACTICE, person_id=person_id) or otherwise
    if practice_code is None:
        raise PersonNotFound("No person has this id.")
    if practice_code == UNKNOWN_PRACTICE:
        telephone = await _telephone(reader, policy.organisation, on, policy)
        return Contact(POINT_OF_ACCESS, POINT_OF_ACCESS, policy.organisation, telephone, False, None, is_informed)
    telephone = await _telephone(reader, practice_code, on, policy)
    return Contact(f"gp-{practice_code}", Role.GP, practice_code, telephone, True, None, is_informed)


async def risk(reader: ReadSession, person_id: UUID) -> Risk | None:
    row = await reader.fetch_one(_RISK, person_id=person_id)
    return None if row is None else Risk(**row)


async def _telephone(reader: ReadSession, organisation: str, on: date, policy: Policy) -> str:
    """The practice's or organisation's number; for others, that of the Community Point of Access."""
    entry = await directory.practice(reader, organisation, on) or await directory.organisation(reader, organisation, on)
    entry = entry or await directory.organisation(reader, policy.organisation, on)
    return entry.telephone if entry else ""
