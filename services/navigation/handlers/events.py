"""Tasks from events of referrals, rapid care and the weekly meeting, apart from care plans."""

from collections.abc import Mapping
from typing import assert_never
from uuid import UUID

from services.navigation.domain import work
from services.navigation.domain.work import WorkSource
from services.navigation.handlers.allocation import cancel_all, create_if_absent, origin_of, restore_from
from services.navigation.store.projections import drop_lead, is_known, lead_of, level_of, locality_of, project_lead, project_level
from services.navigation.store.tables import CHANGES, Tx, lock_allocation
from services.navigation.store.task import open_tasks_from
from shared.contracts.codes import Locality, RiskLevel, StepDown
from shared.contracts.envelope import Envelope
from shared.contracts.event import Event
from shared.contracts.mdt import (
    CaseRedirected,
    CaseSteppedDown,
    Destination,
    FindingDestination,
    LeadActivated,
    LeadEnded,
    LeadHandedOver,
    RiskHighClimberFound,
    RiskLevelCrossed,
    RiskScreened,
)
from shared.contracts.navigation import CancelReason, TaskSource
from shared.contracts.rapid_care import ResponseSteppedDown
from shared.contracts.referral_codes import CancelReason as ReferralCancelReason
from shared.contracts.referral_codes import Outcome, ReopenReason, Route
from shared.contracts.referrals import (
    ReferralCancelled,
    ReferralClosed,
    ReferralRecalled,
    ReferralReopened,
    ReferralReturned,
    ReferralRouted,
)
from shared.kernel.totality import total

_ENDED: dict[type[Event], CancelReason] = {
    ReferralReturned: CancelReason.REFERRAL_RETURNED,
    ReferralRecalled: CancelReason.REFERRAL_RECALLED,
}
#: The reason with which the task of a cancelled referral ends, and of a closed one: a death or move may be a mistake.
_CANCELLATIONS: Mapping[ReferralCancelReason, CancelReason] = total(
    ReferralCancelReason,
    {
        ReferralCancelReason.WITHDRAWN: CancelReason.REFERRAL_CANCELLED,
        ReferralCancelReason.SENT_IN_ERROR: CancelReason.REFERRAL_CANCELLED,
        ReferralCancelReason.DECLINED_BY_PERSON: CancelReason.REFERRAL_CANCELLED,
        ReferralCancelReason.MOVED_AWAY: CancelReason.PERSON_MOVED_AWAY,
        ReferralCancelReason.DIED: CancelReason.PERSON_DIED,
    },
)
#: The reason of a cancelled referral is an open code.
_BY_CODE = {code.value: reason for code, reason in _CANCELLATIONS.items()}
_OUTCOMES: Mapping[Outcome, CancelReason] = total(
    Outcome,
    {
        Outcome.ADMISSION_AVOIDED: CancelReason.REFERRAL_CLOSED,
        Outcome.ADMITTED: CancelReason.REFERRAL_CLOSED,
        Outcome.NEED_MET: CancelReason.REFERRAL_CLOSED,
        Outcome.ADVICE_GIVEN: CancelReason.REFERRAL_CLOSED,
        Outcome.CARE_PLAN_AGREED: CancelReason.REFERRAL_CLOSED,
        Outcome.SIGNPOSTED: CancelReason.REFERRAL_CLOSED,
        Outcome.NOT_ACUTE: CancelReason.REFERRAL_CLOSED,
        Outcome.INAPPROPRIATE: CancelReason.REFERRAL_CLOSED,
        Outcome.NOT_NEEDED: CancelReason.REFERRAL_CLOSED,
        Outcome.OTHER_SERVICE_INVOLVED: CancelReason.REFERRAL_CLOSED,
        Outcome.NO_ACCESS: CancelReason.REFERRAL_CLOSED,
        Outcome.DECLINED_BY_PERSON: CancelReason.REFERRAL_CLOSED,
        Outcome.DIED: CancelReason.PERSON_DIED,
        Outcome.MOVED_AWAY: CancelReason.PERSON_MOVED_AWAY,
        Outcome.REDIRECTED_TO_EMERGENCY: CancelReason.REFERRAL_CLOSED,
    },
)

