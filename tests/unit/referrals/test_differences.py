"""Differences between a referral and the record: nothing recorded changes, and nothing received is lost (findings B3, B4, C4)."""

from dataclasses import fields, replace
from datetime import UTC, date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.referrals.commands import Demographics, ReceiveReferral
from services.referrals.domain import Policy, identity_check, registration
from services.referrals.domain import person as people
from services.referrals.domain.differences import (
    Difference,
    differences,
    former_until,
    is_name_differing,
    keep_former,
    separated,
    stated_for,
    value_of,
    with_value,
)
from services.referrals.domain.person import Identity, Person
from services.referrals.domain.record_fields import ATTRIBUTE, OF_CONTACT, OF_PERSON, ContactName, FormerValue, is_equal, is_placeholder
from services.referrals.domain.story import NOT_GIVEN, merge_stories
from shared.contracts.codes import Locality, Urgency
from shared.contracts.persons import FamilyContact, PersonRecordRecorded, RecordField
from shared.contracts.practices import UNKNOWN_PRACTICE
from shared.kernel.errors import InvalidField
from shared.kernel.ids import PersonId, new_id
from tests.builders.referrals import DALE, MONDAY, a_person, a_request, a_story, some_demographics

NOW = MONDAY.astimezone(UTC)
KEPT = a_person()
LOUISE = ContactName("Louise", "daughter")


@pytest.mark.parametrize(
    ("known", "received", "expected"),
    [
        pytest.param({}, {}, [], id="equal"),
        pytest.param({}, {"family_name": "DALE ", "address": "oakleigh.", "practice_code": "w07"}, [], id="other spelling"),
        pytest.param({}, {"family_name": "Fenn"}, [("family-name", "Dale", "Fenn")], id="marriage"),
        pytest.param({}, {"address": "Whetstone"}, [("home-address", "Oakleigh", "Whetstone")], id="move"),
        pytest.param({}, {"practice_code": "W70"}, [("practice-code", "W07", "W70")], id="unknown practice"),
        pytest.param({"telephone": "020 7946 0999"}, {"telephone": None}, [], id="no telephone"),
        pytest.param({"telephone": None}, {"telephone": "020 7946 0999"}, [], id="first telephone"),
        pytest.param(
            {"telephone": "020 7946 0999"},
            {"telephone": "020 7946 0998"},
            [("telephone-number", "020 7946 0999", "020 7946 0998")],
            id="telephone",
        ),
        pytest.param({"practice_code": UNKNOWN_PRACTICE, "address": NOT_GIVEN}, {}, [], id="not recorded"),
        pytest.param({"born_on": date(1940, 1, 1)}, {}, [("born-on", "1940-01-01", "1932-05-02")], id="recorded placeholder"),
        pytest.param({}, {"born_on": date(1900, 1, 1)}, [], id="received placeholder"),
    ],
)
def test_difference_of_demographics_is_found(known: dict[str, Any], received: dict[str, Any], expected: list[tuple[str, str, str]]) -> None:
    request = a_request(demographics=some_demographics(**received))
    person = _after(a_person(**known), request)

    found = differences(person, request)

    assert [(each.field, each.present_value, each.proposed_value) for each in found] == expected


def test_difference_of_contact_is_found() -> None:
    recorded = a_story(contacts=(FamilyContact(name="Louise", relationship="daughter", telephone="020 7946 0997"),))
    received = a_story(
        contacts=(
            FamilyContact(name="LOUISE", relationship="Daughter", telephone="020 7946 0996", lives_in="East Finchley"),
            FamilyContact(name="The warden", relationship="warden", telephone="020 7946 0998"),
        )
    )
    request = a_request(story=received)
    person = _after(a_person(story=recorded), request)

    [found] = differences(person, request)

    assert found == Difference(RecordField.CONTACT_TELEPHONE, LOUISE, "020 7946 0997", "020 7946 0996")
    louise, warden = person.story.contacts
    assert (louise.telephone, louise.lives_in, warden.name) == ("020 7946 0997", "East Finchley", "The warden")


