"""One case, and those that wait in a state."""

from uuid import UUID

import sqlalchemy as sa

from services.mdt.domain.case import Case, CaseNotFound, Status
from services.mdt.domain.table_16 import Standing
from services.mdt.store import standing
from services.mdt.store.case import CASE, cases
from shared.persistence.statements import Reader, Statement

_IN_STATE = Statement(
    sa.select(CASE)
    .where(CASE.c.status == sa.bindparam("status", type_=sa.Text), CASE.c.id > sa.bindparam("after", type_=sa.Uuid))
    .order_by(CASE.c.id)
    .limit(sa.bindparam("most", type_=sa.Integer))
)


async def case(reader: Reader, case_id: UUID) -> Case:
    """Raises CaseNotFound."""
    found = await cases.find(reader, case_id)
    if found is None:
        raise CaseNotFound(f"There is no case {case_id}.")
    return found


async def in_state(reader: Reader, status: Status, *, after: UUID, most: int) -> list[Case]:
    """The oldest first."""
    return [cases.of(row) for row in await reader.fetch(_IN_STATE, status=status.value, after=after, most=most)]


async def standing_of(reader: Reader, person_id: UUID) -> Standing:
    """The person's risk as the last import left it."""
    return await standing.standing_of(reader, person_id)
