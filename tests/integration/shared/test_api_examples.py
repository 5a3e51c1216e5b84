"""Each example of a request body in the OpenAPI documents is accepted in some state, and each answer fits its schema.

An example is tried where `GET .../actions` offers its command. Between the rounds new referrals arrive, items move on and time passes.
"""

import importlib
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time
from random import Random
from typing import Any

import httpx
import jsonschema_rs
import pytest

from infra.contexts import CONTEXTS
from infra.dev_stack.dev_secrets import Keys, make
from infra.dev_stack.process_environment import environment
from tests.builders.api_examples import EXAMPLE_DAY, Example, ExampleRun, examples
from tests.builders.database import Databases
from tests.builders.seeded_stack import SeededStack, seeded_stack

pytestmark = pytest.mark.timeout(900)

#: A run ends earlier when every body is accepted.
_ROUNDS = 80
_VARIABLES = environment("postgresql://owner@127.0.0.1:1/care", "127.0.0.1:9", make())


@pytest.fixture
def stack(databases: Databases, keys: Keys) -> Iterator[SeededStack]:
    with seeded_stack(databases, keys, datetime.combine(EXAMPLE_DAY, time(8), UTC), acts=60) as opened:
        yield opened


def test_every_example_is_accepted(stack: SeededStack, record_property: Callable[[str, object], None]) -> None:
    documents = {context: _document(context) for context in CONTEXTS}
    known = [each for context, document in documents.items() for each in examples(context, document)]
    bodies = [each for each in known if each.media_type]
    run = ExampleRun(stack, documents, Random(1))  # noqa: S311  a seed must repeat the run
    waiting, refusals, tries = bodies, dict[str, Counter[str]](), 0
    stack.run(run.propose())
    stack.run(run.find())
    stack.run(run.bereave(known))
    for number in range(_ROUNDS):
        stack.run(run.read_offers())
        results = [(each, *stack.run(run.accept(each))) for each in waiting]
        assert [fault for each, answer, _ in results if answer is not None for fault in _faults(each, answer)] == []
        tries += sum(refused.total() + (answer is not None) for _, answer, refused in results)
        refusals = {str(each): refused or refusals.get(str(each), refused) for each, answer, refused in results if answer is None}
        waiting = [each for each, answer, _ in results if answer is None]
        if not waiting:
            break
        stack.run(run.move_on([each for each in known if each not in waiting], number))

    assert refusals == {}
    assert len(bodies) > 60
    operations = {each.operation for each in bodies}
    record_property(
        "summary", f"examples: {len(bodies)} bodies of {len(operations)} operations accepted; {number + 1} rounds, {tries} tries"
    )


def _document(context: str) -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as variables:
        for name, value in _VARIABLES.items():
            variables.setenv(name, value)
        document: dict[str, Any] = importlib.import_module(f"services.{context}.main").create_app().openapi()
    return document


def _faults(example: Example, answer: httpx.Response) -> list[str]:
    if answer.status_code not in example.answers:
        return [f"{example}: {answer.status_code} is not documented"]
    validator = jsonschema_rs.validator_for(example.answers[answer.status_code], validate_formats=True)
    return [f"{example}: {fault.message} at {fault.instance_path}" for fault in validator.iter_errors(answer.json())]
