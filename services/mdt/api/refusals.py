"""Commands of professionals, whose refusals must not reveal to strangers that a resource exists."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from services.mdt.domain.policy import Policy
from shared.kernel.actor import Actor
from shared.kernel.errors import DomainError, NotFound
from shared.persistence.transaction import Transaction
from shared.web.dependencies import UnitOfWork


@asynccontextmanager
async def hidden_from_strangers(
    unit: UnitOfWork, caller: Actor, is_known: Callable[[Transaction[Policy]], Awaitable[bool]], unknown: NotFound
) -> AsyncIterator[None]:
    """Turns the refusal of a command into `unknown` for a caller to whom the resource is not known."""
    try:
        yield
    except DomainError as refusal:
        async with unit.transaction(caller) as tx:
            known = await is_known(tx)
        raise (refusal if known else unknown) from None
