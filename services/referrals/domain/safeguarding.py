"""Safeguarding concerns: one for each person and kind of harm, with the accounts of all who raised it (S22, IG13).

The council receives, acknowledges and decides. A safeguarding lead follows up what the council has not acknowledged. A concern changes no
referral and waits for none: care goes on beside it. A death or a move ends no concern. Pure. States: docs/states/referrals.md.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from services.referrals.commands import AcknowledgeConcern, CloseConcern
from services.referrals.domain.access import SAFEGUARDING
from services.referrals.domain.policy import Policy
from shared.contracts.safeguarding import (
    AccountGiven,
    ConcernAccountAdded,
    ConcernAcknowledged,
    ConcernClosed,
    ConcernDecisionOverdue,
    ConcernEscalated,
    ConcernEvent,
    ConcernKind,
    ConcernOutcome,
    ConcernRaised,
    Raiser,
)
from shared.kernel.actor import Actor
from shared.kernel.decision import JUST_AFTER, Deadline, Decision
from shared.kernel.errors import NotAllowed, NotFound
from shared.kernel.ids import PersonId
from shared.kernel.ownership import Desk, Owners, owned
from shared.kernel.state_table import Transitions, offered_commands, require_transition, state_table, transition
from shared.kernel.totality import total
from shared.kernel.working_days import working_days_later


class ConcernStatus(StrEnum):
    RAISED = "raised"
    ESCALATED = "escalated"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"


class ConcernOccurrence(StrEnum):
    """Another account of the same concern arrives."""

    ACCOUNT_ADDED = "account-added"


class ConcernDeadline(StrEnum):
    """The council acknowledges, and decides."""

    ACKNOWLEDGEMENT = "concern-acknowledgement"
    DECISION = "concern-decision"


@dataclass(frozen=True, slots=True)
class Account:
    """What one member of staff reported, from which service. Its id is the reference of their receipt."""

    id: UUID
    service: str
    kind: ConcernKind
    is_urgent: bool
    account: str
    raiser: Raiser
    is_raiser_limited: bool
    raised_at: datetime

    @classmethod
    def of(cls, account_id: UUID, service: str, given: AccountGiven) -> "Account":
        return cls(
            id=account_id,
            service=service,
            kind=given.kind,
            is_urgent=given.is_urgent,
            account=given.account,
            raiser=given.raiser,
            is_raiser_limited=given.is_raiser_limited,
            raised_at=given.raised_at,
        )


@dataclass(frozen=True, slots=True)
class Concern:
    """`due_at`: the council acknowledges or decides by then, or the lead is reminded. `overdue_since` stays until it has.

    `correlation_id` is the concern's own id: a chain of care never leads here.
    """

    id: UUID
    person_id: PersonId
    correlation_id: UUID
    status: ConcernStatus
    kind: ConcernKind
    is_urgent: bool
    raised_at: datetime
    due_at: datetime | None
    overdue_since: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    closed_at: datetime | None = None
    closed_by: str | None = None
    outcome: ConcernOutcome | None = None
    reason: str | None = None
    version: int = 0


class ConcernNotFound(NotFound):
    """No safeguarding concern has this id."""

    code = "concern-not-found"
    advice = "Read the list of safeguarding concerns."


class CouncilDecides(NotAllowed):
    """Only the council decides about a safeguarding concern (IG13)."""

    code = "council-decides"
    advice = "Ask the council's receiver of safeguarding concerns."


#: Guards the commands, answers `GET .../actions`, and is printed (and tested) as docs/states/referrals.md.
SAFEGUARDING_CONCERN: Transitions = state_table(
    {
        AcknowledgeConcern: transition((ConcernStatus.RAISED, ConcernStatus.ESCALATED), ConcernStatus.ACKNOWLEDGED, ConcernAcknowledged),
        CloseConcern: transition(ConcernStatus.ACKNOWLEDGED, ConcernStatus.CLOSED, ConcernClosed),
        ConcernOccurrence.ACCOUNT_ADDED: transition(
            (ConcernStatus.RAISED, ConcernStatus.ESCALATED, ConcernStatus.ACKNOWLEDGED),
            (ConcernStatus.RAISED, ConcernStatus.ESCALATED),
            ConcernAccountAdded,
        ),
        ConcernDeadline.ACKNOWLEDGEMENT: transition(
            (ConcernStatus.RAISED, ConcernStatus.ESCALATED), ConcernStatus.ESCALATED, ConcernEscalated
        ),
        ConcernDeadline.DECISION: transition(ConcernStatus.ACKNOWLEDGED, (), ConcernDecisionOverdue),
    },
    ConcernOccurrence,
    ConcernDeadline,
)


def _desk(name: str, status: ConcernStatus) -> Desk:
    return Desk(name, "safeguarding_concerns", SAFEGUARDING, query=f"status={status}")


_COUNCIL = "council's receiver of safeguarding concerns"
SAFEGUARDING_CONCERN_OWNERS: Owners = total(
    ConcernStatus,
    {
        ConcernStatus.RAISED: owned(_desk(_COUNCIL, ConcernStatus.RAISED), ConcernDeadline.ACKNOWLEDGEMENT),
        ConcernStatus.ESCALATED: owned(_desk("safeguarding lead", ConcernStatus.ESCALATED), ConcernDeadline.ACKNOWLEDGEMENT),
        ConcernStatus.ACKNOWLEDGED: owned(_desk(_COUNCIL, ConcernStatus.ACKNOWLEDGED), ConcernDeadline.DECISION),
        ConcernStatus.CLOSED: None,
    },
)
#: The states to which another account of the same concern is added.
OPEN = tuple(status for status, ownership in SAFEGUARDING_CONCERN_OWNERS.items() if ownership)


def raise_concern(concern_id: UUID, person_id: PersonId, account: Account, policy: Policy) -> Decision[Concern]:
    """The first account. The council's time runs from the account, also when the event was long under way."""
    raised = Concern(
        id=concern_id,
        person_id=person_id,
        correlation_id=concern_id,
        status=ConcernStatus.RAISED,
        kind=account.kind,
        is_urgent=account.is_urgent,
        raised_at=account.raised_at,
        due_at=_acknowledge_by(account, policy),
    )
    return Decision(raised, [_event(ConcernRaised, raised)], _rows(raised, ConcernDeadline.ACKNOWLEDGEMENT))


