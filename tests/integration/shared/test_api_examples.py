"""Every example of a request body in the OpenAPI documents is accepted by the running product, and each answer fits its schema.

The examples are tried on the real ids of a seeded stack until one accepts them; more random acts follow until all were accepted.
"""

import importlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from random import Random
from typing import Any, TypeAlias

import httpx
import jsonschema_rs
import pytest

from infra.contexts import CONTEXTS
from infra.dev_stack.dev_secrets import Keys, make
from infra.dev_stack.process_environment import environment
from infra.dev_stack.scopes import SCOPES
from shared.kernel.ids import new_id
from tests.builders.database import Databases
from tests.builders.seeded_stack import CALLERS, SeededStack, seeded_stack

pytestmark = pytest.mark.timeout(900)

#: The examples are of this day.
_NOW = datetime(2026, 9, 21, 8, 0, tzinfo=UTC)
_ROUNDS, _ACTS, _IDS, _TRIES = 10, 100, 8, 40
_VARIABLES = environment("postgresql://owner@127.0.0.1:1/care", "127.0.0.1:9", make())
_ACTIONS = "SELECT t::text FROM mdt.care_plan_version t WHERE care_plan_id::text = $1"


#: The ids of a path, and a caller.
Try: TypeAlias = tuple[dict[str, str], tuple[str, str]]


@dataclass(frozen=True)
class Example:
    """A body of an operation. `answers` are the schemas of its successes by status."""

    context: str
    operation: str
    method: str
    path: str
    name: str
    media_type: str
    body: Any
    answers: Mapping[int, Any]

    def __str__(self) -> str:
        return f"{self.operation}, {self.name}"


@pytest.fixture(scope="module")
def stack(databases: Databases, keys: Keys) -> Iterator[SeededStack]:
    with seeded_stack(databases, keys, _NOW, acts=400) as opened:
        yield opened


def test_every_example_is_accepted(stack: SeededStack, record_property: Callable[[str, object], None]) -> None:
    documents = {context: _document(context) for context in CONTEXTS}
    examples = [each for context, document in documents.items() for each in _examples(context, document)]
    waiting, tries, random = examples, 0, Random(1)  # noqa: S311  a seed must repeat the acts
    for _ in range(_ROUNDS):
        offers = stack.run(_offers(stack, documents, {each.operation for each in waiting}, random))
        results = [(each, *stack.run(_accepted(stack, each, offers, random))) for each in waiting]
        tries += sum(count for _, _, count in results)
        waiting = [each for each, answer, _ in results if answer is None]
        assert [fault for each, answer, _ in results if answer is not None for fault in _faults(each, answer)] == []
        if not waiting:
            break
        stack.run(stack.play(random, _ACTS))

    assert [str(each) for each in waiting] == []
    assert len(examples) > 60
    record_property(
        "summary", f"examples: {len(examples)} bodies of {len({each.operation for each in examples})} operations; {tries} tries"
    )


def _document(context: str) -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as variables:
        for name, value in _VARIABLES.items():
            variables.setenv(name, value)
        document: dict[str, Any] = importlib.import_module(f"services.{context}.main").create_app().openapi()
    return document


def _examples(context: str, document: Mapping[str, Any]) -> Iterator[Example]:
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            answers = {
                int(status): {**answer["content"]["application/json"]["schema"], "components": document["components"]}
                for status, answer in described["responses"].items()
                if "application/json" in answer["content"]
            }
            for media_type, content in described.get("requestBody", {}).get("content", {}).items():
                for name, example in content["examples"].items():
                    yield Example(context, described["operationId"], method.upper(), path, name, media_type, example["value"], answers)


async def _offers(stack: SeededStack, documents: Mapping[str, Any], wanted: set[str], random: Random) -> Mapping[str, list[Try]]:
    """By command, the resources that offer it, each with a caller: `GET .../actions` lists what is not refused."""
    found: dict[str, list[Try]] = {}
    for context, document in documents.items():
        for path in (each for each in document["paths"] if each.endswith("/actions")):
            if not any(document["paths"][each].get("post", {}).get("operationId") in wanted for each in _below(path, document)):
                continue
            ids = await stack.find_ids(_names(path))
            for each, caller in product(random.sample(ids, min(len(ids), _IDS)), CALLERS):
                answer = await stack.context(context).http.get(path.format(**each), headers=_headers(stack, caller))
                for action in answer.json() if answer.is_success else ():
                    found.setdefault(action["name"], []).append((each, caller))
    return found


def _below(path: str, document: Mapping[str, Any]) -> list[str]:
    resource = path.removesuffix("/actions").removesuffix("/life").removesuffix("/identity")
    return [each for each in document["paths"] if each.startswith(f"{resource}/")]


async def _accepted(
    stack: SeededStack, example: Example, offers: Mapping[str, list[Try]], random: Random
) -> tuple[httpx.Response | None, int]:
    """The first success, with the number of tries."""
    ids = await stack.find_ids(_names(example.path))
    anywhere = product(random.sample(ids, min(len(ids), _IDS)), CALLERS)
    tries = offers.get(example.operation) or list(anywhere)
    for number, (each, caller) in enumerate(tries[:_TRIES], 1):
        answer = await _send(stack, example, each, _headers(stack, caller) | {"Content-Type": example.media_type})
        if answer.is_success:
            await stack.contexts.settle()
            return answer, number
    return None, len(tries[:_TRIES])


def _names(path: str) -> list[str]:
    return re.findall(r"\{(\w+)\}", path)


def _headers(stack: SeededStack, caller: tuple[str, str]) -> dict[str, str]:
    return {"Authorization": f"Bearer {stack.token(*caller, list(SCOPES))}"}


async def _send(stack: SeededStack, example: Example, ids: Mapping[str, str], headers: dict[str, str]) -> httpx.Response:
    http, path = stack.context(example.context).http, example.path.format(**ids)
    known = await http.get(path.rpartition("/")[0] if example.method == "POST" and ids else path, headers=headers) if ids else None
    version = {"If-Match": known.headers["etag"]} if known is not None and "etag" in known.headers else {}
    body = await _with_real_ids(stack, example, ids)
    content = {"json": body} if example.media_type == "application/json" else {"content": body}
    return await http.request(example.method, path, headers={**headers, "Idempotency-Key": str(new_id()), **version}, **content)


async def _with_real_ids(stack: SeededStack, example: Example, ids: Mapping[str, str]) -> Any:
    """Ids of an example stand for those of a real resource."""
    if not isinstance(example.body, dict):
        return example.body
    changes: dict[str, str] = {}
    if "person_id" in example.body:
        changes["person_id"] = (await stack.find_ids(["person_id"]))[0]["person_id"]
    if example.operation == "FulfilAction":
        versions = await stack.connection.fetch(_ACTIONS, ids["care_plan_id"])
        found = re.findall(r'"+action_id"+: *"+([0-9a-f-]{36})', " ".join(row[0] for row in versions))
        changes["action_id"] = found[0] if found else example.body["action_id"]
    return example.body | changes


def _faults(example: Example, answer: httpx.Response) -> list[str]:
    if answer.status_code not in example.answers:
        return [f"{example}: {answer.status_code} is not documented"]
    validator = jsonschema_rs.validator_for(example.answers[answer.status_code], validate_formats=True)
    return [f"{example}: {fault.message} at {fault.instance_path}" for fault in validator.iter_errors(answer.json())]
