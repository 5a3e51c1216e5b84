"""The routes of break-glass in each context: the act, the work list of the information governance role, and the review."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi import Response as HttpResponse

from shared.access import BreakGlassReason
from shared.contracts.input_types import LongText
from shared.kernel.actor import Actor
from shared.kernel.errors import PartNotShared, PersonRecordNotFound
from shared.persistence import break_glass as acts
from shared.persistence.break_glass import BreakGlass, ReviewOutcome
from shared.persistence.relationships import Relationships
from shared.web.dependencies import IdempotencyHeader, Unit
from shared.web.pagination import decode_cursor, encode_cursor
from shared.web.problems import problems
from shared.web.requests import RequestModel, strict_router
from shared.web.responses import Page, ResponseModel, created, json_response

_BEGINNING = datetime.min.replace(tzinfo=UTC), UUID(int=0)
_MAX_LIMIT = 200


class NewBreakGlass(RequestModel):
    """Why the caller must see all of this person now."""

    reason: Literal[BreakGlassReason.EMERGENCY, BreakGlassReason.SAFEGUARDING, BreakGlassReason.ASKED_BY_PERSON]
    explanation: LongText


class Review(RequestModel):
    """The judgement of the information governance role."""

    outcome: ReviewOutcome


class BreakGlassView(ResponseModel):
    """One act: who opened which person, when and why, and what the review found."""

    id: UUID
    person_id: UUID
    organisation: str
    actor_id: str
    role: str
    reason: BreakGlassReason
    explanation: str
    begun_at: datetime
    ends_at: datetime
    review_by: datetime
    overdue_since: datetime | None
    reviewed_at: datetime | None
    outcome: ReviewOutcome | None


def break_glass_router(prefix: str, *, staff: Any, governance: Any, relationships: Relationships[Any]) -> APIRouter:
    """`staff` and `governance` are the dependencies that admit the callers of the act and of the review."""
    router = strict_router(prefix=prefix, tags=["break-glass"])

    @router.post(
        "/people/{person_id:uuid}/break-glass",
        name="BreakGlass",
        status_code=201,
        response_model=BreakGlassView,
        responses=problems(PersonRecordNotFound, PartNotShared),
    )
    async def break_glass(
        person_id: UUID, body: NewBreakGlass, caller: Annotated[Actor, staff], key: IdempotencyHeader, unit: Unit
    ) -> HttpResponse:
        """Open the plan and the story of one person for an hour, whatever they share. The act is audited and reviewed."""
        async with unit.transaction(caller, key) as tx:
            access = await relationships.access(tx, person_id)
            access.require_breakable(PersonRecordNotFound("There is no record of the person."))
            act = await acts.break_glass(tx, person_id, body.reason, body.explanation)
            return created(tx, BreakGlassView.model_validate(act), f"{prefix}/break-glass")

    @router.get("/break-glass", name="list_break_glass")
    async def list_break_glass(
        caller: Annotated[Actor, governance],
        unit: Unit,
        status: Annotated[Literal["open", "reviewed"], Query(description="Waiting for a review, or reviewed")] = "open",
        cursor: Annotated[str | None, Query(max_length=200, description="`next` of the previous page")] = None,
        limit: Annotated[int, Query(ge=1, le=_MAX_LIMIT)] = 50,
    ) -> Page[BreakGlassView]:
        """The acts that the information governance role must review, the oldest first. Each person on a page is audited as read."""
        after = decode_cursor(cursor) if cursor else _BEGINNING
        async with unit.transaction(caller) as tx:
            found = await acts.listed(tx, is_open=status == "open", after=after, limit=limit)
            tx.audit_all(act.person_id for act in found)
        return _page(found, limit)

    @router.post(
        "/break-glass/{break_glass_id:uuid}/review",
        name="ReviewBreakGlass",
        response_model=BreakGlassView,
        responses=problems(acts.BreakGlassNotFound, acts.OwnBreakGlass, acts.BreakGlassReviewed),
    )
    async def review(break_glass_id: UUID, body: Review, caller: Annotated[Actor, governance], unit: Unit) -> HttpResponse:
        """Record whether the act was justified. A repetition changes nothing."""
        act = await unit.command(caller, _review, break_glass_id, body.outcome)
        return json_response(BreakGlassView.model_validate(act))

    return router


async def _review(break_glass_id: UUID, outcome: ReviewOutcome, *, tx: Any) -> BreakGlass:
    return await acts.review(tx, break_glass_id, outcome)


def _page(found: list[BreakGlass], limit: int) -> Page[BreakGlassView]:
    more = encode_cursor(found[-1].begun_at, found[-1].id) if len(found) == limit else None
    return Page(items=[BreakGlassView.model_validate(act) for act in found], next=more)
