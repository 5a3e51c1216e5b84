"""Deadlines of a response."""

from collections.abc import Sequence

from services.rapid_care.domain import care, clock, duties
from services.rapid_care.store.responses import is_admitted_since, responses
from services.rapid_care.store.tables import Tx
from shared.persistence.deadlines import DueDeadline


async def prefetch_responses(due: Sequence[DueDeadline], *, tx: Tx) -> None:
    """Locks the responses of a batch of deadlines by one statement."""
    await responses.prefetch(tx, [deadline.subject for deadline in due])


async def on_opening(deadline: DueDeadline, *, tx: Tx) -> None:
    response = await responses.load(tx, deadline.subject)
    await responses.save(tx, clock.open_held_response(response, tx.policy, tx.now))


async def on_at_risk(deadline: DueDeadline, *, tx: Tx) -> None:
    response = await responses.load(tx, deadline.subject)
    await responses.save(tx, clock.warn(response, deadline.due_at))


async def on_breach(deadline: DueDeadline, *, tx: Tx) -> None:
    response = await responses.load(tx, deadline.subject)
    await responses.save(tx, clock.judge_deadline(response, deadline.due_at, tx.policy))


async def on_step_overdue(deadline: DueDeadline, *, tx: Tx) -> None:
    response = await responses.load(tx, deadline.subject)
    step = duties.STEP_OF[deadline.kind]
    await responses.save(tx, duties.remind(response, step, deadline.due_at, tx.policy, tx.now))


async def on_avoidance_confirmation(deadline: DueDeadline, *, tx: Tx) -> None:
    response = await responses.load(tx, deadline.subject)
    is_admitted = await is_admitted_since(tx, response)
    await responses.save(tx, care.confirm_avoidance(response, is_admitted_since=is_admitted, now=tx.now))
