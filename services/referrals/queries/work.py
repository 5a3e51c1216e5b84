"""The work list of the Community Point of Access: its referrals with the person's name and the claim."""

from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from services.referrals.domain.claims import Claim
from services.referrals.domain.referral import Referral, Status
from services.referrals.queries import people
from services.referrals.queries.referrals import PageKey, WorkSection, work_statements
from services.referrals.store import claims
from services.referrals.store.claims import CLAIM
from services.referrals.store.referrals import REFERRAL, referrals
from shared.contracts.codes import Urgency
from shared.contracts.referral_codes import Discrepancy
from shared.persistence.person_names import PersonName
from shared.persistence.schema import INSTANT
from shared.persistence.statements import ReadSession


class ClaimFilter(StrEnum):
    """Referrals that the caller has claimed, and those without a claim that holds."""

    MINE = "mine"
    NONE = "unclaimed"


@dataclass(frozen=True, slots=True)
class WorkFilter:
    """What a referral of the list must be; None permits all."""

    claimed: ClaimFilter | None = None
    urgency: Urgency | None = None
    status: Status | None = None
    is_overdue: bool | None = None
    discrepancy: Discrepancy | None = None


@dataclass(frozen=True, slots=True)
class WorkItem:
    referral: Referral
    person: PersonName | None
    claim: Claim | None


def _unless_null(name: str, condition: sa.ColumnElement[bool], kind: Any = sa.Text) -> sa.ColumnElement[bool]:
    return sa.or_(sa.bindparam(name, type_=kind()).is_(None), condition)


def _claims(*more: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    live = CLAIM.c.lapses_at > sa.bindparam("now", type_=INSTANT)
    return sa.exists().where(CLAIM.c.referral_id == REFERRAL.c.id, live, *more)


_IS_OVERDUE = sa.or_(REFERRAL.c.overdue_since.is_not(None), REFERRAL.c.call_overdue_since.is_not(None))
_CLAIMED = sa.case(
    (
        sa.bindparam("claimed", type_=sa.Text) == sa.literal_column(f"'{ClaimFilter.MINE}'"),
        _claims(CLAIM.c.claimed_by == sa.bindparam("caller")),
    ),
    else_=~_claims(),
)
_FILTERS = (
    _unless_null("claimed", _CLAIMED),
    _unless_null("urgency", REFERRAL.c.urgency == sa.bindparam("urgency")),
    _unless_null("status", REFERRAL.c.status == sa.bindparam("status")),
    _unless_null("is_overdue", _IS_OVERDUE == sa.bindparam("is_overdue", type_=sa.Boolean), sa.Boolean),
    _unless_null("discrepancy", REFERRAL.c.discrepancies.op("?")(sa.bindparam("discrepancy", type_=sa.Text))),
)
_ALL, _BY_SECTION = work_statements(*_FILTERS)


async def work(
    reader: ReadSession, section: WorkSection | None, chosen: WorkFilter, *, caller: str, now: datetime, after: PageKey, limit: int
) -> list[WorkItem]:
    """Referrals that need the Community Point of Access, of one section or of all: urgent first, then by deadline."""
    rank, due_at, referral_id = after
    values = {field.name: getattr(chosen, field.name) for field in fields(WorkFilter)}
    statement = _BY_SECTION[section] if section else _ALL
    rows = await reader.fetch(statement, **values, caller=caller, now=now, rank=rank, due_at=due_at, id=referral_id, limit=limit)
    page = [referrals.from_row(row) for row in rows]
    names = await people.names(reader, [each.person_id for each in page])
    live = await claims.live(reader, [each.id for each in page], now)
    return [WorkItem(each, names.get(each.person_id), live.get(each.id)) for each in page]
