"""The owner of a response, and the steps that it awaits. No unfinished response waits without a deadline.

`advance` compares a response before and after a change: a step that begins to be awaited gets its deadline, and a step that is taken or no
longer awaited loses it. When a deadline passes, `remind` publishes the overdue step, flags the response for the coordinator's work list and
sets the deadline again.

| response | awaits | until |
|---|---|---|
| held | the opening | the service opens |
| requested | the acceptance; a warning and the breach of the clock | a coordinator accepts or declines |
| accepted, or in care, without a clinician | `assignment` | a coordinator assigns a clinician |
| breached before the contact | `contact` | a clinician visits |
| contacted without access, or waiting on a clock that an earlier visit stopped | `next-attempt` | a clinician visits or closes |
| with an unanswered call | `answer-to-call` | Rapid Care answers the call |
| in care | `care` | the next step of care |
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from services.rapid_care.domain.access import COORDINATE, RESPOND
from services.rapid_care.domain.policy import Policy
from services.rapid_care.domain.response import IN_CARE, RESPONSE, UNFINISHED, WAITING, Response, ResponseDeadline, Status, is_unseen
from shared.contracts.rapid_care import OverdueStep, ResponseOverdue
from shared.kernel.decision import Deadline, Decision
from shared.kernel.errors import IllegalTransition
from shared.kernel.ownership import Desk, Owners, owned
from shared.kernel.state_table import require_transition
from shared.kernel.totality import total


class Owner(StrEnum):
    """The work list that shows an unfinished response: that of its clinician, or that of the coordinators of Rapid Care."""

    CLINICIAN = "clinician"
    COORDINATOR = "coordinator"


#: The deadline of each step, and the step of such a deadline.
DEADLINE_OF: Mapping[OverdueStep, ResponseDeadline] = total(
    OverdueStep,
    {
        OverdueStep.ASSIGNMENT: ResponseDeadline.ASSIGNMENT,
        OverdueStep.CONTACT: ResponseDeadline.CONTACT,
        OverdueStep.NEXT_ATTEMPT: ResponseDeadline.NEXT_ATTEMPT,
        OverdueStep.ANSWER_TO_CALL: ResponseDeadline.CALL,
        OverdueStep.CARE: ResponseDeadline.CARE,
    },
)
STEP_OF: Mapping[str, OverdueStep] = {deadline.value: step for step, deadline in DEADLINE_OF.items()}


_COORDINATOR = Desk("coordinator of Rapid Care", "list_responses", COORDINATE, query="status=open")
_CLINICIAN = Desk("clinician of the response", "list_responses", RESPOND, query="status=open")
_UNTIL_CONTACT = (ResponseDeadline.AT_RISK, ResponseDeadline.BREACH, ResponseDeadline.CONTACT, ResponseDeadline.NEXT_ATTEMPT)

#: The owner of each state. A response in care that has lost its clinician is the coordinator's, with the deadline `assignment`.
RESPONSE_OWNERS: Owners = total(
    Status,
    {
        Status.HELD: owned(_COORDINATOR, ResponseDeadline.OPENING),
        Status.REQUESTED: owned(_COORDINATOR, *_UNTIL_CONTACT),
        Status.ACCEPTED: owned(_COORDINATOR, ResponseDeadline.ASSIGNMENT),
        Status.ASSIGNED: owned(_CLINICIAN, *_UNTIL_CONTACT),
        Status.EN_ROUTE: owned(_CLINICIAN, *_UNTIL_CONTACT),
        Status.CONTACTED: owned(_CLINICIAN, ResponseDeadline.CARE, ResponseDeadline.NEXT_ATTEMPT),
        Status.ASSESSED: owned(_CLINICIAN, ResponseDeadline.CARE),
        Status.PACKAGE_AGREED: owned(_CLINICIAN, ResponseDeadline.CARE),
        Status.STEPPED_DOWN: owned(_CLINICIAN, ResponseDeadline.CARE),
        Status.ESCALATED: None,
        Status.DECLINED: None,
        Status.CANCELLED: None,
        Status.CLOSED: None,
    },
)


def is_unassigned(response: Response) -> bool:
    """Whether the response is accepted or in care, and no clinician has it."""
    return response.clinician_id is None and (response.status is Status.ACCEPTED or response.status in IN_CARE)


def _awaits_contact(response: Response) -> bool:
    return response.status in WAITING and response.breached_at is not None and response.contacted_at is None


def _awaits_next_attempt(response: Response) -> bool:
    return response.contacted_at is not None and is_unseen(response) and response.status in UNFINISHED


_IS_AWAITED: Mapping[OverdueStep, Callable[[Response], bool]] = total(
    OverdueStep,
    {
        OverdueStep.ASSIGNMENT: is_unassigned,
        OverdueStep.CONTACT: _awaits_contact,
        OverdueStep.NEXT_ATTEMPT: _awaits_next_attempt,
        OverdueStep.ANSWER_TO_CALL: lambda response: response.status in UNFINISHED and response.answer_by is not None,
        OverdueStep.CARE: lambda response: response.status in IN_CARE and not _awaits_next_attempt(response),
    },
)


def owner_of(response: Response) -> Owner | None:
    """None after the end of the response."""
    if response.status not in UNFINISHED:
        return None
    return Owner.CLINICIAN if response.clinician_id is not None else Owner.COORDINATOR


def awaited(response: Response | None) -> list[OverdueStep]:
    """The steps that the response awaits now; none before it exists and after its end."""
    return [step for step, is_awaited in _IS_AWAITED.items() if response is not None and is_awaited(response)]


def advance(
    before: Response | None, decision: Decision[Response], policy: Policy, now: datetime, *, takes: OverdueStep | None = None
) -> Decision[Response]:
    """The decision with the deadlines of the steps that begin or end by it. A step that it `takes` begins again while it is awaited."""
    steps, earlier = awaited(decision.state), awaited(before)
    ended = [step for step in earlier if step not in steps or step is takes]
    begun = [step for step in steps if step not in earlier or step is takes]
    state = _unflagged(decision.state) if decision.state.overdue_step in ended else decision.state
    deadlines = [Deadline(DEADLINE_OF[step], _due_at(step, state, policy, now)) for step in begun]
    cancels = [DEADLINE_OF[step] for step in ended]
    return Decision(state, decision.events, [*decision.deadlines, *deadlines], [*decision.cancels, *cancels])


def remind(response: Response, step: OverdueStep, due_at: datetime, policy: Policy, now: datetime) -> Decision[Response]:
    """The step was due at `due_at`. The flag stays with the step that became overdue first.

    Raises IllegalTransition when the response no longer awaits the step.
    """
    require_transition(response.status, DEADLINE_OF[step], RESPONSE)
    if step not in awaited(response):
        raise IllegalTransition(DEADLINE_OF[step], response.status)
    flagged = response if response.overdue_step else replace(response, overdue_step=step, overdue_since=due_at)
    event = ResponseOverdue(referral_id=response.referral_id, step=step, due_at=due_at, routing=response.routing)
    return Decision(flagged, [event], [Deadline(DEADLINE_OF[step], now + _interval(step, response, policy))])


def ended(response: Response, status: Status, now: datetime) -> Response:
    """The response after its end, which no step follows."""
    return replace(_unflagged(response), status=status, ended_at=now)


def _unflagged(response: Response) -> Response:
    return replace(response, overdue_step=None, overdue_since=None)


def _due_at(step: OverdueStep, response: Response, policy: Policy, now: datetime) -> datetime:
    """When a step that begins now is due: an assignment not before the clock starts, an answer to a call when it was promised."""
    if step is OverdueStep.ANSWER_TO_CALL and response.answer_by is not None:
        return max(now, response.answer_by)
    begins = max(now, response.clock_starts_at) if step is OverdueStep.ASSIGNMENT else now
    return begins + _interval(step, response, policy)


def _interval(step: OverdueStep, response: Response, policy: Policy) -> timedelta:
    match step:
        case OverdueStep.ASSIGNMENT:
            return policy.reassigned_in_care_within if response.status in IN_CARE else policy.assigned_within
        case OverdueStep.CONTACT:
            return policy.contact_chased_every
        case OverdueStep.NEXT_ATTEMPT:
            return policy.attempted_again_within
        case OverdueStep.ANSWER_TO_CALL:
            return policy.call_chased_every
        case OverdueStep.CARE:
            return policy.care_continued_within
        case _:
            assert_never(step)
