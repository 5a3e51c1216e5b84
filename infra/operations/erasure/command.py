"""The steps of `care erase`: the request, and the approval, on which the words are erased.

The audit, which is never erased, has the id of a request alone: its reason may contain words of the person.
"""

import asyncio
from collections.abc import AsyncIterator, Container, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import UUID

from infra.contexts import CONTEXTS, subscribed_types
from infra.database_owner import Owner, connected_owner
from infra.dev_stack.stack_state import endpoints
from infra.errors import StackError
from infra.operations.erasure import certificate as certificates
from infra.operations.erasure.certificate import Certificate
from infra.operations.erasure.keys import signing_key
from infra.operations.erasure.words import RESTRICTED, closed_concerns, erase_in
from infra.operations.replay import database_of, required_reason
from services.referrals.domain.access import AUDIT, holders
from services.referrals.domain.erasure import Erasure
from services.referrals.handlers.erasure import approve_erasure, certify_erasure, read_erasure, request_erasure
from shared.deployment import Deployment, read
from shared.kernel.actor import Actor
from shared.kernel.errors import DomainError
from shared.kernel.ids import PersonId, new_id
from shared.persistence import parked_records
from shared.persistence.database import Database
from shared.persistence.statements import ReadSession
from shared.persistence.transaction import Cause, RequestContext, Transaction
from shared.web.dependencies import with_held_scopes
from shared.web.problems import HttpProblem

_SEALED = """
SELECT id FROM {producer}.event WHERE partition_day = 'infinity' AND key = ANY($1::uuid[]) AND data_key IS NOT NULL
AND type = ANY($2::text[])"""
_NOT_APPLIED = "SELECT id FROM unnest($1::uuid[]) AS sealed (id) WHERE NOT EXISTS (SELECT FROM {consumer}.inbox WHERE event_id = sealed.id)"
_POLL_SECONDS = 0.2
_WAIT_SECONDS = 120.0
_KAFKA = f"Kafka removes the earlier records of {', '.join(RESTRICTED)} at the next compaction after max.compaction.lag.ms."
_SAFEGUARDING = (
    "The words of safeguarding concerns that the council has closed are erased; those of open ones stay. "
    "No number shows whether there are any."
)


async def request(person: UUID, name: str, *, token: Path, reason: str) -> Erasure:
    """Stores and audits the request of the token's caller. Raises StackError."""
    why, request_id = required_reason(reason), new_id()
    async with database_of("referrals", name) as database:
        caller = await _caller(token, database)
        async with _transaction(database, caller, f"request erasure {request_id}") as tx:
            return await request_erasure(request_id, PersonId(person), why, tx=tx)


async def requested(person: UUID, name: str, *, token: Path, request_id: UUID) -> Erasure:
    """The request, for who is to approve it; audited. Raises StackError."""
    async with database_of("referrals", name) as database:
        caller = await _caller(token, database)
        async with _transaction(database, caller, f"read erasure {request_id}") as tx:
            return await read_erasure(PersonId(person), request_id, tx=tx)


async def approve(person: UUID, name: str, *, token: Path, request_id: UUID, file: Path) -> Certificate:
    """Erases on the approval of the token's caller, and writes the certificate. Raises StackError; then the approval can be repeated."""
    key = signing_key(name)  # nothing is erased that could not be certified
    async with database_of("referrals", name) as database:
        caller = await _caller(token, database)
        async with _transaction(database, caller, f"approve erasure {request_id}") as tx:
            erasure, people = await approve_erasure(PersonId(person), request_id, tx=tx)
        certificate = certificates.sign(_certificate(erasure, *await _erase(endpoints(name).database_url, people)), key)
        certificates.write(certificate, file)
        async with _transaction(database, caller, f"certify erasure {request_id}") as tx:
            await certify_erasure(erasure, asdict(certificate), tx=tx)
    return certificate


