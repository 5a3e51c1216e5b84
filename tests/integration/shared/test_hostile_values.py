"""Odd values reach the database of each context: a request stores its value in the normal form, or changes nothing.

The invalid values of every field are refused in tests/unit/shared/web/test_hostile_fields.py, without a database. Here each field gets
every odd value, which may be accepted, and each field of an urgent referral all values.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import httpx
import pytest

from infra.contexts import CONTEXTS
from infra.dev_stack.dev_secrets import Keys
from infra.dev_stack.scopes import SCOPES
from tests.builders.context_app import TABLES, RunningContext
from tests.builders.hostile_requests import HostileRequest, answer_of, hostile_requests
from tests.builders.hostile_values import TYPED_NUMBERS, WRONG_NUMBERS
from tests.builders.operations import Operation
from tests.builders.referrals import MONDAY, referrals
from tests.builders.seeded_contexts import OPEN, SeededContext, seeded_referrals

pytestmark = pytest.mark.timeout(900)

#: The least parts of the odd values that are accepted and that are refused at their field, by context.
_LEAST = {"referrals": (0.14, 0.25), "rapid_care": (0.2, 0.33), "mdt": (0.15, 0.35), "navigation": (0.2, 0.29)}
#: Fields of an urgent referral, by the beginning of their pointer, in which any value is accepted.
_TOLERANT = tuple(f"body.{name}" for name in ("nhs_number", "demographics", "story", "condition", "sharing"))
#: Unknown names that are refused: inside a contact, an unknown name makes the contact unreadable text.
_UNKNOWN_NAMES = {"body.demographics.?", "body.story.?"}


@dataclass
class Results:
    """Of one context: the fields, the results by status, and the refusals that name the field."""

    fields: set[tuple[str, str]] = field(default_factory=set)
    statuses: Counter[int] = field(default_factory=Counter)
    named: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def accepted(self) -> int:
        return sum(count for status, count in self.statuses.items() if status < httpx.codes.BAD_REQUEST)

    def count(self, request: HostileRequest, response: httpx.Response) -> None:
        status, problem = answer_of(response)
        self.fields.add((request.operation.name, request.pointer))
        self.statuses[status] += 1
        self.named += bool(problem.get("errors"))

    def __str__(self) -> str:
        statuses = ", ".join(f"{status}: {count}" for status, count in sorted(self.statuses.items()))
        return f"{self.statuses.total()} values for {len(self.fields)} fields; {self.named} refusals name a field; results {statuses}"


@pytest.mark.parametrize("name", CONTEXTS)
async def test_odd_value_is_accepted_or_changes_nothing(
    owner_url: str, keys: Keys, name: str, record_property: Callable[[str, object], None]
) -> None:
    results = Results()
    async with OPEN[name](owner_url, keys) as seeded:
        for operation in await seeded.described(name):
            await _send_all(seeded, operation, results)

    assert results.faults == []
    assert results.accepted >= _LEAST[name][0] * results.statuses.total(), results
    assert results.named >= _LEAST[name][1] * results.statuses.total(), results
    record_property("summary", f"odd values, {name}: {results}")


async def test_urgent_referral_is_accepted_with_any_value(
    owner_url: str, keys: Keys, record_property: Callable[[str, object], None]
) -> None:
    async with seeded_referrals(owner_url, keys) as seeded:
        [refer] = [each for each in await seeded.described("referrals") if each.name == "ReceiveReferral"]
        requests = [each for each in map(_urgent, hostile_requests(refer)) if each.pointer != "body.urgency"]
        results, refused = Results(), []
        for request in requests:
            response = await request.send(seeded.context.http, {}, seeded.context.token(*SCOPES) | seeded.new_key())
            results.count(request, response)
            if response.status_code != httpx.codes.CREATED:
                refused.append(request)

    assert [str(each) for each in refused if _is_tolerant(each)] == []
    assert {each.pointer for each in refused} == {each.pointer for each in requests if not _is_tolerant(each)}
    record_property("summary", f"urgent referrals: {results}")


@pytest.mark.parametrize("name", CONTEXTS)
async def test_next_of_every_list_is_followed_literally(owner_url: str, keys: Keys, name: str) -> None:
    async with OPEN[name](owner_url, keys) as seeded:
        lists = [each for each in await seeded.described(name) if any(parameter == "cursor" for parameter, _ in each.query_parameters())]
        pages = {each.name: await _pages(seeded, each) for each in lists}

    assert {list_: [page.status_code for page in found] for list_, found in pages.items()} == {
        list_: [200] * len(found) for list_, found in pages.items()
    }
    assert any(len(found) > 1 for found in pages.values())


@pytest.mark.parametrize("number", [*TYPED_NUMBERS, *WRONG_NUMBERS, None])
async def test_urgent_referral_is_accepted_with_any_number(owner_url: str, keys: Keys, number: str | None) -> None:
    async with referrals(owner_url, keys, MONDAY) as client:
        response = await client.try_refer(urgency="urgent", condition="fall", nhs_number=number)

    assert response.status_code == 201, response.text


async def test_typed_forms_of_a_number_are_one_person(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as client:
        for number in TYPED_NUMBERS:
            await client.refer(urgency="urgent", condition="fall", nhs_number=number)
        people = await client.context.database.pool.fetchval("SELECT count(*) FROM person")

    assert people == 1


def _urgent(request: HostileRequest) -> HostileRequest:
    return replace(request, body=request.body | {"urgency": "urgent"})


def _is_tolerant(request: HostileRequest) -> bool:
    return request.pointer.startswith(_TOLERANT) and request.pointer not in _UNKNOWN_NAMES


async def _send_all(seeded: SeededContext, operation: Operation, results: Results) -> None:
    """The contents and the version are read again after each request that changed something."""
    before, headers = await _stored(seeded.context), await _headers(seeded, operation)
    for request in (_about(seeded, each) for each in hostile_requests(operation) if not each.value.is_refused):
        response = await request.send(seeded.context.http, seeded.ids_of(operation), headers | seeded.new_key())
        results.count(request, response)
        after = await _stored(seeded.context)
        is_stored = after != before and answer_of(response)[0] >= httpx.codes.BAD_REQUEST
        if after != before:
            before, headers = after, await _headers(seeded, operation)
        fault = request.fault(response) or (f"{request}: stored" if is_stored else None)
        results.faults += [fault] if fault else []


def _about(seeded: SeededContext, request: HostileRequest) -> HostileRequest:
    """About a person whom the context knows, unless the person is the odd value."""
    if not isinstance(request.body, dict) or "person_id" not in request.body or request.pointer == "body.person_id":
        return request
    return replace(request, body=request.body | {"person_id": seeded.ids["person_id"]})


async def _headers(seeded: SeededContext, operation: Operation) -> dict[str, str]:
    """The headers of a caller, with the present version of the resource when the operation needs it."""
    caller = seeded.context.token(*SCOPES)
    if not operation.needs("if-match"):
        return caller
    resource = operation.path.rpartition("/")[0] if operation.method == "POST" else operation.path
    found = await seeded.context.http.get(resource.format(**seeded.ids_of(operation)), headers=caller)
    return caller | {"If-Match": found.headers.get("etag", 'W/"1"')}


async def _stored(context: RunningContext) -> list[tuple[str, int, int]]:
    """The number of rows of every table and their last transaction: any change but that of the audit, which also records refusals."""
    names = [name for (name,) in await context.database.pool.fetch(TABLES) if name not in {"audit", "audit_unsealed"}]
    states = (f"SELECT '{name}', count(*), max(xmin::text::bigint) FROM \"{name}\"" for name in names)  # noqa: S608  names of the catalogue
    return [tuple(row) for row in await context.database.pool.fetch(" UNION ALL ".join(states))]


async def _pages(seeded: SeededContext, operation: Operation) -> list[httpx.Response]:
    """Up to four pages of one item; `next` is appended to the address as it is."""
    required = "".join(f"&{name}={seeded.ids.get(name, value)}" for name, value in operation.query().items())
    address = f"{operation.path.format(**seeded.ids_of(operation))}?limit=1{required}"
    caller = seeded.context.token(*SCOPES)
    pages = [await seeded.context.http.get(address, headers=caller)]
    while len(pages) < 4 and (following := pages[-1].json().get("next")):
        pages.append(await seeded.context.http.get(f"{address}&cursor={following}", headers=caller))
    return pages
