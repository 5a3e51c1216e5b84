"""The four contexts as a random run uses them: requests by any caller, and a record of what was accepted, refused and reached."""

import re
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

_FORBIDDEN = 403
#: Refusals of an offered command that contradict the offer.
_CONTRADICTIONS = {IllegalTransition.code, VersionConflict.code}


@dataclass
class Statistics:
    """`commands` counts accepted commands by name, `refusals` the others by name, status and code."""

    steps: int = 0
    examples: int = 0
    commands: Counter[str] = field(default_factory=Counter)
    refusals: Counter[tuple[str, int, str]] = field(default_factory=Counter)
    refusals_of_unoffered: Counter[tuple[str, int]] = field(default_factory=Counter)
    acts: Counter[str] = field(default_factory=Counter)

    def count(self, name: str, answer: httpx.Response) -> None:
        if answer.is_success:
            self.commands[name] += 1
        else:
            self.refusals[name, answer.status_code, answer.json().get("code", "")] += 1

    def summary(self) -> str:
        commands = ", ".join(f"{name} {count}" for name, count in self.commands.most_common())
        refusals = f"{self.refusals.total()} refusals for a value, {self.refusals_of_unoffered.total()} of commands that were not offered"
        return f"{self.steps} steps in {self.examples} examples; {refusals}; commands: {commands}"


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

    async def seen_version(self, context: str, address: str, caller: Caller, stored: int) -> int:
        """The version that the caller sees: that of a referrer leaves out what others sent. The stored one of what no GET shows."""
        answer = await self.send(context, "GET", address, caller)
        version: int = answer.json().get("version", stored) if answer.is_success else stored
        return version

    async def command(self, context: str, name: str, path: str, caller: Caller, body: Any = None, **more: Any) -> httpx.Response:
        """A counted command."""
        answer = await self.send(context, (await self.operation(context, name)).method, path, caller, body, **more)
        self.statistics.count(name, answer)
        return answer

    async def offered_command(self, context: str, name: str, path: str, caller: Caller, body: Any, *, version: int) -> None:
        """A command that `GET .../actions` offered. Raises AssertionError when its refusal contradicts the offer."""
        answer = await self.command(context, name, path, caller, body, version=version)
        code = None if answer.is_success else answer.json()["code"]
        contradicts = code in _CONTRADICTIONS or answer.status_code == _FORBIDDEN
        assert not contradicts, f"{path} was offered to {caller.actor} and is refused: {answer.text}"

    async def command_not_offered(self, context: str, name: str, address: str, caller: Caller, body: Any, *, version: int) -> None:
        """A command that `GET .../actions` did not offer. Raises AssertionError when it changes the item.

        A command that the item has carried out already is repeated, and answers with the present state.
        """
        operation = await self.operation(context, name)
        path = f"{address}/{operation.path.rpartition('/')[2]}"
        answer = await self.send(context, operation.method, path, caller, body, version=version)
        is_unchanged = answer.is_error or answer.json().get("version", version) == version
        assert is_unchanged, f"{name} of {address} was not offered to {caller.actor} and is carried out: {answer.text}"
        self.statistics.refusals_of_unoffered[name, answer.status_code] += 1

    async def commands_of(self, context: str, address: str) -> list[str]:
        """The commands of a resource."""
        operations = (await self._operations(context)).values()
        return [each.name for each in operations if each.method != "GET" and re.fullmatch(_pattern(each.path), f"{address}/_")]

    async def operation(self, context: str, name: str) -> Operation:
        return (await self._operations(context))[name]

    async def _operations(self, context: str) -> Mapping[str, Operation]:
        if context not in self.cache.operations:
            document = await self.contexts.contexts[context].http.get(f"{prefix(context)}/openapi.json")
            self.cache.operations[context] = {operation.name: operation for operation in operations(document.json())}
        return self.cache.operations[context]

    def _header(self, caller: Caller) -> dict[str, str]:
        if caller not in self.cache.headers:
            keys = self.contexts.contexts["referrals"].keys
            token = keys.token(caller.actor, caller.organisation, "clinician", list(caller.scopes))
            self.cache.headers[caller] = {"Authorization": f"Bearer {token}"}
        return self.cache.headers[caller]


def _pattern(path: str) -> str:
    """Of the addresses of a resource followed by `_`, for the path of one of its commands."""
    resource, _, command = path.rpartition("/")
    return "" if command.startswith("{") else re.sub(r"\{[^}]*\}", "[^/]+", resource) + "/_"