#: The destinations of case finding for which a navigator arranges care; None: the meeting has a case, or a watching brief.
_ARRANGED: Mapping[FindingDestination, Destination | None] = total(
    FindingDestination,
    {
        FindingDestination.MDT: None,
        FindingDestination.OPEN_CASE: None,
        FindingDestination.INTEGRATED_LOCALITY_TEAM: Destination.INTEGRATED_LOCALITY_TEAM,
        FindingDestination.NAVIGATION: Destination.NAVIGATION,
        FindingDestination.GP: Destination.GP,
        FindingDestination.WATCHING_BRIEF: None,
    },
)


async def on_referral_routed(event: ReferralRouted, envelope: Envelope, *, tx: Tx) -> None:
    """Creates a task for a referral routed here; cancels that of an earlier routing. A death or move recorded before ends no later work."""
    origin = origin_of(envelope, TaskSource.REFERRAL)
    routed = work.of_referral(origin, event, await level_of(tx, origin.person_id), tx.now, tx.policy) if _is_ours(event) else None
    if event.routing > 1:  # the first routing has no predecessor
        await _end(origin, CancelReason.REFERRAL_REROUTED, tx, keep=routed.task_id if routed else None)
    if routed:
        await lock_allocation(tx)
        await create_if_absent(routed, tx=tx)
    await CHANGES.begin_care(tx, origin.person_id, envelope.time)  # last: the allocation lock comes before any row


async def on_referral_given_up(event: ReferralReturned | ReferralRecalled, envelope: Envelope, *, tx: Tx) -> None:
    """Cancels the task of a referral that the Community Point of Access has again."""
    await _end(origin_of(envelope, TaskSource.REFERRAL), _ENDED[type(event)], tx)


async def on_referral_cancelled(event: ReferralCancelled, envelope: Envelope, *, tx: Tx) -> None:
    reason = _BY_CODE.get(event.reason, CancelReason.REFERRAL_CANCELLED)
    await _end(origin_of(envelope, TaskSource.REFERRAL), reason, tx)


async def on_referral_closed(event: ReferralClosed, envelope: Envelope, *, tx: Tx) -> None:
    await _end(origin_of(envelope, TaskSource.REFERRAL), _OUTCOMES[event.outcome], tx)


async def on_referral_reopened(event: ReferralReopened, envelope: Envelope, *, tx: Tx) -> None:
    """Restores the task that the end of the referral ended after the person's own event had restored the others.

    A referral whose end was itself a mistake is triaged again, and returns by another route.
    """
    if event.reason is not ReopenReason.PERSON_RESTORED:
        return
    await lock_allocation(tx)
    origin = origin_of(envelope, TaskSource.REFERRAL)
    if not await open_tasks_from(tx, origin.source, origin.source_id):
        await restore_from(origin, tx=tx)


async def on_response_stepped_down(event: ResponseSteppedDown, envelope: Envelope, *, tx: Tx) -> None:
    await lock_allocation(tx)
    await create_if_absent(work.of_step_down(origin_of(envelope, TaskSource.RAPID_CARE), event.locality, tx.now, tx.policy), tx=tx)


async def on_case_redirected(event: CaseRedirected, envelope: Envelope, *, tx: Tx) -> None:
    """Creates a task for a case without a referral; a referral returns to the Community Point of Access."""
    if event.referral_id is None:
        await _arrange(origin_of(envelope, TaskSource.MDT), event.destination, event.locality, tx)


async def on_case_stepped_down(event: CaseSteppedDown, envelope: Envelope, *, tx: Tx) -> None:
    """Creates a task for a case that navigation continues; referrals refers the others onward."""
    match event.destination:
        case StepDown.NAVIGATION:
            await lock_allocation(tx)
            await create_if_absent(work.of_case(origin_of(envelope, TaskSource.MDT), event.locality, tx.now, tx.policy), tx=tx)
        case StepDown.INTEGRATED_LOCALITY_TEAM | StepDown.GP | StepDown.COMMUNITY_NURSING:
            pass
        case _:
            assert_never(event.destination)


