"""Differences between a referral and the record of a known person. A referral proposes, and the Community Point of Access decides.

The record keeps its value until a member of staff confirms the proposed one, and the referral goes on with the record. A value that the
record lacks is no difference: `person` adds it at once. Pure. States: docs/states/referrals.md.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from services.referrals.commands import ConfirmProposal, DismissProposal
from services.referrals.domain import deadlines, differences
from services.referrals.domain.access import HANDLE
from services.referrals.domain.differences import Difference
from services.referrals.domain.directory import PracticeClosed
from services.referrals.domain.person import Person
from services.referrals.domain.policy import Policy
from services.referrals.domain.record_fields import is_equal
from services.referrals.domain.referral import Referral
from services.referrals.domain.story import NOT_GIVEN
from shared.contracts.codes import IS_URGENT
from shared.contracts.persons import ProposalConfirmed, ProposalDismissed, ProposalOpened, ProposalOverdue, ProposalRepeated
from shared.kernel.decision import JUST_AFTER, Deadline, Decision
from shared.kernel.errors import NotFound
from shared.kernel.ids import PersonId, new_id
from shared.kernel.ownership import Desk, Owners, owned
from shared.kernel.state_table import Transitions, require_transition, state_table, transition
from shared.kernel.totality import total
from shared.kernel.working_days import working_days_later


class ProposalStatus(StrEnum):
    UNDECIDED = "undecided"
    CONFIRMED = "confirmed"
    DISMISSED = "dismissed"


class ProposalOccurrence(StrEnum):
    """An urgent referral proposes the same value, so that the decision is due earlier."""

    PROPOSED_AGAIN = "proposed-again"


class ProposalDeadline(StrEnum):
    """The Community Point of Access decides."""

    DECISION = "proposal-decision"


@dataclass(frozen=True, slots=True)
class Proposal(Difference):
    """A difference of one referral. `present_value` was recorded when the proposal was made, or when it was decided.

    `former_until`: the record had the proposed value until then. `dismissed_before`: an equal proposal was dismissed then.
    """

    id: UUID
    person_id: PersonId
    correlation_id: UUID
    status: ProposalStatus
    referral_id: UUID
    referrer_organisation: str
    is_urgent: bool
    received_at: datetime
    due_at: datetime | None
    overdue_since: datetime | None = None
    former_until: datetime | None = None
    dismissed_before: datetime | None = None
    decided_at: datetime | None = None
    decided_by: str | None = None
    reason: str | None = None
    version: int = 0


@dataclass(frozen=True, slots=True)
class Origin:
    """The referral that proposes a value, and the record that it is about: a separation leaves a proposal with that record.

    For a value that was recorded during a mistaken merge, it is the last referral of the record.
    """

    person_id: PersonId
    referral_id: UUID
    correlation_id: UUID
    organisation: str
    is_urgent: bool


class ProposalNotFound(NotFound):
    """No proposal has this id."""

    code = "proposal-not-found"
    advice = "Read the list of proposals."


#: Guards the commands, answers `GET .../actions`, and is printed (and tested) as docs/states/referrals.md.
PROPOSAL: Transitions = state_table(
    {
        ConfirmProposal: transition(ProposalStatus.UNDECIDED, ProposalStatus.CONFIRMED, ProposalConfirmed),
        DismissProposal: transition(ProposalStatus.UNDECIDED, ProposalStatus.DISMISSED, ProposalDismissed),
        ProposalOccurrence.PROPOSED_AGAIN: transition(ProposalStatus.UNDECIDED, (), ProposalRepeated),
        ProposalDeadline.DECISION: transition(ProposalStatus.UNDECIDED, (), ProposalOverdue),
    },
    ProposalOccurrence,
    ProposalDeadline,
)
PROPOSAL_OWNERS: Owners = total(
    ProposalStatus,
    {
        ProposalStatus.UNDECIDED: owned(Desk("Community Point of Access", "open_proposals", HANDLE), ProposalDeadline.DECISION),
        ProposalStatus.CONFIRMED: None,
        ProposalStatus.DISMISSED: None,
    },
)


def propose(
    found: Iterable[Difference], earlier: Sequence[Proposal], person: Person, referral: Referral, *, now: datetime, policy: Policy
) -> list[Decision[Proposal]]:
    """Opens a proposal for each difference. One that equals an open proposal of the record only brings its deadline forward."""
    is_urgent = IS_URGENT[referral.requested_urgency]
    origin = Origin(referral.person_id, referral.id, referral.correlation_id, referral.referrer_organisation, is_urgent)
    return _proposed(found, earlier, person, origin, now, policy)


def propose_separated(
    found: Iterable[Difference],
    earlier: Sequence[Proposal],
    person: Person,
    own: Person,
    *,
    organisation: str,
    now: datetime,
    policy: Policy,
) -> list[Decision[Proposal]]:
    """As `propose`, for the record `own` after a separation. It is urgent: a clinician may set out to the other person's address."""
    origin = Origin(own.id, own.correlation_id, own.correlation_id, organisation, is_urgent=True)
    return _proposed(found, earlier, person, origin, now, policy)


def confirm(proposal: Proposal, person: Person, *, decided_by: str, now: datetime, is_practice_closed: bool = False) -> Decision[Proposal]:
    """`person` is the record before. `is_practice_closed`: no practice stands for the proposed one.

    Raises IllegalTransition, PracticeClosed.
    """
    require_transition(proposal.status, ConfirmProposal, PROPOSAL)
    if is_practice_closed:
        raise PracticeClosed(f"The practice {proposal.proposed_value} is closed and has no successor.")
    decided = _decided(shown(proposal, person), ProposalStatus.CONFIRMED, decided_by, now)
    return Decision(decided, [ProposalConfirmed(field=proposal.field, decided_at=now)], cancels=list(ProposalDeadline))


