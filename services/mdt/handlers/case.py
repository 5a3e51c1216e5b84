"""Cases: referral, screening, deferral, step-down and closure. The diary is locked before any case."""

from collections.abc import Mapping, Sequence
from typing import assert_never
from uuid import UUID

from services.mdt.commands import CloseCase, DeferCase, ReferCase, ScreenCase, StepDownCase
from services.mdt.domain import case as domain
from services.mdt.domain import case_end
from services.mdt.domain.case import Case, CaseAlreadyOpen, CaseDeadline, Status
from services.mdt.domain.notification import Kind
from services.mdt.handlers.closure import end_case, end_duplicate
from services.mdt.handlers.intake import add_referral, refer, screen_by
from services.mdt.handlers.notification import notify_lead
from services.mdt.handlers.schedule import find_slot, next_slot
from services.mdt.handlers.settlement import save_case
from services.mdt.store.case import cases, open_case_of, open_cases_of, prefetch_open_cases
from services.mdt.store.joined_referral import JoinedReferral
from services.mdt.store.meeting import lock_diary
from services.mdt.store.notification import notify
from services.mdt.store.person import fallback_practice, locality_of
from services.mdt.store.practices import locality_of_practice
from services.mdt.store.risk_standing import STANDINGS
from services.mdt.store.tables import Tx
from shared.contracts.codes import IS_URGENT, ScreeningOutcome
from shared.contracts.envelope import Envelope
from shared.contracts.mdt import CaseCloseReason
from shared.contracts.persons import PersonChange
from shared.contracts.referral_codes import CancelReason, Outcome, Route
from shared.contracts.referrals import ReferralCancelled, ReferralClosed, ReferralRecalled, ReferralReturned, ReferralRouted
from shared.kernel.decision import Deadline
from shared.kernel.ids import PersonId, new_id
from shared.kernel.target import Target
from shared.kernel.totality import total
from shared.persistence.deadlines import DueDeadline
from shared.persistence.transaction import EventSubject

#: The change of the person's life with which a referral was cancelled. The change itself is an event of the person, which ends all care.
#: The event's reason is an open code: a code that is absent here counts as None.
_CANCELLATIONS: Mapping[str, PersonChange | None] = {
    code.value: change
    for code, change in total(
        CancelReason,
        {
            CancelReason.WITHDRAWN: None,
            CancelReason.SENT_IN_ERROR: None,
            CancelReason.DECLINED_BY_PERSON: None,
            CancelReason.MOVED_AWAY: PersonChange.MOVE,
            CancelReason.DIED: PersonChange.DEATH,
        },
    ).items()
}
#: The same when a referral is closed.
_OUTCOMES: Mapping[Outcome, PersonChange | None] = total(
    Outcome,
    {
        Outcome.ADMISSION_AVOIDED: None,
        Outcome.ADMITTED: None,
        Outcome.NEED_MET: None,
        Outcome.ADVICE_GIVEN: None,
        Outcome.CARE_PLAN_AGREED: None,
        Outcome.SIGNPOSTED: None,
        Outcome.NOT_ACUTE: None,
        Outcome.INAPPROPRIATE: None,
        Outcome.NOT_NEEDED: None,
        Outcome.OTHER_SERVICE_INVOLVED: None,
        Outcome.NO_ACCESS: None,
        Outcome.DECLINED_BY_PERSON: None,
        Outcome.DIED: PersonChange.DEATH,
        Outcome.MOVED_AWAY: PersonChange.MOVE,
        Outcome.REDIRECTED_TO_EMERGENCY: None,
    },
)


async def refer_case(command: ReferCase, *, tx: Tx) -> Case:
    """Opens a case without a referral. The case has the correlation id of case finding, else a new one. Raises CaseAlreadyOpen."""
    await lock_diary(tx)
    if await open_case_of(tx, command.person_id):
        raise CaseAlreadyOpen("The person has an open case.")
    case_id = new_id()
    case = Case(
        id=case_id,
        person_id=command.person_id,
        correlation_id=command.case_finding_id or case_id,
        status=Status.REFERRED,
        practice_code=command.practice_code,
        locality=await locality_of_practice(tx, command.practice_code) or command.locality,
        is_urgent=command.is_urgent,
        referred_at=tx.now,
    )
    return await refer(case, tx)


async def prefetch_referrals_routed(batch: Sequence[tuple[ReferralRouted, Envelope]], *, tx: Tx) -> None:
    """Locks the diary before the first case, then reads the open case and the risk of each person."""
    people = [PersonId(UUID(envelope.key)) for event, envelope in batch if event.route is Route.MDT]
    if people:
        await lock_diary(tx)
        await prefetch_open_cases(tx, people)
        await STANDINGS.prefetch(tx, people)


