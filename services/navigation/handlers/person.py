"""A person's record, the home check after a discharge, and the end of all tasks when the person died or moved away."""

from collections.abc import Mapping
from datetime import date
from uuid import UUID

from services.navigation.domain import home_check as domain
from services.navigation.domain import work
from services.navigation.domain.home_check import HomeCheck
from services.navigation.domain.work import WorkSource
from services.navigation.handlers.allocation import cancel_all, create_if_absent
from services.navigation.store import home_check
from services.navigation.store.projections import locality_of, project_person
from services.navigation.store.tables import Tx, lock_allocation
from services.navigation.store.task import open_tasks_about
from shared.contracts.envelope import Envelope
from shared.contracts.mdt import CarePlanClosed, CaseClosed, CaseCloseReason
from shared.contracts.navigation import CancelReason, TaskSource
from shared.contracts.rapid_care import ResponseClosed, ResponseOutcome
from shared.contracts.referrals import CancelReason as ReferralCancelReason
from shared.contracts.referrals import Outcome, PersonRecordRecorded, ReferralCancelled, ReferralClosed
from shared.kernel.ids import PersonId
from shared.kernel.totality import total
from shared.persistence.deadlines import DueDeadline

# The reason with which an end published by another context cancels every task of the person (G39); None: care is still needed.
_CANCELLATIONS: Mapping[ReferralCancelReason, CancelReason | None] = total(
    ReferralCancelReason,
    {
        ReferralCancelReason.WITHDRAWN: None,
        ReferralCancelReason.SENT_IN_ERROR: None,
        ReferralCancelReason.DECLINED_BY_PERSON: None,
        ReferralCancelReason.MOVED_AWAY: CancelReason.PERSON_MOVED_AWAY,
        ReferralCancelReason.DIED: CancelReason.PERSON_DIED,
    },
)
_CLOSURES: Mapping[CaseCloseReason, CancelReason | None] = total(
    CaseCloseReason,
    {
        CaseCloseReason.DIED: CancelReason.PERSON_DIED,
        CaseCloseReason.MOVED_AWAY: CancelReason.PERSON_MOVED_AWAY,
        CaseCloseReason.DECLINED_BY_PERSON: None,
        CaseCloseReason.NEEDS_MET: None,
        CaseCloseReason.REFERRAL_WITHDRAWN: None,
    },
)
#: The reason of a cancelled referral and of a closed plan is an open code: a code that is absent here counts as None.
_BY_CODE: Mapping[str, CancelReason | None] = {code.value: reason for code, reason in (*_CANCELLATIONS.items(), *_CLOSURES.items())}
_OUTCOMES: Mapping[Outcome, CancelReason | None] = total(
    Outcome,
    {
        Outcome.ADMISSION_AVOIDED: None,
        Outcome.ADMITTED: None,
        Outcome.NEED_MET: None,
        Outcome.CARE_PLAN_AGREED: None,
        Outcome.SIGNPOSTED: None,
        Outcome.NOT_ACUTE: None,
        Outcome.INAPPROPRIATE: None,
        Outcome.OTHER_SERVICE_INVOLVED: None,
        Outcome.NO_ACCESS: None,
        Outcome.DECLINED_BY_PERSON: None,
        Outcome.DIED: CancelReason.PERSON_DIED,
        Outcome.MOVED_AWAY: CancelReason.PERSON_MOVED_AWAY,
        Outcome.REDIRECTED_TO_EMERGENCY: None,
    },
)
_RESPONSE_OUTCOMES: Mapping[ResponseOutcome, CancelReason | None] = total(
    ResponseOutcome,
    {
        ResponseOutcome.ADMISSION_AVOIDED: None,
        ResponseOutcome.ADMITTED: None,
        ResponseOutcome.NOT_ACUTE: None,
        ResponseOutcome.INAPPROPRIATE: None,
        ResponseOutcome.OTHER_SERVICE_INVOLVED: None,
        ResponseOutcome.DIED_IN_PREFERRED_PLACE: CancelReason.PERSON_DIED,
        ResponseOutcome.DIED_ELSEWHERE: CancelReason.PERSON_DIED,
        ResponseOutcome.DECLINED_BY_PERSON: None,
        ResponseOutcome.NO_ACCESS: None,
    },
)


async def on_person_record_recorded(event: PersonRecordRecorded, envelope: Envelope, *, tx: Tx) -> None:
    await project_person(tx, PersonId(UUID(envelope.key)), envelope.sequence, event)


async def on_end_of_care(event: ReferralCancelled | CarePlanClosed | CaseClosed, envelope: Envelope, *, tx: Tx) -> None:
    """Cancels all tasks of a person who died or moved away (navigation-5, mdt-10)."""
    await _end_care(_BY_CODE.get(event.reason), PersonId(UUID(envelope.key)), tx)


async def on_referral_closed(event: ReferralClosed, envelope: Envelope, *, tx: Tx) -> None:
    await _end_care(_OUTCOMES[event.outcome], PersonId(UUID(envelope.key)), tx)


async def on_response_closed(event: ResponseClosed, envelope: Envelope, *, tx: Tx) -> None:
    await _end_care(_RESPONSE_OUTCOMES[event.outcome], PersonId(UUID(envelope.key)), tx)


async def expect_home_check(person_id: PersonId, discharged_on: date, *, tx: Tx) -> HomeCheck:
    """Raises DischargeInFuture, HomeCheckInPast."""
    check = domain.expect(person_id, discharged_on, tx.now, tx.policy)
    await home_check.expect(tx, check)
    return check


async def on_home_check(deadline: DueDeadline, *, tx: Tx) -> None:
    await lock_allocation(tx)
    check = await home_check.take(tx, deadline.subject)
    if check is not None:
        origin = WorkSource(check.person_id, deadline.correlation_id, TaskSource.HOSPITAL_DISCHARGE, check.id, occasion=1)
        locality = await locality_of(tx, check.person_id)
        await create_if_absent(work.of_home_check(origin, locality, tx.now, tx.policy), tx=tx)


async def _end_care(reason: CancelReason | None, person_id: PersonId, tx: Tx) -> None:
    if reason is not None:
        await lock_allocation(tx)
        await home_check.forget(tx, person_id)
        await cancel_all(await open_tasks_about(tx, person_id), reason, tx=tx)
