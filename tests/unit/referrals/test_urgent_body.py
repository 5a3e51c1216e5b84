"""The body of an urgent referral: no value of a number, a birthday, demographics, a story or a condition refuses it or is lost."""

import json
from collections.abc import Iterator
from datetime import date
from typing import Any
from unicodedata import category, normalize

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from services.referrals.api.requests import NewReferral
from services.referrals.commands import ReceiveReferral
from services.referrals.domain import Policy, receipt
from services.referrals.domain import person as people
from services.referrals.domain.discrepancies import at_receipt
from services.referrals.domain.person import Identity, Person
from services.referrals.domain.story import NOT_GIVEN
from shared.contracts.codes import Condition
from shared.contracts.referral_codes import Discrepancy
from shared.kernel.ids import PersonId, new_id
from shared.kernel.normalisation import line
from shared.kernel.normalisation import text as normalised
from shared.web.validation import UnusualValue
from tests.builders.referrals import DALE, MONDAY, a_body, a_demographics_body

_ADAPTER: TypeAdapter[Person] = TypeAdapter(Person)
#: Values that no field permits, or that only some do.
HOSTILE: list[Any] = [None, "", " ", "\x00", "a\x00b", 0, -1, 10**400, 1.5, True, [], {}, [[]], "x" * 30_000, "31/02/1932", "0001-01-01"]
_FIELDS = ["nhs_number", "demographics", "story", "condition"]
_OF_DEMOGRAPHICS = ["given_name", "family_name", "born_on", "address", "telephone", "practice_code", "residence"]
_OF_STORY = ["narrative", "history", "what_matters", "communication_needs", "preferred_visit_times", "contacts"]


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: repr(value)[:20])
@pytest.mark.parametrize("field", _FIELDS)
def test_no_value_of_a_field_refuses_urgent_referral(field: str, value: Any) -> None:
    _require_kept(_urgent(**{field: value}), value)


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: repr(value)[:20])
@pytest.mark.parametrize("field", _OF_DEMOGRAPHICS)
def test_no_demographic_value_refuses_urgent_referral(field: str, value: Any) -> None:
    command = _urgent(demographics=a_demographics_body() | {field: value})

    assert command.demographics is not None
    others = {"given_name": "Colin", "family_name": "Dale", "born_on": date(1932, 5, 2), "address": "Oakleigh", "practice_code": "W07"}
    assert {name: getattr(command.demographics, name) for name in others if name != field}.items() <= others.items()
    _require_kept(command, value)


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: repr(value)[:20])
@pytest.mark.parametrize("field", _OF_STORY)
def test_no_part_of_a_story_refuses_urgent_referral(field: str, value: Any) -> None:
    command = _urgent(story={"narrative": "He fell.", "what_matters": "His dog"} | {field: value})

    assert command.story is not None
    assert field == "narrative" or command.story.narrative == "He fell."
    assert field == "what_matters" or command.story.what_matters == "His dog"
    _require_kept(command, value)


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({"demographics": a_demographics_body(telephone=2079460101)}, "telephone: 2079460101"),
        ({"demographics": a_demographics_body(telephone="020 7946 0101, " + "after six " * 10)}, "telephone: 020 7946 0101, after six"),
        ({"demographics": a_demographics_body(address="Flat 1, " * 100)}, "address: Flat 1, Flat 1"),
        ({"demographics": a_demographics_body(practice_code="Dr Patel")}, "practice code: Dr Patel"),
        ({"demographics": "Colin Dale, Oakleigh"}, "demographics: Colin Dale, Oakleigh"),
        ({"story": "He fell."}, "story: He fell."),
        ({"story": {"narrative": ["He fell."]}}, 'narrative: ["He fell."]'),
        ({"story": {"narrative": "He fell.", "history": "Allergic to penicillin"}}, "history: Allergic to penicillin"),
        ({"story": {"narrative": "He fell.", "history": ["COPD", 7]}}, "history: 7"),
        ({"story": {"narrative": "He fell.", "communication_needs": "Deaf"}}, "communication needs: Deaf"),
        ({"story": {"narrative": "He fell.", "contacts": {"name": "Louise"}}}, 'contacts: {"name": "Louise"}'),
        ({"condition": "stroke?"}, "condition: stroke?"),
        ({"nhs_number": "943 476 5919 or " * 10}, "nhs number: 943 476 5919 or 943 476 5919"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_unreadable_value_is_kept_in_the_history_and_marked(changes: dict[str, Any], kept: str) -> None:
    command, person = _urgent(**changes), _registered(_urgent(**changes))

    assert any(text.startswith(kept) for text in person.story.history)
    assert Discrepancy.TEXT_UNREADABLE in at_receipt(command, person)


def test_good_items_of_a_list_are_read() -> None:
    louise = {"name": "Louise", "relationship": "daughter"}
    story = {"narrative": "He fell.", "history": ["COPD", 7, " ", "Asthma"], "contacts": ["Ann", louise, {"name": "Peter"}]}

    person = _registered(_urgent(story=story))

    assert person.story.history == ("COPD", "Asthma", "history: 7", "contacts: Ann", 'contacts: {"name": "Peter"}')
    assert [contact.name for contact in person.story.contacts] == ["Louise"]


def test_items_after_the_first_thousand_are_one_text() -> None:
    command = _urgent(story={"narrative": "He fell.", "history": [7, *["COPD"] * 999, "Asthma", 8]})

    assert command.story is not None
    assert set(command.story.history) == {"COPD"}
    assert command.unreadable == ('history: ["Asthma", 8]', "history: 7")


def test_half_of_a_surrogate_pair_becomes_a_replacement_character() -> None:
    half = UnusualValue("string_unicode", "He fell \ud83d")

    command = _urgent(story={"narrative": half, "history": ["Grinning \ud83d\ude00", "\udc00"]})

    assert command.story is not None
    assert (command.story.narrative, command.story.history) == ("He fell \ufffd", ("Grinning \U0001f600", "\ufffd"))
    assert command.unreadable == ()


def test_repeated_field_keeps_every_value() -> None:
    narratives, numbers = (UnusualValue("field_repeated", each) for each in (["He fell.", "He lies on the floor."], [DALE, "?"]))

    command = _urgent(story={"narrative": narratives}, nhs_number=numbers)

    assert command.unreadable == ('narrative: ["He fell.", "He lies on the floor."]',)
    assert command.nhs_number == f'["{DALE}", "?"]'


def test_contact_with_half_surrogate_pair_is_kept() -> None:
    contact = {"name": "Louise", "relationship": "daughter", "\ud800": 1}

    assert _urgent(story={"narrative": "He fell.", "contacts": [contact]}).unreadable[0].startswith('contacts: {"name": "Louise"')
    assert _urgent(story={"narrative": "He fell.", "\ud800": "x"}).unreadable == ("\ufffd: x",)


@pytest.mark.parametrize("value", [None, "", " ", "\u200b", [], {}], ids=repr)
def test_empty_value_is_absent_and_not_unreadable(value: Any) -> None:
    assert _urgent(story={"narrative": "He fell.", "contacts": value, "what_matters": value}, condition=value).unreadable == ()


def test_unreadable_number_and_birthday_are_kept_as_typed() -> None:
    command = _urgent(nhs_number="943 476 5919 (not sure, ask the daughter)", demographics=a_demographics_body(born_on="31/02/1932"))

    assert command.nhs_number is not None
    assert command.nhs_number.startswith("943 476 5919")
    assert command.demographics is not None
    assert (command.demographics.born_on, command.demographics.born_as_typed) == (None, "31/02/1932")


@pytest.mark.parametrize("field", _FIELDS)
def test_absent_field_beside_an_unreadable_one_is_no_refusal(field: str) -> None:
    body = a_body() | {"urgency": "urgent", "demographics": a_demographics_body(born_on="unknown")}

    NewReferral.model_validate({name: value for name, value in body.items() if name != field})


def test_absent_narrative_is_marked() -> None:
    command = _urgent(story={"what_matters": "His dog"})

    assert command.story is not None
    assert (command.story.narrative, command.story.what_matters) == (NOT_GIVEN, "His dog")


def test_valid_urgent_referral_is_read_as_any_other() -> None:
    command = _urgent(condition="copd")

    assert (command.nhs_number, command.condition) == (DALE, Condition.COPD)
    assert command.demographics is not None
    assert command.demographics.born_as_typed is None
    assert command.unreadable == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"source": "nowhere"},
        {"reason": None},
        {"unknown": 1},
        {"demographics": a_demographics_body(surname="Dale")},
        {"story": {"narrative": "He fell.", "tale": "x"}},
    ],
    ids=["source", "reason", "unknown field", "unknown demographic", "unknown part of a story"],
)
def test_other_faults_refuse_urgent_referral(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        _urgent(**changes)


@pytest.mark.parametrize("changes", [{"demographics": {"given_name": "Colin"}}, {"condition": "x"}, {"story": {"narrative": " "}}])
def test_referral_that_is_not_urgent_keeps_its_refusals(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        NewReferral.model_validate(a_body() | changes)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda each: st.lists(each, max_size=2) | st.dictionaries(st.sampled_from([*_OF_DEMOGRAPHICS, *_OF_STORY]), each, max_size=3),
    max_leaves=6,
)
#: Unknown names are refused everywhere, so that they come from the known ones here.
DEMOGRAPHICS, STORIES = (st.dictionaries(st.sampled_from(names), JSON, max_size=4) for names in (_OF_DEMOGRAPHICS, _OF_STORY))
PLAIN = st.none() | st.booleans() | st.integers() | st.text(max_size=40)


@settings(deadline=None)
@given(PLAIN, PLAIN, PLAIN | DEMOGRAPHICS, PLAIN | STORIES)
def test_every_text_of_an_urgent_referral_is_stored(number: Any, condition: Any, demographics: Any, story: Any) -> None:
    _require_kept(_urgent(nhs_number=number, condition=condition, demographics=demographics, story=story), [number, demographics, story])


def _require_kept(received: ReceiveReferral, sent: Any) -> None:
    """Each text that was sent is found again in what the service stores: in its field, or among the kept texts."""
    person = _ADAPTER.dump_python(_registered(received), mode="json", exclude={"id", "correlation_id"})
    stored = _form(json.dumps(person, ensure_ascii=False)) + str(received.condition)
    lost = [text for text in _texts(sent) if not any(each in stored for each in _written(text))]
    assert lost == []


def _texts(sent: Any) -> Iterator[str]:
    if isinstance(sent, str) and line(sent):
        yield sent
    elif isinstance(sent, list | dict):
        for each in sent.values() if isinstance(sent, dict) else sent:
            yield from _texts(each)


def _written(text: str) -> Iterator[str]:
    """The text in the stored JSON, and as part of a value that is stored as JSON in a text."""
    once = json.dumps(text, ensure_ascii=False)[1:-1]
    yield from (_form(json.dumps(each, ensure_ascii=False)[1:-1]) for each in (line(text), normalised(text), once, normalised(once)))


def _form(text: str) -> str:
    """Codes and addresses are stored in capitals, a telephone number with plain hyphens, each with single spaces."""
    return "".join(each for each in normalize("NFC", text).casefold() if not each.isspace() and category(each) not in {"Pd", "Cf", "Cc"})


def _registered(command: ReceiveReferral) -> Person:
    received, identity = receipt.acceptable(command, MONDAY.date()), Identity(PersonId(new_id()), None)
    return people.register(received, identity, referral_id=new_id(), locality=None, policy=Policy()).state


def _urgent(**changes: Any) -> ReceiveReferral:
    return NewReferral.model_validate(a_body() | {"urgency": "urgent"} | changes).command()