def test_known_practice_is_never_replaced_by_a_referral() -> None:
    """Finding B4: also not by a code of no directory."""
    for code in ("W70", "B01", "E85001"):
        assert registration.practice_after(a_person(), some_demographics(practice_code=code)) == "W07"
    assert registration.practice_after(a_person(practice_code=UNKNOWN_PRACTICE), some_demographics(practice_code="B01")) == "B01"
    assert registration.practice_after(None, None) == ""


@pytest.mark.parametrize(
    ("received", "is_same"),
    [
        pytest.param({}, True, id="equal"),
        pytest.param({"given_name": "Carl", "address": "Whetstone"}, False, id="twin elsewhere"),
        pytest.param({"given_name": "Maud", "family_name": "Fenn"}, False, id="other person"),
        pytest.param({"given_name": "Maud", "family_name": "Fenn", "address": "Whetstone"}, False, id="other person elsewhere"),
        pytest.param({"family_name": "Fenn"}, True, id="marriage"),
        pytest.param({"family_name": "Fenn", "address": "Whetstone"}, True, id="marriage and move"),
        pytest.param({"given_name": "Carl"}, False, id="twin at the same address"),
        pytest.param({"given_name": "Col"}, True, id="short form"),
        pytest.param({"given_name": "C."}, True, id="initial"),
        pytest.param({"given_name": "Colin James"}, True, id="second name"),
        pytest.param({"given_name": "James-Colin"}, True, id="other first name"),
        pytest.param({"given_name": "Kolin"}, True, id="slip"),
        pytest.param({"given_name": "Col", "family_name": "Fenn"}, True, id="short form and marriage"),
        pytest.param({"given_name": "Col", "address": "Whetstone"}, True, id="short form and move"),
        pytest.param({"given_name": "Col", "family_name": "Fenn", "address": "Whetstone"}, False, id="all three"),
        pytest.param({"address": "Whetstone", "telephone": "020 7946 0998"}, True, id="move"),
        pytest.param({"given_name": "COLIN", "family_name": "dale"}, True, id="other spelling"),
        pytest.param({"born_on": date(1932, 2, 5)}, False, id="transposed day and month"),
        pytest.param({"born_on": date(1923, 5, 2)}, False, id="transposed digits"),
        pytest.param({"born_on": date(1932, 1, 1)}, True, id="first of January"),
        pytest.param({"born_on": date(1900, 1, 1)}, True, id="1900"),
        pytest.param({"born_on": date(1970, 1, 1)}, True, id="1970"),
        pytest.param({"born_on": date(1970, 1, 1), "given_name": "Maud", "family_name": "Fenn"}, False, id="placeholder of another"),
    ],
)
def test_number_of_another_person_opens_no_record(received: dict[str, Any], *, is_same: bool) -> None:
    """Finding B3. A routine referral is refused; an urgent one goes on as an unverified person."""
    demographics = some_demographics(**received)
    urgent, routine = (a_request(demographics=demographics, urgency=urgency) for urgency in (Urgency.URGENT, Urgency.ROUTINE))

    assert identity_check.is_same_person(a_person(), urgent) is is_same
    if is_same:
        assert identity_check.is_same_person(a_person(), routine)
        return
    with pytest.raises(identity_check.IdentityDiffers) as refused:
        identity_check.is_same_person(a_person(), routine)
    assert "Dale" not in str(refused.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"story": None},
        {"demographics": some_demographics(given_name="Carl", born_on=None)},
        {"demographics": some_demographics(given_name="Carl", address=None, practice_code=None), "story": None},
    ],
)
def test_other_person_is_refused_as_an_unknown_one(changes: dict[str, Any]) -> None:
    """Finding C4. What a referral lacks shows no stranger whether the number is known."""
    request, known = a_request(**({"demographics": some_demographics(given_name="Carl")} | changes)), a_person()
    with pytest.raises(InvalidField) as unknown:
        people.register(request, Identity(known.id, DALE), referral_id=new_id(), locality=None, policy=Policy())
    with pytest.raises(InvalidField) as other:
        identity_check.is_same_person(known, request)

    assert _shown(other.value) == _shown(unknown.value)
    assert other.value.shows == unknown.value.shows == known.id


