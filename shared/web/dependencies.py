"""The dependencies of endpoints: the caller, the version in If-Match, the idempotency key, and access to the database."""

import hashlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, NoReturn, TypeAlias, TypeVar
from uuid import UUID

from fastapi import Depends, Header, Request, Response
from fastapi.exceptions import RequestValidationError

from shared.kernel.actor import Actor
from shared.kernel.errors import ClinicalRoleMissing, DomainError, OrganisationNotInvolved, UserMissing
from shared.kernel.scope_holders import ByScope, Holders
from shared.kernel.target import Target
from shared.persistence.batch_interfaces import Work
from shared.persistence.database import Database
from shared.persistence.idempotency import DuplicateRequest
from shared.persistence.statements import ReadSession
from shared.persistence.transaction import Cause, IdempotencyKey, RequestContext, Transaction
from shared.web.limits import CallerLimits, LimitReached
from shared.web.problems import LOOKUP_IN_SCOPE, HttpProblem, beyond_limit, is_lookup, status_of
from shared.web.refusals import ACTOR_IN_SCOPE, audit_refusal, cause_of, report_limit
from shared.web.responses import ResponseModel, changed

C = TypeVar("C")
R = TypeVar("R")
#: Refuses a caller without a relationship to the person of a command.
Require: TypeAlias = Callable[[Transaction[Any]], Awaitable[object]]

#: The seconds that an urgent referral waits for other guesses of its caller and organisation.
_URGENT_PATIENCE = 2.0
#: The longest Idempotency-Key.
KEY_LENGTH = 128
#: A proxy that compresses a response adds the compression to its ETag, in one of three ways.
_ETAG = re.compile(r'(?:W/)?"([0-9]{1,9})(?:(?:--?|;)(?:gzip|br|deflate|zstd))?"')


@dataclass(frozen=True)
class ScopeCheck:
    """Authenticates the caller, and refuses one that has none of `scopes`. docs/scopes.md lists them.

    The caller has no scope that their organisation or their role does not hold in this context. A supplier's system without a user is
    refused, unless the route concerns no person.
    """

    scopes: tuple[str, ...]
    needs_user: bool = True

    async def __call__(self, request: Request) -> Actor:
        actor: Actor = await request.app.state.tokens.actor(request.headers.get("authorization"))
        request.scope[ACTOR_IN_SCOPE] = actor
        await _require_within_limits(request, actor)
        if actor.system == actor.id and self.needs_user:
            raise UserMissing("The token names no professional on whose behalf the system acts.")
        if actor.scopes.isdisjoint(self.scopes):
            advice = "Ask the access administrator for a token with this scope."
            raise HttpProblem(HTTPStatus.FORBIDDEN, "scope-missing", f"The token needs the scope {' or '.join(self.scopes)}.", advice)
        holders: Holders = request.app.state.holders
        of_organisation = with_held_scopes(actor, holders.organisations, actor.organisation)
        if of_organisation.scopes.isdisjoint(self.scopes):
            raise OrganisationNotInvolved(f"The scope {' or '.join(self.scopes)} belongs to another organisation.")
        held = with_held_scopes(of_organisation, holders.roles, actor.role)
        if held.scopes.isdisjoint(self.scopes):
            raise ClinicalRoleMissing(f"The scope {' or '.join(self.scopes)} needs a clinical role.")
        return held


async def _require_within_limits(request: Request, actor: Actor) -> None:
    """Counts the request. Raises HttpProblem 429; the first refusal in a minute is logged and audited."""
    limits: CallerLimits = request.app.state.limits
    try:
        limits.admit(actor, is_lookup=is_lookup(request.scope))
    except LimitReached as reached:
        await refuse_beyond_limit(request, actor, reached)


async def refuse_beyond_limit(request: Request, actor: Actor, reached: LimitReached) -> NoReturn:
    """Raises HttpProblem 429."""
    await report_limit(request.scope, actor, reached)
    raise beyond_limit(reached)


async def stream_place(request: Request, actor: Actor) -> ExitStack:
    """A place for an open stream, until it is closed. Raises HttpProblem 429."""
    place = ExitStack()
    try:
        place.enter_context(request.app.state.limits.stream(actor))
    except LimitReached as reached:
        await refuse_beyond_limit(request, actor, reached)
    return place


def require_scopes(*scopes: str, needs_user: bool = True) -> Any:
    """The dependency of a route that only callers with this scope, or with any one of these, may use."""
    return Depends(ScopeCheck(scopes, needs_user))