def dismiss(proposal: Proposal, person: Person, command: DismissProposal, *, decided_by: str, now: datetime) -> Decision[Proposal]:
    """Raises IllegalTransition."""
    require_transition(proposal.status, DismissProposal, PROPOSAL)
    decided = replace(_decided(shown(proposal, person), ProposalStatus.DISMISSED, decided_by, now), reason=command.reason)
    return Decision(decided, [ProposalDismissed(field=proposal.field, decided_at=now)], cancels=list(ProposalDeadline))


def mark_overdue(proposal: Proposal, now: datetime, policy: Policy) -> Decision[Proposal]:
    """The deadline passed: publishes a reminder and sets the next deadline. Raises IllegalTransition."""
    require_transition(proposal.status, ProposalDeadline.DECISION, PROPOSAL)
    due_at = proposal.due_at or now
    reminded = replace(proposal, overdue_since=proposal.overdue_since or due_at, due_at=_chase_at(proposal, now, policy))
    return Decision(reminded, [ProposalOverdue(decide_by=due_at)], _rows(reminded))


def is_settled(proposal: Proposal, person: Person) -> bool:
    """Whether the record has the proposed value, because staff corrected it."""
    value = differences.value_of(person, proposal.field, proposal.contact)
    return is_equal(proposal.field, value or NOT_GIVEN, proposal.proposed_value)


def offered(*, is_practice_closed: bool) -> Transitions:
    """The part of the state table whose commands may be given now."""
    return {trigger: row for trigger, row in PROPOSAL.items() if trigger is not ConfirmProposal or not is_practice_closed}


def shown(proposal: Proposal, person: Person) -> Proposal:
    """An open proposal with the value that the record has now."""
    if proposal.status is not ProposalStatus.UNDECIDED:
        return proposal
    return replace(proposal, present_value=differences.value_of(person, proposal.field, proposal.contact) or "")


def _proposed(
    found: Iterable[Difference], earlier: Sequence[Proposal], person: Person, origin: Origin, now: datetime, policy: Policy
) -> list[Decision[Proposal]]:
    decisions = (_propose(each, earlier, person, origin, now, policy) for each in found)
    return [decision for decision in decisions if decision is not None]


def _propose(
    found: Difference, earlier: Iterable[Proposal], person: Person, origin: Origin, now: datetime, policy: Policy
) -> Decision[Proposal] | None:
    equal = [each for each in earlier if each.is_equal(found)]
    open_ones = (each for each in equal if each.status is ProposalStatus.UNDECIDED and each.person_id == origin.person_id)
    waiting, due_at = next(open_ones, None), _decide_by(origin, now, policy)
    if waiting:
        return _bring_forward(waiting, origin, due_at)
    dismissed = [each.decided_at for each in equal if each.status is ProposalStatus.DISMISSED and each.decided_at]
    proposal = Proposal(
        id=new_id(),
        person_id=origin.person_id,
        correlation_id=origin.correlation_id,
        status=ProposalStatus.UNDECIDED,
        field=found.field,
        contact=found.contact,
        present_value=found.present_value,
        proposed_value=found.proposed_value,
        referral_id=origin.referral_id,
        referrer_organisation=origin.organisation,
        is_urgent=origin.is_urgent,
        received_at=now,
        due_at=due_at,
        former_until=differences.former_until(person, found),
        dismissed_before=max(dismissed, default=None),
    )
    return Decision(proposal, [_opened(proposal, due_at)], _rows(proposal))


def _opened(proposal: Proposal, due_at: datetime) -> ProposalOpened:
    return ProposalOpened(
        field=proposal.field,
        referral_id=proposal.referral_id,
        referrer_organisation=proposal.referrer_organisation,
        received_at=proposal.received_at,
        decide_by=due_at,
    )


def _bring_forward(waiting: Proposal, origin: Origin, due_at: datetime) -> Decision[Proposal] | None:
    if waiting.due_at is not None and waiting.due_at <= due_at:
        return None
    sooner = replace(waiting, is_urgent=waiting.is_urgent or origin.is_urgent, due_at=due_at)
    event = ProposalRepeated(referral_id=origin.referral_id, decide_by=due_at)
    return Decision(sooner, [event], _rows(sooner), cancels=list(ProposalDeadline))


def _decide_by(origin: Origin, now: datetime, policy: Policy) -> datetime:
    """An urgent referral needs the decision with its triage: a clinician may set out to an old address."""
    if origin.is_urgent:
        return deadlines.opening_of(now, policy.opens, policy.closes, policy) + policy.triage_urgent
    return working_days_later(now, policy.decide_proposal_working_days, policy.zone)


def _chase_at(proposal: Proposal, now: datetime, policy: Policy) -> datetime:
    if proposal.is_urgent:
        return deadlines.opening_of(now + policy.chase_urgent, policy.opens, policy.closes, policy)
    return working_days_later(now, policy.chase_routine_working_days, policy.zone)


def _rows(proposal: Proposal) -> list[Deadline]:
    return [Deadline(ProposalDeadline.DECISION, proposal.due_at + JUST_AFTER)] if proposal.due_at else []


def _decided(proposal: Proposal, status: ProposalStatus, decided_by: str, now: datetime) -> Proposal:
    return replace(proposal, status=status, decided_by=decided_by, decided_at=now, due_at=None, overdue_since=None)
