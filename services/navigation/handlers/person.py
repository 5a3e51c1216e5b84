"""A person's record, the check after a stay in hospital, and the end of everything when a person dies or moves away."""

from datetime import date
from uuid import UUID

from services.navigation.domain import home_check as domain
from services.navigation.domain import work
from services.navigation.domain.home_check import HomeCheck
from services.navigation.domain.work import WorkSource
from services.navigation.handlers.allocation import cancel_all, create_if_absent
from services.navigation.store import home_check
from services.navigation.store.projections import keep_person, locality_of
from services.navigation.store.tables import Tx, lock_allocation
from services.navigation.store.task import open_tasks_about
from shared.contracts.envelope import Envelope
from shared.contracts.mdt import CarePlanClosed, CaseClosed
from shared.contracts.navigation import CancelReason, TaskSource
from shared.contracts.rapid_care import ResponseClosed, ResponseOutcome
from shared.contracts.referrals import CancelReason as Withdrawn
from shared.contracts.referrals import PersonRecordRecorded, ReferralCancelled, ReferralClosed
from shared.kernel.ids import PersonId
from shared.persistence.deadlines import DueDeadline

#: How other contexts say that a person is gone (G39): a referral that is withdrawn or closed, a plan, a case, or a response.
_GONE: dict[str, CancelReason] = {
    Withdrawn.DIED: CancelReason.PERSON_DIED,
    Withdrawn.MOVED_AWAY: CancelReason.PERSON_MOVED_AWAY,
    ResponseOutcome.DIED_IN_PREFERRED_PLACE: CancelReason.PERSON_DIED,
    ResponseOutcome.DIED_ELSEWHERE: CancelReason.PERSON_DIED,
}


async def on_person_record_recorded(event: PersonRecordRecorded, envelope: Envelope, *, tx: Tx) -> None:
    await keep_person(tx, PersonId(UUID(envelope.key)), envelope.sequence, event)


async def on_end_of_care(event: ReferralCancelled | CarePlanClosed | CaseClosed, envelope: Envelope, *, tx: Tx) -> None:
    """A referral, plan or case that ends because the person is gone ends every task of theirs (navigation-5, mdt-10)."""
    await _let_go(_GONE.get(event.reason), PersonId(UUID(envelope.key)), tx)


async def on_outcome(event: ResponseClosed | ReferralClosed, envelope: Envelope, *, tx: Tx) -> None:
    await _let_go(_GONE.get(event.outcome), PersonId(UUID(envelope.key)), tx)


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


async def _let_go(reason: CancelReason | None, person_id: PersonId, tx: Tx) -> None:
    if reason is not None:
        await lock_allocation(tx)
        await home_check.forget(tx, person_id)
        await cancel_all(await open_tasks_about(tx, person_id), reason, tx=tx)
