"""Care plans and their versions."""

from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from pydantic import TypeAdapter

from services.mdt.domain.care_plan import OPEN, CarePlan, CarePlanNotFound, PlanVersion
from services.mdt.store.care_plan import CARE_PLAN, CARE_PLAN_VERSION, care_plans
from services.mdt.store.tables import MERGED
from shared.persistence.statements import ReadSession, Statement, is_one_of

_IS_OWN = CARE_PLAN.c.person_id == sa.bindparam("person_id", type_=sa.Uuid)
_OF_PERSON = Statement(
    sa.select(CARE_PLAN)
    .where(MERGED.is_of_group(CARE_PLAN.c.person_id))
    .order_by(is_one_of(CARE_PLAN.c.status, OPEN).desc(), _IS_OWN.desc(), CARE_PLAN.c.id.desc())
    .limit(1)
)
_VERSIONS = Statement(
    sa.select(CARE_PLAN_VERSION.c.content, CARE_PLAN_VERSION.c.is_agreed_by_person)
    .where(CARE_PLAN_VERSION.c.care_plan_id == sa.bindparam("plan_id"))
    .order_by(CARE_PLAN_VERSION.c.number)
)
_VERSION: TypeAdapter[PlanVersion] = TypeAdapter(PlanVersion)


@dataclass(frozen=True, slots=True)
class PlanAnswer:
    """A version with the person's answer; None until they answer."""

    version: PlanVersion
    is_agreed_by_person: bool | None


async def plan(reader: ReadSession, plan_id: UUID) -> CarePlan:
    """Raises CarePlanNotFound."""
    found = await care_plans.find(reader, plan_id)
    if found is None:
        raise CarePlanNotFound(f"No care plan has the id {plan_id}.")
    return found


async def plan_of_person(reader: ReadSession, person_id: UUID) -> CarePlan:
    """The open plan, else the newest closed one: that of this id before that of another one. Raises CarePlanNotFound."""
    row = await reader.fetch_one(_OF_PERSON, person_id=person_id)
    if row is None:
        raise CarePlanNotFound("The person has no care plan.")
    return care_plans.from_row(row)


async def versions(reader: ReadSession, plan_id: UUID) -> list[PlanAnswer]:
    """Every offered version, the first one first."""
    rows = await reader.fetch(_VERSIONS, plan_id=plan_id)
    return [PlanAnswer(_VERSION.validate_python(row["content"]), row["is_agreed_by_person"]) for row in rows]
