"""Work for navigators and case managers, from the events of other contexts.

The id of a task is derived from its origin, so that no task is created twice. Sources: Table 16, AC2, E11.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never
from uuid import UUID

from services.navigation.domain.policy import Policy
from shared.contracts.care_plans import PlanAction
from shared.contracts.codes import NAVIGATOR_ROLES, Locality, RiskLevel, Role, TaskKind, Urgency
from shared.contracts.mdt import Destination
from shared.contracts.navigation import TaskSource
from shared.contracts.referral_codes import Reason
from shared.contracts.referrals import ReferralRouted
from shared.kernel.ids import PersonId, derived_id


@dataclass(frozen=True, slots=True)
class WorkSource:
    """The origin of work: person, correlation id, source, occasion (the event's sequence) and the time of the event.

    Every occasion is separate work: a referral may return, and a risk may fall again.
    """

    person_id: PersonId
    correlation_id: UUID
    source: TaskSource
    source_id: UUID
    occasion: int
    happened_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """A task before it exists. `happened_at` is the time of the event that it comes from."""

    task_id: UUID
    person_id: PersonId
    correlation_id: UUID
    kind: TaskKind
    source: TaskSource
    source_id: UUID
    role: Role
    locality: Locality | None
    due_at: datetime
    action_id: UUID | None = None
    service_code: str | None = None
    referral_reason: Reason | None = None
    happened_at: datetime | None = None


def of_plan(origin: WorkSource, actions: Sequence[PlanAction], locality: Locality | None, policy: Policy) -> list[Work]:
    """The actions of a care plan that navigators and case managers own (001:10022-10023).

    An action with another role, kind or service is other work.
    """
    return [
        Work(
            task_id=derived_id(origin.source_id, action.action_id, action.kind, action.owner_role, action.service_code),
            person_id=origin.person_id,
            correlation_id=origin.correlation_id,
            kind=action.kind,
            source=origin.source,
            source_id=origin.source_id,
            role=action.owner_role,
            locality=locality,
            due_at=policy.due_on(action.due_on),
            action_id=action.action_id,
            service_code=action.service_code,
            happened_at=origin.happened_at,
        )
        for action in actions
        if action.owner_role in NAVIGATOR_ROLES
    ]


def of_referral(origin: WorkSource, routed: ReferralRouted, level: RiskLevel | None, now: datetime, policy: Policy) -> Work:
    """A referral routed here: information when it requests no more, else coordination (rows 11 and 18 of the triage table).

    Level 0 gets information only (navigation-6), unless the referral is urgent (G34).
    """
    match routed.urgency:
        case Urgency.URGENT:
            needs_only_information = routed.reason is Reason.INFORMATION
        case Urgency.ROUTINE:
            needs_only_information = routed.reason is Reason.INFORMATION or level is RiskLevel.LOW
        case Urgency.ADVICE:
            needs_only_information = True
        case _:
            assert_never(routed.urgency)
    kind = TaskKind.PROVIDE_INFORMATION if needs_only_information else TaskKind.CARE_COORDINATION
    return replace(_due_as_usual(origin, kind, routed.locality, now, policy), referral_reason=routed.reason)


def of_step_down(origin: WorkSource, locality: Locality | None, now: datetime, policy: Policy) -> Work:
    """A check that the person is well after a crisis (AC8)."""
    return _due_as_usual(origin, TaskKind.FOLLOW_UP_CHECK, locality, now, policy)


def of_case(origin: WorkSource, locality: Locality | None, now: datetime, policy: Policy) -> Work:
    """Coordination for a person whom the meeting hands to navigation."""
    return _due_as_usual(origin, TaskKind.CARE_COORDINATION, locality, now, policy)


def of_destination(origin: WorkSource, destination: Destination, locality: Locality | None, now: datetime, policy: Policy) -> Work:
    """Arranges the destination of a person without a referral: no wrong door (E11). `service_code` is the destination."""
    work = of_case(origin, locality, now, policy)
    match destination:
        case Destination.NAVIGATION:
            return work
        case Destination.RAPID_CARE:
            return replace(work, service_code=destination.value, due_at=now + policy.rapid_care_within)
        case Destination.INTEGRATED_LOCALITY_TEAM | Destination.GP | Destination.COMMUNITY_NURSING:
            return replace(work, service_code=destination.value)
        case _:
            assert_never(destination)


def of_low_risk(origin: WorkSource, locality: Locality | None, now: datetime, policy: Policy) -> Work:
    """Information for a person at level 0, who has no care plan (Table 16)."""
    return _due_as_usual(origin, TaskKind.PROVIDE_INFORMATION, locality, now, policy)


def of_change_of_lead(origin: WorkSource, locality: Locality | None, now: datetime, policy: Policy) -> Work:
    """Informs person and family of a new accountable lead (AC2, AC12)."""
    return _due_as_usual(origin, TaskKind.INFORM_PERSON_AND_FAMILY, locality, now, policy)


def of_home_check(origin: WorkSource, locality: Locality | None, now: datetime, policy: Policy) -> Work:
    """A check whether the person is still at home, 91 days after the discharge (T11)."""
    return _due_as_usual(origin, TaskKind.FOLLOW_UP_CHECK, locality, now, policy)


def of_bereavement(origin: WorkSource, locality: Locality | None, now: datetime, policy: Policy) -> Work:
    """Support for the carer or family of a person who died (G39): one task for each recorded death, whatever it arrives with."""
    work = _due_as_usual(origin, TaskKind.BEREAVEMENT_SUPPORT, locality, now, policy)
    return replace(work, task_id=derived_id(origin.source, origin.source_id, work.kind, origin.happened_at))


def _due_as_usual(origin: WorkSource, kind: TaskKind, locality: Locality | None, now: datetime, policy: Policy) -> Work:
    return Work(
        task_id=derived_id(origin.source, origin.source_id, kind, origin.occasion),
        person_id=origin.person_id,
        correlation_id=origin.correlation_id,
        kind=kind,
        source=origin.source,
        source_id=origin.source_id,
        role=Role.CARE_NAVIGATOR,
        locality=locality,
        due_at=policy.due_from(now),
        happened_at=origin.happened_at,
    )
