"""The access matrix: every operation of a running context, with every scope, from every kind of caller, about every kind of person.

The expected answer comes from the page docs/access.md, the operations and their scopes from OpenAPI.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import product
from typing import Any
from uuid import UUID

import httpx

from infra.contexts import prefix
from infra.dev_stack.scopes import SCOPES
from shared.kernel.ids import new_id
from tests.builders.access_page import AccessPage, Need
from tests.builders.access_worlds import Caller, Subject, World
from tests.builders.operations import Operation, operations

_AT_ONCE = 6
_NO_SCOPE = "none"
_OTHER_SCOPES = frozenset({"scope-missing", "organisation-not-involved", "not-mdt-member"})
_CLOSED = frozenset({"part-not-shared", "story-withheld"})
_UNKNOWN = frozenset(
    f"{noun}-not-found"
    for noun in (
        "referral", "person", "person-record", "proposal", "response", "case", "care-plan", "lead", "risk", "task", "home-check", "concern",
    )
)  # fmt: skip
#: Refusals of a feed or a work list that is neither the caller's nor that of someone whom they coordinate.
_NOT_OWN = frozenset({"feed-access-denied", "organisation-not-involved"})
#: Rules of an operation that go beyond the policy: the lead of a colleague.
_OF_OTHERS = frozenset({"not-your-lead", "not-mdt-member"})
_WITHOUT_RIGHT_TO_BREAK = frozenset({"referrer", "proposed-lead", "case-finding", "break-glass"})
#: Operations whose success gives the caller a further relationship come last.
_LAST = ("BreakGlass", "ReferCase")
#: A visit that crossed a decline, the only command on something ended that nothing but the policy refuses.
_BODIES: Mapping[str, Mapping[str, Any]] = {
    "RecordFirstContact": {"mode": "face-to-face", "contacted_at": None},
    "expect_home_check": {"discharged_on": "2015-03-02"},
    "DeclareAvailability": {"until": None},
}
#: The same for a caller who may: refused by a rule, so that the people stay as they are.
_REFUSED_BODIES: Mapping[str, Mapping[str, Any]] = {"expect_home_check": {"discharged_on": "2030-03-02"}}
_TABLES = {
    "referral_id": "referral",
    "proposal_id": "proposal",
    "response_id": "response",
    "case_id": '"case"',
    "care_plan_id": "care_plan",
    "lead_id": "lead",
    "meeting_id": "meeting",
    "task_id": "task",
    "check_id": "home_check",
    "concern_id": "safeguarding_concern",
}
#: A version that nothing has: a permitted command is refused for it, after the policy.
_STALE = 999
#: Filters of lists that choose other people: a list is read with each of their values.
_FILTERS = ("status", "whose", "route")


class Result(StrEnum):
    """What an answer says: whose the scope or list is, that nothing is known, that the part is closed, or something beyond the policy."""

    SCOPE = "scope refused"
    NOT_OWN = "list of another"
    UNKNOWN = "unknown"
    CLOSED = "part closed"
    SEEN = "seen"
    WRONG = "neither"


@dataclass(frozen=True)
class Cell:
    """One request."""

    operation: Operation
    need: Need
    scope: str
    caller: str
    subject: Subject
    query: tuple[tuple[str, str], ...] = ()

    @property
    def is_read(self) -> bool:
        return self.operation.method == "GET"

    def __str__(self) -> str:
        about = f"{self.subject.phase}, {self.subject.sharing}"
        return f"{self.operation.method} {self.operation.path} with {self.scope} by {self.caller} about {about}"


@dataclass
class Outcome:
    """The cells by their result, and a line for each that the page contradicts.

    `leaks` counts by operation the wrong answers that gave what the page refuses; `failures` are the wrong ones that are server errors.
    """

    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    leaks: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def contradict(self, cell: Cell, shown: str, answer: httpx.Response) -> None:
        """Adds a wrong answer, with what it shows instead."""
        line = f"{cell}: {shown} ({answer.status_code} {answer.text[:120]})"
        self.wrong.append(line)
        self.failures.extend([line] if answer.is_server_error else [])
        self.leaks.update([cell.operation.name] if answer.is_success else [])

    def summary(self, name: str) -> str:
        counts = ", ".join(f"{count} {result}" for result, count in sorted(self.counts.items()))
        return f"access matrix of {name}: {self.counts.total()} cells ({counts}), {len(self.wrong)} wrong"


@dataclass
class Matrix:
    """The cells of one world. `only` limits them to some operations."""

    world: World
    page: AccessPage
    scopes_of: Mapping[str, frozenset[str]]
    known: list[Operation]
    examples: Mapping[str, Any]
    outcome: Outcome = field(default_factory=Outcome)
    _headers: dict[tuple[str, Caller], dict[str, str]] = field(default_factory=dict)
    _unknown: dict[tuple[str, str, str], str] = field(default_factory=dict)

    @classmethod
    async def of(cls, world: World, page: AccessPage, only: Iterable[str] = ()) -> "Matrix":
        document = (await world.context.http.get(f"{prefix(world.name)}/openapi.json")).json()
        described = {each["operationId"]: each for methods in document["paths"].values() for each in methods.values()}
        scopes = {name: frozenset(scope for way in each["security"] for scope in way["HTTPBearer"]) for name, each in described.items()}
        examples = {name: _example(each) for name, each in described.items()}
        known = [each for each in operations(document, has_streams=True) if not only or each.name in only]
        return cls(world, page, scopes, known, examples)

    async def run(self) -> Outcome:
        """Sends the refused cells, which must change nothing, and then the others."""
        cells = list(self.cells())
        refused = [cell for cell in cells if self.expected(cell) is not Result.SEEN]
        before = await self._state()
        await self._send(refused)
        if await self._state() != before:
            self.outcome.wrong.append("refused commands have changed the state")
        seen = [cell for cell in cells if self.expected(cell) is Result.SEEN]
        await self._send([cell for cell in seen if cell.operation.name not in _LAST])
        for name in _LAST:
            await self._send([cell for cell in seen if cell.operation.name == name])
        return self.outcome

    def cells(self) -> Iterator[Cell]:
        """Where the scope or the organisation decides, one person stands for all."""
        for operation in self.known:
            need = self.page.needs.get((self.world.name, operation.name))
            if need is None:
                self.outcome.wrong.append(f"docs/access.md does not name {operation.name} of {self.world.name}")
                continue
            about = [each for each in self.world.subjects if _has_ids(operation, {**self.world.ids, **each.ids})]
            for scope in (*SCOPES, _NO_SCOPE):
                yield from self._with_scope(operation, need, scope, about)

    def _with_scope(self, operation: Operation, need: Need, scope: str, about: list[Subject]) -> Iterator[Cell]:
        """A scope that does not admit is tried by one caller of the service and by the stranger, one that admits by every caller."""
        names = list(self.world.callers)
        for name in names if scope in self.scopes_of[operation.name] else (names[0], names[-1]):
            cells = [Cell(operation, need, scope, name, subject) for subject in about]
            if self.expected(cells[0]) is Result.SCOPE:
                yield cells[0]
            else:
                yield from cells if _is_about_person(operation, need) else _variants(cells[0])

    def expected(self, cell: Cell) -> Result:
        """What the page says; what a person does not have is unknown to everyone."""
        said = self._said(cell)
        return Result.UNKNOWN if said is Result.SEEN and cell.operation.name in cell.subject.lacks else said

    def _said(self, cell: Cell) -> Result:
        caller = self.world.callers[cell.caller]
        if not self._may_use(cell.scope, cell.operation, caller) or not self._is_admitted(cell, caller):
            return Result.SCOPE
        if cell.need.kind == "own":
            return Result.SEEN if self._is_own(cell, caller) else Result.NOT_OWN
        return self._of_person(cell)

    def _may_use(self, scope: str, operation: Operation, caller: Caller) -> bool:
        is_own = scope.startswith(f"{prefix(self.world.name).strip('/')}:")
        holders = self.page.holders.get(scope if is_own else "", frozenset({caller.organisation}))
        return scope in self.scopes_of[operation.name] and caller.organisation in holders

    def _of_person(self, cell: Cell) -> Result:
        bases = self.page.acting(cell.subject.bases(cell.caller), cell.scope)
        if cell.need.kind == "break-glass":
            return Result.UNKNOWN if not bases else Result.SEEN if bases - _WITHOUT_RIGHT_TO_BREAK else Result.CLOSED
        if cell.need.part is None or ("own" in cell.need.qualifier and cell.subject.owns == cell.caller):
            return Result.SEEN
        if not bases:
            return Result.UNKNOWN
        return Result.SEEN if self._is_open(cell, bases, cell.need.part) else Result.CLOSED

    def _is_own(self, cell: Cell, caller: Caller) -> bool:
        """Whether the feed or work list is the caller's, or that of someone whom they coordinate: an employer coordinates its own."""
        owner = self.world.callers[self.world.owner]
        is_coordinator = cell.scope.endswith(":coordinate") and "coordinator" in cell.need.qualifier
        coordinates = is_coordinator and ("employer" not in cell.need.qualifier or caller.organisation == owner.organisation)
        return caller == owner or coordinates

    def _is_open(self, cell: Cell, bases: frozenset[str], part: str) -> bool:
        """Some operations answer a referrer more than the part, and one answers a referrer without another basis less."""
        if "beyond a referrer" in cell.need.qualifier and bases == {"referrer"}:
            return False
        return ("or a referrer" in cell.need.qualifier and "referrer" in bases) or self._opens(cell.subject, cell, part)

    def _is_admitted(self, cell: Cell, caller: Caller) -> bool:
        """Some lists are the members' alone, and that of case finding the practice's too."""
        if "for members" not in cell.need.qualifier:
            return True
        is_practice = "practices" in cell.need.qualifier and caller.organisation == self.world.ids["practice"]
        return is_practice or caller.organisation in self.page.holders["mdt:coordinate"]

    def _opens(self, subject: Subject, cell: Cell, part: str) -> bool:
        return self.page.opens(subject.bases(cell.caller), cell.scope, subject.sharing, part)

    async def _send(self, cells: list[Cell]) -> None:
        for start in range(0, len(cells), _AT_ONCE):
            await asyncio.gather(*(self._check(cell) for cell in cells[start : start + _AT_ONCE]))

    async def _check(self, cell: Cell) -> None:
        expected = self.expected(cell)
        answer = await self._request(cell, {**self.world.ids, **cell.subject.ids}, expected)
        found = _result(answer, cell, expected)
        self.outcome.counts[found] += 1
        shown = "" if found is expected else f"{found} instead of {expected}"
        if found is Result.UNKNOWN and expected is found and await self._is_telling(cell, answer):
            shown = "the answer is not that of an unknown id"
        if leaked := list(self._leaks(cell, answer)):
            shown = f"it shows {leaked}"
        if shown:
            self.outcome.contradict(cell, shown, answer)

    def _leaks(self, cell: Cell, answer: httpx.Response) -> Iterator[str]:
        """What a successful answer has of people whom the caller does not see so far. The receipt may repeat what was sent."""
        if not answer.is_success or cell.need.kind == "receipt":
            return
        for subject in self.world.subjects:
            for word, part in subject.words.items():
                if word in answer.text and not self._opens(subject, cell, part):
                    yield f"{word} ({part}) of {subject.phase}, {subject.sharing}"
            is_seen = self.page.acting(subject.bases(cell.caller), cell.scope)
            if cell.need.kind == "list" and not cell.scope.endswith(":audit") and not is_seen and subject.ids["person_id"] in answer.text:
                yield f"{subject.phase}, {subject.sharing}"

    async def _is_telling(self, cell: Cell, answer: httpx.Response) -> bool:
        """Whether it differs from the answer about an id that nothing has."""
        key = (cell.operation.name, cell.scope, cell.caller)
        if key not in self._unknown:
            ids = {name: str(new_id()) for name in cell.operation.names_in_path()} | {"person_id": str(new_id())}
            other = await self._request(cell, {**self.world.ids, **ids}, Result.UNKNOWN)
            self._unknown[key] = _without(other, ids)
        return _without(answer, cell.subject.ids) != self._unknown[key]

    async def _request(self, cell: Cell, ids: Mapping[str, str], expected: Result) -> httpx.Response:
        operation = cell.operation
        path = operation.path.format(**ids)
        query = operation.query() | {name: ids[name] for name, _ in operation.query_parameters() if name in ids and name != "person_id"}
        query |= dict(cell.query)
        headers = self._header(cell.scope, self.world.callers[cell.caller])
        if operation.needs("idempotency-key"):
            headers |= {"Idempotency-Key": str(new_id())}
        if operation.needs("if-match"):
            version = _STALE if expected is Result.SEEN else await self._version(operation, ids)
            headers |= {"If-Match": f'W/"{version}"'}
        if operation.name == "ImportRisk":
            return await self.world.context.http.post(path, content=b"nhs;practice\n", headers=headers | {"Content-Type": "text/csv"})
        body = self._body(cell, ids, expected)
        return await self.world.context.http.request(operation.method, path, params=query, json=body, headers=headers)

    def _body(self, cell: Cell, ids: Mapping[str, str], expected: Result) -> Any:
        example = self.examples[cell.operation.name]
        if not isinstance(example, dict):
            return example
        name = cell.operation.name
        changes = {**_BODIES.get(name, {}), **(_REFUSED_BODIES.get(name, {}) if expected is Result.SEEN else {})}
        if "contacted_at" in changes:
            changes["contacted_at"] = self.world.context.clock.at.isoformat()
        return example | changes | ({"person_id": ids["person_id"]} if "person_id" in example else {})

    def _header(self, scope: str, caller: Caller) -> dict[str, str]:
        key = scope, caller
        if key not in self._headers:
            scopes = [] if scope == _NO_SCOPE else [scope]
            self._headers[key] = self.world.context.token(*scopes, organisation=caller.organisation, actor=caller.actor)
        return dict(self._headers[key])

    async def _version(self, operation: Operation, ids: Mapping[str, str]) -> int:
        """The present version, so that nothing but the policy refuses the command."""
        name = next((each for each in operation.names_in_path() if each in _TABLES), None)
        if name is None:
            return 1
        statement = f"SELECT version FROM {_TABLES[name]} WHERE id = $1"  # noqa: S608  a table of the mapping above
        version: int | None = await self.world.context.database.pool.fetchval(statement, UUID(ids[name]))
        return version or 1

    async def _state(self) -> tuple[int, ...]:
        """Each change has an event; claims and acts of break-glass have rows of their own."""
        tables = ["event", "break_glass", "deadline", *(["claim"] if self.world.name == "referrals" else [])]
        return tuple([await self.world.context.database.pool.fetchval(f"SELECT count(*) FROM {each}") for each in tables])  # noqa: S608


