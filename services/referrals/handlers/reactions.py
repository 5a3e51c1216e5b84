"""Events by which services of this product answer referrals.

An answer that no longer fits the referral changes nothing but the timeline. The one exception is an acceptance, which is
never lost, because a clinician who accepted will go (`_accept`).
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from services.referrals.commands import AcceptReferral, CloseReferral, ReturnReferral
from services.referrals.domain import closure, routing
from services.referrals.domain.referral import Occurrence, Referral, available_transitions
from services.referrals.store.referrals import referrals
from services.referrals.store.tables import Tx
from shared.contracts.envelope import Envelope
from shared.contracts.event import Event
from shared.contracts.mdt import (
    CarePlanAgreed,
    CarePlanClosed,
    CarePlanDeclined,
    CarePlanRevised,
    CaseClosed,
    CaseCloseReason,
    CaseDiscussed,
    CaseListed,
    CaseRedirected,
)
from shared.contracts.navigation import TaskAcknowledged, TaskFulfilled, TaskOutcome, TaskSource
from shared.contracts.rapid_care import (
    DeclineReason,
    ResponseAccepted,
    ResponseClosed,
    ResponseDeclined,
    ResponseEscalated,
    ResponseOutcome,
)
from shared.contracts.referrals import Outcome, ReturnReason, Route
from shared.kernel.totality import total

_OF_DECLINE = total(
    DeclineReason,
    {
        DeclineReason.CAPACITY: ReturnReason.CAPACITY,
        DeclineReason.INELIGIBLE: ReturnReason.INELIGIBLE,
        DeclineReason.CLOSED_HOURS: ReturnReason.CLOSED_HOURS,
        DeclineReason.LIFE_THREATENING: ReturnReason.LIFE_THREATENING,
    },
)
_OF_RESPONSE = total(
    ResponseOutcome,
    {
        ResponseOutcome.ADMISSION_AVOIDED: Outcome.ADMISSION_AVOIDED,
        ResponseOutcome.ADMITTED: Outcome.ADMITTED,
        ResponseOutcome.NOT_ACUTE: Outcome.NOT_ACUTE,
        ResponseOutcome.INAPPROPRIATE: Outcome.INAPPROPRIATE,
        ResponseOutcome.OTHER_SERVICE_INVOLVED: Outcome.OTHER_SERVICE_INVOLVED,
        ResponseOutcome.DIED_IN_PREFERRED_PLACE: Outcome.DIED,
        ResponseOutcome.DIED_ELSEWHERE: Outcome.DIED,
        ResponseOutcome.DECLINED_BY_PERSON: Outcome.DECLINED_BY_PERSON,
        ResponseOutcome.NO_ACCESS: Outcome.NO_ACCESS,
    },
)
_OF_TASK = total(
    TaskOutcome,
    {
        TaskOutcome.ARRANGED: Outcome.NEED_MET,
        TaskOutcome.ADVICE_GIVEN: Outcome.NEED_MET,
        TaskOutcome.INFORMATION_GIVEN: Outcome.NEED_MET,
        TaskOutcome.SIGNPOSTED: Outcome.SIGNPOSTED,
        TaskOutcome.CHECKED_WELL: Outcome.NEED_MET,
        TaskOutcome.CHECKED_CONCERN: Outcome.NEED_MET,
        TaskOutcome.NOT_NEEDED: Outcome.NEED_MET,
        TaskOutcome.DECLINED_BY_PERSON: Outcome.DECLINED_BY_PERSON,
        TaskOutcome.PERSON_DIED: Outcome.DIED,
        TaskOutcome.PERSON_MOVED_AWAY: Outcome.MOVED_AWAY,
    },
)
#: A case whose referral was withdrawn closes no referral: the referral has changed already.
_OF_CASE: Mapping[CaseCloseReason, Outcome | None] = total(
    CaseCloseReason,
    {
        CaseCloseReason.DIED: Outcome.DIED,
        CaseCloseReason.MOVED_AWAY: Outcome.MOVED_AWAY,
        CaseCloseReason.DECLINED_BY_PERSON: Outcome.DECLINED_BY_PERSON,
        CaseCloseReason.NEEDS_MET: Outcome.NEED_MET,
        CaseCloseReason.REFERRAL_WITHDRAWN: None,
    },
)
#: As a redirected case names its reason; any other code becomes `other`.
_OF_REDIRECTION = {reason.value: reason for reason in ReturnReason}
#: As a closed plan names its reason; any other code becomes `need-met`.
_OF_PLAN = {reason.value: outcome for reason, outcome in _OF_CASE.items()}


async def prefetch_referrals(answers: Sequence[tuple[Event, Envelope]], *, tx: Tx) -> None:
    """Reads the referrals that began the chains of a batch; a handler reads any other referral separately."""
    await referrals.prefetch(tx, [envelope.correlation_id for _, envelope in answers])


async def on_response_accepted(event: ResponseAccepted, _: Envelope, *, tx: Tx) -> None:
    await _accept(event.referral_id, Route.RAPID_CARE, tx, event.routing)


async def on_response_declined(event: ResponseDeclined, _: Envelope, *, tx: Tx) -> None:
    await _return_referral(event.referral_id, Route.RAPID_CARE, ReturnReferral(_OF_DECLINE[event.reason]), tx, event.routing)


async def on_response_closed(event: ResponseClosed, _: Envelope, *, tx: Tx) -> None:
    await _conclude(event.referral_id, Route.RAPID_CARE, _OF_RESPONSE[event.outcome], tx, event.routing)


async def on_response_escalated(event: ResponseEscalated, _: Envelope, *, tx: Tx) -> None:
    await _conclude(event.referral_id, Route.RAPID_CARE, Outcome.ADMITTED, tx, event.routing)


async def on_case_listed(event: CaseListed, _: Envelope, *, tx: Tx) -> None:
    await _accept(event.referral_id, Route.MDT, tx)


async def on_case_redirected(event: CaseRedirected, _: Envelope, *, tx: Tx) -> None:
    reason = _OF_REDIRECTION.get(event.reason, ReturnReason.OTHER)
    await _return_referral(event.referral_id, Route.MDT, ReturnReferral(reason, suggestion=event.destination), tx)


async def on_case_discussed(event: CaseDiscussed, _: Envelope, *, tx: Tx) -> None:
    """The meeting has accepted the referral; the person's answer to the care plan ends it (AC10)."""
    await _accept(event.referral_id, Route.MDT, tx)


