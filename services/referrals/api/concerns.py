"""Safeguarding concerns over HTTP, for the council's receiver and the safeguarding leads.

A read is audited under the id of the concern: in the audit of a person, it would show that there is one.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from fastapi import Response as HttpResponse

from services.referrals.api import pages, requests
from services.referrals.api.auth import SafeguardingStaff
from services.referrals.api.pages import Cursor, Limit
from services.referrals.domain import Policy
from services.referrals.domain import safeguarding as domain
from services.referrals.domain.safeguarding import Account, Concern, ConcernNotFound, ConcernStatus, CouncilDecides
from services.referrals.handlers import safeguarding as handlers
from services.referrals.queries import safeguarding as queries
from services.referrals.queries.safeguarding import ConcernFile
from shared.contracts.safeguarding import ConcernKind, ConcernOutcome
from shared.kernel.actor import Actor
from shared.kernel.errors import IllegalTransition, VersionConflict
from shared.kernel.target import Target
from shared.persistence.person_names import PersonName
from shared.web import pagination
from shared.web.dependencies import IfMatch, Unit
from shared.web.problems import problems
from shared.web.requests import strict_router
from shared.web.responses import Action, NameView, Page, ResponseModel, VersionedResponse, json_response, links, named

router = strict_router(prefix="/referrals/safeguarding-concerns", tags=["safeguarding"])

_ANY = (ConcernNotFound, IllegalTransition, VersionConflict)


class ConcernView(VersionedResponse):
    """A concern. `due_at`: the council acknowledges by then, or decides; `overdue_since` stays until it has."""

    id: UUID
    status: ConcernStatus
    person_id: UUID
    kind: ConcernKind
    is_urgent: bool
    raised_at: datetime
    due_at: datetime | None
    overdue_since: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    closed_at: datetime | None
    closed_by: str | None
    outcome: ConcernOutcome | None
    reason: str | None


class NamedConcernView(ConcernView):
    """A concern with the person's name, which a caller who alone has raised it does not get."""

    person: NameView | None


class RaiserView(ResponseModel):
    """The member of staff who gave the account."""

    organisation: str
    professional_id: str
    role: str
    name: str | None
    telephone: str | None


class AccountView(ResponseModel):
    """What a member of staff reported. `raiser` is absent for all but the council when they asked for that, and so is `service`."""

    reference: UUID
    service: str | None
    account: str
    is_urgent: bool
    raised_at: datetime
    is_raiser_limited: bool
    raiser: RaiserView | None

    @classmethod
    def of(cls, account: Account, caller: Actor, policy: Policy) -> "AccountView":
        is_shown = domain.shows_raiser(account, caller, policy)
        return cls(
            reference=account.id,
            service=account.service if is_shown else None,
            account=account.account,
            is_urgent=account.is_urgent,
            raised_at=account.raised_at,
            is_raiser_limited=account.is_raiser_limited,
            raiser=RaiserView.model_validate(account.raiser) if is_shown else None,
        )


class ConcernedPersonView(ResponseModel):
    """By whom and where the council asks: the identity and the contact of the person, without their story."""

    nhs_number: str | None
    given_name: str
    family_name: str
    born_on: date | None
    address: str
    telephone: str | None
    practice_code: str


class ConcernFileView(ConcernView):
    """A concern with the person and all accounts, the oldest first.

    `person` is absent for one whom no referral has described, and for a caller who alone has raised the concern.
    """

    person: ConcernedPersonView | None
    accounts: list[AccountView]

    @classmethod
    def of(cls, found: ConcernFile, caller: Actor, policy: Policy) -> "ConcernFileView":
        return cls(
            **dict(ConcernView.model_validate(found.concern)),
            person=ConcernedPersonView.model_validate(found.person) if found.person else None,
            accounts=[AccountView.of(each, caller, policy) for each in found.accounts],
        )


@router.get("", name="safeguarding_concerns")
async def safeguarding_concerns(
    caller: SafeguardingStaff,
    unit: Unit,
    status: Annotated[ConcernStatus | None, Query(description="In this state; all open ones by default")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[NamedConcernView]:
    """The work list: the earliest deadline first, closed concerns by the time of their end. Each concern on a page is audited as read."""
    after = pages.oldest_first(cursor)
    async with unit.transaction(caller) as tx:
        found = await queries.listed(tx, status, after=after, limit=limit)
        tx.audit_all(each.id for each, _ in found)
    return _page(found, limit)


@router.get("/{concern_id:uuid}", response_model=ConcernFileView, responses=problems(ConcernNotFound))
async def read_concern(concern_id: UUID, caller: SafeguardingStaff, unit: Unit) -> HttpResponse:
    """One concern with its accounts, open or closed."""
    async with unit.audited_read(caller, concern_id) as tx:
        found = await queries.concern_file(tx, concern_id)
    return json_response(ConcernFileView.of(found, caller, tx.policy))


@router.get("/{concern_id:uuid}/actions", responses=problems(ConcernNotFound))
async def concern_actions(concern_id: UUID, caller: SafeguardingStaff, unit: Unit, request: Request) -> list[Action]:
    """The commands that the concern permits to the caller now."""
    async with unit.audited_read(caller, concern_id) as tx:
        found = await queries.concern(tx, concern_id)
    return links(request, domain.offered(found, caller, tx.policy), concern_id=concern_id)


@router.post("/{concern_id:uuid}/acknowledgement", name="AcknowledgeConcern", response_model=ConcernView, responses=problems(*_ANY))
async def acknowledge_concern(concern_id: UUID, caller: SafeguardingStaff, version: IfMatch, unit: Unit) -> HttpResponse:
    """The council has the concern. A safeguarding lead records what the council said by telephone. A repetition changes nothing."""
    target = Target(concern_id, version)
    return await unit.change(caller, handlers.acknowledge_concern, target, view=ConcernView.model_validate)


@router.post("/{concern_id:uuid}/closure", name="CloseConcern", response_model=ConcernView, responses=problems(*_ANY, CouncilDecides))
async def close_concern(
    concern_id: UUID, body: requests.ConcernClosure, caller: SafeguardingStaff, version: IfMatch, unit: Unit
) -> HttpResponse:
    """The council's decision, with its reason. A repetition changes nothing."""
    target = Target(concern_id, version)
    return await unit.change(caller, handlers.close_concern, target, body.command(), view=ConcernView.model_validate)


def _page(found: Sequence[tuple[Concern, PersonName | None]], limit: int) -> Page[NamedConcernView]:
    last = found[-1][0] if len(found) == limit else None
    position = last and (last.due_at or last.closed_at)
    more = pagination.encode_cursor(position, last.id) if last and position else None
    views = [named(NamedConcernView, ConcernView.model_validate(concern), name) for concern, name in found]
    return Page[NamedConcernView](items=views, next=more)