def add_account(concern: Concern, account: Account, policy: Policy) -> Decision[Concern]:
    """The council acknowledges this account too, at the latest when its own time ends; an earlier deadline stays.

    A deadline that becomes later than the new one stays pending, so that the work is that of a first account. Raises IllegalTransition.
    """
    require_transition(concern.status, ConcernOccurrence.ACCOUNT_ADDED, SAFEGUARDING_CONCERN)
    due_at = _acknowledge_by(account, policy)
    is_waiting = concern.status is not ConcernStatus.ACKNOWLEDGED
    added = replace(
        concern,
        status=concern.status if is_waiting else ConcernStatus.RAISED,
        is_urgent=concern.is_urgent or account.is_urgent,
        due_at=min(due_at, concern.due_at or due_at) if is_waiting else due_at,
    )
    return Decision(added, [_event(ConcernAccountAdded, added)], _rows(added, ConcernDeadline.ACKNOWLEDGEMENT))


def acknowledge(concern: Concern, *, acknowledged_by: str, now: datetime, policy: Policy) -> Decision[Concern]:
    """The council has the concern; the safeguarding lead may record what the council said by telephone. Raises IllegalTransition."""
    require_transition(concern.status, AcknowledgeConcern, SAFEGUARDING_CONCERN)
    acknowledged = replace(
        concern,
        status=ConcernStatus.ACKNOWLEDGED,
        acknowledged_at=now,
        acknowledged_by=acknowledged_by,
        overdue_since=None,
        due_at=working_days_later(now, policy.decide_concern_working_days, policy.zone),
    )
    rows = _rows(acknowledged, ConcernDeadline.DECISION)
    return Decision(acknowledged, [_event(ConcernAcknowledged, acknowledged)], rows, cancels=list(ConcernDeadline))


