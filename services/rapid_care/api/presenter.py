"""Runs a command on a response, and presents the response after the commit."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from uuid import UUID

from fastapi import Response as HttpResponse

from services.rapid_care.api.responses import ResponseView
from services.rapid_care.domain.response import Response
from services.rapid_care.handlers.response import find_repeated
from services.rapid_care.queries import onward
from services.rapid_care.queries.responses import require_response
from shared.kernel.actor import Actor
from shared.kernel.errors import RuleBroken, VersionConflict
from shared.kernel.target import Target
from shared.persistence.transaction import Transaction
from shared.web.dependencies import UnitOfWork
from shared.web.responses import json_response

Present = Callable[[Transaction[Any], Response], Awaitable[ResponseView]]


async def present(tx: Transaction[Any], response: Response) -> ResponseView:
    """The response with the answers of the services that were asked to continue."""
    answers = (await onward.answers(tx, [response.id]))[response.id] if response.stepped_down_to else ()
    return ResponseView.of(response, tx.policy, tx.now, answers)


async def run_command(
    unit: UnitOfWork,
    caller: Actor,
    handler: Callable[..., Awaitable[Response]],
    target: Target,
    command: object,
    *,
    is_bare: bool = False,
    view: Present = present,
) -> HttpResponse:
    """Runs the command in one transaction. `is_bare`: the handler takes no command.

    To a caller without a relationship the response does not exist, before anything else is asked. A command that is refused because it has
    been carried out is a repetition: the answer is the present response (D7).
    """
    run = partial(_run, unit, caller, view, target.id)
    try:
        return await run(partial(handler, target, *([] if is_bare else [command])))
    except (VersionConflict, RuleBroken) as refusal:
        repeated = partial(find_repeated, target, command)
        if await unit.command(caller, repeated) is None:
            raise refusal from None
        return await run(repeated)


async def _run(unit: UnitOfWork, caller: Actor, view: Present, response_id: UUID, handler: Callable[..., Awaitable[Any]]) -> HttpResponse:
    async with unit.transaction(caller) as tx:
        await require_response(tx, response_id)
        shown = await view(tx, await handler(tx=tx))
    return json_response(shown)