async def on_care_plan_agreed(event: CarePlanAgreed | CarePlanRevised, _: Envelope, *, tx: Tx) -> None:
    for referral_id in event.referral_ids:
        await _conclude(referral_id, Route.MDT, Outcome.CARE_PLAN_AGREED, tx)


async def on_care_plan_declined(event: CarePlanDeclined, _: Envelope, *, tx: Tx) -> None:
    for referral_id in event.referral_ids:
        await _conclude(referral_id, Route.MDT, Outcome.DECLINED_BY_PERSON, tx)


async def on_care_plan_closed(event: CarePlanClosed, _: Envelope, *, tx: Tx) -> None:
    """The plan ended before the person answered."""
    for referral_id in event.referral_ids:
        await _conclude(referral_id, Route.MDT, _OF_PLAN.get(event.reason, Outcome.NEED_MET), tx)


async def on_case_closed(event: CaseClosed, _: Envelope, *, tx: Tx) -> None:
    await _conclude(event.referral_id, Route.MDT, _OF_CASE[event.reason], tx)


async def on_task_acknowledged(event: TaskAcknowledged, _: Envelope, *, tx: Tx) -> None:
    if event.source is TaskSource.REFERRAL:
        await _accept(event.source_id, Route.NAVIGATION, tx)


async def on_task_fulfilled(event: TaskFulfilled, _: Envelope, *, tx: Tx) -> None:
    if event.source is TaskSource.REFERRAL:
        await _conclude(event.source_id, Route.NAVIGATION, _OF_TASK[event.outcome], tx)


async def _accept(referral_id: UUID | None, route: Route, tx: Tx, answered: int | None = None) -> None:
    """Accepts the referral, also one that was taken back since. If it was routed elsewhere since, records the second acceptance."""
    referral = await _find(referral_id, tx)
    if referral is None:
        return
    open_to = available_transitions(referral)
    if referral.route is route and answered in {None, referral.routing}:
        if AcceptReferral in open_to:
            await referrals.save(tx, routing.accept(referral, tx.now, tx.policy))
        elif answered and Occurrence.ACCEPTED_AFTER_ALL in open_to:
            await referrals.save(tx, routing.accept(referral, tx.now, tx.policy, Occurrence.ACCEPTED_AFTER_ALL))
    elif answered and referral.route is not route and Occurrence.ACCEPTED_ELSEWHERE in open_to:
        await referrals.save(tx, routing.record_other_acceptance(referral, route.value, tx.now))


async def _return_referral(referral_id: UUID | None, route: Route, command: ReturnReferral, tx: Tx, answered: int | None = None) -> None:
    referral = await _with_receiver(referral_id, route, tx, answered)
    if referral is not None and ReturnReferral in available_transitions(referral):
        await referrals.save(tx, routing.return_referral(referral, command, tx.now, tx.policy))


async def _conclude(referral_id: UUID | None, route: Route, outcome: Outcome | None, tx: Tx, answered: int | None = None) -> None:
    """Closes the referral that its receiver has ended; a referral that was not yet accepted is accepted first."""
    if outcome is None or await _with_receiver(referral_id, route, tx, answered) is None:
        return
    await _accept(referral_id, route, tx, answered)
    referral = await _find(referral_id, tx)
    if referral is not None and CloseReferral in available_transitions(referral):
        await referrals.save(tx, closure.close(referral, CloseReferral(outcome), tx.now))


async def _with_receiver(referral_id: UUID | None, route: Route, tx: Tx, answered: int | None) -> Referral | None:
    """The referral, locked, if this receiver has it; None for an answer to an earlier routing."""
    referral = await _find(referral_id, tx)
    if referral is None or referral.route is not route:
        return None
    return referral if answered in {None, referral.routing} else None


async def _find(referral_id: UUID | None, tx: Tx) -> Referral | None:
    return None if referral_id is None else await referrals.find(tx, referral_id, lock=True)
