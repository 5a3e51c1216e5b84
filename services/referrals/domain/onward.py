"""Onward referrals: a service of this product asks another service of the directory to continue the care.

One hand-over: the request is a referral like every other. It has the correlation id and the received time of the referral that began
the chain, and the person's stored story. The clinician of the asking service has decided on it, so it goes to the named service at once.
If that is not possible, it lies at the Community Point of Access, marked why.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from services.referrals.commands import RouteReferral
from services.referrals.domain import deadlines, routing
from services.referrals.domain.directory import PracticeUnconfirmed, Service
from services.referrals.domain.life import LifeStatus
from services.referrals.domain.person import Person, lacks_story
from services.referrals.domain.policy import Policy
from services.referrals.domain.referral import TRIAGED, OnwardObstacle, Referral, Status
from shared.contracts.codes import IS_URGENT, STEP_DOWN_SERVICES, Locality, StepDown, Urgency
from shared.contracts.event import Event
from shared.contracts.practices import UNKNOWN_PRACTICE, Practice
from shared.contracts.referral_codes import AskingService, OnwardRequest, Reason, Source
from shared.contracts.referrals import OnwardOf, ReferralIdentified, ReferralIdentityUnverified, ReferralReceived, ReferralTriaged
from shared.kernel.decision import Decision
from shared.kernel.errors import RuleBroken
from shared.kernel.ids import PersonId, derived_id
from shared.kernel.totality import total


@dataclass(frozen=True, slots=True)
class Request:
    """A request to one service of the directory. `number` counts the requests of one event."""

    kind: OnwardRequest
    service_code: str
    reason: Reason
    urgency: Urgency = Urgency.ROUTINE
    number: int = 0


@dataclass(frozen=True, slots=True)
class Requester:
    """The asking service and the person: the event that causes the onward referral, with the practice and locality that it states."""

    cause_id: UUID
    service: AskingService
    subject_id: UUID
    organisation: str
    person_id: PersonId
    correlation_id: UUID
    asked_at: datetime
    locality: Locality | None
    practice_code: str | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """Facts of the store: the referral that began the chain, the person's record and practice, and the named service of today."""

    reference: str
    origin: Referral | None
    person: Person | None
    practice: Practice | None
    service: Service | None
    recorded_as: LifeStatus | None = None


_SOURCES: Mapping[AskingService, Source] = total(
    AskingService, {AskingService.RAPID_CARE: Source.RAPID_CARE, AskingService.MDT: Source.MDT}
)
#: The need that each step-down names; None: navigation creates its own task.
_REASONS: Mapping[StepDown, Reason | None] = total(
    StepDown,
    {
        StepDown.INTEGRATED_LOCALITY_TEAM: Reason.COMPLEX_NEEDS,
        StepDown.GP: Reason.OTHER,
        StepDown.NAVIGATION: None,
        StepDown.COMMUNITY_NURSING: Reason.COMMUNITY_NURSING,
    },
)


def of_step_down(destination: StepDown) -> Request | None:
    """The request of a step-down. None when navigation continues, which has its own task."""
    reason = _REASONS[destination]
    return Request(OnwardRequest.STEP_DOWN, STEP_DOWN_SERVICES[destination], reason) if reason else None


def id_of(request: Request, requester: Requester) -> UUID:
    """The id of the onward referral: the same for each delivery of the event."""
    return derived_id("referrals", "onward", requester.cause_id, request.number)


def refer(request: Request, requester: Requester, standing: Standing, *, now: datetime, policy: Policy) -> Decision[Referral]:
    """The onward referral, with the named service; or with the Community Point of Access, for triage within its usual time."""
    referral = _referral(request, requester, standing, now)
    begun = _begun(referral, standing)
    routed = _routed(referral, request, standing, now, policy)
    if isinstance(routed, OnwardObstacle):
        held = replace(referral, onward_obstacle=routed, suggestion=request.service_code)
        return deadlines.begin(held, begun, deadlines.triage_by(held, now, policy))
    triaged = ReferralTriaged(outcome=request.urgency, is_complex=routed.state.is_complex, triaged_at=now)
    return replace(routed, events=[*begun, triaged, *routed.events])


def _routed(referral: Referral, request: Request, standing: Standing, now: datetime, policy: Policy) -> Decision[Referral] | OnwardObstacle:
    """The referral as its receiver gets it, by the rules of every routing; or the reason against it."""
    person, service = standing.person, standing.service
    if standing.recorded_as is not None:
        return OnwardObstacle.PERSON_GONE
    if person is None:
        return OnwardObstacle.RECORD_ABSENT
    if service is None:
        return OnwardObstacle.SERVICE_ABSENT
    triaged = _triaged(referral, request, now)
    command = RouteReferral(service.route, service.code)
    try:
        return routing.route(triaged, command, service=service, person=person, practice=standing.practice, now=now, policy=policy)
    except PracticeUnconfirmed:
        return OnwardObstacle.PRACTICE_IN_DOUBT
    except RuleBroken:
        return OnwardObstacle.NOT_ELIGIBLE


def _triaged(referral: Referral, request: Request, now: datetime) -> Referral:
    """The decision of the asking clinician counts as the triage."""
    return replace(
        referral, status=TRIAGED[request.urgency], triaged_at=now, triaged_by=referral.source.value, triage_reason=request.kind.value
    )


def _begun(referral: Referral, standing: Standing) -> list[Event]:
    received = ReferralReceived(
        reference=referral.reference,
        source=referral.source,
        referrer_organisation=referral.referrer_organisation,
        reason=referral.reason,
        requested_urgency=referral.requested_urgency,
        received_at=referral.received_at,
        practice_code=referral.practice_code,
        locality=referral.locality,
        is_story_known=standing.person is not None and not lacks_story(standing.person),
        onward_of=referral.onward_of,
    )
    return [received, ReferralIdentified() if referral.is_identified else ReferralIdentityUnverified()]


def _referral(request: Request, requester: Requester, standing: Standing, now: datetime) -> Referral:
    """Before triage. Its clock starts now: an urgent need of today is not late because the chain began weeks ago.

    A person without a record has the pseudonym of a verified number.
    """
    origin, person = standing.origin, standing.person
    is_identified = person is None or person.nhs_number is not None
    return Referral(
        id=id_of(request, requester),
        person_id=requester.person_id,
        correlation_id=requester.correlation_id,
        reference=standing.reference,
        status=Status.IDENTIFIED if is_identified else Status.UNVERIFIED,
        source=_SOURCES[requester.service],
        reason=request.reason,
        condition=origin.condition if origin else None,
        requested_urgency=request.urgency,
        urgency=request.urgency,
        referrer_organisation=requester.organisation,
        practice_code=_practice_code(requester, standing),
        locality=standing.practice.locality if standing.practice else requester.locality,
        is_practice_covered=standing.practice is not None,
        is_identified=is_identified,
        received_at=origin.received_at if origin else requester.asked_at,
        clock_starts_at=now,
        was_urgent=IS_URGENT[request.urgency],
        person_is_recorded_as=standing.recorded_as,
        onward_of=OnwardOf(
            service=requester.service, subject_id=requester.subject_id, request=request.kind, reference=origin.reference if origin else None
        ),
    )


def _practice_code(requester: Requester, standing: Standing) -> str:
    """The practice of today, which may have taken over from the recorded one."""
    if standing.practice:
        return standing.practice.code
    return standing.person.practice_code if standing.person else requester.practice_code or UNKNOWN_PRACTICE
