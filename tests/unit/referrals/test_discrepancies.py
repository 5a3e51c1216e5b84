"""Faults of an urgent referral: marked, with a deadline, until they are resolved."""

from dataclasses import replace
from datetime import UTC, date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.referrals.commands import CancelReferral, ReceiveReferral, ResolveDiscrepancy, SetCondition
from services.referrals.domain import Policy, closure, deadlines, discrepancies, identity_check, receipt
from services.referrals.domain import person as people
from services.referrals.domain.person import Person
from services.referrals.domain.receipt import Arrival
from services.referrals.domain.referral import Referral, ReferralDeadline, Status, pending_deadlines
from services.referrals.domain.story import NOT_GIVEN
from shared.contracts.codes import Condition, Locality, Urgency
from shared.contracts.persons import PersonRecordRecorded, Story
from shared.contracts.practices import UNKNOWN_PRACTICE
from shared.contracts.referral_codes import AmendedPart, CancelReason, Discrepancy
from shared.contracts.referrals import (
    ReferralAcknowledgementOverdue,
    ReferralAmended,
    ReferralConditionSet,
    ReferralDiscrepancyFound,
    ReferralDiscrepancyResolved,
    ReferralIdentified,
    ReferralReceived,
)
from shared.kernel.decision import Decision
from shared.kernel.ids import PersonId, new_id
from shared.kernel.nhs_number import InvalidNhsNumber
from tests.builders.referrals import DALE, MONDAY, a_person, a_referral, a_request, some_demographics

POLICY = Policy()
NOW = MONDAY.astimezone(UTC)
TODAY = MONDAY.date()
MISTYPED = "9990548608"
#: More than an event holds.
LONG = "He is alone. " * 70_000


@pytest.mark.parametrize("status", [Status.ROUTED, Status.ACCEPTED])
def test_words_that_join_are_passed_on_to_the_receiver(status: Status) -> None:
    joined, second = a_referral(status), new_id()

    decision = discrepancies.join(joined, second, NOW, POLICY)

    assert (decision.state.status, decision.state.informed_at) == (status, NOW)
    assert decision.state.discrepancies == (Discrepancy.RECEIVER_UNINFORMED,)
    assert pending_deadlines(decision.state)[ReferralDeadline.DISCREPANCY] == deadlines.triage_by(joined, NOW, POLICY)
    assert decision.events == [
        ReferralAmended(amended_at=NOW, sent_as=second, parts=(AmendedPart.INFORMATION,)),
        ReferralDiscrepancyFound(discrepancies=(Discrepancy.RECEIVER_UNINFORMED,), resolve_by=deadlines.triage_by(joined, NOW, POLICY)),
    ]
    again = discrepancies.join(decision.state, new_id(), NOW + timedelta(days=1), POLICY).state
    assert (again.discrepancies, again.discrepancies_due_at) == (decision.state.discrepancies, decision.state.discrepancies_due_at)


@pytest.mark.parametrize("before", [timedelta(days=1), timedelta(minutes=5)])
def test_new_mark_brings_the_deadline_forward(before: timedelta) -> None:
    marked = replace(_marked(Discrepancy.STORY_MISSING), discrepancies_due_at=NOW + before)

    decision = discrepancies.join_faults(marked, [Discrepancy.TEXT_UNREADABLE], NOW, POLICY)

    earlier = min(NOW + before, NOW + POLICY.triage_urgent)
    assert decision.state.discrepancies_due_at == earlier
    assert decision.events == [ReferralDiscrepancyFound(discrepancies=(Discrepancy.TEXT_UNREADABLE,), resolve_by=earlier)]


@pytest.mark.parametrize(
    ("status", "asked_in", "expected"),
    [
        (Status.UNVERIFIED, None, (Status.IDENTIFIED, None)),
        (Status.INFORMATION_REQUESTED, Status.UNVERIFIED, (Status.INFORMATION_REQUESTED, Status.IDENTIFIED)),
        (Status.TRIAGED_URGENT, None, (Status.TRIAGED_URGENT, None)),
    ],
)
def test_referral_is_identified_once_its_person_is(status: Status, asked_in: Status | None, expected: tuple[Status, Status | None]) -> None:
    referral = a_referral(status, asked_in=asked_in, is_identified=False)

    assert discrepancies.follow_identity(referral, a_person(nhs_number=None)) is None
    decision = discrepancies.follow_identity(referral, a_person())

    assert decision
    assert (decision.state.status, decision.state.asked_in, decision.state.is_identified) == (*expected, True)
    assert (decision.state.due_at, decision.events) == (referral.due_at, [ReferralIdentified()])


