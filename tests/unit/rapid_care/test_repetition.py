"""A repeated command finds itself carried out (D7)."""

from dataclasses import replace
from typing import Any

import pytest

from services.rapid_care import commands
from services.rapid_care.domain.repetition import is_repeated
from services.rapid_care.domain.response import RESPONSE, Response, Status
from shared.contracts.codes import StepDown
from shared.contracts.rapid_care import ContactMode, DeclineReason, Need, ResponseOutcome
from tests.builders.rapid_care import NURSE, a_response, at

_MET = {"contacted_at": at("14:30"), "visited_at": at("14:30"), "contact_mode": ContactMode.FACE_TO_FACE}
_NEEDS: dict[str, Any] = {"health_needs": (Need.INFECTION,), "social_needs": (Need.NONE,)}

#: Each command, and the response before and after it.
DONE: dict[object, tuple[Response, Response]] = {
    commands.AcceptResponse(): (a_response(), a_response(status=Status.ACCEPTED)),
    commands.DeclineResponse(DeclineReason.CAPACITY): (
        a_response(),
        a_response(status=Status.DECLINED, decline_reason=DeclineReason.CAPACITY),
    ),
    commands.AssignClinician(NURSE): (a_response(status=Status.ACCEPTED), a_response(status=Status.ASSIGNED)),
    commands.HandBackResponse(): (a_response(status=Status.ASSIGNED), a_response(status=Status.ACCEPTED)),
    commands.Depart(): (a_response(status=Status.ASSIGNED), a_response(status=Status.EN_ROUTE)),
    commands.RecordFirstContact(at("14:30")): (a_response(status=Status.EN_ROUTE), a_response(status=Status.CONTACTED, **_MET)),
    commands.RecordAssessment(**_NEEDS): (a_response(status=Status.CONTACTED), a_response(status=Status.ASSESSED, **_NEEDS)),
    commands.StepDownResponse(StepDown.GP): (
        a_response(status=Status.ASSESSED),
        a_response(status=Status.STEPPED_DOWN, stepped_down_to=StepDown.GP),
    ),
    commands.CloseResponse(ResponseOutcome.NOT_ACUTE): (
        a_response(status=Status.CONTACTED),
        a_response(status=Status.CLOSED, outcome=ResponseOutcome.NOT_ACUTE),
    ),
    commands.AnswerCall(): (
        a_response(status=Status.ACCEPTED, call_repeated_at=at("14:20"), answer_by=at("14:35")),
        a_response(status=Status.ACCEPTED, call_repeated_at=at("14:20")),
    ),
}


@pytest.mark.parametrize("command", DONE, ids=lambda command: type(command).__name__)
def test_command_is_a_repetition_after_its_effect_alone(command: object) -> None:
    before, after = DONE[command]

    assert not is_repeated(before, command, before.version)
    assert is_repeated(replace(after, version=before.version + 1), command, before.version)


@pytest.mark.parametrize(
    "other",
    [
        commands.CloseResponse(ResponseOutcome.INAPPROPRIATE),
        commands.AssignClinician("another-nurse"),
        commands.RecordFirstContact(at("14:31")),
        commands.StepDownResponse(StepDown.NAVIGATION),
    ],
)
def test_other_content_is_no_repetition(other: object) -> None:
    response = a_response(status=Status.CLOSED, outcome=ResponseOutcome.NOT_ACUTE, version=9, **_MET)

    assert not is_repeated(response, other, 1)


def test_every_command_of_the_table_has_a_rule() -> None:
    assert {trigger for trigger in RESPONSE if isinstance(trigger, type)} - {type(command) for command in DONE} == {commands.AgreePackage}
