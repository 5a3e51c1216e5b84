"""Events by which services of this product answer referrals.

An answer that no longer fits the referral changes nothing but the timeline. The one exception is an acceptance, which is
never lost, because a clinician who accepted will go (`_accept`).

An answer may report that the person died or moved away, which ends all referrals of the person (`_conclude_and_report`).
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from services.referrals.commands import AcceptReferral, AnswerCall, CloseReferral, ReturnReferral
from services.referrals.domain import calls, closure, routing
from services.referrals.domain.life import Report, is_superseded
from services.referrals.domain.referral import Occurrence, Referral, Status, available_transitions, is_with_receiver
from services.referrals.handlers import life
from services.referrals.store import directory
from services.referrals.store.referrals import referrals
from services.referrals.store.tables import Tx
from shared.contracts.care_plans import CarePlanAgreed, CarePlanClosed, CarePlanDeclined, CarePlanRevised
from shared.contracts.envelope import Envelope
from shared.contracts.event import Event
from shared.contracts.mdt import CaseClosed, CaseCloseReason, CaseDiscussed, CaseListed, CaseRedirected, CaseSteppedDown, Destination
from shared.contracts.navigation import TaskAcknowledged, TaskCancelled, TaskFulfilled, TaskOutcome, TaskSource
from shared.contracts.persons import PersonChange
from shared.contracts.rapid_care import (
    DeclineReason,
    ResponseAccepted,
    ResponseCallAnswered,
    ResponseClosed,
    ResponseContacted,
    ResponseDeclined,
    ResponseEscalated,
    ResponseOutcome,
    ResponseSteppedDown,
)
from shared.contracts.referral_codes import Outcome, ReturnReason, Route
from shared.kernel.ids import PersonId
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
#: To leave the person unseen is no outcome: the referral returns.
_OF_RESPONSE: Mapping[ResponseOutcome, Outcome | None] = total(
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
        ResponseOutcome.NO_ACCESS: None,
    },
)
#: The reason with which a referral returns whose person was not seen. An admission, a death and a refusal are known without a visit,
#: and the other outcomes need one.
_OF_UNSEEN: Mapping[ResponseOutcome, ReturnReason | None] = total(
    ResponseOutcome,
    {
        ResponseOutcome.ADMISSION_AVOIDED: None,
        ResponseOutcome.ADMITTED: None,
        ResponseOutcome.NOT_ACUTE: None,
        ResponseOutcome.INAPPROPRIATE: ReturnReason.INELIGIBLE,
        ResponseOutcome.OTHER_SERVICE_INVOLVED: ReturnReason.OTHER_SERVICE_INVOLVED,
        ResponseOutcome.DIED_IN_PREFERRED_PLACE: None,
        ResponseOutcome.DIED_ELSEWHERE: None,
        ResponseOutcome.DECLINED_BY_PERSON: None,
        ResponseOutcome.NO_ACCESS: ReturnReason.NO_ACCESS,
    },
)
#: A concern closes nothing: the Community Point of Access decides.
_OF_TASK: Mapping[TaskOutcome, Outcome | None] = total(
    TaskOutcome,
    {
        TaskOutcome.ARRANGED: Outcome.NEED_MET,
        TaskOutcome.ADVICE_GIVEN: Outcome.NEED_MET,
        TaskOutcome.INFORMATION_GIVEN: Outcome.NEED_MET,
        TaskOutcome.SIGNPOSTED: Outcome.SIGNPOSTED,
        TaskOutcome.CHECKED_WELL: Outcome.NEED_MET,
        TaskOutcome.CHECKED_CONCERN: None,
        TaskOutcome.NOT_NEEDED: Outcome.NOT_NEEDED,
        TaskOutcome.UNABLE_TO_CONTACT: None,
        TaskOutcome.DECLINED_BY_PERSON: Outcome.DECLINED_BY_PERSON,
        TaskOutcome.PERSON_DIED: Outcome.DIED,
        TaskOutcome.PERSON_MOVED_AWAY: Outcome.MOVED_AWAY,
    },
)
#: A case whose referral was withdrawn closes no referral, which has changed already; nor does a duplicate, whose referrals wait in the
#: other case of the person.
_OF_CASE: Mapping[CaseCloseReason, Outcome | None] = total(
    CaseCloseReason,
    {
        CaseCloseReason.DIED: Outcome.DIED,
        CaseCloseReason.MOVED_AWAY: Outcome.MOVED_AWAY,
        CaseCloseReason.DECLINED_BY_PERSON: Outcome.DECLINED_BY_PERSON,
        CaseCloseReason.NEEDS_MET: Outcome.NEED_MET,
        CaseCloseReason.REFERRAL_WITHDRAWN: None,
        CaseCloseReason.DUPLICATE: None,
    },
)
#: Whether a redirected person needs Rapid Care's response, in two hours.
_NEEDS_RAPID_CARE: Mapping[Destination, bool] = total(
    Destination,
    {
        Destination.INTEGRATED_LOCALITY_TEAM: False,
        Destination.GP: False,
        Destination.NAVIGATION: False,
        Destination.COMMUNITY_NURSING: False,
        Destination.RAPID_CARE: True,
    },
)
#: Beginnings of the reasons for which a task ended because its referral, its plan or its person did: they have their own way on.
_ENDED_UPSTREAM = ("care-plan-", "referral-", "person-")
#: As a redirected case names its reason; any other code becomes `other`.
_OF_REDIRECTION = {reason.value: reason for reason in ReturnReason}
#: As a closed plan names its reason; any other code becomes `need-met`.
_OF_PLAN = {reason.value: outcome for reason, outcome in _OF_CASE.items()}


#: Events from which onward referrals come (`handlers.onward`).
_ASKS = (ResponseSteppedDown, CaseSteppedDown)


async def prefetch_referrals(answers: Sequence[tuple[Event, Envelope]], *, tx: Tx) -> None:
    """Reads the referrals that began the chains of a batch, and all of a person who may have died or moved away or is referred onward.

    A handler reads any other referral separately.
    """
    people = [UUID(envelope.key) for event, envelope in answers if _change_in(event) or isinstance(event, _ASKS)]
    open_ids = await life.prefetch_people(people, tx=tx) if people else []
    await referrals.prefetch(tx, [*(envelope.correlation_id for _, envelope in answers), *open_ids])


async def on_response_accepted(event: ResponseAccepted, _: Envelope, *, tx: Tx) -> None:
    await _accept(event.referral_id, Route.RAPID_CARE, tx, event.routing)


async def on_response_contacted(event: ResponseContacted, _: Envelope, *, tx: Tx) -> None:
    """A clinician has seen the person: Rapid Care has the referral, also when it was recalled before the contact was known here."""
    referral = await _find(event.referral_id, tx) if event.is_seen else None
    if referral is not None and not _is_accepted_by(Route.RAPID_CARE, referral):
        await _accept(event.referral_id, Route.RAPID_CARE, tx, referral.routing)


async def on_response_call_answered(event: ResponseCallAnswered, _: Envelope, *, tx: Tx) -> None:
    referral = await _with_receiver(event.referral_id, Route.RAPID_CARE, tx, event.routing)
    if referral is not None and AnswerCall in available_transitions(referral):
        await referrals.save(tx, calls.answer(referral, tx.now))


async def on_response_declined(event: ResponseDeclined, _: Envelope, *, tx: Tx) -> None:
    await _return_referral(event.referral_id, Route.RAPID_CARE, ReturnReferral(_OF_DECLINE[event.reason]), tx, event.routing)


async def on_response_closed(event: ResponseClosed, envelope: Envelope, *, tx: Tx) -> None:
    """Without a contact the Community Point of Access decides who goes next."""
    reason = None if event.is_seen else _OF_UNSEEN[event.outcome]
    if reason is not None:
        await _return_referral(event.referral_id, Route.RAPID_CARE, ReturnReferral(reason), tx, event.routing)
        return
    await _conclude_and_report({event.referral_id: event.routing}, Route.RAPID_CARE, _OF_RESPONSE[event.outcome], envelope, tx)


async def on_response_escalated(event: ResponseEscalated, _: Envelope, *, tx: Tx) -> None:
    await _conclude(event.referral_id, Route.RAPID_CARE, Outcome.ADMITTED, tx, event.routing)


async def on_case_listed(event: CaseListed, _: Envelope, *, tx: Tx) -> None:
    await _accept(event.referral_id, Route.MDT, tx)


async def on_case_redirected(event: CaseRedirected, _: Envelope, *, tx: Tx) -> None:
    """The referral returns with the meeting's destination; as urgent, when this is Rapid Care."""
    reason = _OF_REDIRECTION.get(event.reason, ReturnReason.OTHER)
    returning = ReturnReferral(reason, suggestion=event.destination)
    await _return_referral(event.referral_id, Route.MDT, returning, tx, is_urgent=_NEEDS_RAPID_CARE[event.destination])


