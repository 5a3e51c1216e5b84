"""Repeated commands: the response already is as the command asks, so that a repetition after a lost answer changes nothing (D7).

A command that another one has overtaken is no repetition.
"""

from collections.abc import Callable, Mapping
from typing import Any

from services.rapid_care.commands import (
    AcceptResponse,
    AgreePackage,
    AnswerCall,
    AssignClinician,
    CloseResponse,
    DeclineResponse,
    Depart,
    HandBackResponse,
    RecordAssessment,
    RecordFirstContact,
    StepDownResponse,
)
from services.rapid_care.domain.response import RESPONSE, UNFINISHED, Response, Status
from shared.kernel.state_table import Trigger
from shared.kernel.totality import total

#: States of an unfinished response that was accepted.
_ACCEPTED = tuple(status for status in UNFINISHED if status not in RESPONSE[AcceptResponse].sources)


def _has_assessed(response: Response, command: RecordAssessment, _: bool) -> bool:  # noqa: FBT001  every entry has the same form
    stated = (command.health_needs, command.social_needs)
    return response.status is Status.ASSESSED and (response.health_needs, response.social_needs) == stated


def _has_visited(response: Response, command: RecordFirstContact, is_stale: bool) -> bool:  # noqa: FBT001  every entry has the same form
    is_visit = (response.visited_at, response.contact_mode) == (command.contacted_at, command.mode)
    return is_stale and is_visit and command.clinician_id in {None, response.clinician_id}


#: Whether a command has been carried out, from the response, the command and whether its sender saw an older version.
_IS_DONE: Mapping[Trigger, Callable[[Response, Any, bool], bool]] = total(
    [trigger for trigger in RESPONSE if isinstance(trigger, type)],
    {
        AcceptResponse: lambda response, _, __: response.status in _ACCEPTED,
        DeclineResponse: lambda response, command, _: response.decline_reason is command.reason and response.status is Status.DECLINED,
        AssignClinician: lambda response, command, is_stale: (
            is_stale and response.clinician_id is not None and command.clinician_id in {None, response.clinician_id}
        ),
        HandBackResponse: lambda response, _, is_stale: is_stale and response.status in _ACCEPTED and response.clinician_id is None,
        Depart: lambda response, command, _: response.status is Status.EN_ROUTE and command.clinician_id in {None, response.clinician_id},
        RecordFirstContact: _has_visited,
        RecordAssessment: _has_assessed,
        AgreePackage: lambda response, command, is_stale: is_stale and response.package == command.items,
        StepDownResponse: lambda response, command, _: (
            response.status is Status.STEPPED_DOWN and response.stepped_down_to is command.destination
        ),
        CloseResponse: lambda response, command, _: response.outcome is command.outcome,
        AnswerCall: lambda response, _, is_stale: is_stale and response.call_repeated_at is not None and response.answer_by is None,
    },
)


def is_repeated(response: Response, command: object, version: int) -> bool:
    """Whether the command has been carried out. `version` is the one that its sender saw."""
    return _IS_DONE[type(command)](response, command, version < response.version)
