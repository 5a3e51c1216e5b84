"""Which refused requests the audit shows: those of a known caller who lacked a permission, or asked for what does not exist.

So is the first in a minute that a limit refuses. A refusal that shows what is stored about a person is one too (docs/adr/0034).
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from uuid import UUID

import structlog
from starlette.types import Scope

from shared.kernel.actor import Actor
from shared.kernel.ids import derived_id
from shared.persistence.refusals import Refusal
from shared.persistence.transaction import Cause, RequestContext
from shared.web.limits import LimitReached, report

#: The key under which the check of the token leaves the caller in the ASGI scope.
ACTOR_IN_SCOPE = "actor"
_AUDITED = {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}
_PERSON = "person_id"


def cause_of(scope: Scope) -> Cause:
    return Cause(scope["route"].name, None, structlog.contextvars.get_contextvars().get("traceparent"))


async def audit_refusal(scope: Scope, status: int, code: str, shown: UUID | None = None) -> None:
    """Adds the entry before the answer leaves. `shown` is the person of whom the refusal shows something, whatever its status.

    Does nothing for another status, or before the caller is known.
    """
    actor: Actor | None = scope.get(ACTOR_IN_SCOPE)
    if actor is not None and (shown or status in _AUDITED):
        refusal = Refusal(RequestContext(actor, cause_of(scope)), shown or _subject(scope.get("path_params", {})), code)
        await scope["app"].state.database.refusals.record(refusal)


async def report_limit(scope: Scope, actor: Actor, reached: LimitReached) -> None:
    """Logs and audits the first in a minute."""
    if reached.is_news:
        report(actor, reached)
        async with scope["app"].state.database.transaction(RequestContext(actor, Cause(f"limit {reached.limit}"))) as tx:
            tx.audit(derived_id("limit", tx.request.caller))


def _subject(parameters: Mapping[str, Any]) -> UUID | None:
    """The person, or the first other id, of the path."""
    ids = [value for name, value in sorted(parameters.items(), key=lambda item: item[0] != _PERSON) if isinstance(value, UUID)]
    return ids[0] if ids else None
