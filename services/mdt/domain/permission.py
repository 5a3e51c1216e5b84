"""The commands that a caller may send: what the state permits, and the caller's scopes, organisation and part in the person's care.

`GET .../actions` answers with exactly these. A command that is not among them is refused, or changes nothing; one that is among them may
still be refused for a value of its body.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from enum import StrEnum

from services.mdt.commands import (
    AcceptLead,
    AgreePlan,
    CancelMeeting,
    CloseCase,
    DeclineLead,
    DeclinePlan,
    DeferCase,
    DiscussCase,
    FulfilAction,
    HandOverLead,
    HoldMeeting,
    RequestReview,
    ScreenCase,
    ScreenFinding,
    StepDownCase,
)
from services.mdt.domain import access
from services.mdt.domain.access import COORDINATE, DECIDE, require_member
from services.mdt.domain.care_plan import CARE_PLAN, CarePlan, require_open_action
from services.mdt.domain.case import CASE, Case, require_deferrable, require_met
from services.mdt.domain.lead import LEAD, Lead, require_lead, require_lead_or_stand_in, require_own
from services.mdt.domain.meeting import MEETING, Meeting, require_begun
from services.mdt.domain.policy import Policy
from services.mdt.domain.risk import RISK, Risk
from shared.kernel.actor import Actor, Professional
from shared.kernel.state_table import Transitions, offered_commands
from shared.kernel.totality import total

#: The scopes of each command, of which its caller has one; tests compare them with the routes.
SCOPES: Mapping[type, frozenset[str]] = total(
    [trigger for table in (MEETING, CASE, CARE_PLAN, LEAD, RISK) for trigger in table if isinstance(trigger, type)],
    {
        **dict.fromkeys((HoldMeeting, CancelMeeting, ScreenCase, DeferCase, ScreenFinding), frozenset({COORDINATE})),
        **dict.fromkeys((DiscussCase, StepDownCase, CloseCase, AgreePlan, DeclinePlan, RequestReview), frozenset({DECIDE})),
        **dict.fromkeys((FulfilAction, AcceptLead, DeclineLead), frozenset({access.LEAD})),
        HandOverLead: frozenset({access.LEAD, COORDINATE}),
    },
)
#: The refusals of a command for another reason than its status.
Guards = Mapping[type, Callable[[], None]]


def meeting_commands(meeting: Meeting, actor: Actor, now: datetime, policy: Policy) -> list[type]:
    return _offered(meeting.status, MEETING, actor, policy, {HoldMeeting: lambda: require_begun(meeting, now)})


def case_commands(case: Case, meetings: Iterable[Meeting], actor: Actor, policy: Policy) -> list[type]:
    """`meetings`: the one that the case is listed for, and the one that it moved on from."""
    guards = {DeferCase: lambda: require_deferrable(case, policy), DiscussCase: lambda: require_met(case, meetings)}
    return _offered(case.status, CASE, actor, policy, guards)


def plan_commands(plan: CarePlan, lead: Professional | None, actor: Actor, policy: Policy) -> list[type]:
    """`lead`: the person's active lead."""

    def fulfil() -> None:
        require_lead(lead, actor)
        require_open_action(plan)

    return _offered(plan.status, CARE_PLAN, actor, policy, {FulfilAction: fulfil})


def lead_commands(lead: Lead, actor: Actor, policy: Policy) -> list[type]:
    guards = dict.fromkeys((AcceptLead, DeclineLead), lambda: require_own(lead, actor))
    guards[HandOverLead] = lambda: require_lead_or_stand_in(lead, actor, policy)
    return _offered(lead.status, LEAD, actor, policy, guards)


def finding_commands(risk: Risk, actor: Actor, policy: Policy) -> list[type]:
    return _offered(risk.status, RISK, actor, policy, {ScreenFinding: lambda: risk.imported_by.require_another(actor, risk.person_id)})


def _offered(status: StrEnum, table: Transitions, actor: Actor, policy: Policy, guards: Guards | None = None) -> list[type]:
    def require(command: type) -> None:
        if access.LEAD not in SCOPES[command]:
            require_member(actor, policy)
        if guards and command in guards:
            guards[command]()

    return [command for command in offered_commands(status, table, require) if not actor.scopes.isdisjoint(SCOPES[command])]
