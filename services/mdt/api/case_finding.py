"""Case finding over HTTP: the people at high risk of a practice, and their review."""

import re
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from fastapi import Response as HttpResponse

from services.mdt import commands
from services.mdt.api.auth import REFUSALS, Coordinator, Cursor, FindingReader, Limit, Member
from services.mdt.domain import risk as domain
from services.mdt.domain.access import NotMdtMember, require_member
from services.mdt.domain.case import CaseAlreadyOpen
from services.mdt.domain.permission import finding_commands
from services.mdt.domain.risk_importer import OwnImport
from services.mdt.handlers import case_finding as handlers
from services.mdt.queries import risk as queries
from services.mdt.queries.access import require_person, require_reviewer
from services.mdt.queries.risk import NewestScore, Rank
from shared.contracts.codes import Locality, RiskLevel
from shared.contracts.input_types import PracticeCode
from shared.contracts.mdt import FindingDestination
from shared.contracts.meeting_reasons import FindingReason
from shared.kernel.target import Target
from shared.web.dependencies import IfMatch, Unit
from shared.web.pagination import decode, encode, malformed
from shared.web.problems import problems
from shared.web.requests import CommandModel, strict_router
from shared.web.responses import Action, Page, VersionedResponse, changed, json_response, links

router = strict_router(prefix="/mdt", tags=["case-finding"])

#: Whether screened, the level and the ratio of a cursor.
_RANK = re.compile(r"[01] [0-3] [0-9]{1,6}(\.[0-9]{1,9})?")


class Screening(CommandModel[commands.ScreenFinding]):
    """The service that takes over. `locality` counts only for a practice that no table has."""

    destination: FindingDestination
    reason: FindingReason
    locality: Locality | None = None


class FindingView(VersionedResponse):
    """A person of case finding. Level and ratio are those of the newest score, `valid_from`; `since` is the day of the last change."""

    person_id: UUID
    case_finding_id: UUID
    practice_code: str
    status: domain.Status
    level: RiskLevel
    ratio: float
    valid_from: date
    since: date
    is_high_climber: bool
    climbed_on: date | None
    destination: FindingDestination | None
    reason: str | None

    @classmethod
    def of(cls, risk: domain.Risk, newest: NewestScore | None, today: date) -> "FindingView":
        score = newest or NewestScore(risk.level, risk.ratio, risk.valid_from)
        same = ("person_id", "practice_code", "status", "climbed_on", "destination", "reason", "version")
        return cls(
            case_finding_id=risk.correlation_id,
            level=score.level,
            ratio=float(score.ratio),
            valid_from=score.valid_from,
            since=risk.valid_from,
            is_high_climber=risk.climber_until is not None and risk.climber_until >= today,
            **{name: getattr(risk, name) for name in same},
        )


@router.get("/case-finding", responses=problems(NotMdtMember))
async def list_findings(
    practice: Annotated[PracticeCode, Query(description="The practice's code")],
    caller: FindingReader,
    unit: Unit,
    *,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[FindingView]:
    """The people of a practice and its predecessors at level 2 or 3, their high climbers, and all who are found or watched.

    Those without a review come first.

    The code of a closed practice stands for its successor.
    """
    last = _rank(cursor) if cursor else None
    async with unit.transaction(caller) as tx:
        acting = await queries.acting_practice(tx, practice)
        require_member(caller, tx.policy, acting)
        today, codes = tx.policy.day_of(tx.now), await queries.codes_of_practice(tx, acting) if acting else [practice]
        risks = await queries.findings(tx, codes, today=today, after=last, limit=limit + 1)
        newest = await queries.newest_scores(tx, [risk.person_id for risk in risks[:limit]])
        for risk in risks[:limit]:
            tx.audit(risk.person_id)
    items = [FindingView.of(risk, newest.get(risk.person_id), today) for risk in risks[:limit]]
    return Page(items=items, next=_cursor(risks[limit - 1]) if len(risks) > limit else None)


@router.get("/case-finding/{person_id:uuid}", response_model=FindingView, responses=problems(domain.RiskNotFound))
async def read_finding(person_id: UUID, caller: FindingReader, unit: Unit) -> HttpResponse:
    """One person of case finding."""
    async with unit.audited_read(caller, person_id) as tx:
        risk = await queries.risk_of(tx, person_id)
        await require_person(tx, risk.person_id, unknown=domain.RiskNotFound(queries.NOT_LISTED))
        newest, today = await queries.newest_scores(tx, [risk.person_id]), tx.policy.day_of(tx.now)
    return json_response(FindingView.of(risk, newest.get(risk.person_id), today))


@router.get("/case-finding/{person_id:uuid}/actions", responses=problems(domain.RiskNotFound, NotMdtMember))
async def finding_actions(person_id: UUID, caller: Member, unit: Unit, request: Request) -> list[Action]:
    """The commands that this caller may send now."""
    async with unit.audited_read(caller, person_id) as tx:
        risk = await queries.risk_of(tx, person_id)
        await require_person(tx, risk.person_id, unknown=domain.RiskNotFound(queries.NOT_LISTED))
    return links(request, finding_commands(risk, caller, tx.policy), person_id=person_id)


@router.post(
    "/case-finding/{person_id:uuid}/screening",
    name="ScreenFinding",
    response_model=FindingView,
    responses=problems(domain.RiskNotFound, CaseAlreadyOpen, domain.NoOpenCase, OwnImport, *REFUSALS),
)
async def screen_finding(person_id: UUID, body: Screening, caller: Coordinator, version: IfMatch, unit: Unit) -> HttpResponse:
    """Records the review: the meeting (which opens a case), the person's open case, another service, or a watching brief.

    A member of staff reviews no person whose score they imported.
    """
    require = partial(require_reviewer, person_id=person_id, unknown=domain.RiskNotFound(queries.NOT_LISTED))
    async with unit.repeatable(caller, person_id, require) as tx:
        risk = await handlers.screen_finding(Target(person_id, version), body.command(), tx=tx)
        newest, today = await queries.newest_scores(tx, [risk.person_id]), tx.policy.day_of(tx.now)
        return changed(tx, FindingView.of(risk, newest.get(risk.person_id), today))


def _cursor(risk: domain.Risk) -> str:
    rank = Rank.of(risk)
    return encode(int(rank.is_screened), int(rank.level), rank.ratio, rank.id)


def _rank(text: str) -> Rank:
    is_screened, level, ratio, last = decode(text, parts=4)
    try:
        if not _RANK.fullmatch(f"{is_screened} {level} {ratio}"):
            raise malformed()
        return Rank(is_screened == "1", int(level), Decimal(ratio), UUID(last))
    except ValueError as problem:
        raise malformed() from problem
