"""Runs a command on a response, and presents the response after the commit."""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Response as HttpResponse

from services.rapid_care.api.responses import ResponseView
from services.rapid_care.domain.response import Response
from services.rapid_care.queries import onward
from shared.kernel.actor import Actor
from shared.web.dependencies import UnitOfWork
from shared.web.responses import json_response


async def run_command(unit: UnitOfWork, caller: Actor, handler: Callable[..., Awaitable[Response]], *arguments: Any) -> HttpResponse:
    """Runs `handler(*arguments, tx=tx)` in one transaction."""
    async with unit.transaction(caller) as tx:
        response = await handler(*arguments, tx=tx)
        answers = (await onward.answers(tx, [response.id]))[response.id] if response.stepped_down_to else ()
        policy, now = tx.policy, tx.now
    return json_response(ResponseView.of(response, policy, now, answers))