async def _caller(token: Path, database: Database[Any]) -> Actor:
    """The member of the information governance staff whose token it is. Raises StackError."""
    try:
        actor = await read(Deployment).tokens().actor(f"Bearer {token.read_text().strip()}")  # noqa: ASYNC240  no other task runs
    except HttpProblem as refused:
        raise StackError(f"The token in {token} is refused: {refused.detail}") from refused
    held = with_held_scopes(actor, holders(database.policy).organisations, actor.organisation)
    if AUDIT not in held.scopes or actor.system == actor.id:
        raise StackError(
            f"{actor.id} of {actor.organisation} is not of the information governance staff: the token needs the scope {AUDIT}."
        )
    return actor


@asynccontextmanager
async def _transaction(database: Database[Any], caller: Actor, action: str) -> AsyncIterator[Transaction[Any]]:
    """Raises StackError for what a rule refuses."""
    try:
        async with database.transaction(RequestContext(caller, Cause(action))) as tx:
            yield tx
    except DomainError as refused:
        raise StackError(f"{refused.detail} {refused.advice}") from refused


async def _erase(url: str, people: Mapping[PersonId, int]) -> tuple[list[PersonId], Mapping[str, Mapping[str, int]], datetime]:
    """The people, the number of erased rows by context and kind, and the end. Raises StackError."""
    async with connected_owner(url) as owner:
        await _until_applied(owner, list(people))
        concerns = await closed_concerns(owner, list(people))
        erased = {context: await erase_in(owner, context, people, concerns) for context in CONTEXTS}
        return list(people), erased, await owner.fetchval("SELECT clock_timestamp()")


async def _until_applied(owner: Owner, people: Sequence[UUID]) -> None:
    """Waits until every service has applied the sealed events about the person, or an earlier one would bring the words back."""
    until, sealed = monotonic() + _WAIT_SECONDS, {consumer: await _sealed(owner, consumer, people) for consumer in CONTEXTS}
    while waiting := {context: ids for context, every in sealed.items() if (ids := await _unapplied(owner, context, every))}:
        if stuck := [each for context, ids in waiting.items() for each in await _parked(owner, context, people, ids)]:
            raise StackError(" ".join([*stuck, "Then repeat the approval."]))
        if monotonic() > until:
            raise StackError(f"{', '.join(waiting)} has not applied the person's record: repeat the approval when its worker has.")
        await asyncio.sleep(_POLL_SECONDS)


async def _unapplied(owner: Owner, context: str, sealed: Sequence[UUID]) -> set[UUID]:
    return {row["id"] for row in await owner.fetch(_NOT_APPLIED.format(consumer=context), sealed)}


async def _parked(owner: Owner, context: str, people: Sequence[UUID], unapplied: Container[UUID]) -> list[str]:
    """A sentence for each person whose record is parked: no waiting applies it. One that is not authentic says nothing of the event."""
    async with owner.transaction():
        await owner.execute("SELECT set_config('search_path', $1, true)", context)
        of_people = [await parked_records.of_key(ReadSession(owner), str(person).encode()) for person in people]
    stuck = [[each.id for each in parked if each.is_authentic and each.event_id in unapplied] for parked in of_people]
    return [
        f"{context} has parked the person's record {ids[0]}: `care parked {context}` states why, "
        f"`care replay {context} {ids[0]}` applies it once that is repaired."
        for ids in stuck
        if ids
    ]


async def _sealed(owner: Owner, consumer: str, people: Sequence[UUID]) -> list[UUID]:
    """The sealed events about the person that the context reads."""
    rows = [
        await owner.fetch(_SEALED.format(producer=producer), list(people), subscribed_types(consumer, producer)) for producer in CONTEXTS
    ]
    return [row["id"] for found in rows for row in found]


def _certificate(erasure: Erasure, people: Sequence[UUID], erased: Mapping[str, Mapping[str, int]], ended: datetime) -> Certificate:
    return Certificate(
        id=str(erasure.id),
        people=[str(each) for each in people],
        reason=erasure.reason,
        requested_by=erasure.requested_by,
        requested_at=erasure.requested_at.isoformat(),
        approved_by=erasure.approved_by or "",
        approved_at=erasure.approved_at.isoformat() if erasure.approved_at else "",
        erased_at=ended.isoformat(),
        erased=erased,
        kafka=_KAFKA,
        safeguarding=_SAFEGUARDING,
    )
