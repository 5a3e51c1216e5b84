"""A person's case at the meeting: referral, screening, agenda, discussion, step-down, closure.

Invariant: an open case waits for screening, is on an agenda, or has a plan with a review date; it leaves with a destination.
Sources: E9, E11, G39, mdt-2, mdt-3, mdt-7, mdt-8; 001:10180-10181.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from services.mdt.commands import (
    ActionAgreed,
    CloseCase,
    DeferCase,
    DiscussCase,
    JointPlan,
    LeadProposal,
    ScreenCase,
    StepDownCase,
)
from services.mdt.domain import desks
from services.mdt.domain.care_plan import CarePlanDeadline
from services.mdt.domain.meeting import AgendaSlot, Meeting, MeetingDeadline, MeetingNotStarted, Slot, is_quorate, require_quorate
from services.mdt.domain.person_change import EndOfCare
from services.mdt.domain.policy import Policy
from services.mdt.domain.table_16 import Standing
from shared.contracts.codes import Locality, ScreeningOutcome
from shared.contracts.event import Event
from shared.contracts.mdt import (
    CaseClosed,
    CaseDeferred,
    CaseDiscussed,
    CaseListed,
    CaseRedirected,
    CaseReferralWithdrawn,
    CaseReferred,
    CaseReopened,
    CaseScreened,
    CaseSteppedDown,
)
from shared.kernel.date_limits import require_within
from shared.kernel.decision import Deadline, Decision
from shared.kernel.errors import InvalidField, NotFound, RuleBroken
from shared.kernel.ids import PersonId
from shared.kernel.ownership import Owners, owned
from shared.kernel.state_table import Transitions, require_transition, state_table, transition
from shared.kernel.totality import total


class Status(StrEnum):
    REFERRED = "referred"
    LISTED = "listed"
    ACTIVE = "active-management"
    STEPPED_DOWN = "stepped-down"
    REDIRECTED = "redirected"
    CLOSED = "closed"


class CaseDeadline(StrEnum):
    """The deadline of a case that is not screened."""

    SCREENING = "screening"


class Occurrence(StrEnum):
    """Changes of a case that no command makes."""

    REFERRED_AGAIN = "referred-again"
    REFERRAL_WITHDRAWN = "referral-withdrawn"
    REVIEW_DUE = "review-due"
    ROLLED_OVER = "rolled-over"
    KEPT_AS_URGENT = "kept-as-urgent"
    CARE_ENDED = "care-ended"
    CARE_RESTORED = "care-restored"
    PLAN_RESTORED = "plan-restored"


@dataclass(frozen=True, slots=True)
class Case:
    """One person's case; a person has at most one open case.

    `referral_ids` wait for a discussion; `discussed_in` is the meeting of the last discussion, `rolled_from` the meeting
    from whose agenda the case moved on undiscussed. A case that `ended` with a death or a move keeps its referrals, because that may be a
    mistake. `closed_at`: it was closed or redirected then.
    """

    id: UUID
    person_id: PersonId
    correlation_id: UUID
    status: Status
    practice_code: str
    locality: Locality | None
    is_urgent: bool
    referred_at: datetime
    referral_ids: tuple[UUID, ...] = ()
    needs_mental_health: bool = False
    meeting_id: UUID | None = None
    meeting_starts_at: datetime | None = None
    slot: Slot | None = None
    is_deferred: bool = False
    deferrals: int = 0
    discussed_in: UUID | None = None
    rolled_from: UUID | None = None
    care_plan_id: UUID | None = None
    ended: EndOfCare | None = None
    closed_at: datetime | None = None
    version: int = 0


@dataclass(frozen=True, slots=True)
class Agreement:
    """A complete discussion: plan, lead (None keeps the present one) and actions."""

    joint_plan: JointPlan
    lead: LeadProposal | None
    actions: tuple[ActionAgreed, ...]


class CaseNotFound(NotFound):
    """No case has this id."""

    code = "case-not-found"


class CaseAlreadyOpen(RuleBroken):
    """The person already has an open case; a person has one at a time."""

    code = "case-already-open"
    advice = "Read the person's open case; a review of case finding names it by the destination `open-case`."


class DeferredTooOften(RuleBroken):
    """The case has reached the configured number of deferrals."""

    code = "deferred-too-often"
    advice = "Discuss the case at this meeting, or close it with a reason."


class CaseNotOnAgenda(RuleBroken):
    """The case was not on the agenda of the meeting that is said to have discussed it."""

    code = "case-not-on-agenda"
    advice = "Name the meeting that the case is listed for, or the one that it was moved from."


class JointPlanMissing(InvalidField):
    """A discussion ends with a joint plan of health and social care (K10)."""

    code = "joint-plan-missing"
    advice = "Record the plan that health and social care agreed together."
    field = "joint_plan"


class LeadMissing(InvalidField):
    """A discussion ends with an accountable lead professional (AC7)."""

    code = "lead-missing"
    advice = "Name the accountable lead professional; the GP is the default."
    field = "lead"


class ActionMissing(InvalidField):
    """A discussion ends with at least one action (AC12)."""

    code = "action-missing"
    advice = "Record at least one action, each with an owner and a due day."
    field = "actions"


class ActionDueInPast(InvalidField):
    """The due day of an action lies before today."""

    code = "action-due-in-past"
    advice = "Set the due day of each action to today or later."


_WAITING = (Status.REFERRED, Status.LISTED)
_MANAGED = (Status.ACTIVE, Status.STEPPED_DOWN)

#: State table: guards the commands, answers `GET .../actions`, and is printed (and tested) as docs/states/mdt.md.
CASE: Transitions = state_table(
    {
        ScreenCase: transition(_WAITING, (Status.LISTED, Status.REDIRECTED), CaseScreened, CaseListed, CaseRedirected),
        DeferCase: transition(Status.LISTED, Status.LISTED, CaseDeferred, CaseListed),
        DiscussCase: transition(Status.LISTED, Status.ACTIVE, CaseDiscussed),
        StepDownCase: transition(Status.ACTIVE, Status.STEPPED_DOWN, CaseSteppedDown),
        CloseCase: transition((*_WAITING, *_MANAGED), Status.CLOSED, CaseClosed),
        CaseDeadline.SCREENING: transition(Status.REFERRED, ()),
        Occurrence.REFERRED_AGAIN: transition((*_WAITING, *_MANAGED), (*_WAITING,), CaseReferred, CaseListed),
        Occurrence.REFERRAL_WITHDRAWN: transition(_WAITING, (*_WAITING, Status.CLOSED), CaseReferralWithdrawn, CaseClosed),
        Occurrence.REVIEW_DUE: transition(_MANAGED, Status.LISTED, CaseListed),
        Occurrence.ROLLED_OVER: transition(Status.LISTED, Status.LISTED, CaseDeferred, CaseListed),
        Occurrence.KEPT_AS_URGENT: transition(Status.LISTED, Status.LISTED, CaseListed),
        Occurrence.CARE_ENDED: transition((*_WAITING, *_MANAGED), Status.CLOSED, CaseClosed),
        Occurrence.CARE_RESTORED: transition(Status.CLOSED, (*_WAITING, *_MANAGED), CaseReopened, CaseListed),
        Occurrence.PLAN_RESTORED: transition(_WAITING, Status.LISTED, CaseListed),
    },
    CaseDeadline,
    Occurrence,
)
#: The owner of each state. The meeting of a listed case has its deadline, and the plan that of a case under management.
CASE_OWNERS: Owners = total(
    Status,
    {
        Status.REFERRED: owned(desks.SCREENING, CaseDeadline.SCREENING),
        Status.LISTED: owned(desks.AGENDA, MeetingDeadline.ROLL_OVER, subject="meeting_id"),
        Status.ACTIVE: owned(desks.MEETING, CarePlanDeadline.REVIEW, CarePlanDeadline.REVIEW_REMINDER, subject="care_plan_id"),
        Status.STEPPED_DOWN: owned(desks.MEETING, CarePlanDeadline.REVIEW, CarePlanDeadline.REVIEW_REMINDER, subject="care_plan_id"),
        Status.REDIRECTED: None,
        Status.CLOSED: None,
    },
)
OPEN = tuple(status for status, ownership in CASE_OWNERS.items() if ownership)


def refer(case: Case, standing: Standing, *, screen_by: datetime) -> Decision[Case]:
    """A referral from the Community Point of Access, or case finding, refers a person to the meeting."""
    events = [_referred(case, standing, referral_id) for referral_id in case.referral_ids or (None,)]
    return Decision(case, events, [Deadline(CaseDeadline.SCREENING, screen_by)])


def refer_again(case: Case, referral_id: UUID, *, is_urgent: bool, standing: Standing, slot: AgendaSlot | None) -> Decision[Case]:
    """Adds a referral to the person's open case; one discussion answers both.

    A person with a plan needs no new screening and takes `slot`; a listed case takes an earlier `slot` when the new referral is urgent.
    """
    require_transition(case.status, Occurrence.REFERRED_AGAIN, CASE)
    chain = case.correlation_id if case.referral_ids else referral_id
    joined = replace(case, referral_ids=(*case.referral_ids, referral_id), is_urgent=case.is_urgent or is_urgent, correlation_id=chain)
    events: list[Event] = [_referred(joined, standing, referral_id)]
    if slot is not None:
        joined = with_slot(joined, slot)
    if joined.status is Status.LISTED:
        events += listed_events(joined, joined.referral_ids if slot else (referral_id,))
    return Decision(joined, events)


def list_eligible(case: Case, command: ScreenCase, slot: AgendaSlot) -> Decision[Case]:
    """Lists an eligible case on an agenda (E9); a listed one keeps its slot, or takes an urgent one that is earlier.

    Raises IllegalTransition.
    """
    require_transition(case.status, ScreenCase, CASE)
    is_urgent = case.is_urgent if command.is_urgent is None else command.is_urgent
    screened = replace(case, is_urgent=is_urgent, needs_mental_health=command.needs_mental_health)
    is_placed = case.status is Status.LISTED and not should_move(case, slot, is_urgent=is_urgent)
    listed = screened if is_placed else with_slot(screened, slot)
    events = [CaseScreened(outcome=ScreeningOutcome.ELIGIBLE), *listed_events(listed, case.referral_ids)]
    return Decision(listed, events, cancels=[CaseDeadline.SCREENING])


def defer(case: Case, command: DeferCase, slot: AgendaSlot, policy: Policy) -> Decision[Case]:
    """Moves the case to the next meeting, up to a number of times. Raises IllegalTransition, DeferredTooOften."""
    require_transition(case.status, DeferCase, CASE)
    require_deferrable(case, policy)
    return _move(replace(case, deferrals=case.deferrals + 1), command.reason, slot)


def require_deferrable(case: Case, policy: Policy) -> None:
    """Raises DeferredTooOften."""
    if case.deferrals >= policy.max_deferrals:
        raise DeferredTooOften(f"The case has been deferred {case.deferrals} times.")


def roll_over(case: Case, reason: str, slot: AgendaSlot) -> Decision[Case]:
    """Moves the case on after its meeting was cancelled, full, or over, with its priority; this does not count as a deferral (mdt-8)."""
    require_transition(case.status, Occurrence.ROLLED_OVER, CASE)
    return _move(replace(case, rolled_from=case.meeting_id), reason, slot)


def keep_as_urgent(case: Case) -> Decision[Case]:
    """Keeps the case in an urgent slot, because higher-ranked cases have the ordinary ones."""
    require_transition(case.status, Occurrence.KEPT_AS_URGENT, CASE)
    return Decision(replace(case, slot=Slot.URGENT), listed_events(case, case.referral_ids))


def meeting_of(case: Case, command: DiscussCase) -> UUID:
    """The meeting of the discussion: the one that the case is listed for, or, recorded late, the one that it moved on from.

    Raises IllegalTransition, CaseNotOnAgenda.
    """
    require_transition(case.status, DiscussCase, CASE)
    meeting_id = command.meeting_id or case.meeting_id
    if meeting_id is None or meeting_id not in {case.meeting_id, case.rolled_from}:
        raise CaseNotOnAgenda("The case was not on the agenda of that meeting.")
    return meeting_id


def require_met(case: Case, meetings: Iterable[Meeting]) -> None:
    """Requires that one of the meetings, of those that the case is or was listed for, may decide. Raises MeetingNotStarted."""
    if not any(is_quorate(meeting, needs_mental_health=case.needs_mental_health) for meeting in meetings):
        raise MeetingNotStarted("No meeting that may decide has the case on its agenda.")


def require_agreed(case: Case, command: DiscussCase, meeting: Meeting, *, has_lead: bool, now: datetime, policy: Policy) -> Agreement:
    """Requires a quorate meeting, a joint plan, a lead and at least one action (mdt-3). A present lead stays when none is named.

    Raises MeetingNotStarted, NotQuorate, JointPlanMissing, LeadMissing, ActionMissing, ActionDueInPast, DateOutOfLimits.
    """
    require_quorate(meeting, needs_mental_health=case.needs_mental_health)
    if command.joint_plan is None:
        raise JointPlanMissing("The discussion has no joint care plan.")
    if command.lead is None and not has_lead:
        raise LeadMissing("The discussion names no accountable lead professional.")
    if not command.actions:
        raise ActionMissing("The discussion has no action.")
    today = policy.day_of(now)
    if past := [f"actions.{number}.due_on" for number, action in enumerate(command.actions) if action.due_on < today]:
        raise ActionDueInPast("The due day of an action lies in the past.", *past)
    for number, action in enumerate(command.actions):
        require_within(f"actions.{number}.due_on", action.due_on, today, today + policy.actions_due_within)
    return Agreement(command.joint_plan, command.lead, command.actions)


def service_codes(command: DiscussCase) -> dict[str, str]:
    """The codes of the directory that the actions name, by field."""
    return {f"actions.{number}.service_code": action.service_code for number, action in enumerate(command.actions) if action.service_code}


def discuss(case: Case, *, meeting_id: UUID, care_plan_id: UUID, lead_id: UUID, actions: int) -> Decision[Case]:
    """The meeting agreed plan, lead and actions; the plan takes over the waiting referrals until the person answers."""
    require_transition(case.status, DiscussCase, CASE)
    facts = {"meeting_id": meeting_id, "care_plan_id": care_plan_id, "lead_id": lead_id, "actions": actions}
    events = [CaseDiscussed.model_validate({"referral_id": waiting, **facts}) for waiting in case.referral_ids or (None,)]
    discussed = replace(case, status=Status.ACTIVE, referral_ids=(), care_plan_id=care_plan_id, discussed_in=meeting_id)
    off = replace(discussed, meeting_id=None, meeting_starts_at=None, slot=None, rolled_from=None)
    return Decision(replace(off, is_urgent=False, is_deferred=False, deferrals=0), events)


def list_for_review(case: Case, slot: AgendaSlot) -> Decision[Case]:
    """Lists the case again, because its plan is due for review (G16)."""
    require_transition(case.status, Occurrence.REVIEW_DUE, CASE)
    listed = with_slot(case, slot)
    return Decision(listed, listed_events(listed, case.referral_ids))


def should_move(case: Case, slot: AgendaSlot, *, is_urgent: bool) -> bool:
    """Whether another referral changes the slot: always under a plan, and when it is urgent and the slot is earlier."""
    if case.status in _MANAGED:
        return True
    return is_urgent and case.meeting_starts_at is not None and slot.starts_at < case.meeting_starts_at


def require_unscreened(case: Case) -> None:
    """Raises IllegalTransition."""
    require_transition(case.status, CaseDeadline.SCREENING, CASE)


def step_down(case: Case, command: StepDownCase, *, practice_code: str, locality: Locality | None) -> Decision[Case]:
    """Another service continues, at the person's practice of today; the plan, its reviews and the lead stay."""
    require_transition(case.status, StepDownCase, CASE)
    stepped_down = CaseSteppedDown(destination=command.destination, practice_code=practice_code, locality=locality)
    return Decision(replace(case, status=Status.STEPPED_DOWN), [stepped_down])


def with_slot(case: Case, slot: AgendaSlot) -> Case:
    """The case on the agenda of a meeting."""
    return replace(case, status=Status.LISTED, meeting_id=slot.meeting_id, meeting_starts_at=slot.starts_at, slot=slot.slot)


def listed_events(case: Case, referral_ids: Sequence[UUID]) -> list[Event]:
    """One event for each referral, or one for a case without any."""
    facts = {"meeting_id": case.meeting_id, "meeting_starts_at": case.meeting_starts_at, "is_urgent": case.is_urgent}
    return [CaseListed.model_validate({"referral_id": waiting, **facts}) for waiting in referral_ids or (None,)]


def _referred(case: Case, standing: Standing, referral_id: UUID | None) -> CaseReferred:
    return CaseReferred(
        referral_id=referral_id, risk_level=standing.level, is_high_climber=standing.is_high_climber, is_urgent=case.is_urgent
    )


def _move(case: Case, reason: str, slot: AgendaSlot) -> Decision[Case]:
    deferred = CaseDeferred.model_validate({"reason": reason, "from_meeting_id": case.meeting_id})
    moved = replace(with_slot(case, slot), is_deferred=True)
    return Decision(moved, [deferred, *listed_events(moved, case.referral_ids)])
