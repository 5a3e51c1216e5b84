"""Contracts have correct names, topics, schemas, examples and consumers; public contracts identify no person by name."""

import json
import re
from pathlib import Path
from typing import Any

import nhs_number
import pytest
import yaml
from pydantic import BaseModel

from infra.codegen.catalogue import consumers
from infra.codegen.generate import stale
from infra.deploy.topics import FILE, declarations
from shared.contracts.event import Event, producer
from shared.contracts.registry import MODULES, is_event, registry, topics

#: Verbs without clinical meaning (docs/adr/0008-name-and-version-events.md).
BANNED = {"completed", "finished", "updated", "changed", "processed", "handled", "status", "started", "failed"}
GRAMMAR = re.compile(r"[a-z]+(-[a-z]+)*\.[a-z]+(-[a-z]+)*\.[a-z]+(-[a-z]+)*\.v[1-9][0-9]*")
PERSONAL = re.compile(r"name|narrative|story|nhs|address|telephone|email|birth|born|note|comment|text|words|description")
_NO_NUMBER = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{4}-\d\d-\d\d(T[\d:.]+)?")  # ids, dates, times
EXAMPLES = Path("shared/contracts/examples")

every_event = pytest.mark.parametrize("event", registry().values(), ids=lambda event: event.TYPE)


@every_event
def test_type_has_context_aggregate_verb_and_version(event: type[Event]) -> None:
    assert GRAMMAR.fullmatch(event.TYPE)
    assert event.TYPE.startswith(f"{event.TOPIC}.")
    assert event.__doc__


@every_event
def test_verb_is_a_word_of_the_field(event: type[Event]) -> None:
    assert BANNED.isdisjoint(re.split(r"[.-]", event.TYPE))


@every_event
def test_event_has_a_consumer_or_is_public(event: type[Event]) -> None:
    assert event.PUBLIC or consumers(event)


@every_event
def test_example_satisfies_the_contract(event: type[Event]) -> None:
    text = (EXAMPLES / f"{event.TYPE}.json").read_text()

    assert json.loads(event.model_validate_json(text).model_dump_json()).keys() == event.model_fields.keys()


@every_event
def test_unknown_field_is_ignored_by_readers_alone(event: type[Event]) -> None:
    known = json.loads((EXAMPLES / f"{event.TYPE}.json").read_text())
    more = json.dumps(known | {"added_later": 1})

    assert isinstance(event.model_validate_json(more, extra="ignore"), event)
    with pytest.raises(ValueError, match="added_later"):
        event.model_validate_json(more)


@every_event
def test_public_example_has_no_nhs_number(event: type[Event]) -> None:
    text = (EXAMPLES / f"{event.TYPE}.json").read_text()

    assert event.RESTRICTED or _nhs_numbers(text) == []


@pytest.mark.parametrize(
    "text",
    ["9990548609", "999 054 8609", "999-054.8609", "NHS9990548609x", "x19990548609", "999\u00a0054\u20118609", "9 9 9 0 5 4 8 6 0 9"],
)
def test_nhs_number_is_found_in_any_form(text: str) -> None:
    assert _nhs_numbers(text) == ["9990548609"]


@every_event
def test_public_event_has_no_free_text_field(event: type[Event]) -> None:
    assert event.RESTRICTED or _free_text(event) == []


@every_event
def test_public_event_has_no_personal_field_name(event: type[Event]) -> None:
    personal = [name for name, field in _fields(event) if PERSONAL.search(name) and field.get("type") != "boolean"]

    assert event.RESTRICTED or personal == []


def test_topic_declares_its_owner_access_and_cleanup() -> None:
    declared = yaml.safe_load(FILE.read_text())["topics"]

    for name, events in topics().items():
        assert {producer(event) for event in events} == {declared[name]["owner"]}
        assert declared[name]["access"] == ("restricted" if events[0].RESTRICTED else "public")
        assert declared[name]["cleanup"] == ("compact" if events[0].RESTRICTED else "delete")


def test_declared_topics_are_the_used_topics() -> None:
    assert {declaration.name for declaration in declarations()} == set(topics())


def test_topic_has_the_producer_of_its_module() -> None:
    producers = {
        module.__name__.rpartition(".")[2]: {producer(event) for event in vars(module).values() if is_event(event)} for module in MODULES
    }
    own = {context: {context} for context in ("referrals", "rapid_care", "mdt", "navigation")}
    of_all = {"audit": set(own), "safeguarding": set(own)}
    assert producers == own | of_all | {"persons": {"referrals"}, "care_plans": {"mdt"}}


def test_topic_is_wholly_restricted_or_public() -> None:
    assert {name for name, events in topics().items() if {event.RESTRICTED for event in events} == {True}} == {
        "referrals.person-record",
        "mdt.care-plan-record",
        *(f"{context}.safeguarding" for context in ("referrals", "rapid-care", "mdt", "navigation")),
    }
    assert all(len({event.RESTRICTED for event in events}) == 1 for events in topics().values())


def test_generated_files_are_current() -> None:
    assert stale() == []


def _nhs_numbers(text: str) -> list[str]:
    """Ten digits with a correct check digit, with any separators; also overlapping ones."""
    runs = re.findall(r"\d(?:[^\w\n\"]?\d)+", _NO_NUMBER.sub("", text))
    bare = [re.sub(r"\D", "", run) for run in runs]
    tens = [run[start : start + 10] for run in bare for start in range(len(run) - 9)]
    return [digits for digits in tens if nhs_number.is_valid(digits)]


def _free_text(model: type[BaseModel]) -> list[str]:
    return [name for name, field in _fields(model) if _takes_prose(field)]


def _fields(model: type[BaseModel]) -> list[tuple[str, dict[str, Any]]]:
    """Name and schema of every field, also of nested models."""
    schema = model.model_json_schema()
    parts = [schema, *schema.get("$defs", {}).values()]
    return [field for part in parts for field in part.get("properties", {}).items()]


def _takes_prose(kind: dict[str, Any]) -> bool:
    """Includes alternatives, lists and mappings; a field without a type may contain any value."""
    inner = [
        *kind.get("anyOf", ()),
        *kind.get("prefixItems", ()),
        *(kind[name] for name in ("items", "additionalProperties") if kind.get(name)),
    ]
    if inner or "$ref" in kind:
        return any(each is True or _takes_prose(each) for each in inner)
    return kind.get("type") in {None, "string"} and not {"pattern", "format", "enum", "const"} & kind.keys()