@pytest.mark.parametrize(
    ("changes", "known", "expected"),
    [
        pytest.param({}, None, [], id="complete"),
        pytest.param({"condition": None}, None, [Discrepancy.CONDITION_MISSING], id="condition"),
        pytest.param({"nhs_number": None}, None, [Discrepancy.NUMBER_MISSING], id="no number"),
        pytest.param({"nhs_number": MISTYPED}, None, [Discrepancy.NUMBER_INVALID], id="mistyped number"),
        pytest.param({"nhs_number": "943 476 5919 (not sure)"}, None, [Discrepancy.NUMBER_INVALID], id="odd number"),
        pytest.param({"demographics": None}, None, [Discrepancy.DEMOGRAPHICS_MISSING], id="no demographics"),
        pytest.param({"story": None}, None, [Discrepancy.STORY_MISSING], id="no story"),
        pytest.param({"story": Story(narrative=LONG)}, None, [Discrepancy.HISTORY_SHORTENED], id="long story"),
        pytest.param(
            {"nhs_number": MISTYPED, "demographics": None, "story": None},
            None,
            [Discrepancy.NUMBER_INVALID, Discrepancy.DEMOGRAPHICS_MISSING, Discrepancy.STORY_MISSING],
            id="mistyped number alone",
        ),
        pytest.param(
            {"demographics": some_demographics(born_on=date(2015, 3, 17))},
            None,
            [Discrepancy.BIRTHDAY_INVALID, Discrepancy.DEMOGRAPHICS_MISSING],
            id="birthday in the future",
        ),
        pytest.param(
            {"demographics": some_demographics(born_on=date(1950, 2, 1)), "story": None},
            a_person(),
            [Discrepancy.IDENTITY_DIFFERS, Discrepancy.STORY_MISSING],
            id="other birthday",
        ),
        pytest.param({"demographics": None, "story": None}, a_person(), [], id="known person"),
    ],
)
def test_urgent_referral_is_accepted_with_its_faults(changes: dict[str, Any], known: Person | None, expected: list[Discrepancy]) -> None:
    decision, _ = _receive(known, **changes)

    assert list(decision.state.discrepancies) == expected
    [received] = [event for event in decision.events if isinstance(event, ReferralReceived)]
    assert list(received.discrepancies) == expected
    assert ReferralDeadline.DISCREPANCY in pending_deadlines(decision.state) or not expected


