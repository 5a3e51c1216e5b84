"""Cases by id, status and person, with their risk."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import sqlalchemy as sa

from services.mdt.domain.case import Case, CaseNotFound, Status
from services.mdt.domain.table_16 import Standing
from services.mdt.store import risk_standing
from services.mdt.store.case import CASE, cases, other_open_cases
from services.mdt.store.tables import MERGED, Tx
from shared.persistence.schema import INSTANT
from shared.persistence.statements import ReadSession, Statement

_STATUS, _PERSON_ID = sa.bindparam("status", type_=sa.Text), sa.bindparam("person_id", type_=sa.Uuid)
_AFTER = sa.tuple_(sa.bindparam("referred_at", type_=INSTANT), sa.bindparam("last", type_=sa.Uuid))
_WHERE = Statement(
    sa.select(CASE)
    .where(
        sa.or_(_STATUS.is_(None), CASE.c.status == _STATUS), sa.or_(_PERSON_ID.is_(None), MERGED.is_of_group(CASE.c.person_id, _PERSON_ID))
    )
    .where(sa.tuple_(CASE.c.referred_at, CASE.c.id) > _AFTER)
    .order_by(CASE.c.referred_at, CASE.c.id)
    .limit(sa.bindparam("limit", type_=sa.Integer))
)
_BEGINNING = datetime.min.replace(tzinfo=UTC), UUID(int=0)


async def case(reader: ReadSession, case_id: UUID) -> Case:
    """Raises CaseNotFound."""
    state = await cases.find(reader, case_id)
    if state is None:
        raise CaseNotFound(f"No case has the id {case_id}.")
    return state


async def cases_where(
    reader: ReadSession, *, status: Status | None, person_id: UUID | None, after: tuple[datetime, UUID] | None, limit: int
) -> list[Case]:
    """The oldest referral first; None leaves a filter out. The cases of a person are those under any of their ids."""
    referred_at, last = after or _BEGINNING
    values = {"status": status, "person_id": person_id, "referred_at": referred_at, "last": last, "limit": limit}
    return [cases.from_row(row) for row in await reader.fetch(_WHERE, **values)]


async def with_standing(tx: Tx, found: Sequence[Case]) -> list[tuple[Case, Standing]]:
    """The cases, each with its person's risk."""
    levels = await risk_standing.standings(tx, [case.person_id for case in found], tx.policy.day_of(tx.now))
    return [(case, levels.get(case.person_id, Standing())) for case in found]


async def other_cases(reader: ReadSession, found: Sequence[Case]) -> dict[UUID, tuple[UUID, ...]]:
    """The other open cases of the person of each case, by case."""
    others = await other_open_cases(reader, [case.id for case in found])
    return {case.id: others.get(case.id, ()) for case in found}


async def standing_of(tx: Tx, person_id: UUID) -> Standing:
    """The person's risk today."""
    return await risk_standing.standing_of(tx, person_id)