async def on_referral_routed(event: ReferralRouted, envelope: Envelope, *, tx: Tx) -> None:
    """Opens a case, or adds the referral to the person's open case. A referral routed elsewhere is withdrawn from its case.

    After a merge the case under the referral's own id comes first.
    """
    person_id, referral_id = PersonId(UUID(envelope.key)), UUID(envelope.subject)
    if event.route is not Route.MDT:
        if event.routing > 1:  # the first routing has no predecessor
            await _withdraw(person_id, referral_id, tx)
        return
    await lock_diary(tx)
    referral = JoinedReferral(
        referral_id, person_id, event.practice_code, event.locality, is_urgent=IS_URGENT[event.urgency], referred_at=event.received_at
    )
    await add_referral(referral, envelope.correlation_id, tx=tx)


async def on_referral_cancelled(event: ReferralCancelled, envelope: Envelope, *, tx: Tx) -> None:
    """Withdraws the referral from its case."""
    change = _CANCELLATIONS.get(event.reason)
    await _withdraw(PersonId(UUID(envelope.key)), UUID(envelope.subject), tx, change)


async def on_referral_closed(event: ReferralClosed, envelope: Envelope, *, tx: Tx) -> None:
    """Withdraws the referral from its case."""
    change = _OUTCOMES[event.outcome]
    await _withdraw(PersonId(UUID(envelope.key)), UUID(envelope.subject), tx, change)


async def on_referral_returned(_: ReferralReturned | ReferralRecalled, envelope: Envelope, *, tx: Tx) -> None:
    """The Community Point of Access has the referral again: withdraws it from its case."""
    await _withdraw(PersonId(UUID(envelope.key)), UUID(envelope.subject), tx)


async def screen_case(target: Target, command: ScreenCase, *, tx: Tx) -> Case:
    await lock_diary(tx)
    screened = await cases.load(tx, target.id, if_version=target.version)
    match command.outcome:
        case ScreeningOutcome.ELIGIBLE:
            is_urgent = screened.is_urgent if command.is_urgent is None else command.is_urgent
            slot = await find_slot(tx, is_urgent=is_urgent)
            return await save_case(tx, screened, domain.list_eligible(screened, command, slot))
        case ScreeningOutcome.NOT_ELIGIBLE:
            return await _redirect(screened, command, tx)
        case _:
            assert_never(command.outcome)


async def defer_case(target: Target, command: DeferCase, *, tx: Tx) -> Case:
    await lock_diary(tx)
    case = await cases.load(tx, target.id, if_version=target.version)
    slot = await next_slot(tx, after=case.meeting_starts_at or tx.now)
    return await cases.save(tx, domain.defer(case, command, slot, tx.policy))


async def step_down_case(target: Target, command: StepDownCase, *, tx: Tx) -> Case:
    case = await cases.load(tx, target.id, if_version=target.version)
    practice_code = await fallback_practice(tx, case.person_id)
    locality = await locality_of(tx, case.person_id) or case.locality
    return await cases.save(tx, domain.step_down(case, command, practice_code=practice_code, locality=locality))


async def close_case(target: Target, command: CloseCase, *, tx: Tx) -> Case:
    """Locks the diary for a duplicate, because another case takes its referrals."""
    is_duplicate = command.reason is CaseCloseReason.DUPLICATE
    if is_duplicate:
        await lock_diary(tx)
    case = await cases.load(tx, target.id, if_version=target.version)
    return await (end_duplicate if is_duplicate else end_case)(tx, case, command)


async def on_screening_due(deadline: DueDeadline, *, tx: Tx) -> None:
    """Notifies the chair of a case that was not screened in time, and repeats this until the screening."""
    case = await cases.load(tx, deadline.subject)
    domain.require_unscreened(case)
    await notify(tx, tx.policy.chair, case.person_id, Kind.SCREENING_OVERDUE, case.id, deadline.due_at)
    tx.set_deadline(EventSubject(case.id, case.person_id, case.correlation_id), Deadline(CaseDeadline.SCREENING, screen_by(tx)))


async def _redirect(case: Case, command: ScreenCase, tx: Tx) -> Case:
    """Notifies the lead of a case without a referral, because no referrer follows it up (E11)."""
    redirected = await save_case(tx, case, case_end.redirect(case, command, tx.now))
    if not case.referral_ids:
        await notify_lead(tx, case.person_id, Kind.REDIRECTED, case.id, tx.now)
    return redirected


async def _withdraw(person_id: PersonId, referral_id: UUID, tx: Tx, change: PersonChange | None = None) -> None:
    """The referral may wait in the case under another id of the person."""
    for case in await open_cases_of(tx, person_id):
        decision = case_end.withdraw(case, referral_id, tx.now, change)
        if decision:
            await save_case(tx, case, decision)