def _example(described: Mapping[str, Any]) -> Any:
    """The first example of the body."""
    content = described.get("requestBody", {}).get("content", {}).get("application/json", {})
    return next((each["value"] for each in content.get("examples", {}).values()), None)


def _variants(cell: Cell) -> Iterator[Cell]:
    """The cell, and those of a list with each of its filters."""
    yield cell
    filters = {name: _codes(schema) for name, schema in cell.operation.query_parameters() if name in _FILTERS}
    for values in product(*filters.values()) if filters and cell.need.kind == "list" else ():
        yield replace(cell, query=tuple(zip(filters, values, strict=True)))


def _codes(schema: Mapping[str, Any]) -> list[str]:
    """The codes of a parameter."""
    return [code for part in schema.get("anyOf", [schema]) for code in part.get("enum", [])]


def _is_about_person(operation: Operation, need: Need) -> bool:
    return need.part is not None or need.kind == "break-glass" or "person_id" in operation.path


def _has_ids(operation: Operation, ids: Mapping[str, str]) -> bool:
    return all(name in ids for name in operation.names_in_path())


def _result(answer: httpx.Response, cell: Cell, expected: Result) -> Result:
    code = answer.json().get("code", "") if answer.status_code >= httpx.codes.BAD_REQUEST else ""
    is_refused = answer.status_code == httpx.codes.FORBIDDEN
    if is_refused and code in _CLOSED:
        return Result.CLOSED
    if answer.status_code == httpx.codes.NOT_FOUND and code in _UNKNOWN:
        return Result.UNKNOWN
    if is_refused and code in _OTHER_SCOPES and (expected is Result.SCOPE or code == "scope-missing"):
        return Result.SCOPE
    if cell.need.kind == "own" and answer.status_code in {httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND}:
        return Result.NOT_OWN if code in _NOT_OWN else Result.WRONG
    if answer.is_success or (not cell.is_read and not answer.is_server_error):
        return Result.SEEN
    is_beyond = (is_refused and code in _OF_OTHERS | _OTHER_SCOPES) or (answer.status_code == httpx.codes.NOT_FOUND)
    return Result.SEEN if is_beyond and (cell.need.part is None or "lead" in cell.operation.name) else Result.WRONG


def _without(answer: httpx.Response, ids: Mapping[str, str]) -> str:
    text = str(answer.json() | {"instance": None})
    for each in ids.values():
        text = text.replace(each, "ID")
    return text
