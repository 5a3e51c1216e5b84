"""A coordinator reviews the people of case finding. A risk level alone decides nothing (G54)."""

from typing import assert_never

from services.mdt.commands import ReferCase, ScreenFinding
from services.mdt.domain import risk as domain
from services.mdt.domain.notification import Kind
from services.mdt.domain.risk import Risk
from services.mdt.handlers.case import refer_case
from services.mdt.handlers.notification import notify_lead
from services.mdt.store.case import open_case_of
from services.mdt.store.notification import notify
from services.mdt.store.person import locality_of
from services.mdt.store.practices import locality_of_practice
from services.mdt.store.risk import of_person, risks
from services.mdt.store.tables import Tx
from shared.contracts.codes import Locality
from shared.contracts.envelope import Envelope
from shared.contracts.mdt import FindingDestination
from shared.contracts.navigation import COORDINATOR_REASONS, TaskCancelled, TaskSource
from shared.kernel.target import Target
from shared.persistence.deadlines import DueDeadline
from shared.persistence.transaction import EventSubject


async def screen_finding(target: Target, command: ScreenFinding, *, tx: Tx) -> Risk:
    """`target` is the person. The destination `mdt` opens a case with the same correlation id; another service notifies the lead (E11).

    Raises RiskNotFound, IllegalTransition, VersionConflict, CaseAlreadyOpen, NoOpenCase.
    """
    risk = await of_person(tx, target.id, if_version=target.version)
    locality = await locality_of_practice(tx, risk.practice_code) or await locality_of(tx, risk.person_id) or command.locality
    case = await open_case_of(tx, risk.person_id) if command.destination is FindingDestination.OPEN_CASE else None
    case_id = case.id if case else None
    screened = await risks.save(tx, domain.screen(risk, command, locality=locality, now=tx.now, policy=tx.policy, case_id=case_id))
    match command.destination:
        case FindingDestination.MDT:
            await _refer(screened, locality, tx)
        case FindingDestination.INTEGRATED_LOCALITY_TEAM | FindingDestination.NAVIGATION | FindingDestination.GP:
            await notify_lead(tx, risk.person_id, Kind.REDIRECTED, risk.id, tx.now)
        case FindingDestination.OPEN_CASE | FindingDestination.WATCHING_BRIEF:
            pass
        case _:
            assert_never(command.destination)
    return screened


async def on_screening_due(deadline: DueDeadline, *, tx: Tx) -> None:
    """Notifies the chair of a person of case finding who was not reviewed in time, and repeats this until the review."""
    risk = await risks.load(tx, deadline.subject)
    domain.require_unscreened(risk)
    await notify(tx, tx.policy.chair, risk.person_id, Kind.FINDING_OVERDUE, risk.id, deadline.due_at)
    for again in domain.until_screened(risk, tx.now, tx.policy):
        tx.set_deadline(EventSubject(risk.id, risk.person_id, risk.correlation_id), again)


async def on_watch_over(deadline: DueDeadline, *, tx: Tx) -> None:
    """Returns the person to the list."""
    risk = await risks.load(tx, deadline.subject)
    await risks.save(tx, domain.end_watch(risk, tx.now, tx.policy))


async def on_task_cancelled(event: TaskCancelled, _: Envelope, *, tx: Tx) -> None:
    """A coordinator of navigation gave up the task that followed the review: the person waits for another review."""
    risk = await risks.find(tx, event.source_id, lock=True) if event.source is TaskSource.RISK else None
    if risk and event.reason in COORDINATOR_REASONS and risk.status in domain.RISK[domain.Occurrence.TASK_CANCELLED].sources:
        await risks.save(tx, domain.reopen(risk, tx.now, tx.policy))


async def _refer(risk: Risk, locality: Locality | None, tx: Tx) -> None:
    await refer_case(ReferCase(risk.person_id, risk.practice_code, locality, case_finding_id=risk.correlation_id), tx=tx)
