"""What receivers that are services of this product answer, as their events tell.

An answer that no longer fits the referral changes nothing: it is noted on the timeline, and that is all.
"""

from uuid import UUID

from services.referrals.commands import AcceptReferral, CloseReferral, ReturnReferral
from services.referrals.domain import ending, routing
from services.referrals.domain.referral import Referral, possible
from services.referrals.store.referrals import referrals
from services.referrals.store.tables import Tx
from shared.contracts.envelope import Envelope
from shared.contracts.mdt import CaseClosed, CaseDiscussed, CaseListed, CaseRedirected
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


async def on_response_accepted(event: ResponseAccepted, _: Envelope, *, tx: Tx) -> None:
    await _accept(event.referral_id, Route.RAPID_CARE, tx)


async def on_response_declined(event: ResponseDeclined, _: Envelope, *, tx: Tx) -> None:
    await _give_back(event.referral_id, Route.RAPID_CARE, ReturnReferral(ReturnReason(event.reason.value)), tx)


async def on_response_closed(event: ResponseClosed, _: Envelope, *, tx: Tx) -> None:
    outcome = _OF_RESPONSE.get(event.outcome) or Outcome(event.outcome.value)
    await _conclude(event.referral_id, Route.RAPID_CARE, outcome, tx)


async def on_response_escalated(event: ResponseEscalated, _: Envelope, *, tx: Tx) -> None:
    await _conclude(event.referral_id, Route.RAPID_CARE, Outcome.ADMITTED, tx)


async def on_case_listed(event: CaseListed, _: Envelope, *, tx: Tx) -> None:
    await _accept(event.referral_id, Route.MDT, tx)


async def on_case_redirected(event: CaseRedirected, _: Envelope, *, tx: Tx) -> None:
    known = event.reason in list(ReturnReason)
    reason = ReturnReason(event.reason) if known else ReturnReason.OTHER
    await _give_back(event.referral_id, Route.MDT, ReturnReferral(reason, suggestion=event.destination), tx)


async def on_case_discussed(event: CaseDiscussed, _: Envelope, *, tx: Tx) -> None:
    await _conclude(event.referral_id, Route.MDT, Outcome.CARE_PLAN_AGREED, tx)


async def on_case_closed(event: CaseClosed, _: Envelope, *, tx: Tx) -> None:
    known = event.reason in list(Outcome)
    await _conclude(event.referral_id, Route.MDT, Outcome(event.reason) if known else Outcome.NEED_MET, tx)


async def on_task_acknowledged(event: TaskAcknowledged, _: Envelope, *, tx: Tx) -> None:
    if event.source is TaskSource.REFERRAL:
        await _accept(event.source_id, Route.NAVIGATION, tx)


async def on_task_fulfilled(event: TaskFulfilled, _: Envelope, *, tx: Tx) -> None:
    if event.source is TaskSource.REFERRAL:
        await _conclude(event.source_id, Route.NAVIGATION, _OF_TASK.get(event.outcome, Outcome.NEED_MET), tx)


async def _accept(referral_id: UUID | None, route: Route, tx: Tx) -> None:
    referral = await _with_receiver(referral_id, route, tx)
    if referral is not None and AcceptReferral in possible(referral):
        await referrals.save(tx, routing.accept(referral, tx.now, tx.policy))


async def _give_back(referral_id: UUID | None, route: Route, command: ReturnReferral, tx: Tx) -> None:
    referral = await _with_receiver(referral_id, route, tx)
    if referral is not None and ReturnReferral in possible(referral):
        await referrals.save(tx, routing.give_back(referral, command, tx.now, tx.policy))


async def _conclude(referral_id: UUID | None, route: Route, outcome: Outcome, tx: Tx) -> None:
    """What ended at its receiver ends here; if it was never acknowledged, it is taken as accepted by ending."""
    await _accept(referral_id, route, tx)
    referral = await _with_receiver(referral_id, route, tx)
    if referral is not None and CloseReferral in possible(referral):
        await referrals.save(tx, ending.close(referral, CloseReferral(outcome), tx.now))


async def _with_receiver(referral_id: UUID | None, route: Route, tx: Tx) -> Referral | None:
    """The referral, locked, if it is with this receiver."""
    referral = None if referral_id is None else await referrals.find(tx, referral_id, lock=True)
    return referral if referral is not None and referral.route is route else None