def _shown(refusal: InvalidField) -> tuple[object, ...]:
    return type(refusal), refusal.detail, refusal.advice, refusal.fields


@pytest.mark.parametrize("recorded", [date(1940, 1, 1), date(1900, 1, 1), None])
def test_recorded_placeholder_refuses_no_birthday(recorded: date | None) -> None:
    assert identity_check.is_same_person(a_person(born_on=recorded), a_request())


def test_own_record_of_merged_person_counts_unless_incomplete() -> None:
    twin, lacking = a_person(given_name="Carl"), a_person(given_name=NOT_GIVEN)
    request = a_request(demographics=some_demographics(given_name="Carl"), urgency=Urgency.URGENT)

    assert [identity_check.is_same_person(a_person(), request, own=own) for own in (twin, lacking, None)] == [True, False, False]


def test_absent_names_are_no_difference() -> None:
    unknown = a_person(given_name=NOT_GIVEN, family_name=NOT_GIVEN, address=NOT_GIVEN)

    assert identity_check.is_same_person(unknown, a_request())
    assert identity_check.is_same_person(a_person(), a_request(demographics=some_demographics(given_name=None, address=None)))


def test_story_is_not_for_a_referrer_with_another_name() -> None:
    for field, expected in ((RecordField.GIVEN_NAME, True), (RecordField.FAMILY_NAME, True), (RecordField.ADDRESS, False)):
        assert is_name_differing([Difference(field, None, "Colin", "Carl")]) is expected


@pytest.mark.parametrize(
    ("field", "contact", "value", "former"),
    [
        (RecordField.FAMILY_NAME, None, "Fenn", "Dale"),
        (RecordField.BORN_ON, None, "1932-05-03", "1932-05-02"),
        (RecordField.PRACTICE_CODE, None, "B01", "W07"),
        (RecordField.CONTACT_LIVES_IN, LOUISE, "Whetstone", "East Finchley"),
    ],
)
def test_confirmed_value_keeps_the_former_one(field: RecordField, contact: ContactName | None, value: str, former: str) -> None:
    contacts = (FamilyContact(name="Louise", relationship="daughter", lives_in="East Finchley"),)
    person = a_person(story=a_story(contacts=contacts))

    change = with_value(person, Difference(field, contact, former, value), locality=Locality.LOCALITY_B)

    assert change
    kept = keep_former(person, change, source="B01", replaced_by="handler-1", now=NOW)
    assert value_of(kept.state, field, contact) == value
    assert kept.state.former_values == (FormerValue(field, contact, former, NOW, "B01", "handler-1"),)
    assert [type(event) for event in kept.events] == [PersonRecordRecorded]
    assert kept.state.locality is (Locality.LOCALITY_B if field is RecordField.PRACTICE_CODE else Locality.WEST)


def test_confirmed_detail_of_a_removed_contact_adds_the_contact() -> None:
    person = a_person(story=a_story(contacts=()))
    found = Difference(RecordField.CONTACT_TELEPHONE, LOUISE, "", "020 7946 0997")

    change = with_value(person, found, locality=None)

    assert change
    assert change.state.story.contacts == (FamilyContact(name="Louise", relationship="daughter", telephone="020 7946 0997"),)


def test_recorded_value_is_no_change() -> None:
    assert with_value(a_person(), Difference(RecordField.ADDRESS, None, "Whetstone", "Oakleigh"), locality=None) is None


def test_correction_keeps_former_values_and_removed_details() -> None:
    contacts = (FamilyContact(name="Louise", relationship="daughter", telephone="020 7946 0997"),)
    before = a_person(story=a_story(contacts=contacts))
    corrected = replace(before, address="Whetstone", family_name="DALE", story=a_story(contacts=()))

    kept = keep_former(before, people.recorded_again(corrected), source="CLCH", replaced_by="handler-1", now=NOW)

    assert [(each.field, each.value) for each in kept.state.former_values] == [
        (RecordField.ADDRESS, "Oakleigh"),
        (RecordField.CONTACT_TELEPHONE, "020 7946 0997"),
    ]


