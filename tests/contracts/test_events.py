"""Contracts as a product: names, topics, schemas, examples, consumers, and nothing that names a person."""

import json
import re
from pathlib import Path

import nhs_number
import pytest
from pydantic import BaseModel

from infra.generate import stale
from infra.generating.catalogue import consumers
from infra.topics import declarations
from shared.contracts.event import Event, producer
from shared.contracts.registry import MODULES, registry, topics

#: Words that say nothing of the field (standards.md B6).
BANNED = {"completed", "finished", "updated", "changed", "processed", "handled", "status", "started", "failed"}
GRAMMAR = re.compile(r"[a-z]+(-[a-z]+)*\.[a-z]+(-[a-z]+)*\.[a-z]+(-[a-z]+)*\.v[1-9][0-9]*")
EXAMPLES = Path("shared/contracts/examples")

every_event = pytest.mark.parametrize("event", registry().values(), ids=lambda event: event.TYPE)


@every_event
def test_a_type_is_context_aggregate_verb_version(event: type[Event]) -> None:
    assert GRAMMAR.fullmatch(event.TYPE)
    assert event.TYPE.startswith(f"{event.TOPIC}.")
    assert event.__doc__


@every_event
def test_a_verb_is_one_of_the_field(event: type[Event]) -> None:
    assert BANNED.isdisjoint(re.split(r"[.-]", event.TYPE))


@every_event
def test_an_event_has_a_consumer_or_is_made_for_subscribers(event: type[Event]) -> None:
    assert event.PUBLIC or consumers(event)


@every_event
def test_an_example_parses_under_todays_contract(event: type[Event]) -> None:
    text = (EXAMPLES / f"{event.TYPE}.json").read_text()

    assert json.loads(event.model_validate_json(text).model_dump_json()).keys() == event.model_fields.keys()


@every_event
def test_a_reader_ignores_what_it_does_not_know_and_a_writer_may_not_send_it(event: type[Event]) -> None:
    known = json.loads((EXAMPLES / f"{event.TYPE}.json").read_text())
    more = json.dumps(known | {"added_later": 1})

    assert isinstance(event.model_validate_json(more, extra="ignore"), event)
    with pytest.raises(ValueError, match="added_later"):
        event.model_validate_json(more)


@every_event
def test_no_example_of_a_public_event_holds_an_nhs_number(event: type[Event]) -> None:
    text = (EXAMPLES / f"{event.TYPE}.json").read_text()

    assert not [digits for digits in re.findall(r"\d{10}", re.sub(r"[ -]", "", text)) if nhs_number.is_valid(digits)] or event.RESTRICTED


@every_event
def test_no_field_of_a_public_event_takes_free_text(event: type[Event]) -> None:
    assert event.RESTRICTED or _free_text(event) == []


def test_every_topic_is_declared_and_every_declaration_is_used() -> None:
    assert {declaration.name for declaration in declarations()} == set(topics())


def test_a_topic_has_one_producer_and_it_is_the_module_that_holds_its_events() -> None:
    for module in MODULES:
        context = module.__name__.rpartition(".")[2]
        assert {producer(event) for event in vars(module).values() if _is_event(event)} == {context}


def test_restricted_topics_carry_nothing_public() -> None:
    assert {name for name, events in topics().items() if {event.RESTRICTED for event in events} == {True}} == {
        "referrals.person-record",
        "mdt.care-plan-record",
    }
    assert all(len({event.RESTRICTED for event in events}) == 1 for events in topics().values())


def test_generated_files_are_current() -> None:
    assert stale() == []


def _free_text(model: type[BaseModel]) -> list[str]:
    schema = model.model_json_schema()
    parts = [schema, *schema.get("$defs", {}).values()]
    fields = [(name, field) for part in parts for name, field in part.get("properties", {}).items()]
    return [name for name, field in fields if any(_is_prose(kind) for kind in _kinds(field))]


def _kinds(field: dict[str, object]) -> list[dict[str, object]]:
    alternatives = field.get("anyOf")
    items = field.get("items")
    inner = [*alternatives] if isinstance(alternatives, list) else [items] if isinstance(items, dict) else [field]
    return [kind for kind in inner if isinstance(kind, dict)]


def _is_prose(kind: dict[str, object]) -> bool:
    return kind.get("type") == "string" and not {"pattern", "format", "enum", "const"} & kind.keys()


def _is_event(candidate: object) -> bool:
    return isinstance(candidate, type) and issubclass(candidate, Event) and "TYPE" in vars(candidate)
