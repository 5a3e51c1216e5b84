"""What receivers that are services of this product answer, as their events tell.

An answer that no longer fits the referral changes nothing: it is noted on the timeline, and that is all. One exception:
an acceptance is never lost, because whoever accepted goes (`_accept`).
"""

from collections.abc import Sequence
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
from shared.contracts.rapid_care import ResponseAccepted, ResponseClosed, ResponseDeclined, ResponseEscalated, ResponseOutcome
from shared.contracts.referrals import Outcome, ReturnReason, Route

_OF_RESPONSE = {
    ResponseOutcome.DIED_IN_PREFERRED_PLACE: Outcome.DIED,
    ResponseOutcome.DIED_ELSEWHERE: Outcome.DIED,
}
_OF_TASK = {
    TaskOutcome.SIGNPOSTED: Outcome.SIGNPOSTED,
    TaskOutcome.DECLINED_BY_PERSON: Outcome.DECLINED_BY_PERSON,
}
#: A case whose referral was withdrawn ends nothing here: the referral has moved on already.
_OF_CASE = {
    CaseCloseReason.DIED: Outcome.DIED,
    CaseCloseReason.MOVED_AWAY: Outcome.MOVED_AWAY,
    CaseCloseReason.DECLINED_BY_PERSON: Outcome.DECLINED_BY_PERSON,
    CaseCloseReason.NEEDS_MET: Outcome.NEED_MET,
}


async def prefetch_referrals(coming: Sequence[tuple[Event, Envelope]], *, tx: Tx) -> None:
    """The referrals that a batch of answers is about, as their chain tells; one that answers another reads that itself."""
    await referrals.prefetch(tx, [envelope.correlation_id for _, envelope in coming])


async def on_response_accepted(event: ResponseAccepted, _: Envelope, *, tx: Tx) -> None:
    await _accept(event.referral_id, Route.RAPID_CARE, tx, event.routing)


async def on_response_declined(event: ResponseDeclined, _: Envelope, *, tx: Tx) -> None:
    await _return_referral(event.referral_id, Route.RAPID_CARE, ReturnReferral(ReturnReason(event.reason.value)), tx, event.routing)


async def on_response_closed(event: ResponseClosed, _: Envelope, *, tx: Tx) -> None:
    outcome = _OF_RESPONSE.get(event.outcome) or Outcome(event.outcome.value)
    await _conclude(event.referral_id, Route.RAPID_CARE, outcome, tx, event.routing)


async def on_response_escalated(event: ResponseEscalated, _: Envelope, *, tx: Tx) -> None:
    await _conclude(event.referral_id, Route.RAPID_CARE, Outcome.ADMITTED, tx, event.routing)


async def on_case_listed(event: CaseListed, _: Envelope, *, tx: Tx) -> None:
    await _accept(event.referral_id, Route.MDT, tx)


async def on_case_redirected(event: CaseRedirected, _: Envelope, *, tx: Tx) -> None:
    known = event.reason in list(ReturnReason)
    reason = ReturnReason(event.reason) if known else ReturnReason.OTHER
    await _return_referral(event.referral_id, Route.MDT, ReturnReferral(reason, suggestion=event.destination), tx)


async def on_case_discussed(event: CaseDiscussed, _: Envelope, *, tx: Tx) -> None:
    """The meeting has it; what the person says to the plan ends the referral (AC10)."""
    await _accept(event.referral_id, Route.MDT, tx)


async def on_care_plan_agreed(event: CarePlanAgreed | CarePlanRevised, _: Envelope, *, tx: Tx) -> None:
    for referral_id in event.referral_ids:
        await _conclude(referral_id, Route.MDT, Outcome.CARE_PLAN_AGREED, tx)


async def on_care_plan_declined(event: CarePlanDeclined, _: Envelope, *, tx: Tx) -> None:
    for referral_id in event.referral_ids:
        await _conclude(referral_id, Route.MDT, Outcome.DECLINED_BY_PERSON, tx)


async def on_care_plan_closed(event: CarePlanClosed, _: Envelope, *, tx: Tx) -> None:
    """It ended before the person answered."""
    for referral_id in event.referral_ids:
        known = event.reason in list(CaseCloseReason)
        await _conclude(referral_id, Route.MDT, _OF_CASE.get(CaseCloseReason(event.reason)) if known else Outcome.NEED_MET, tx)


async def on_case_closed(event: CaseClosed, _: Envelope, *, tx: Tx) -> None:
    await _conclude(event.referral_id, Route.MDT, _OF_CASE.get(event.reason), tx)


async def on_task_acknowledged(event: TaskAcknowledged, _: Envelope, *, tx: Tx) -> None:
    if event.source is TaskSource.REFERRAL:
        await _accept(event.source_id, Route.NAVIGATION, tx)


async def on_task_fulfilled(event: TaskFulfilled, _: Envelope, *, tx: Tx) -> None:
    if event.source is TaskSource.REFERRAL:
        await _conclude(event.source_id, Route.NAVIGATION, _OF_TASK.get(event.outcome, Outcome.NEED_MET), tx)


async def _accept(referral_id: UUID | None, route: Route, tx: Tx, answered: int | None = None) -> None:
    """Also when it was taken back in the meantime: they go. Asked elsewhere in the meantime, two may go: we are told."""
    referral = await _found(referral_id, tx)
    if referral is None:
        return
    open_to = available_transitions(referral)
    if referral.route is route and answered in {None, referral.routing}:
        if AcceptReferral in open_to:
            await referrals.save(tx, routing.accept(referral, tx.now, tx.policy))
        elif answered and Occurrence.ACCEPTED_AFTER_ALL in open_to:
            await referrals.save(tx, routing.accept(referral, tx.now, tx.policy, Occurrence.ACCEPTED_AFTER_ALL))
    elif answered and referral.route is not route and Occurrence.ACCEPTED_ELSEWHERE in open_to:
        await referrals.save(tx, routing.note_other_acceptance(referral, route.value, tx.now))


async def _return_referral(referral_id: UUID | None, route: Route, command: ReturnReferral, tx: Tx, answered: int | None = None) -> None:
    referral = await _with_receiver(referral_id, route, tx, answered)
    if referral is not None and ReturnReferral in available_transitions(referral):
        await referrals.save(tx, routing.return_referral(referral, command, tx.now, tx.policy))


async def _conclude(referral_id: UUID | None, route: Route, outcome: Outcome | None, tx: Tx, answered: int | None = None) -> None:
    """What ended at its receiver ends here; if it was never acknowledged, it is taken as accepted by ending."""
    if outcome is None or await _with_receiver(referral_id, route, tx, answered) is None:
        return
    await _accept(referral_id, route, tx, answered)
    referral = await _found(referral_id, tx)
    if referral is not None and CloseReferral in available_transitions(referral):
        await referrals.save(tx, closure.close(referral, CloseReferral(outcome), tx.now))


async def _with_receiver(referral_id: UUID | None, route: Route, tx: Tx, answered: int | None) -> Referral | None:
    """The referral, locked, if it is with this receiver; an answer to an earlier asking answers nothing."""
    referral = await _found(referral_id, tx)
    if referral is None or referral.route is not route:
        return None
    return referral if answered in {None, referral.routing} else None


async def _found(referral_id: UUID | None, tx: Tx) -> Referral | None:
    return None if referral_id is None else await referrals.find(tx, referral_id, lock=True)
