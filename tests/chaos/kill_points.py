"""Marks where a process of the product can be killed, by wrapping its ports in the harness's composition roots.

No module of the product refers to this one. A wrapped port is looked up by name when a process starts, so a renamed port raises
AttributeError there.
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

#: The status codes of a response to a committed change.
_SUCCESS = (200, 201)


def wrap_api(passed: Passed) -> ExitStack:
    """Closing the returned stack restores the ports."""

    def before_commit(transaction: Transaction[Any]) -> None:
        if transaction.has_recorded:
            passed("api before commit")

    serve = Gateway.__call__

    @wraps(serve)
    async def serve_with_point(self: Gateway, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_after_point(message: Message) -> None:
            if scope.get("method") == "POST" and message.get("status") in _SUCCESS:
                passed("api after commit, before the response")
            await send(message)

        await serve(self, scope, receive, send_after_point)

    ports = ExitStack()
    _wrap(ports, Transaction, "flush", after=lambda _, transaction: before_commit(transaction))
    replace_port(ports, Gateway, "__call__", serve_with_point)
    return ports


def wrap_worker(passed: Passed) -> ExitStack:
    """Closing the returned stack restores the ports."""

    def before_commit(transaction: Transaction[Any]) -> None:
        for prefix, part in (("on ", "consumer"), ("deadline ", "scheduler")):
            if transaction.cause.action.startswith(prefix):
                passed(f"{part} before commit")

    def passed_if(condition: object, point: str) -> None:
        if condition:
            passed(point)

    ports = ExitStack()
    _wrap(ports, Transaction, "flush", after=lambda _, transaction: before_commit(transaction))
    _wrap(ports, AIOKafkaProducer, "send_batch", before=lambda *_: passed("relay before send"))
    _wrap(ports, Relay, "_delete_published", before=lambda *arguments: passed_if(arguments[-1], "relay after send, before delete"))
    _wrap(ports, Relay, "_delete_published", after=lambda _, *arguments: passed_if(arguments[-1], "relay after delete"))
    # The next batch starts after the offsets of the one before it were marked.
    _wrap(ports, EventProcessor, "apply", before=lambda *_: passed("consumer after marking the offset"))
    _wrap(ports, EventProcessor, "apply", after=lambda *_: passed("consumer after commit, before marking the offset"))
    _wrap(ports, DeadlineScheduler, "process_due", after=lambda processed, *_: passed_if(processed, "scheduler after commit"))
    return ports


def replace_port(ports: ExitStack, owner: type, name: str, port: Port) -> None:
    ports.callback(setattr, owner, name, getattr(owner, name))
    setattr(owner, name, port)


def _wrap(
    ports: ExitStack, owner: type, name: str, *, before: Callable[..., None] | None = None, after: Callable[..., None] | None = None
) -> None:
    """`before` receives the arguments, `after` the result and the arguments."""
    port: Port = getattr(owner, name)

    @wraps(port)
    async def wrapped(*arguments: Any, **keywords: Any) -> Any:
        if before:
            before(*arguments)
        result = await port(*arguments, **keywords)
        if after:
            after(result, *arguments)
        return result

    replace_port(ports, owner, name, wrapped)
