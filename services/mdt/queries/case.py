"""Cases by id, status, plan and person, with their risk."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa

from services.mdt.domain.care_plan import Status as PlanStatus
from services.mdt.domain.case import Case, CaseNotFound, Status
from services.mdt.domain.meeting import Meeting
from services.mdt.domain.table_16 import Standing
from services.mdt.queries import onward
from services.mdt.queries.meeting import meeting
from services.mdt.store import risk_standing
from services.mdt.store.care_plan import CARE_PLAN
from services.mdt.store.case import CASE, cases, other_open_cases
from services.mdt.store.person import PERSON
from services.mdt.store.relationships import IS_SEEN
from services.mdt.store.tables import MERGED, Tx
from shared.persistence.onward_answers import OnwardAnswer
from shared.persistence.person_names import PersonName, PersonNames
from shared.persistence.schema import INSTANT
from shared.persistence.statements import ReadSession, Statement, any_of

_STATUS, _PERSON_ID = sa.bindparam("status", type_=sa.Text), sa.bindparam("person_id", type_=sa.Uuid)
_PLAN_STATUS = sa.bindparam("plan_status", type_=sa.Text)
_AFTER = sa.tuple_(sa.bindparam("referred_at", type_=INSTANT), sa.bindparam("last", type_=sa.Uuid))
_WHERE = Statement(
    sa.select(CASE)
    .where(
        sa.or_(_STATUS.is_(None), CASE.c.status == _STATUS), sa.or_(_PERSON_ID.is_(None), MERGED.is_of_group(CASE.c.person_id, _PERSON_ID))
    )
    .where(sa.or_(_PLAN_STATUS.is_(None), CASE.c.care_plan_id.in_(sa.select(CARE_PLAN.c.id).where(CARE_PLAN.c.status == _PLAN_STATUS))))
    .where(sa.tuple_(CASE.c.referred_at, CASE.c.id) > _AFTER, IS_SEEN)
    .order_by(CASE.c.referred_at, CASE.c.id)
    .limit(sa.bindparam("limit", type_=sa.Integer))
)
_PLAN_STATUSES = Statement(sa.select(CARE_PLAN.c.id, CARE_PLAN.c.status).where(CARE_PLAN.c.id == any_of("plan_ids")))
_NAMES = PersonNames(MERGED, PERSON)
_BEGINNING = datetime.min.replace(tzinfo=UTC), UUID(int=0)


class CaseInContext(NamedTuple):
    """A case with what other aggregates and services know of it."""

    case: Case
    standing: Standing
    onward: Sequence[OnwardAnswer]
    other_case_ids: tuple[UUID, ...]
    care_plan_status: PlanStatus | None


async def case(reader: ReadSession, case_id: UUID) -> Case:
    """Raises CaseNotFound."""
    state = await cases.find(reader, case_id)
    if state is None:
        raise CaseNotFound(f"No case has the id {case_id}.")
    return state


async def meetings_of(reader: ReadSession, found: Case) -> list[Meeting]:
    """The meeting that the case is listed for, and the one that it moved on from."""
    ids = [meeting_id for meeting_id in (found.meeting_id, found.rolled_from) if meeting_id]
    return [await meeting(reader, meeting_id) for meeting_id in ids]


async def cases_where(
    tx: Tx,
    *,
    status: Status | None,
    plan_status: PlanStatus | None,
    person_id: UUID | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[Case]:
    """The oldest referral first; None leaves a filter out. The cases of a person are those under any of their ids."""
    referred_at, last = after or _BEGINNING
    filters = {"status": status, "plan_status": plan_status, "person_id": person_id, "closed_after": tx.now - tx.policy.access_lasts}
    return [cases.from_row(row) for row in await tx.fetch(_WHERE, **filters, referred_at=referred_at, last=last, limit=limit)]


async def with_context(tx: Tx, found: Sequence[Case]) -> list[CaseInContext]:
    """The cases, each with its person's risk and other open cases, the answers of other services, and the state of its plan."""
    case_ids = [case.id for case in found]
    levels = await risk_standing.standings(tx, [case.person_id for case in found], tx.policy.day_of(tx.now))
    answers, others = await onward.answers(tx, case_ids), await other_open_cases(tx, case_ids)
    plans = await _plan_statuses(tx, [case.care_plan_id for case in found if case.care_plan_id])
    return [
        CaseInContext(case, levels.get(case.person_id, Standing()), answers[case.id], others.get(case.id, ()), plans.get(case.care_plan_id))
        for case in found
    ]


async def names(reader: ReadSession, found: Sequence[Case]) -> Mapping[UUID, PersonName]:
    """The names of the people of these cases, by person."""
    return await _NAMES.of(reader, [case.person_id for case in found])


async def standing_of(tx: Tx, person_id: UUID) -> Standing:
    """The person's risk today."""
    return await risk_standing.standing_of(tx, person_id)


async def _plan_statuses(reader: ReadSession, plan_ids: Sequence[UUID]) -> Mapping[UUID | None, PlanStatus]:
    """By plan."""
    return {row["id"]: PlanStatus(row["status"]) for row in await reader.fetch(_PLAN_STATUSES, plan_ids=plan_ids)}