def with_held_scopes(actor: Actor, holders: ByScope, holder: str) -> Actor:
    """The actor with the scopes that `holder`, their organisation or their role, holds."""
    held = {scope for scope in actor.scopes if scope not in holders or holder in holders[scope]}
    return actor if len(held) == len(actor.scopes) else replace(actor, scopes=frozenset(held))


async def if_match(if_match: Annotated[str | None, Header(description='The ETag that the change is based on: `W/"3"`')] = None) -> int:
    return version_of(if_match)


def version_of(if_match: str | None) -> int:
    """The version in If-Match. Raises HttpProblem 428 when the header is absent, 400 when it is not one of the product's ETags."""
    advice = "Read the resource and send its ETag in If-Match."
    if if_match is None:
        raise HttpProblem(HTTPStatus.PRECONDITION_REQUIRED, "if-match-missing", "The request has no If-Match header.", advice)
    found = _ETAG.fullmatch(if_match.strip())
    if not found:
        raise HttpProblem(HTTPStatus.BAD_REQUEST, "if-match-malformed", "If-Match is not an ETag of this service.", advice)
    return int(found[1])


async def idempotency_key(request: Request) -> IdempotencyKey:
    """The request's Idempotency-Key, with a digest of the request. Raises HttpProblem 400 when the header is absent."""
    key = request.headers.get("idempotency-key")
    advice = "Send a new UUID in Idempotency-Key; repeat a request with the same one."
    if not key:
        raise HttpProblem(HTTPStatus.BAD_REQUEST, "idempotency-key-missing", "The request has no Idempotency-Key header.", advice)
    if len(key) > KEY_LENGTH:
        too_long = {"type": "string_too_long", "loc": ("header", "idempotency-key"), "ctx": {"max_length": KEY_LENGTH}}
        raise RequestValidationError([too_long])
    return IdempotencyKey(hashlib.sha256(key.encode()).hexdigest(), await _digest(request))


async def _repetition_key(request: Request) -> IdempotencyKey:
    """The key of a command with If-Match, which has none of its own: the request itself, with the version that its sender saw."""
    version = version_of(request.headers.get("if-match"))
    digest = await _digest(request)
    return IdempotencyKey(f"if-match {version} {digest.hex()}", digest)


async def _digest(request: Request) -> bytes:
    line = b"%b %b?%b\n" % (request.method.encode(), request.scope["path"].encode(), request.scope["query_string"])
    return hashlib.sha256(line + await request.body()).digest()