async def on_case_discussed(event: CaseDiscussed, _: Envelope, *, tx: Tx) -> None:
    """The meeting has accepted the referral; the person's answer to the care plan ends it (AC10)."""
    await _accept(event.referral_id, Route.MDT, tx)


async def on_care_plan_agreed(event: CarePlanAgreed | CarePlanRevised, _: Envelope, *, tx: Tx) -> None:
    for referral_id in event.referral_ids:
        await _conclude(referral_id, Route.MDT, Outcome.CARE_PLAN_AGREED, tx)


async def on_care_plan_declined(event: CarePlanDeclined, _: Envelope, *, tx: Tx) -> None:
    for referral_id in event.referral_ids:
        await _conclude(referral_id, Route.MDT, Outcome.DECLINED_BY_PERSON, tx)


async def on_care_plan_closed(event: CarePlanClosed, envelope: Envelope, *, tx: Tx) -> None:
    """The plan ended before the person answered."""
    answers = dict.fromkeys(event.referral_ids)
    await _conclude_and_report(answers, Route.MDT, _OF_PLAN.get(event.reason, Outcome.NEED_MET), envelope, tx)


async def on_case_closed(event: CaseClosed, envelope: Envelope, *, tx: Tx) -> None:
    answers = {event.referral_id: None} if event.referral_id else {}
    await _conclude_and_report(answers, Route.MDT, _OF_CASE[event.reason], envelope, tx)