async def on_risk_screened(event: RiskScreened, envelope: Envelope, *, tx: Tx) -> None:
    """Creates a task that takes the person to their destination, unless the meeting has a case or a watching brief (E11)."""
    origin = origin_of(envelope, TaskSource.RISK)
    await project_level(tx, origin.person_id, origin.occasion, event.level)
    destination = _ARRANGED[event.destination]
    if destination is None:
        return
    if destination is Destination.NAVIGATION and await _is_low(origin, tx):
        await _inform(origin, event.locality, tx)
    else:
        await _arrange(origin, destination, event.locality, tx)


async def on_risk_level_crossed(event: RiskLevelCrossed, envelope: Envelope, *, tx: Tx) -> None:
    """Offers information at level 0 to a person with a record here (navigation-6); an import has many without."""
    origin = origin_of(envelope, TaskSource.RISK)
    await project_level(tx, origin.person_id, origin.occasion, event.to_level)
    if event.to_level is RiskLevel.LOW and await _is_low(origin, tx) and await is_known(tx, origin.person_id):
        await _inform(origin, None, tx)


async def on_high_climber_found(event: RiskHighClimberFound, envelope: Envelope, *, tx: Tx) -> None:
    origin = origin_of(envelope, TaskSource.RISK)
    await project_level(tx, origin.person_id, origin.occasion, event.level)


async def on_lead_activated(event: LeadActivated, envelope: Envelope, *, tx: Tx) -> None:
    """Creates a task to inform person and family of a new lead (AC2), unless the meeting informed them."""
    await lock_allocation(tx)
    origin = origin_of(envelope, TaskSource.LEAD)
    former = await lead_of(tx, origin.person_id)
    await project_lead(tx, origin.person_id, origin.source_id, event)
    is_another = former is None or (former.professional_id, former.organisation) != (event.professional_id, event.organisation)
    if is_another and not event.is_from_meeting:
        locality = await locality_of(tx, origin.person_id)
        await create_if_absent(work.of_change_of_lead(origin, locality, tx.now, tx.policy), tx=tx)


async def on_lead_ended(_: LeadEnded | LeadHandedOver, envelope: Envelope, *, tx: Tx) -> None:
    """Also after a hand-over, because the successor may have another id of the person."""
    await drop_lead(tx, UUID(envelope.subject))


async def _arrange(origin: WorkSource, destination: Destination, published: Locality | None, tx: Tx) -> None:
    await lock_allocation(tx)
    locality = published or await locality_of(tx, origin.person_id)
    await create_if_absent(work.of_destination(origin, destination, locality, tx.now, tx.policy), tx=tx)


async def _inform(origin: WorkSource, published: Locality | None, tx: Tx) -> None:
    await lock_allocation(tx)
    locality = published or await locality_of(tx, origin.person_id)
    await create_if_absent(work.of_low_risk(origin, locality, tx.now, tx.policy), tx=tx)


async def _is_low(origin: WorkSource, tx: Tx) -> bool:
    """Whether the person is at level 0 under each of their ids. The level of the event has been projected."""
    return await level_of(tx, origin.person_id) is RiskLevel.LOW


async def _end(origin: WorkSource, reason: CancelReason, tx: Tx, *, keep: UUID | None = None) -> None:
    """Cancels the tasks of this origin, except `keep`. Takes the allocation lock only when there are any; most referrals have none."""
    if await open_tasks_from(tx, origin.source, origin.source_id):
        await lock_allocation(tx)
        open_tasks = await open_tasks_from(tx, origin.source, origin.source_id)
        await cancel_all([task for task in open_tasks if task.id != keep], reason, tx=tx)


def _is_ours(event: ReferralRouted) -> bool:
    return event.route is Route.NAVIGATION
