"""The two-hour response: who goes, by when, and whether they made it.

Pure: values in, a Decision out; instants and ids are inputs. Sources: domain.md §5.3, T1, T2, G02, G04, G05, G21, G53.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

from services.rapid_care.commands import (
    AcceptResponse,
    AgreePackage,
    AssignClinician,
    CloseResponse,
    DeclineResponse,
    LeaveForPerson,
    RecordAssessment,
    RecordFirstContact,
    StepDownResponse,
)
from shared.contracts.codes import Condition, Locality, StepDown
from shared.contracts.rapid_care import (
    ContactMode,
    DeclineReason,
    Need,
    PackageItem,
    ResponseAccepted,
    ResponseAssessed,
    ResponseAssigned,
    ResponseAtRisk,
    ResponseBreachCleared,
    ResponseBreached,
    ResponseClosed,
    ResponseContacted,
    ResponseDeclined,
    ResponseEnRoute,
    ResponseEscalated,
    ResponseHeldUntilOpening,
    ResponseOutcome,
    ResponsePackageAgreed,
    ResponseRequested,
    ResponseSteppedDown,
    Skill,
)
from shared.contracts.referrals import ReferralRouted
from shared.kernel.decision import Deadline, Decision
from shared.kernel.errors import NotFound, RuleBroken
from shared.kernel.ids import PersonId
from shared.kernel.transitions import Transitions, require, transition


@dataclass(frozen=True, slots=True)
class Policy:
    """The numbers of Rapid Care, each from domain.md §2.13; a deployment may set others."""

    opens: time = time(7)
    closes: time = time(22)
    timezone: str = "Europe/London"
    response_target: timedelta = timedelta(hours=2)
    at_risk_after: tuple[timedelta, ...] = (timedelta(minutes=60), timedelta(minutes=90), timedelta(minutes=110))
    pounds_per_avoided_admission: int = 2004
    organisation: str = "CLCH"


class Status(StrEnum):
    HELD = "held-until-opening"
    REQUESTED = "requested"
    ACCEPTED = "accepted"
    ASSIGNED = "assigned"
    EN_ROUTE = "en-route"
    CONTACTED = "contacted"
    ASSESSED = "assessed"
    PACKAGE_AGREED = "package-agreed"
    STEPPED_DOWN = "stepped-down"
    ESCALATED = "escalated"
    DECLINED = "declined"
    CLOSED = "closed"


class Due(StrEnum):
    """Deadlines of a response."""

    OPENING = "opening"
    AT_RISK = "at-risk"
    BREACH = "breach"


@dataclass(frozen=True, slots=True)
class Response:
    """One promise to reach one person by `due_at`."""

    id: UUID
    person_id: PersonId
    referral_id: UUID
    correlation_id: UUID
    status: Status
    condition: Condition
    locality: Locality
    received_at: datetime
    clock_starts_at: datetime
    due_at: datetime
    clinician_id: str | None = None
    contacted_at: datetime | None = None
    contact_mode: ContactMode | None = None
    breached_at: datetime | None = None
    health_needs: tuple[Need, ...] = ()
    social_needs: tuple[Need, ...] = ()
    package: tuple[PackageItem, ...] = ()
    stepped_down_to: StepDown | None = None
    outcome: ResponseOutcome | None = None
    version: int = 0


@dataclass(frozen=True, slots=True)
class Clinician:
    """Somebody on the roster, known by a code."""

    id: str
    skills: tuple[Skill, ...]
    is_on_duty: bool


@dataclass(frozen=True, slots=True)
class CrisisPlan:
    """Which version of which care plan was shown with an assignment."""

    care_plan_id: UUID
    plan_version: int


class ResponseNotFound(NotFound):
    code = "response-not-found"


class ContactInFuture(RuleBroken):
    code = "contact-in-future"
    advice = "State the time at which the person was reached; it cannot lie ahead."


class ContactBeforeReceipt(RuleBroken):
    code = "contact-before-receipt"
    advice = "State the time at which the person was reached after the referral was received."


class SkillMissing(RuleBroken):
    code = "skill-missing"
    advice = "Assign a clinician on duty with the skill that the condition needs."


class OutcomeDoesNotFit(RuleBroken):
    code = "outcome-does-not-fit"
    advice = "Only a person who was seen can have an avoided admission."


_WAITING = (Status.REQUESTED, Status.ACCEPTED, Status.ASSIGNED, Status.EN_ROUTE)
_SEEN = (Status.CONTACTED, Status.ASSESSED, Status.PACKAGE_AGREED)

#: Who may follow what. Guards the commands, answers `GET .../actions`, and is printed (and tested) as docs/states/rapid_care.md.
RESPONSE: Transitions = {
    AcceptResponse: transition((Status.HELD, Status.REQUESTED), Status.ACCEPTED, ResponseAccepted),
    DeclineResponse: transition((Status.HELD, Status.REQUESTED, Status.ACCEPTED), Status.DECLINED, ResponseDeclined),
    AssignClinician: transition((Status.ACCEPTED, Status.ASSIGNED, Status.EN_ROUTE), Status.ASSIGNED, ResponseAssigned),
    LeaveForPerson: transition(Status.ASSIGNED, Status.EN_ROUTE, ResponseEnRoute),
    RecordFirstContact: transition((Status.ASSIGNED, Status.EN_ROUTE), Status.CONTACTED, ResponseContacted, ResponseBreachCleared),
    RecordAssessment: transition(Status.CONTACTED, Status.ASSESSED, ResponseAssessed),
    AgreePackage: transition((Status.ASSESSED, Status.PACKAGE_AGREED), Status.PACKAGE_AGREED, ResponsePackageAgreed),
    StepDownResponse: transition((Status.ASSESSED, Status.PACKAGE_AGREED), Status.STEPPED_DOWN, ResponseSteppedDown),
    CloseResponse: transition((*_SEEN, Status.STEPPED_DOWN), (Status.CLOSED, Status.ESCALATED), ResponseClosed, ResponseEscalated),
    Due.OPENING: transition(Status.HELD, Status.REQUESTED, ResponseRequested),
    Due.AT_RISK: transition(_WAITING, (), ResponseAtRisk),
    Due.BREACH: transition(_WAITING, (), ResponseBreached),
}


def request(routed: ReferralRouted, *, response_id: UUID, person_id: PersonId, referral_id: UUID, policy: Policy) -> Decision[Response]:
    """A referral routed here becomes a response whose clock started when the referral was received (G02).

    Received in closed hours it is held, and the clock starts at the next opening (G04, T1).
    """
    starts_at = next_opening(routed.clock_starts_at, policy)
    response = Response(
        id=response_id,
        person_id=person_id,
        referral_id=referral_id,
        correlation_id=referral_id,
        status=Status.REQUESTED,
        condition=routed.condition or Condition.OTHER,
        locality=routed.locality,
        received_at=routed.received_at,
        clock_starts_at=starts_at,
        due_at=starts_at + policy.response_target,
    )
    if starts_at == routed.clock_starts_at:
        return Decision(response, [_requested(response, policy)], _clock(response, policy))
    held = ResponseHeldUntilOpening(
        referral_id=referral_id,
        condition=response.condition,
        received_at=response.received_at,
        opens_at=starts_at,
        due_at=response.due_at,
        locality=response.locality,
    )
    return Decision(replace(response, status=Status.HELD), [held], [Deadline(Due.OPENING, starts_at), *_clock(response, policy)])


def open_held(response: Response, policy: Policy) -> Decision[Response]:
    """The service opens: what was held is requested now."""
    require(response.status, Due.OPENING, RESPONSE)
    return Decision(replace(response, status=Status.REQUESTED), [_requested(response, policy)])


def accept(response: Response, now: datetime) -> Decision[Response]:
    """Rapid Care takes it; the clock runs on."""
    require(response.status, AcceptResponse, RESPONSE)
    event = ResponseAccepted(referral_id=response.referral_id, accepted_at=now, due_at=response.due_at)
    return Decision(replace(response, status=Status.ACCEPTED), [event], cancels=[Due.OPENING])


def decline(response: Response, command: DeclineResponse) -> Decision[Response]:
    """Back to the Community Point of Access, which keeps the person and must route them elsewhere (G43)."""
    require(response.status, DeclineResponse, RESPONSE)
    event = ResponseDeclined(referral_id=response.referral_id, reason=DeclineReason(command.reason))
    return Decision(replace(response, status=Status.DECLINED), [event], cancels=list(Due))


def record_first_contact(response: Response, command: RecordFirstContact, now: datetime) -> Decision[Response]:
    """Stops the clock at the time that the clinician states (G05).

    A contact exactly at the deadline is met (T2); one written up late but made in time clears a breach (G53).
    Raises IllegalTransition, ContactInFuture, ContactBeforeReceipt.
    """
    require(response.status, RecordFirstContact, RESPONSE)
    if command.contacted_at > now:
        raise ContactInFuture("The contact lies in the future.")
    if command.contacted_at < response.received_at:
        raise ContactBeforeReceipt("The contact lies before the referral was received.")
    is_met = command.contacted_at <= response.due_at
    contacted = replace(response, status=Status.CONTACTED, contacted_at=command.contacted_at, contact_mode=command.mode)
    events: list[ResponseContacted | ResponseBreachCleared] = [
        ResponseContacted(contacted_at=command.contacted_at, due_at=response.due_at, is_met=is_met, mode=command.mode)
    ]
    if is_met and response.breached_at:
        events.append(ResponseBreachCleared(breached_at=response.breached_at, contacted_at=command.contacted_at))
        contacted = replace(contacted, breached_at=None)
    return Decision(contacted, events, cancels=[Due.AT_RISK, Due.BREACH])


def warn(response: Response, due_at: datetime) -> Decision[Response]:
    """So many minutes of the clock have gone and nobody has reached the person."""
    require(response.status, Due.AT_RISK, RESPONSE)
    elapsed = round((due_at - response.clock_starts_at) / timedelta(minutes=1))
    return Decision(response, [ResponseAtRisk(minutes_elapsed=elapsed, due_at=response.due_at)])


def judge_deadline(response: Response, due_at: datetime) -> Decision[Response]:
    """The first instant after `due_at` came without a contact."""
    require(response.status, Due.BREACH, RESPONSE)
    return Decision(replace(response, breached_at=due_at), [ResponseBreached(due_at=response.due_at)])


def next_opening(instant: datetime, policy: Policy) -> datetime:
    """`instant` itself in opening hours, else the next opening: 07:00 to 22:00 London time, every day (T1, 001:6510-6512)."""
    local = instant.astimezone(ZoneInfo(policy.timezone))
    if policy.opens <= local.time() < policy.closes:
        return instant
    day = local.date() + timedelta(days=local.time() >= policy.closes)
    return datetime.combine(day, policy.opens, ZoneInfo(policy.timezone)).astimezone(UTC)


def _requested(response: Response, policy: Policy) -> ResponseRequested:
    local = response.clock_starts_at.astimezone(ZoneInfo(policy.timezone))
    closes_at = datetime.combine(local.date(), policy.closes, local.tzinfo)
    return ResponseRequested(
        referral_id=response.referral_id,
        condition=response.condition,
        received_at=response.received_at,
        clock_starts_at=response.clock_starts_at,
        due_at=response.due_at,
        crosses_close=response.due_at > closes_at,
        locality=response.locality,
    )


def _clock(response: Response, policy: Policy) -> list[Deadline]:
    warnings = [Deadline(Due.AT_RISK, response.clock_starts_at + elapsed) for elapsed in policy.at_risk_after]
    return [*warnings, Deadline(Due.BREACH, response.due_at + timedelta(microseconds=1))]