async def on_task_acknowledged(event: TaskAcknowledged, _: Envelope, *, tx: Tx) -> None:
    if event.source is TaskSource.REFERRAL:
        await _accept(event.source_id, Route.NAVIGATION, tx)


async def on_task_cancelled(event: TaskCancelled, _: Envelope, *, tx: Tx) -> None:
    """The navigator's service gave up the task: the referral has no receiver, and returns."""
    if event.source is TaskSource.REFERRAL and not event.reason.startswith(_ENDED_UPSTREAM):
        await _return_referral(event.source_id, Route.NAVIGATION, ReturnReferral(ReturnReason.RECEIVER_WITHDREW), tx)


async def on_task_fulfilled(event: TaskFulfilled, envelope: Envelope, *, tx: Tx) -> None:
    """A navigator's concern is never an outcome: the referral returns, and its referrer sees the concern.

    So does the referral of a person whom the navigator did not reach.
    """
    answers = {event.source_id: None} if event.source is TaskSource.REFERRAL else {}
    if event.is_concern or _OF_TASK[event.outcome] is None:
        reason = ReturnReason.NO_ACCESS if event.outcome is TaskOutcome.UNABLE_TO_CONTACT else ReturnReason.CONCERN
        for referral_id in answers:
            await _return_referral(referral_id, Route.NAVIGATION, ReturnReferral(reason), tx)
        return
    await _conclude_and_report(answers, Route.NAVIGATION, _OF_TASK[event.outcome], envelope, tx)


async def _accept(referral_id: UUID | None, route: Route, tx: Tx, answered: int | None = None) -> None:
    """Accepts the referral, also one that was taken back, withdrawn or closed since: Rapid Care ends no response that it accepted.

    If it was routed elsewhere since, records the second acceptance.
    """
    referral = await _find(referral_id, tx)
    if referral is None:
        return
    open_to = available_transitions(referral)
    if referral.route is route and answered in {None, referral.routing}:
        if AcceptReferral in open_to:
            await referrals.save(tx, routing.accept(referral, tx.now, tx.policy))
        elif answered and Occurrence.ACCEPTED_AFTER_ALL in open_to and await life.is_living(referral.person_id, tx=tx):
            service = await directory.service(tx, referral.service_code or "", tx.policy.day_of(tx.now))
            receiver = service.organisation if service else None
            await referrals.save(tx, routing.accept(referral, tx.now, tx.policy, Occurrence.ACCEPTED_AFTER_ALL, receiver=receiver))
    elif answered and route not in {referral.route, referral.also_with} and Occurrence.ACCEPTED_ELSEWHERE in open_to:
        await referrals.save(tx, routing.record_other_acceptance(referral, route.value, tx.now))


