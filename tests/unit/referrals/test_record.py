"""The one record of a person whose records were merged."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from services.referrals.domain.person import Person
from services.referrals.domain.record import Group, Records, compose, group_of, publication
from services.referrals.domain.story import NOT_GIVEN, merge_stories
from shared.contracts.codes import Locality
from shared.contracts.persons import FamilyContact, PersonRecordRecorded, SharingPreference, Story
from shared.contracts.practices import UNKNOWN_PRACTICE
from shared.kernel.ids import PersonId, new_id
from tests.builders.referrals import DALE, a_person, a_story

KEPT = a_person(story=a_story(narrative="He wants to stay at home."), telephone="020 7946 0101", version=3)
MERGED = a_person(
    nhs_number=None,
    given_name="Kolin",
    address="Somewhere else",
    story=Story(narrative="He fell in the street.", contacts=(FamilyContact(name="Peter", relationship="son"),)),
    version=2,
)
GROUP = group_of(KEPT.id, [MERGED.id])


def test_one_record_has_survivors_demographics_and_every_story() -> None:
    one = compose(MERGED, GROUP, [KEPT, MERGED])

    assert (one.nhs_number, one.given_name, one.address, one.telephone) == (DALE, "Colin", "Oakleigh", "020 7946 0101")
    assert one.story.narrative == "He wants to stay at home."
    assert one.story.history == ("He fell in the street.",)
    assert {contact.name for contact in one.story.contacts} == {"Louise", "Peter"}


def test_contact_has_survivors_details_first() -> None:
    """A confirmed detail of a contact holds, although a merged record has another one."""
    louise = FamilyContact(name="Louise", relationship="daughter", telephone="020 7946 0997")
    kept = replace(KEPT, story=a_story(contacts=(louise,)))
    other = FamilyContact(name="LOUISE", relationship="Daughter", telephone="020 7946 0996", lives_in="East Finchley")
    merged = replace(MERGED, story=a_story(contacts=(other,)))

    [contact] = compose(kept, GROUP, [kept, merged]).story.contacts

    assert (contact.name, contact.telephone, contact.lives_in) == ("Louise", "020 7946 0997", "East Finchley")


@pytest.mark.parametrize("own", [KEPT, MERGED], ids=["survivor", "merged"])
def test_each_id_keeps_its_own_version_and_chain(own: Person) -> None:
    one = compose(own, GROUP, [KEPT, MERGED])

    assert (one.id, one.version, one.correlation_id) == (own.id, own.version, own.correlation_id)


def test_both_ids_publish_the_same_record() -> None:
    decisions = [publication(own, GROUP, [KEPT, MERGED]) for own in (KEPT, MERGED)]

    assert decisions[0].events == decisions[1].events
    assert [decision.state for decision in decisions] == [KEPT, MERGED]
    assert isinstance(decisions[0].events[0], PersonRecordRecorded)


def test_separated_record_publishes_its_own_texts_alone() -> None:
    [event] = publication(KEPT, Group(KEPT.id), [KEPT]).events

    assert "street" not in event.model_dump_json()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("missing", "found"),
    [
        ({"born_on": None}, ("born_on", date(1932, 5, 2))),
        ({"given_name": NOT_GIVEN}, ("given_name", "Kolin")),
        ({"address": NOT_GIVEN}, ("address", "Somewhere else")),
        ({"practice_code": UNKNOWN_PRACTICE, "locality": None}, ("locality", Locality.WEST)),
        ({"nhs_number": None}, ("nhs_number", None)),
    ],
    ids=str,
)
def test_merged_record_stands_in_for_what_the_survivor_lacks(missing: dict[str, Any], found: tuple[str, Any]) -> None:
    survivor = a_person(**missing)

    one = compose(survivor, group_of(survivor.id, [MERGED.id]), [survivor, MERGED])

    assert getattr(one, found[0]) == found[1]


def test_confirmed_practice_stands_in_before_one_in_doubt() -> None:
    """As in the access policy. A survivor that names a practice keeps it, in doubt or not."""
    first, second = sorted([a_person().id, a_person().id])
    doubted, confirmed = a_person(id=first, is_practice_confirmed=False), a_person(id=second, practice_code="W08")
    without, own = (a_person(practice_code=code, is_practice_confirmed=False) for code in (UNKNOWN_PRACTICE, "W09"))

    found = [compose(kept, group_of(kept.id, [first, second]), [kept, doubted, confirmed]) for kept in (without, own)]

    assert [(one.practice_code, one.is_practice_confirmed) for one in found] == [("W08", True), ("W09", False)]


def test_given_narrative_prevails_over_an_absent_one() -> None:
    survivor = a_person(story=Story(narrative=NOT_GIVEN))

    one = compose(survivor, group_of(survivor.id, [MERGED.id]), [survivor, MERGED])

    assert (one.story.narrative, one.story.history) == ("He fell in the street.", ())


@pytest.mark.parametrize("received", [Story(narrative=NOT_GIVEN, what_matters="His dog"), Story(narrative=NOT_GIVEN, history=("COPD",))])
def test_absent_narrative_replaces_none(received: Story) -> None:
    one = merge_stories(KEPT.story, received)

    assert (one.narrative, one.what_matters) == (KEPT.story.narrative, received.what_matters or KEPT.story.what_matters)
    assert one.history == (*KEPT.story.history, *received.history)


@pytest.mark.parametrize("sharing", SharingPreference)
def test_preference_that_shares_least_holds_for_the_one_record(sharing: SharingPreference) -> None:
    merged = a_person(sharing=sharing)

    one = compose(KEPT, group_of(KEPT.id, [merged.id]), [KEPT, merged])

    assert one.sharing is sharing


def test_one_record_follows_an_unsaved_change() -> None:
    changed = a_person(id=KEPT.id, telephone="020 7946 0999")

    assert Records(GROUP, (KEPT, MERGED)).as_one(changed).telephone == "020 7946 0999"


def test_single_record_stays_as_it_is() -> None:
    assert Records(Group(PersonId(new_id()))).as_one(KEPT) is KEPT
