"""The record of a person and the merging of stories."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.referrals.commands import ReceiveReferral, ReviseRecord
from services.referrals.domain import Policy, identity_check
from services.referrals.domain import person as people
from services.referrals.domain.person import Person
from services.referrals.domain.story import merge_stories
from shared.contracts.codes import Locality, Urgency
from shared.contracts.persons import FamilyContact, PersonRecordRecorded, SharingPreference, Story
from shared.contracts.practices import UNKNOWN_PRACTICE
from shared.kernel.decision import Decision
from shared.kernel.ids import PersonId, new_id
from shared.kernel.nhs_number import InvalidNhsNumber
from tests.builders.referrals import DALE, a_person, a_request, a_story, some_demographics

BAD_CHECK_DIGIT, SAME_DIGIT = "9990548608", "9999999999"


def test_first_referral_registers_person_and_story() -> None:
    decision = _register(a_request())

    [recorded] = decision.events
    assert isinstance(recorded, PersonRecordRecorded)
    assert (recorded.nhs_number, recorded.family_name, recorded.story) == (DALE, "Dale", a_story())
    assert decision.state.is_family_kept_informed


@pytest.mark.parametrize(
    ("absent", "refusal"), [({"demographics": None}, people.DemographicsMissing), ({"story": None}, people.StoryMissing)]
)
def test_registration_needs_demographics_and_story(absent: dict[str, None], refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        _register(a_request(**absent))


@pytest.mark.acceptance("referrals-7")
def test_known_person_needs_no_details() -> None:
    bare = a_request(demographics=None, story=None)

    assert people.update_from_referral(a_person(), bare, referral_id=new_id(), locality=Locality.WEST) is None


def test_repeated_story_changes_nothing() -> None:
    assert people.update_from_referral(a_person(), a_request(), referral_id=new_id(), locality=Locality.WEST) is None


def test_new_story_keeps_earlier_one_in_history() -> None:
    referral_id, known = new_id(), a_person()

    decision = people.update_from_referral(
        known, a_request(story=Story(narrative="Found confused.")), referral_id=referral_id, locality=Locality.WEST
    )

    assert decision is not None
    story = decision.state.story
    assert story.narrative == "Found confused."
    assert story.history == (known.story.narrative,)
    assert story.contacts == known.story.contacts
    assert decision.state.correlation_id == referral_id
    assert [type(event) for event in decision.events] == [PersonRecordRecorded]


def test_first_practice_is_recorded() -> None:
    registered = a_request(demographics=some_demographics(practice_code="B01"), story=None)
    known = a_person(practice_code=UNKNOWN_PRACTICE)

    decision = people.update_from_referral(known, registered, referral_id=new_id(), locality=Locality.LOCALITY_B)

    assert decision is not None
    assert (decision.state.practice_code, decision.state.locality) == ("B01", Locality.LOCALITY_B)


def test_omitted_details_keep_recorded_values() -> None:
    known = a_person(telephone="020 7946 0999", residence="ENFIELD")
    bare = a_request(demographics=some_demographics(address="Whetstone", telephone=None, residence=None), story=None)

    updated = people.update_from_referral(known, bare, referral_id=new_id(), locality=Locality.WEST)
    revised = people.revise(known, ReviseRecord(demographics=bare.demographics), locality=Locality.WEST).state

    assert updated is None
    assert (revised.address, revised.telephone, revised.residence) == ("Whetstone", "020 7946 0999", "ENFIELD")


def test_new_person_has_default_residence() -> None:
    here = _register(a_request(demographics=some_demographics(residence=None)), residence="CAMDEN")

    assert here.state.residence == "CAMDEN"


def test_unverified_number_is_stored_but_not_published() -> None:
    decision = _register(a_request(nhs_number=BAD_CHECK_DIGIT, urgency=Urgency.URGENT), nhs_number=None)

    assert (decision.state.nhs_number, decision.state.number_as_typed) == (None, BAD_CHECK_DIGIT)
    assert BAD_CHECK_DIGIT not in str(decision.events)


def test_new_contact_is_added_to_earlier_ones() -> None:
    warden = FamilyContact(name="The warden", relationship="warden", telephone="020 7946 0998")

    contacts = merge_stories(a_story(), a_story(contacts=(warden,))).contacts

    assert [contact.name for contact in contacts] == ["Louise", "The warden"]


def test_repeated_contact_adds_new_details() -> None:
    before = a_story(contacts=(FamilyContact(name="Louise", relationship="daughter", lives_in="East Finchley"),))
    now = a_story(contacts=(FamilyContact(name="louise ", relationship="Daughter", telephone="020 7946 0997"),))

    [louise] = merge_stories(before, now).contacts

    assert (louise.telephone, louise.lives_in) == ("020 7946 0997", "East Finchley")


TEXTS = st.text(alphabet="abcdefgh ", min_size=1, max_size=6).map(str.strip).filter(bool)
CONTACTS = st.builds(
    FamilyContact,
    name=st.sampled_from(["Louise", "the warden", "a neighbour"]),
    relationship=st.sampled_from(["daughter", "warden"]),
    telephone=st.none() | TEXTS,
    lives_in=st.none() | TEXTS,
)
STORIES = st.builds(
    Story,
    narrative=TEXTS,
    history=st.lists(TEXTS, max_size=3).map(tuple),
    what_matters=st.none() | TEXTS,
    communication_needs=st.lists(TEXTS, max_size=2).map(tuple),
    preferred_visit_times=st.none() | TEXTS,
    contacts=st.lists(CONTACTS, max_size=3, unique_by=lambda contact: (contact.name, contact.relationship)).map(tuple),
)


def _single_answers(story: Story) -> set[str]:
    """The fields that hold one answer at a time, except the narrative."""
    return {answer for answer in (story.what_matters, story.preferred_visit_times) if answer}


def _facts(contacts: tuple[FamilyContact, ...]) -> set[tuple[str, ...]]:
    """Every contact, and every pair of a contact and a known detail."""
    people = {(each.name, each.relationship) for each in contacts}
    return people | {(each.name, each.relationship, name, value) for each in contacts for name, value in _known(each)}


def _known(contact: FamilyContact) -> list[tuple[str, str]]:
    return [(name, value) for name in ("telephone", "lives_in") if (value := getattr(contact, name))]


@given(STORIES, STORIES)
def test_merging_stories_is_idempotent_and_loses_nothing(before: Story, now: Story) -> None:
    story = merge_stories(before, now)

    assert merge_stories(story, now) == story
    texts = {story.narrative, *story.history, *_single_answers(story)}
    for each in (before, now):
        assert {each.narrative, *each.history, *_single_answers(each)} <= texts
        assert set(each.communication_needs) <= set(story.communication_needs)
    assert story.narrative == now.narrative
    assert story.what_matters == (now.what_matters or before.what_matters)
    assert story.preferred_visit_times == (now.preferred_visit_times or before.preferred_visit_times)
    recorded = {fact[:3] for fact in _facts(before.contacts)}
    added = {fact for fact in _facts(now.contacts) if fact[:3] not in recorded}
    assert _facts(story.contacts) == _facts(before.contacts) | added
    assert set(Story.model_fields) == {
        "narrative",
        "history",
        "what_matters",
        "communication_needs",
        "preferred_visit_times",
        "contacts",
    }  # fmt: skip  a new field needs an assertion here


@pytest.mark.parametrize("number", [BAD_CHECK_DIGIT, SAME_DIGIT, "12345", "letters", ""])
@pytest.mark.acceptance("referrals-5")
def test_invalid_number_is_refused_unless_urgent(number: str) -> None:
    with pytest.raises(InvalidNhsNumber) as refused:
        people.claimed_nhs_number(a_request(nhs_number=number))

    assert not number or number not in str(refused.value)
    assert people.claimed_nhs_number(a_request(nhs_number=number, urgency=Urgency.URGENT)) is None


@pytest.mark.acceptance("referrals-5")
def test_missing_number_is_refused_unless_urgent() -> None:
    with pytest.raises(people.NhsNumberMissing):
        people.claimed_nhs_number(a_request(nhs_number=None, urgency=Urgency.ADVICE))

    assert people.claimed_nhs_number(a_request(nhs_number=None, urgency=Urgency.URGENT)) is None


def test_grouped_number_is_accepted() -> None:
    assert people.claimed_nhs_number(a_request(nhs_number="999 054 8609")) == DALE


def test_number_with_other_birth_date_opens_no_record() -> None:
    stranger = some_demographics(born_on=date(1950, 2, 1))

    with pytest.raises(identity_check.IdentityDiffers):
        identity_check.is_same_person(a_person(), a_request(demographics=stranger))

    assert not identity_check.is_same_person(a_person(), a_request(demographics=stranger, urgency=Urgency.URGENT))
    assert identity_check.is_same_person(a_person(), a_request())
    assert identity_check.is_same_person(a_person(), a_request(demographics=None))


def test_answer_becomes_part_of_story() -> None:
    decision = people.add_answer(a_person(), "The key is with the neighbour.", referral_id=new_id())

    assert decision.state.story.history == ("The key is with the neighbour.",)


def test_correction_replaces_named_fields_only() -> None:
    known = a_person()

    decision = people.revise(known, ReviseRecord(sharing=SharingPreference.WITHHELD), locality=known.locality)

    assert decision.state == replace(known, sharing=SharingPreference.WITHHELD)
    assert not decision.state.is_family_kept_informed


def test_empty_correction_is_refused() -> None:
    with pytest.raises(people.NoChanges):
        people.revise(a_person(), ReviseRecord(), locality=Locality.WEST)


def _register(request: ReceiveReferral, *, nhs_number: str | None = DALE, residence: str = "LBB") -> Decision[Person]:
    policy = Policy(residence=residence)
    identity = people.Identity(PersonId(new_id()), nhs_number)
    return people.register(request, identity, referral_id=new_id(), locality=Locality.WEST, policy=policy)