async def _return_referral(
    referral_id: UUID | None, route: Route, command: ReturnReferral, tx: Tx, answered: int | None = None, *, is_urgent: bool = False
) -> None:
    referral = await _with_receiver(referral_id, route, tx, answered)
    if referral is not None and ReturnReferral in available_transitions(referral):
        await referrals.save(tx, routing.return_referral(referral, command, tx.now, tx.policy, is_urgent=is_urgent))


async def _conclude(referral_id: UUID | None, route: Route, outcome: Outcome | None, tx: Tx, answered: int | None = None) -> None:
    """Closes the referral that its receiver has ended; a referral that was not yet accepted is accepted first.

    With a red flag that the outcome does not answer it returns: the Community Point of Access withdraws the flag, or acts on it.
    """
    if outcome is None or await _with_receiver(referral_id, route, tx, answered) is None:
        return
    await _accept(referral_id, route, tx, answered)
    referral = await _find(referral_id, tx)
    if referral is None or not is_with_receiver(referral) or CloseReferral not in available_transitions(referral):
        return
    if closure.answers_red_flag(referral, outcome):
        await referrals.save(tx, closure.close(referral, CloseReferral(outcome), tx.now, tx.policy))
    else:
        await _return_referral(referral_id, route, ReturnReferral(ReturnReason.RECEIVER_WITHDREW), tx, answered)


async def _conclude_and_report(
    answers: Mapping[UUID, int | None], route: Route, outcome: Outcome | None, envelope: Envelope, tx: Tx
) -> None:
    """Concludes referrals, each with the number of the routing that is answered, and records the death or the move that this reports.

    A service that ended its care because of an event follows a change that is recorded here already: it reports nothing.
    """
    change = closure.CHANGE_BY_OUTCOME[outcome] if outcome else None
    if change is None:
        await _conclude_all(answers, route, outcome, tx)
    elif envelope.causation_id is None:
        await _report(answers, route, outcome, change, envelope, tx)


async def _report(
    answers: Mapping[UUID, int | None], route: Route, outcome: Outcome | None, change: PersonChange, envelope: Envelope, tx: Tx
) -> None:
    """A report from before the reversal of such a change is superseded: the Community Point of Access has the referral again."""
    person_id = PersonId(UUID(envelope.key))
    if is_superseded(await life.lock_care(person_id, tx=tx), change, envelope.time):
        for referral_id, answered in answers.items():
            await _return_referral(referral_id, route, ReturnReferral(ReturnReason.OTHER), tx, answered)
        return
    await _conclude_all(answers, route, outcome, tx)
    context, _, _ = envelope.type.partition(".")
    await life.record_report(person_id, change, Report(context, envelope.correlation_id, tx.now), tx=tx)


async def _conclude_all(answers: Mapping[UUID, int | None], route: Route, outcome: Outcome | None, tx: Tx) -> None:
    for referral_id, answered in answers.items():
        await _conclude(referral_id, route, outcome, tx, answered)


def _change_in(event: Event) -> PersonChange | None:
    """The change of the person's life that an event states."""
    outcome: Outcome | None = None
    match event:
        case ResponseClosed():
            outcome = _OF_RESPONSE[event.outcome]
        case CarePlanClosed():
            outcome = _OF_PLAN.get(event.reason)
        case CaseClosed():
            outcome = _OF_CASE[event.reason]
        case TaskFulfilled():
            outcome = _OF_TASK[event.outcome]
        case _:
            pass
    return closure.CHANGE_BY_OUTCOME[outcome] if outcome else None


async def _with_receiver(referral_id: UUID | None, route: Route, tx: Tx, answered: int | None) -> Referral | None:
    """The referral, locked, if this receiver has it; None for an answer to an earlier routing."""
    referral = await _find(referral_id, tx)
    if referral is None or referral.route is not route:
        return None
    return referral if answered in {None, referral.routing} else None


def _is_accepted_by(route: Route, referral: Referral) -> bool:
    return referral.route is route and referral.status is Status.ACCEPTED


async def _find(referral_id: UUID | None, tx: Tx) -> Referral | None:
    return None if referral_id is None else await referrals.find(tx, referral_id, lock=True)
