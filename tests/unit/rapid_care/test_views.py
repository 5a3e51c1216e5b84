"""The views of a response and its briefing show what a clinician and a coordinator need."""

import pytest

from services.rapid_care.api.responses import BriefingView, ResponseView
from services.rapid_care.domain.duties import Owner
from services.rapid_care.domain.policy import Policy
from services.rapid_care.domain.response import Status, permitted_commands
from services.rapid_care.queries.briefing import Briefing
from shared.contracts.codes import Condition, PlaceOfCare
from shared.contracts.rapid_care import OverdueStep
from shared.kernel.ids import new_id
from tests.builders.rapid_care import a_care_plan, a_response, at

POLICY = Policy()


@pytest.mark.parametrize("place", [None, *PlaceOfCare])
def test_briefing_shows_preferred_places_of_care_and_death(place: PlaceOfCare | None) -> None:
    """A13."""
    plan = a_care_plan(preferred_place_of_care=PlaceOfCare.HOSPICE, preferred_place_of_death=place)

    view = BriefingView.of(Briefing(None, None, plan, None), a_response())

    assert (view.preferred_place_of_care, view.preferred_place_of_death) == (PlaceOfCare.HOSPICE, place)


def test_briefing_shows_newer_call() -> None:
    merged = new_id()
    response = a_response(call_repeated_at=at("15:00"), call_condition=Condition.FALL, answer_by=at("15:15"), merged_referral_ids=(merged,))

    call = BriefingView.of(Briefing(None, None, None, None), response).newer_call

    assert call is not None
    assert (call.call_repeated_at, call.call_condition, call.answer_by) == (at("15:00"), Condition.FALL, at("15:15"))
    assert call.merged_referral_ids == (merged,)
    assert BriefingView.of(Briefing(None, None, None, None), a_response()).newer_call is None


def test_response_shows_flags_and_owner() -> None:
    response = a_response(status=Status.ACCEPTED, at_risk_since=at("15:00"), overdue_step=OverdueStep.ASSIGNMENT, overdue_since=at("14:25"))

    view = ResponseView.of(response, POLICY, at("15:10"))

    assert (view.owner, view.at_risk_since, view.overdue_step, view.overdue_since) == (
        Owner.COORDINATOR,
        at("15:00"),
        OverdueStep.ASSIGNMENT,
        at("14:25"),
    )


@pytest.mark.parametrize("status", [Status.HELD, Status.ACCEPTED, Status.ASSIGNED])
def test_guidance_is_shown_until_opening_after_acceptance(status: Status) -> None:
    """A22."""
    response = a_response(status=status, received_at=at("03:11"), clock_starts_at=at("07:00"), due_at=at("09:00"))

    assert ResponseView.of(response, POLICY, at("06:59")).guidance is not None
    assert ResponseView.of(response, POLICY, at("07:00")).guidance is None


def test_actions_omit_commands_whose_condition_fails() -> None:
    names = {command.__name__ for command in permitted_commands(a_response(status=Status.ASSESSED, clinician_id=None))}

    assert names == {"AssignClinician", "AgreePackage", "StepDownResponse", "CloseResponse"}
