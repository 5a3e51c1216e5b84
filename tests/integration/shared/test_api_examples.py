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
from typing import Any

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
_ROUNDS, _ACTS, _IDS = 8, 150, 25
_VARIABLES = environment("postgresql://owner@127.0.0.1:1/care", "127.0.0.1:9", make())
_ACTIONS = "SELECT t::text FROM mdt.care_plan_version t WHERE care_plan_id::text = $1"


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
    examples = [each for context in CONTEXTS for each in _examples(context)]
    waiting, tries, random = examples, 0, Random(1)  # noqa: S311  a seed must repeat the acts
    for _ in range(_ROUNDS):
        results = [(each, *stack.run(_accepted(stack, each, random))) for each in waiting]
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


def _examples(context: str) -> Iterator[Example]:
    with pytest.MonkeyPatch.context() as variables:
        for name, value in _VARIABLES.items():
            variables.setenv(name, value)
        document = importlib.import_module(f"services.{context}.main").create_app().openapi()
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


async def _accepted(stack: SeededStack, example: Example, random: Random) -> tuple[httpx.Response | None, int]:
    """The first success, with the number of tries."""
    ids = await stack.find_ids(re.findall(r"\{(\w+)\}", example.path))
    tries = list(product(random.sample(ids, min(len(ids), _IDS)), CALLERS))
    for number, (each, (actor, organisation)) in enumerate(tries, 1):
        headers = {"Authorization": f"Bearer {stack.token(actor, organisation, list(SCOPES))}", "Content-Type": example.media_type}
        answer = await _send(stack, example, each, headers)
        if answer.is_success:
            await stack.contexts.settle()
            return answer, number
    return None, len(tries)


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
