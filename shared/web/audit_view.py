"""The audit over HTTP, for the information governance role of a service: two routes, the same in every service.

A reader of the audit has no part in the care and sees ids and codes alone. Each reading is an entry of the audit too.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query

from shared.contracts.input_types import Code, Instant, Line
from shared.kernel.actor import Actor
from shared.kernel.ids import derived_id
from shared.persistence.audit_trail import AuditEntry, AuditPage, AuditTrail
from shared.persistence.statements import ReadSession
from shared.persistence.transaction import NOTHING_FOUND
from shared.web.dependencies import Unit
from shared.web.pagination import decode_sequence, encode_sequence
from shared.web.problems import problems
from shared.web.requests import strict_router
from shared.web.responses import Page, ResponseModel

Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str | None, Query(max_length=200)]
Time = Annotated[Instant | None, Query()]
#: Returns the ids of all records that mean the same person.
IdsOf = Callable[[ReadSession, UUID], Awaitable[Sequence[UUID]]]


class AuditEntryView(ResponseModel):
    """Who did what to which person or aggregate, when, on what basis; or why it was refused."""

    id: int
    at: datetime
    recorded_at: datetime
    issuer: str
    actor_id: str
    actor_org: str
    actor_role: str
    actor_system: str | None
    action: str
    subject: UUID | None
    version: int | None
    trace_id: str | None
    basis: str | None
    refusal: str | None
    times: int


def audit_router(prefix: str, caller_with_scope: Any, trail: AuditTrail, ids_of: IdsOf) -> APIRouter:
    """`caller_with_scope` is the dependency that admits a caller with the scope of the service's audit."""
    router = strict_router(prefix=f"{prefix}/audit", tags=["audit"])
    Reader = Annotated[Actor, caller_with_scope]  # noqa: N806  a type

    @router.get("/people/{person_id:uuid}", responses=problems())
    async def read_audit_of_person(
        person_id: UUID, caller: Reader, unit: Unit, since: Time = None, until: Time = None, cursor: Cursor = None, limit: Limit = 50
    ) -> Page[AuditEntryView]:
        """Who viewed or changed this person's data in this service, the newest entry first. Reading the audit is audited."""
        page = _page(cursor, limit, since, until)
        async with unit.across_people(caller) as tx:
            entries = await trail.about(tx, await ids_of(tx, person_id), page)
            tx.audit(person_id, refusal=None if entries else NOTHING_FOUND)
        return _view(entries, limit)

    @router.get("/actors", responses=problems())
    async def read_audit_of_actor(
        organisation: Annotated[Code, Query()],
        actor_id: Annotated[Line, Query()],
        caller: Reader,
        unit: Unit,
        since: Time = None,
        until: Time = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Page[AuditEntryView]:
        """What this member of staff viewed, changed, or was refused in this service, the newest entry first; not a concern they raised."""
        page = _page(cursor, limit, since, until)
        async with unit.across_people(caller) as tx:
            entries = await trail.by(tx, organisation, actor_id, page)
            tx.audit(derived_id("actor", organisation, actor_id), refusal=None if entries else NOTHING_FOUND)
        return _view(entries, limit)

    return router


def _page(cursor: str | None, limit: int, since: datetime | None, until: datetime | None) -> AuditPage:
    """Raises HttpProblem 400 cursor-malformed."""
    return AuditPage(limit, decode_sequence(cursor) if cursor else None, since, until)


def _view(entries: Sequence[AuditEntry], limit: int) -> Page[AuditEntryView]:
    following = encode_sequence(entries[-1].id) if len(entries) == limit else None
    return Page[AuditEntryView](items=[AuditEntryView.model_validate(each) for each in entries], next=following)
