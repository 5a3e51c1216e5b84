"""The body of an urgent referral: no value of a number, a birthday, demographics, a story or a condition refuses it."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from services.referrals.api.requests import NewReferral
from services.referrals.commands import ReceiveReferral
from services.referrals.domain.story import NOT_GIVEN
from shared.contracts.codes import Condition
from tests.builders.referrals import DALE, a_body, a_demographics_body

#: Values that no field permits, or that only some do.
HOSTILE: list[Any] = [None, "", " ", "\x00", "a\x00b", 0, -1, 10**400, 1.5, True, [], {}, [[]], "x" * 30_000, "31/02/1932", "0001-01-01"]
_FIELDS = ["nhs_number", "demographics", "story", "condition"]
_OF_DEMOGRAPHICS = ["given_name", "family_name", "born_on", "address", "telephone", "practice_code", "residence"]
_OF_STORY = ["narrative", "history", "what_matters", "communication_needs", "preferred_visit_times", "contacts"]


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: repr(value)[:20])
@pytest.mark.parametrize("field", _FIELDS)
def test_no_value_of_a_field_refuses_urgent_referral(field: str, value: Any) -> None:
    _urgent(**{field: value})


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: repr(value)[:20])
@pytest.mark.parametrize("field", _OF_DEMOGRAPHICS)
def test_no_demographic_value_refuses_urgent_referral(field: str, value: Any) -> None:
    command = _urgent(demographics=a_demographics_body() | {field: value})

    assert command.demographics is not None
    others = {"given_name": "Colin", "family_name": "Dale", "born_on": date(1932, 5, 2), "address": "Oakleigh", "practice_code": "W07"}
    assert {name: getattr(command.demographics, name) for name in others if name != field}.items() <= others.items()


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: repr(value)[:20])
@pytest.mark.parametrize("field", _OF_STORY)
def test_no_part_of_a_story_refuses_urgent_referral(field: str, value: Any) -> None:
    command = _urgent(story={"narrative": "He fell.", "what_matters": "His dog"} | {field: value})

    assert command.story is not None
    assert field == "narrative" or command.story.narrative == "He fell."
    assert field == "what_matters" or command.story.what_matters == "His dog"


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
def test_urgent_referral_is_always_readable(number: Any, condition: Any, demographics: Any, story: Any) -> None:
    _urgent(nhs_number=number, condition=condition, demographics=demographics, story=story)


def _urgent(**changes: Any) -> ReceiveReferral:
    return NewReferral.model_validate(a_body() | {"urgency": "urgent"} | changes).command()
