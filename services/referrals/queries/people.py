"""Persons: their record, who is their one contact, and how much at risk they are."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa

from services.referrals.domain import Policy
from services.referrals.domain.person import Person, PersonNotFound
from services.referrals.store import directory
from services.referrals.store.leads import LEAD
from services.referrals.store.people import persons, seen
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
person = seen


@dataclass(frozen=True, slots=True)
class Contact:
    """The one professional who is responsible, and whom to ring. `telephone` is theirs or, failing that, ours."""

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


async def contact(reader: ReadSession, person_id: UUID, *, on: date, policy: Policy) -> Contact:
    """Exactly one, always: the active lead, or the GP of the person's practice (AC2, G15).

    Of somebody who was never referred the risk import names the practice. Raises PersonNotFound.
    """
    row = await reader.fetch_one(_LEAD, person_id=person_id)
    known = await persons.find(reader, person_id)
    is_informed = known is not None and known.is_family_kept_informed
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
    practice_code = known.practice_code if known else await reader.fetch_value(_PRACTICE, person_id=person_id)
    if practice_code is None:
        raise PersonNotFound("No person has this id.")
    telephone = await _telephone(reader, practice_code, on, policy)
    return Contact(f"gp-{practice_code}", Role.GP, practice_code, telephone, True, None, is_informed)


async def risk(reader: ReadSession, person_id: UUID) -> Risk | None:
    row = await reader.fetch_one(_RISK, person_id=person_id)
    return None if row is None else Risk(**row)


async def _telephone(reader: ReadSession, organisation: str, on: date, policy: Policy) -> str:
    """A practice's, an organisation's, or for anybody elsewhere the Community Point of Access's own."""
    found = await directory.practice(reader, organisation, on) or await directory.organisation(reader, organisation, on)
    ours = found or await directory.organisation(reader, policy.organisation, on)
    return ours.telephone if ours else ""