def close(concern: Concern, command: CloseConcern, *, closed_by: str, now: datetime) -> Decision[Concern]:
    """Raises IllegalTransition."""
    require_transition(concern.status, CloseConcern, SAFEGUARDING_CONCERN)
    closed = replace(
        concern,
        status=ConcernStatus.CLOSED,
        closed_at=now,
        closed_by=closed_by,
        outcome=command.outcome,
        reason=command.reason,
        due_at=None,
        overdue_since=None,
    )
    return Decision(closed, [_event(ConcernClosed, closed, outcome=command.outcome)], cancels=list(ConcernDeadline))


def mark_overdue(concern: Concern, kind: ConcernDeadline, now: datetime, policy: Policy) -> Decision[Concern] | None:
    """The deadline passed: an escalation or a reminder, and the next deadline. None for one of a former state, or before `due_at`."""
    if concern.status not in SAFEGUARDING_CONCERN[kind].sources or (concern.due_at and now <= concern.due_at):
        return None
    status = ConcernStatus.ESCALATED if kind is ConcernDeadline.ACKNOWLEDGEMENT else concern.status
    overdue_since = concern.overdue_since or concern.due_at
    late = replace(concern, status=status, overdue_since=overdue_since, due_at=_chase_at(concern, now, policy))
    return Decision(late, [_event(_REMINDERS[kind], late)], _rows(late, kind))


def require_permitted(actor: Actor, command: type, policy: Policy) -> None:
    """Raises CouncilDecides."""
    if command is CloseConcern and actor.organisation != policy.safeguarding_receiver:
        raise CouncilDecides("Only the council closes a safeguarding concern.")


def offered(concern: Concern, actor: Actor, policy: Policy) -> list[type]:
    """The commands that the concern permits to the caller now."""
    return offered_commands(concern.status, SAFEGUARDING_CONCERN, lambda command: require_permitted(actor, command, policy))


def shows_person(accounts: Iterable[Account], actor: Actor) -> bool:
    """Whether the concern shows the caller who the person is: the word of the reader alone opens no identity."""
    own = (actor.organisation, actor.id)
    return any((account.raiser.organisation, account.raiser.professional_id) != own for account in accounts)


def shows_raiser(account: Account, actor: Actor, policy: Policy) -> bool:
    """Whether the caller may learn who gave the account: a limited name is for the council alone."""
    return not account.is_raiser_limited or actor.organisation == policy.safeguarding_receiver


_REMINDERS = total(
    ConcernDeadline,
    {ConcernDeadline.ACKNOWLEDGEMENT: ConcernEscalated, ConcernDeadline.DECISION: ConcernDecisionOverdue},
)


def _acknowledge_by(account: Account, policy: Policy) -> datetime:
    if account.is_urgent:
        return account.raised_at + policy.acknowledge_concern_urgent
    return working_days_later(account.raised_at, policy.acknowledge_concern_working_days, policy.zone)


def _chase_at(concern: Concern, now: datetime, policy: Policy) -> datetime:
    if concern.is_urgent:
        return now + policy.chase_concern_urgent
    return working_days_later(now, policy.chase_concern_working_days, policy.zone)


def _rows(concern: Concern, kind: ConcernDeadline) -> list[Deadline]:
    return [Deadline(kind, concern.due_at + JUST_AFTER)] if concern.due_at else []


def _event(kind: type[ConcernEvent], concern: Concern, **more: object) -> ConcernEvent:
    own = {name: getattr(concern, name) for name in ConcernEvent.model_fields}
    return kind(**own, **more)