class UnitOfWork:
    """Access to the database for one request. A transaction opens and closes inside the endpoint, before the response leaves.

    A GET and a search see the rows about people with whom the caller has a relationship. A command sees every row: its handler asks the
    policy.
    """

    def __init__(self, request: Request, database: Database[Any], cause: Cause) -> None:
        self._request, self._database, self._cause = request, database, cause

    async def submit(self, caller: Actor, key: IdempotencyKey | None, work: Work[C, R], command: C) -> R:
        """Runs `work` in one transaction and returns its response after the commit. Raises what `work` raises."""
        return await self._database.submit(RequestContext(caller, self._cause, key), work, command)

    async def refused(self, refusal: DomainError) -> None:
        """Adds the refusal to the audit, as that of a whole request, for a part of a request that is answered as a whole."""
        await audit_refusal(self._request.scope, status_of(type(refusal)), refusal.code, refusal.shows)

    async def act(self, caller: Actor, handler: Callable[..., Awaitable[R]], *arguments: Any) -> R:
        """Runs the command by which a read opens what it shows, and commits it before the read begins."""
        async with self._database.transaction(RequestContext(caller, self._cause)) as tx:
            return await handler(*arguments, tx=tx)

    async def command(self, caller: Actor, handler: Callable[..., Awaitable[R]], *arguments: Any) -> R:
        """Runs `handler(*arguments, tx=tx)` in one transaction and returns its result after the commit."""
        async with self.transaction(caller) as tx:
            return await handler(*arguments, tx=tx)

    async def change(
        self,
        caller: Actor,
        handler: Callable[..., Awaitable[R]],
        target: Target,
        *arguments: Any,
        view: Callable[[R], ResponseModel],
        require: Require | None = None,
    ) -> Response:
        """Runs `handler(target, *arguments, tx=tx)` in a `repeatable` transaction; returns the view of its result after the commit."""
        async with self.repeatable(caller, target.id, require) as tx:
            return changed(tx, view(await handler(target, *arguments, tx=tx)))

    @asynccontextmanager
    async def repeatable(
        self, caller: Actor, subject: UUID, require: Require | None = None, *, key: IdempotencyKey | None = None
    ) -> AsyncIterator[Transaction[Any]]:
        """The transaction of a command that has one effect; it stores the response, which a repetition returns.

        `require` refuses a caller without a relationship, also for a repetition, which is audited as a read of `subject`; a command that
        concerns no person has none. Without `key` the request is its own key, with the version in If-Match.
        """
        try:
            async with self.transaction(caller, key or await _repetition_key(self._request)) as tx:
                if require is not None:
                    await require(tx)
                yield tx
        except DuplicateRequest:
            async with self.transaction(caller) as tx:
                if require is not None:
                    await require(tx)
                tx.audit(subject)
            raise

    @asynccontextmanager
    async def transaction(self, caller: Actor, key: IdempotencyKey | None = None) -> AsyncIterator[Transaction[Any]]:
        is_read = self._request.method == "GET"
        async with self.reading(caller) if is_read else self._database.transaction(RequestContext(caller, self._cause, key)) as tx:
            yield tx

    @asynccontextmanager
    async def reading(self, caller: Actor) -> AsyncIterator[Transaction[Any]]:
        """For a GET, and for a search, which is a read although it is a POST: its body says whom it looks for."""
        async with self._database.reading(RequestContext(caller, self._cause)) as tx:
            yield tx

    @asynccontextmanager
    async def across_people(self, caller: Actor) -> AsyncIterator[Transaction[Any]]:
        """For counts of all people, and for the audit: it sees every row. The response has no more than ids and codes of a person."""
        async with self._database.across_people(RequestContext(caller, self._cause)) as tx:
            yield tx

    @asynccontextmanager
    async def read_only(self) -> AsyncIterator[ReadSession]:
        """For data that concerns no person. It sees no row about one."""
        async with self._database.read_only() as reader:
            yield reader

    @asynccontextmanager
    async def audited_read(self, caller: Actor, subject: UUID) -> AsyncIterator[Transaction[Any]]:
        """For data that concerns a person: the read is audited."""
        async with self.transaction(caller) as tx:
            yield tx
            tx.audit(subject)
        await self.found(caller, [subject])

    async def found(self, caller: Actor, subjects: Collection[UUID]) -> None:
        """Counts what a lookup found towards the limits of the caller, before the answer shows it. Raises HttpProblem 429."""
        try:
            self._limits.found(caller, subjects)
        except LimitReached as reached:
            await refuse_beyond_limit(self._request, caller, reached)

    async def look_up(self, caller: Actor) -> None:
        """Makes the request of a list a lookup, because it finds one record by a key. Raises HttpProblem 429."""
        self._request.scope[LOOKUP_IN_SCOPE] = True
        try:
            self._limits.admit_lookup(caller)
        except LimitReached as reached:
            await refuse_beyond_limit(self._request, caller, reached)

    async def submit_guess(
        self,
        caller: Actor,
        key: IdempotencyKey,
        work: Work[C, R],
        command: C,
        *,
        is_wrong: Callable[[R], bool] = lambda _: False,
        beyond: C | None = None,
    ) -> R:
        """As `submit`, for work whose result or refusal may show what is stored about a person: see `CallerLimits.guess`.

        Beyond the limit, and after two seconds of waiting for other guesses, it does the work for `beyond`, and then reports the limit.
        Without that command it waits, and raises HttpProblem 429.
        """
        patience = None if beyond is None else _URGENT_PATIENCE
        try:
            return await self._limits.guess(caller, partial(self.submit, caller, key, work, command), is_wrong, patience)
        except LimitReached as reached:
            if beyond is None:
                await refuse_beyond_limit(self._request, caller, reached)
            result = await self.submit(caller, key, work, beyond)
            await report_limit(self._request.scope, caller, reached)
            return result

    @property
    def _limits(self) -> CallerLimits:
        limits: CallerLimits = self._request.app.state.limits
        return limits


async def unit_of_work(request: Request) -> UnitOfWork:
    return UnitOfWork(request, request.app.state.database, cause_of(request.scope))


IfMatch = Annotated[int, Depends(if_match)]
IdempotencyHeader = Annotated[IdempotencyKey, Depends(idempotency_key)]
Unit = Annotated[UnitOfWork, Depends(unit_of_work)]