OWN = PersonId(new_id())


def a_change(value: str, stated_for: PersonId | None, minutes: int) -> FormerValue:
    """`value` was the address until then."""
    return FormerValue(RecordField.ADDRESS, None, value, NOW + timedelta(minutes=minutes), "W07", "handler-1", stated_for)


@pytest.mark.parametrize(
    ("former", "present", "expected"),
    [
        pytest.param([], "Oakleigh", None, id="nothing recorded"),
        pytest.param([a_change("Oakleigh", KEPT.id, 1)], "Whetstone", None, id="its own value"),
        pytest.param([a_change("Oakleigh", OWN, -1)], "Whetstone", None, id="before the merge"),
        pytest.param([a_change("Oakleigh", OWN, 1)], "Whetstone", ("Whetstone", "Oakleigh"), id="for the other"),
        pytest.param([a_change(NOT_GIVEN, OWN, 1)], "Whetstone", ("Whetstone", NOT_GIVEN), id="for the other, none before"),
        pytest.param(
            [a_change("Oakleigh", OWN, 1), a_change("Barnet", OWN, 2)], "Whetstone", ("Whetstone", "Oakleigh"), id="twice for the other"
        ),
        pytest.param(
            [a_change("Oakleigh", OWN, 1), a_change("Barnet", KEPT.id, 2)], "Whetstone", ("Barnet", "Whetstone"), id="its own value later"
        ),
        pytest.param(
            [a_change("Oakleigh", KEPT.id, 1), a_change("Barnet", OWN, 2)], "Whetstone", ("Whetstone", "Barnet"), id="its own value before"
        ),
    ],
)
def test_value_stated_for_another_record_is_found(former: list[FormerValue], present: str, expected: tuple[str, str] | None) -> None:
    found = stated_for(OWN, replace(KEPT, address=present, former_values=tuple(former)), NOW)

    assert [(each.field, each.value, each.before) for each in found] == ([(RecordField.ADDRESS, *expected)] if expected else [])


def test_correction_for_another_record_notes_what_the_record_lacked() -> None:
    lacking = a_person(born_on=None, telephone=None)
    corrected = replace(lacking, born_on=date(1932, 5, 2), telephone="020 7946 0999")
    change = people.recorded_again(corrected)

    own = keep_former(lacking, change, source="CLCH", replaced_by="handler-1", now=NOW, stated_for=lacking.id)
    other = keep_former(lacking, change, source="CLCH", replaced_by="handler-1", now=NOW, stated_for=OWN)

    assert own.state.former_values == ()
    assert [each.value for each in other.state.former_values] == [NOT_GIVEN, NOT_GIVEN]
    back = [with_value(corrected, each, locality=None) for each in separated(corrected, [(RecordField.BORN_ON, None, NOT_GIVEN)])]
    assert [each.state.born_on for each in back if each] == [None]


def test_separated_record_proposes_no_equal_value() -> None:
    values = [(RecordField.ADDRESS, None, "OAKLEIGH"), (RecordField.TELEPHONE, None, NOT_GIVEN), (RecordField.FAMILY_NAME, None, "Fenn")]

    assert separated(a_person(), values) == [Difference(RecordField.FAMILY_NAME, None, "Dale", "Fenn")]


def test_former_value_is_recognised() -> None:
    person = a_person(former_values=(FormerValue(RecordField.ADDRESS, None, "Whetstone", NOW, "W07", "handler-1"),))

    assert former_until(person, Difference(RecordField.ADDRESS, None, "Oakleigh", "whetstone")) == NOW
    assert former_until(person, Difference(RecordField.ADDRESS, None, "Oakleigh", "Barnet")) is None
    assert former_until(person, Difference(RecordField.FAMILY_NAME, None, "Dale", "Whetstone")) is None


