"""Break-glass: a caller opens all of one person for a time, says why, and is reviewed by the information governance role (G12).

Each context has its own table: the act opens the person in the context in which it was done.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa
import structlog

from shared.access import BreakGlassReason
from shared.contracts.care_policy import CarePolicy
from shared.kernel.decision import Deadline
from shared.kernel.errors import NotAllowed, NotFound, RuleBroken
from shared.kernel.ids import new_id
from shared.kernel.working_days import working_days_later
from shared.persistence.deadlines import DueDeadline
from shared.persistence.schema import INSTANT, break_glass_table
from shared.persistence.statements import ReadSession, Statement
from shared.persistence.transaction import EventSubject, Transaction

P = TypeVar("P", bound=CarePolicy)

log = structlog.get_logger(__name__)


class BreakGlassDeadline(StrEnum):
    """The review of a break-glass; it is due again until someone reviews it."""

    REVIEW = "break-glass-review"


class ReviewOutcome(StrEnum):
    JUSTIFIED = "justified"
    NOT_JUSTIFIED = "not-justified"


class BreakGlassNotFound(NotFound):
    """No break-glass has this id."""

    code = "break-glass-not-found"


class BreakGlassReviewed(RuleBroken):
    """The break-glass has been reviewed with another outcome."""

    code = "break-glass-reviewed"


class OwnBreakGlass(NotAllowed):
    """A member of staff does not review their own break-glass."""

    code = "own-break-glass"
    advice = "Ask another member of the information governance staff."


@dataclass(frozen=True, slots=True)
class BreakGlass:
    """One act. It opens the person until `ends_at`; it is in the work list until `reviewed_at`."""

    id: UUID
    person_id: UUID
    issuer: str
    organisation: str
    actor_id: str
    role: str
    reason: BreakGlassReason
    explanation: str
    begun_at: datetime
    ends_at: datetime
    review_by: datetime
    overdue_since: datetime | None = None
    reviewed_at: datetime | None = None
    reviewed_by: str | None = None
    outcome: ReviewOutcome | None = None


BREAK_GLASS = break_glass_table(sa.MetaData())
_ID = sa.bindparam("break_glass_id", type_=sa.Uuid)
_INSERT = Statement(sa.insert(BREAK_GLASS).values({column.name: sa.bindparam(column.name) for column in BREAK_GLASS.columns}))
_LOCKED = Statement(sa.select(BREAK_GLASS).where(BREAK_GLASS.c.id == _ID).with_for_update())
_KEY = sa.tuple_(BREAK_GLASS.c.begun_at, BREAK_GLASS.c.id)
_OPEN = Statement(
    sa.select(BREAK_GLASS)
    .where(BREAK_GLASS.c.reviewed_at.is_(None) == sa.bindparam("is_open", type_=sa.Boolean))
    .where(sa.tuple_(sa.bindparam("begun_at", type_=INSTANT), sa.bindparam("last", type_=sa.Uuid)) < _KEY)
    .order_by(BREAK_GLASS.c.begun_at, BREAK_GLASS.c.id)
    .limit(sa.bindparam("limit", type_=sa.Integer))
)
_REVIEW = Statement(
    sa.update(BREAK_GLASS)
    .where(BREAK_GLASS.c.id == _ID)
    .values({name: sa.bindparam(name) for name in ("reviewed_at", "reviewed_by", "outcome")})
)
_OVERDUE = Statement(
    sa.update(BREAK_GLASS)
    .where(BREAK_GLASS.c.id == _ID, BREAK_GLASS.c.reviewed_at.is_(None))
    .values(overdue_since=sa.func.coalesce(BREAK_GLASS.c.overdue_since, sa.bindparam("now", type_=INSTANT)))
)
_CURRENT = Statement(
    sa.select(BREAK_GLASS)
    .where(BREAK_GLASS.c.person_id == sa.bindparam("person_id"), BREAK_GLASS.c.ends_at > sa.bindparam("now", type_=INSTANT))
    .where(*(BREAK_GLASS.c[name] == sa.bindparam(name) for name in ("issuer", "organisation", "actor_id", "reason", "explanation")))
    .limit(1)
)


async def break_glass(tx: Transaction[P], person_id: UUID, reason: BreakGlassReason, explanation: str) -> BreakGlass:
    """The caller's act, audited and with a deadline for its review.

    One with the same reason and explanation that still opens the person is continued; another reason is an act of its own.
    """
    why = {"person_id": person_id, "reason": reason, "explanation": explanation}
    who = {"issuer": tx.actor.issuer, "organisation": tx.actor.organisation, "actor_id": tx.actor.id}
    await tx.lock(f"break-glass of {tx.request.caller} for {person_id}")  # two at once are one act
    row = await tx.fetch_one(_CURRENT, now=tx.now, **who, **why)
    if row is not None:
        tx.audit(row["id"])
        return _of(row)
    return await _begin(tx, person_id, reason, explanation)


async def _begin(tx: Transaction[P], person_id: UUID, reason: BreakGlassReason, explanation: str) -> BreakGlass:
    who, now = tx.actor, tx.now
    begun = BreakGlass(
        id=new_id(),
        person_id=person_id,
        issuer=who.issuer,
        organisation=who.organisation,
        actor_id=who.id,
        role=who.role,
        reason=reason,
        explanation=explanation,
        begun_at=now,
        ends_at=now + tx.policy.break_glass_lasts,
        review_by=_review_by(now, tx.policy),
    )
    await tx.execute(_INSERT, **{column.name: getattr(begun, column.name) for column in BREAK_GLASS.columns})
    for subject in (begun.id, person_id):
        tx.audit(subject, basis=reason)
    _await_review(tx, begun.id, person_id, begun.review_by)
    log.warning("break-glass.begun", break_glass_id=begun.id, reason=reason)
    return begun


async def review(tx: Transaction[P], break_glass_id: UUID, outcome: ReviewOutcome) -> BreakGlass:
    """Raises BreakGlassNotFound, OwnBreakGlass, BreakGlassReviewed. The same review again changes nothing."""
    row = await tx.fetch_one(_LOCKED, break_glass_id=break_glass_id)
    if row is None:
        raise BreakGlassNotFound(f"No break-glass has the id {break_glass_id}.")
    found, reviewer = _of(row), tx.actor
    if reviewer.is_person(found.issuer, found.actor_id):
        raise OwnBreakGlass("The reviewer is who broke the glass.")
    if found.outcome not in {None, outcome}:
        raise BreakGlassReviewed(f"The break-glass was reviewed as {found.outcome}.")
    if found.outcome is None:
        await tx.execute(_REVIEW, break_glass_id=found.id, reviewed_at=tx.now, reviewed_by=tx.request.caller, outcome=outcome)
        tx.cancel_deadlines(found.id, BreakGlassDeadline.REVIEW)
    tx.audit(found.id, basis=outcome)
    return _of(await tx.fetch_one(_LOCKED, break_glass_id=break_glass_id))


async def listed(reader: ReadSession, *, is_open: bool, after: tuple[datetime, UUID], limit: int) -> list[BreakGlass]:
    """Those that wait for a review, or that have one; the oldest first."""
    begun_at, last = after
    return [_of(row) for row in await reader.fetch(_OPEN, is_open=is_open, begun_at=begun_at, last=last, limit=limit)]


async def on_review_due(deadline: DueDeadline, *, tx: Transaction[Any]) -> None:
    """Marks the act as overdue, and sets the next reminder."""
    await tx.execute(_OVERDUE, break_glass_id=deadline.subject, now=tx.now)
    _await_review(tx, deadline.subject, deadline.correlation_id, _review_by(tx.now, tx.policy))


def _await_review(tx: Transaction[Any], break_glass_id: UUID, person_id: UUID, due_at: datetime) -> None:
    tx.set_deadline(EventSubject(break_glass_id, person_id, person_id), Deadline(BreakGlassDeadline.REVIEW, due_at))


def _review_by(now: datetime, policy: CarePolicy) -> datetime:
    return working_days_later(now, policy.break_glass_reviewed_within_working_days, policy.zone)


def _of(row: Any) -> BreakGlass:
    values = dict(row)
    outcome = values.pop("outcome")
    return BreakGlass(**values | {"reason": BreakGlassReason(values["reason"])}, outcome=ReviewOutcome(outcome) if outcome else None)
