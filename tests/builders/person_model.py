"""The four contexts as a random run uses them: requests by any caller, and a record of what was accepted, refused and reached."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import asyncpg
import httpx

from infra.contexts import prefix
from shared.kernel.errors import IllegalTransition, VersionConflict
from tests.builders.four_contexts import FourContexts
from tests.builders.open_items import Caller
from tests.builders.operations import Operation, operations
from tests.builders.transition_record import TransitionRecord

#: Refusals of an offered command that contradict the offer.
_CONTRADICTIONS = {IllegalTransition.code, VersionConflict.code}


@dataclass
class Statistics:
    """`commands` counts accepted commands by name, `refusals` the others by name, status and code."""

    steps: int = 0
    examples: int = 0
    commands: Counter[str] = field(default_factory=Counter)
    refusals: Counter[tuple[str, int, str]] = field(default_factory=Counter)
    acts: Counter[str] = field(default_factory=Counter)

    def count(self, name: str, answer: httpx.Response) -> None:
        if answer.is_success:
            self.commands[name] += 1
        else:
            self.refusals[name, answer.status_code, answer.json().get("code", "")] += 1

    def summary(self) -> str:
        commands = ", ".join(f"{name} {count}" for name, count in self.commands.most_common())
        return f"{self.steps} steps in {self.examples} examples; {self.refusals.total()} refusals; commands: {commands}"


@dataclass
class Cache:
    """Of all examples: headers, because signing a token takes long, and the operations of the contexts by the name of their command."""

    headers: dict[Caller, dict[str, str]] = field(default_factory=dict)
    operations: dict[str, Mapping[str, Operation]] = field(default_factory=dict)


@dataclass
class PersonModel:
    """`connection` is the owner's, which reads all four schemas. `trace` has a line for each request, delivery and move of the clock."""

    contexts: FourContexts
    connection: "asyncpg.Connection[asyncpg.Record]"
    transitions: TransitionRecord
    statistics: Statistics
    cache: Cache
    trace: list[str] = field(default_factory=list)

    def tick(self) -> None:
        """No two acts have the same time."""
        self.contexts.set_clock(self.contexts.now + timedelta(seconds=1))

    async def send(
        self, context: str, method: str, path: str, caller: Caller, body: Any = None, *, version: int | None = None, csv: str | None = None
    ) -> httpx.Response:
        """One request, with If-Match or a new idempotency key. Raises AssertionError for an error of the server."""
        headers = self._header(caller) | (
            {"Idempotency-Key": f"model-{len(self.trace)}"} if version is None else {"If-Match": f'W/"{version}"'}
        )
        content = {"json": body} if csv is None else {"content": csv}
        headers |= {} if csv is None else {"Content-Type": "text/csv"}
        answer = await self.contexts.contexts[context].http.request(method, path, headers=headers, **content)
        if method != "GET":
            self.trace.append(
                f"{method} {path} by {caller.actor} with {body or csv}: {answer.status_code} {answer.text[:200] if answer.is_error else ''}"
            )
        assert answer.status_code < 500, f"{method} {path} with {body}: {answer.status_code} {answer.text}"
        return answer

    async def command(self, context: str, name: str, path: str, caller: Caller, body: Any = None, **more: Any) -> httpx.Response:
        """A counted command."""
        answer = await self.send(context, (await self.operation(context, name)).method, path, caller, body, **more)
        self.statistics.count(name, answer)
        return answer

    async def offered_command(self, context: str, name: str, path: str, caller: Caller, body: Any, *, version: int) -> None:
        """A command that `GET .../actions` offered. Raises AssertionError when its refusal contradicts the offer."""
        answer = await self.command(context, name, path, caller, body, version=version)
        code = None if answer.is_success else answer.json()["code"]
        assert code not in _CONTRADICTIONS, f"{path} was offered to {caller.actor} and is refused: {answer.text}"

    async def operation(self, context: str, name: str) -> Operation:
        if context not in self.cache.operations:
            document = await self.contexts.contexts[context].http.get(f"{prefix(context)}/openapi.json")
            self.cache.operations[context] = {operation.name: operation for operation in operations(document.json())}
        return self.cache.operations[context][name]

    def _header(self, caller: Caller) -> dict[str, str]:
        if caller not in self.cache.headers:
            keys = self.contexts.contexts["referrals"].keys
            token = keys.token(caller.actor, caller.organisation, "clinician", list(caller.scopes))
            self.cache.headers[caller] = {"Authorization": f"Bearer {token}"}
        return self.cache.headers[caller]