NAMES = st.sampled_from(["Colin", "COLIN", "Carl", "Dale", "O'Brien", "OBrien", NOT_GIVEN])
NUMBERS = st.none() | st.sampled_from(["020 7946 0999", "02079460999", "020 7946 0998"])
PLACES = st.none() | st.sampled_from(["Oakleigh", "oakleigh", "Whetstone"])
DAYS = st.none() | st.sampled_from([date(1932, 5, 2), date(1932, 2, 5), date(1940, 1, 1), date(1900, 1, 1)])
CONTACTS = st.lists(
    st.builds(
        FamilyContact, name=st.sampled_from(["Louise", "louise"]), relationship=st.just("daughter"), telephone=NUMBERS, lives_in=PLACES
    )
    | st.builds(FamilyContact, name=st.just("The warden"), relationship=st.just("warden"), telephone=NUMBERS),
    max_size=3,
).map(tuple)
RECORDS = st.builds(
    lambda contacts, **values: a_person(story=merge_stories(a_story(contacts=()), a_story(contacts=contacts)), **values),
    contacts=CONTACTS,
    given_name=NAMES,
    family_name=NAMES,
    born_on=DAYS,
    address=PLACES.map(lambda place: place or NOT_GIVEN),
    telephone=NUMBERS,
    practice_code=st.sampled_from(["W07", "B01", UNKNOWN_PRACTICE]),
)
DEMOGRAPHICS = st.builds(
    Demographics,
    given_name=st.none() | NAMES,
    family_name=st.none() | NAMES,
    born_on=DAYS,
    address=PLACES,
    telephone=NUMBERS,
    practice_code=st.none() | st.sampled_from(["W07", "B01", "W70"]),
    residence=st.none() | st.sampled_from(["LBB", "ENFIELD"]),
)
REQUESTS = st.builds(
    lambda demographics, contacts, urgency: a_request(demographics=demographics, story=a_story(contacts=contacts), urgency=urgency),
    st.none() | DEMOGRAPHICS,
    CONTACTS,
    st.sampled_from(list(Urgency)),
)


@given(RECORDS, REQUESTS)
def test_referral_never_changes_a_recorded_value(known: Person, received: ReceiveReferral) -> None:
    after = _after(known, received)
    found = differences(after, received)

    for field, contact in _keys(known):
        recorded = value_of(known, field, contact)
        assert recorded is None or value_of(after, field, contact) == recorded
    assert after.former_values == known.former_values
    assert all(each.present_value == value_of(after, each.field, each.contact) for each in found)


@given(RECORDS, REQUESTS)
def test_each_received_value_is_recorded_or_proposed(known: Person, received: ReceiveReferral) -> None:
    after = _after(known, received)
    found = differences(after, received)

    for field, contact, value in _received(received):
        recorded = value_of(after, field, contact)
        is_recorded = recorded is not None and is_equal(field, recorded, value)
        mine = Difference(field, contact, "", value)
        is_unknown = (field is RecordField.BORN_ON and is_placeholder(date.fromisoformat(value))) or value == NOT_GIVEN
        assert is_recorded or is_unknown or any(each.is_equal(mine) for each in found)
    assert len({(each.field, each.contact, each.proposed_value) for each in found}) == len(found)


def _after(known: Person, received: ReceiveReferral) -> Person:
    updated = people.update_from_referral(known, received, referral_id=new_id(), locality=known.locality)
    return updated.state if updated else known


def _keys(person: Person) -> list[tuple[RecordField, ContactName | None]]:
    names = [ContactName(each.name, each.relationship) for each in person.story.contacts]
    return [*((field, None) for field in OF_PERSON), *((field, name) for name in names for field in OF_CONTACT)]


def _received(received: ReceiveReferral) -> list[tuple[RecordField, ContactName | None, str]]:
    """The values of the referral, by the field and the contact that they belong to."""
    demographics, story = received.demographics, received.story
    stated = {each.name: getattr(demographics, each.name) for each in fields(Demographics)} if demographics else {}
    of_person = [(field, None, str(value)) for field in OF_PERSON if (value := stated.get(ATTRIBUTE[field])) is not None]
    of_contacts = [
        (field, ContactName(contact.name, contact.relationship), value)
        for contact in (story.contacts if story else ())
        for field in OF_CONTACT
        if (value := getattr(contact, ATTRIBUTE[field])) is not None
    ]
    return [*of_person, *of_contacts]
