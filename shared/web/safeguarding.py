"""The short form of each context by which any member of staff who works with a person raises a safeguarding concern (S22).

The person is in the body: a URL is logged on its way. The receipt says nothing about the concern, which may have existed before.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter
from fastapi import Response as HttpResponse

from shared.access import Part
from shared.contracts.input_types import Flag, Line, LongText, OrAbsent, Telephone
from shared.contracts.safeguarding import RAISING, AccountGiven, ConcernKind, Raiser
from shared.kernel.actor import Actor
from shared.kernel.errors import PersonRecordNotFound
from shared.kernel.ids import new_id
from shared.persistence.relationships import Relationships
from shared.persistence.transaction import EventSubject, Transaction
from shared.web.dependencies import IdempotencyHeader, Unit
from shared.web.problems import problems
from shared.web.requests import RequestModel, strict_router
from shared.web.responses import ResponseModel, accepted


class NewConcern(RequestModel):
    """What the member of staff saw or heard. `is_urgent`: the person is in danger now."""

    person_id: UUID
    kind: ConcernKind
    account: LongText
    is_urgent: Flag = False
    raiser_name: OrAbsent[Line] = None
    raiser_telephone: OrAbsent[Telephone] = None
    is_raiser_limited: Flag = False

    def given(self, kind: type[AccountGiven], caller: Actor, now: datetime) -> AccountGiven:
        """The account as an event of the context."""
        raiser = Raiser(
            organisation=caller.organisation,
            professional_id=caller.id,
            role=caller.role,
            name=self.raiser_name,
            telephone=self.raiser_telephone,
        )
        own = self.model_dump(exclude={"raiser_name", "raiser_telephone"})
        return kind(**own, raiser=raiser, raised_at=now)


class ConcernReceipt(ResponseModel):
    """The account is stored and goes to the council. The answer is the same for a first account and a further one."""

    reference: UUID
    received_at: datetime


#: `async def receive(account_id, given, *, tx)`
Receive = Callable[..., Awaitable[None]]


async def publish_account(account_id: UUID, given: AccountGiven, *, tx: Transaction[Any]) -> None:
    """Sends the account to the context of the concerns. The log keeps it, encrypted; this context has no table of accounts."""
    tx.record(EventSubject(account_id, account_id, account_id), given, 1)


def safeguarding_router(
    prefix: str, *, staff: Any, relationships: Relationships[Any], event: type[AccountGiven], receive: Receive = publish_account
) -> APIRouter:
    """`staff` is the dependency that admits the callers, `event` the account as this context publishes it."""
    router = strict_router(prefix=prefix, tags=["safeguarding"])

    @router.post(
        "/safeguarding-concerns",
        name=RAISING,
        status_code=202,
        response_model=ConcernReceipt,
        responses=problems(PersonRecordNotFound),
    )
    async def raise_concern(body: NewConcern, caller: Annotated[Actor, staff], key: IdempotencyHeader, unit: Unit) -> HttpResponse:
        """Raise a safeguarding concern about a person with whom the caller works. Care goes on; the council hears of it."""
        async with unit.transaction(caller, key) as tx:
            access = await relationships.access(tx, body.person_id)
            access.require(Part.EXISTENCE, PersonRecordNotFound("There is no record of the person."))
            account_id = new_id()
            await receive(account_id, body.given(event, caller, tx.now), tx=tx)
            tx.audit(account_id)
            return accepted(tx, ConcernReceipt(reference=account_id, received_at=tx.now))

    return router
