"""A public API fuzzer, schemathesis, on all operations of the four contexts with real ids: no server error, no undocumented answer.

Half of the cases are valid by the OpenAPI document, half break it in one place. Seeds are fixed. `FUZZ_EXAMPLES=200` for a long run.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from infra.contexts import CONTEXTS, prefix
from infra.dev_stack.dev_secrets import Keys
from infra.dev_stack.scopes import SCOPES
from shared.kernel.ids import new_id
from tests.builders.api_examples import ROUNDS_OF_A_MEETING, ExampleRun, examples, versioned
from tests.builders.database import Databases
from tests.builders.mdt import MONDAY
from tests.builders.random_referral import NUMBERS
from tests.builders.seeded_stack import CALLERS, CALLERS_OF, SeededStack, seeded_stack

pytestmark = pytest.mark.timeout(0 if "FUZZ_EXAMPLES" in os.environ else 900)

#: Cases of each operation in each mode.
_EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "10"))
#: Random commands rarely suit a random task: twice as many cases find enough that do, whichever ids a run has.
_TIMES = {"navigation": 2}
_CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
#: A stream does not end, so it is asked for unknown navigators only.
_STREAM = "follow_feed"
#: Part of the cases with real ids, versions and keys.
_REAL = 0.8
#: The least parts of the cases that are accepted, and of the operations that accept a case, by context. `test_api_examples.py` has every
#: body accepted; here random bodies of most commands do not suit the state of a random item.
_LEAST = {"referrals": (0.3, 0.7), "rapid_care": (0.15, 0.35), "mdt": (0.05, 0.35), "navigation": (0.15, 0.6)}
#: The octets of a header, which may be others than ASCII.
_LATIN = "latin-1"


@dataclass
class Answers:
    """Of one context."""

    operations: set[str] = field(default_factory=set)
    statuses: Counter[int] = field(default_factory=Counter)
    successes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        statuses = ", ".join(f"{status}: {count}" for status, count in sorted(self.statuses.items()))
        described = f"{len(self.operations)} operations ({len(self.successes)} with a success)"
        never = ", ".join(sorted(self.operations - self.successes.keys()))
        return f"{described}, {self.statuses.total()} cases; answers {statuses}; never accepted: {never}"


@pytest.fixture(scope="module")
def stack(databases: Databases, keys: Keys) -> Iterator[SeededStack]:
    with seeded_stack(databases, keys, MONDAY, acts=500) as opened:
        opened.run(_hold_meeting(opened))
        for context in CONTEXTS:  # most acts are long past
            running = opened.context(context)
            running.use_policy(replace(running.database.policy, access_lasts=timedelta(days=366)))
        yield opened


async def _hold_meeting(stack: SeededStack) -> None:
    """Leads new referrals through a meeting, so that there are care plans and leads; case finding finds people."""
    documents = {context: (await stack.context(context).http.get(f"{prefix(context)}/openapi.json")).json() for context in CONTEXTS}
    known = [each for context, document in documents.items() for each in examples(context, document)]
    run = ExampleRun(stack, documents, Random(1))  # noqa: S311  a seed must repeat the run
    await run.find()
    for number in ROUNDS_OF_A_MEETING:
        await run.read_offers()
        await run.move_on(known, number)


@pytest.mark.parametrize("context", CONTEXTS)
def test_no_answer_is_undocumented(stack: SeededStack, context: str, record_property: Callable[[str, object], None]) -> None:
    answers = Answers()
    for operation in _schema(stack, context).get_all_operations():
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            _fuzz(stack, context, operation.ok(), mode, answers)

    assert not answers.faults, "\n".join(answers.faults[:20])
    assert answers.statuses.total() > len(answers.operations) * _EXAMPLES
    accepted, successful = _LEAST[context]
    assert answers.successes.total() >= accepted * answers.statuses.total(), str(answers)
    assert len(answers.successes) >= successful * len(answers.operations), str(answers)
    record_property("summary", f"fuzzer, {context}: {answers}")


def _schema(stack: SeededStack, context: str) -> Any:
    document = stack.run(stack.context(context).http.get(f"{prefix(context)}/openapi.json")).json()
    return schemathesis.openapi.from_dict(document)


def _fuzz(stack: SeededStack, context: str, operation: Any, mode: GenerationMode, answers: Answers) -> None:
    """A mode that cannot produce a case, such as a negative one of an operation without parameters, is left out."""
    answers.operations.add(operation.label)
    names = [each.name for each in operation.path_parameters]
    ids = stack.run(stack.find_ids(names)) if operation.definition.raw["operationId"] != _STREAM else []
    random = Random(f"{operation.label} {mode}")  # noqa: S311  a seed must repeat its cases

    @seed(1)
    @settings(
        max_examples=_EXAMPLES * _TIMES.get(context, 1),
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case: Case[Any]) -> None:
        _use_real_values(case, ids, random)
        answer = stack.run(_answer(stack, context, case, random))
        answers.statuses[answer.status_code] += 1
        if answer.is_success:
            answers.successes[operation.label] += 1
        answers.faults += _faults(case, answer)

    send()


def _use_real_values(case: Case[Any], ids: list[dict[str, str]], random: Random) -> None:
    if ids and random.random() < _REAL:
        case.path_parameters = dict(random.choice(ids))
    if isinstance(case.body, dict):
        for name, values in {"nhs_number": NUMBERS, "person_id": [each["person_id"] for each in ids if "person_id" in each]}.items():
            if name in case.body and values and random.random() < _REAL:
                case.body[name] = random.choice(values)


async def _answer(stack: SeededStack, context: str, case: Case[Any], random: Random) -> httpx.Response:
    """The answer to a caller with all scopes, mostly the context's own staff, with the present version and a new key."""
    actor, organisation = CALLERS_OF[context][0] if random.random() < _REAL else random.choice(CALLERS)
    headers = {"Authorization": f"Bearer {stack.token(actor, organisation, list(SCOPES))}"}
    http, request = stack.context(context).http, case.as_transport_kwargs(base_url="http://care.test")
    sent = {name: value for name, value in dict(request["headers"]).items() if name.lower() not in {"authorization", "content-length"}}
    if random.random() < _REAL:
        headers |= {"Idempotency-Key": str(new_id())} | await _version(http, case, headers)
        sent = {name: value for name, value in sent.items() if name.lower() not in {each.lower() for each in headers}}
    body = {"json": request["json"]} if "json" in request else {"content": request["data"]} if request.get("data") else {}
    octets = [(name.encode(_LATIN), str(value).encode(_LATIN)) for name, value in (sent | headers).items()]
    return await http.request(case.method, request["url"], params=request.get("params"), headers=octets, **body)


async def _version(http: httpx.AsyncClient, case: Case[Any], headers: Mapping[str, str]) -> dict[str, str]:
    """The ETag of the resource that a command changes."""
    if not any(each.name.lower() == "if-match" for each in case.operation.headers):
        return {}
    found = await http.get(versioned(case.method, case.formatted_path), headers=headers)
    return {"If-Match": found.headers["etag"]} if "etag" in found.headers else {}


def _faults(case: Case[Any], answer: httpx.Response) -> list[str]:
    try:
        case.validate_response(answer, checks=_CHECKS)
    except FailureGroup as failures:
        body = str(case.body)[:300]
        return [
            f"{case.method} {case.formatted_path} {dict(case.query or {})} {dict(case.headers or {})} {body}: "
            f"{answer.status_code} {answer.text[:200]}: {type(each).__name__} {each.message[:300]}"
            for each in failures.exceptions
        ]
    return []