def test_discrepancies_share_deadline_of_triage() -> None:
    decision, _ = _receive(None, story=None)

    assert decision.state.discrepancies_due_at == decision.state.due_at == NOW + POLICY.triage_urgent


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"nhs_number": MISTYPED}, InvalidNhsNumber),
        ({"nhs_number": None}, people.NhsNumberMissing),
        ({"demographics": None}, people.DemographicsMissing),
        ({"story": None}, people.StoryMissing),
        ({"demographics": some_demographics(born_on=date(2015, 3, 17))}, people.BirthDateInFuture),
    ],
)
def test_referral_that_is_not_urgent_keeps_its_refusals(changes: dict[str, Any], refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        _receive(None, urgency=Urgency.ROUTINE, **changes)


def test_absent_facts_are_marked_and_never_invented() -> None:
    _, person = _receive(None, demographics=None, story=None)

    assert (person.given_name, person.family_name, person.address, person.story.narrative) == (NOT_GIVEN,) * 4
    assert (person.born_on, person.practice_code, person.telephone) == (None, UNKNOWN_PRACTICE, None)


def test_later_referral_completes_unknown_person() -> None:
    _, unknown = _receive(None, demographics=None, story=None)

    with pytest.raises(people.DemographicsMissing):
        _receive(unknown, urgency=Urgency.ROUTINE, demographics=None)
    _, person = _receive(unknown, urgency=Urgency.ROUTINE)

    assert (person.family_name, person.born_on) == ("Dale", date(1932, 5, 2))
    assert NOT_GIVEN not in {person.story.narrative, *person.story.history}


def test_impossible_birthday_opens_no_record() -> None:
    odd = some_demographics(born_on=None, born_as_typed="31/02/1932")

    assert not identity_check.is_same_person(a_person(), a_request(demographics=odd, urgency=Urgency.URGENT))
    assert identity_check.is_same_person(a_person(), a_request(demographics=some_demographics(born_on=None), urgency=Urgency.URGENT))


def test_unresolved_discrepancy_is_escalated_at_every_deadline() -> None:
    due_at = MONDAY.astimezone(UTC)
    marked = _marked(Discrepancy.STORY_MISSING)

    reminded = deadlines.mark_overdue(marked, ReferralDeadline.DISCREPANCY, due_at, POLICY)

    [overdue] = reminded.events
    assert overdue == ReferralAcknowledgementOverdue(
        service_code="community-point-of-access", acknowledge_by=due_at, discrepancies=(Discrepancy.STORY_MISSING,)
    )
    assert reminded.state.due_at == marked.due_at
    assert reminded.state.discrepancies_due_at == due_at + POLICY.chase_urgent
    assert [deadline.kind for deadline in reminded.deadlines] == [ReferralDeadline.DISCREPANCY]


def test_resolved_discrepancy_needs_reason_and_ends() -> None:
    marked = _marked(Discrepancy.STORY_MISSING, Discrepancy.CONDITION_MISSING)

    one = discrepancies.resolve(marked, ResolveDiscrepancy(Discrepancy.STORY_MISSING, "Rang the crew"), NOW)
    both = discrepancies.resolve(one.state, ResolveDiscrepancy(Discrepancy.CONDITION_MISSING, "It does not matter"), NOW)

    assert one.events == [ReferralDiscrepancyResolved(discrepancies=(Discrepancy.STORY_MISSING,), resolved_at=NOW)]
    assert (one.state.discrepancies, one.state.discrepancy_reason, one.cancels) == (
        (Discrepancy.CONDITION_MISSING,),
        "Rang the crew",
        [],
    )
    assert (both.state.discrepancies_due_at, both.cancels) == (None, [ReferralDeadline.DISCREPANCY])
    with pytest.raises(discrepancies.DiscrepancyNotOpen):
        discrepancies.resolve(both.state, ResolveDiscrepancy(Discrepancy.STORY_MISSING, "Again"), NOW)


def test_condition_ends_its_mark() -> None:
    decision = discrepancies.set_condition(_marked(Discrepancy.CONDITION_MISSING), SetCondition(Condition.COPD), NOW)

    assert decision.state.condition is Condition.COPD
    assert [type(event) for event in decision.events] == [ReferralConditionSet, ReferralDiscrepancyResolved]


def test_correction_of_record_ends_what_it_mends() -> None:
    marked = _marked(Discrepancy.STORY_MISSING, Discrepancy.DEMOGRAPHICS_MISSING)
    _, unknown = _receive(None, demographics=None, story=None)

    assert discrepancies.settle(marked, unknown, NOW) is None
    settled = discrepancies.settle(marked, a_person(born_on=None), NOW)
    assert settled is not None
    assert settled.state.discrepancies == (Discrepancy.DEMOGRAPHICS_MISSING,)


def test_discrepancy_ends_with_referral() -> None:
    ended = closure.cancel(_marked(Discrepancy.STORY_MISSING), CancelReferral(CancelReason.DIED), has_merged=False, now=NOW)

    assert pending_deadlines(ended.state) == {}


#: Texts of every length up to more than Kafka accepts, alone and together.
SIZES = st.sampled_from([1, 4_000, 30_000, 400_000])


@settings(deadline=None, max_examples=25)
@given(SIZES, st.lists(SIZES, max_size=3), SIZES, st.sampled_from(["x", "\u00e9", "\u20ac", "\\"]))
def test_urgent_story_of_any_length_fits_into_its_event(narrative: int, history: list[int], needs: int, letter: str) -> None:
    story = Story(
        narrative=letter * narrative,
        history=tuple(f"{number}{letter * size}" for number, size in enumerate(history)),
        what_matters=letter * needs,
        communication_needs=(letter * needs,),
    )

    decision, change = people_after(a_request(story=story, urgency=Urgency.URGENT))

    [recorded] = change.events
    assert isinstance(recorded, PersonRecordRecorded)
    assert len(recorded.model_dump_json().encode()) < 700_000  # encryption adds a third
    kept = {decision.story.narrative, *decision.story.history}
    assert {story.narrative, *story.history} <= kept


def people_after(request: ReceiveReferral) -> tuple[Person, Decision[Person]]:
    accepted = receipt.acceptable(request, TODAY)
    person, change = people.record(None, accepted, _identity(DALE), referral_id=new_id(), locality=Locality.WEST, policy=POLICY)
    assert change is not None
    return person, change


def _receive(known: Person | None, **changes: Any) -> tuple[Decision[Referral], Person]:
    """As the handler does: matches the person, then records them, then receives the referral."""
    request = receipt.acceptable(a_request(**{"urgency": Urgency.URGENT, "condition": Condition.FALL} | changes), TODAY)
    number = people.claimed_nhs_number(request)
    if known is not None and not identity_check.is_same_person(known, request):
        known, number = None, None
    person, _ = people.record(known, request, _identity(number), referral_id=new_id(), locality=Locality.WEST, policy=POLICY)
    arrival = Arrival(new_id(), "CPA-9E7D-RTAY", "W07", is_story_known=False, is_practice_covered=True, joins=None)
    return receipt.receive(request, person, arrival, now=NOW, policy=POLICY), person


def _identity(number: str | None) -> people.Identity:
    return people.Identity(PersonId(new_id()), number)


def _marked(*faults: Discrepancy) -> Referral:
    due_at = NOW + timedelta(days=1)
    return a_referral(Status.ROUTED, urgency=Urgency.URGENT, discrepancies=faults, discrepancies_due_at=NOW, due_at=due_at)


def test_separated_record_opens_the_faults_of_urgent_referrals_alone() -> None:
    alone = a_person(nhs_number=None, number_as_typed="943 476 5918")
    urgent, routine = (a_referral(requested_urgency=each, discrepancies=()) for each in (Urgency.URGENT, Urgency.ROUTINE))

    opened = discrepancies.open_again(urgent, alone, NOW, POLICY)

    assert opened is not None
    assert opened.state.discrepancies == (Discrepancy.NUMBER_INVALID,)
    assert [deadline.kind for deadline in opened.deadlines] == [ReferralDeadline.DISCREPANCY]
    assert discrepancies.open_again(opened.state, alone, NOW, POLICY) is None
    assert discrepancies.open_again(routine, alone, NOW, POLICY) is None
