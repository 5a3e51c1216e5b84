"""Where a process of the product may be killed: its ports are wrapped here, in the harness's own composition roots.

No module of the product knows of this. What is wrapped is looked up by name when a process starts, so a port that was renamed is missed
at once.
"""

from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from functools import wraps
from typing import Any

from aiokafka import AIOKafkaProducer
from starlette.types import Message, Receive, Scope, Send

from infra.dev_stack.gateway import Gateway
from shared.messaging.deadline_scheduler import DeadlineScheduler
from shared.messaging.event_processor import EventProcessor
from shared.messaging.outbound.relay import Relay
from shared.persistence.transaction import Transaction

Passed = Callable[[str], None]
Port = Callable[..., Awaitable[Any]]

#: A change is answered with one of these.
_DONE = (200, 201)


def wrap_api(passed: Passed) -> ExitStack:
    """Closing what it gives puts the ports back."""

    def committing(transaction: Transaction[Any]) -> None:
        if transaction.has_recorded:
            passed("api before commit")

    serve = Gateway.__call__

    @wraps(serve)
    async def answering(self: Gateway, scope: Scope, receive: Receive, send: Send) -> None:
        async def tell(message: Message) -> None:
            if scope.get("method") == "POST" and message.get("status") in _DONE:
                passed("api after commit, before the answer")
            await send(message)

        await serve(self, scope, receive, tell)

    ports = ExitStack()
    _wrap(ports, Transaction, "flush", after=lambda _, transaction: committing(transaction))
    replace_port(ports, Gateway, "__call__", answering)
    return ports


def wrap_worker(passed: Passed) -> ExitStack:
    """Closing what it gives puts the ports back."""

    def committing(transaction: Transaction[Any]) -> None:
        for beginning, part in (("on ", "worker"), ("deadline ", "timekeeper")):
            if transaction.cause.action.startswith(beginning):
                passed(f"{part} before commit")

    def when(is_so: object, point: str) -> None:
        if is_so:
            passed(point)

    ports = ExitStack()
    _wrap(ports, Transaction, "flush", after=lambda _, transaction: committing(transaction))
    _wrap(ports, AIOKafkaProducer, "send_batch", before=lambda *_: passed("relay before send"))
    _wrap(ports, Relay, "_delete_published", before=lambda *given: when(given[-1], "relay after send, before delete"))
    _wrap(ports, Relay, "_delete_published", after=lambda _, *given: when(given[-1], "relay after delete"))
    _wrap(ports, EventProcessor, "apply", before=lambda *_: passed("worker after acknowledging"))  # what came before
    _wrap(ports, EventProcessor, "apply", after=lambda *_: passed("worker after commit, before acknowledging"))
    _wrap(ports, DeadlineScheduler, "act", after=lambda settled, *_: when(settled, "timekeeper after commit"))
    return ports


def replace_port(ports: ExitStack, owner: type, name: str, port: Port) -> None:
    ports.callback(setattr, owner, name, getattr(owner, name))
    setattr(owner, name, port)


def _wrap(
    ports: ExitStack, owner: type, name: str, *, before: Callable[..., None] | None = None, after: Callable[..., None] | None = None
) -> None:
    """`before` sees the arguments, `after` the result and the arguments."""
    port: Port = getattr(owner, name)

    @wraps(port)
    async def wrapped(*given: Any, **named: Any) -> Any:
        if before:
            before(*given)
        result = await port(*given, **named)
        if after:
            after(result, *given)
        return result

    replace_port(ports, owner, name, wrapped)
