"""The end of a case, and the return of what a mistake ended (G39).

A case ends by a redirection, by the meeting, with a withdrawn referral, a death or a move.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.mdt.commands import CloseCase, ScreenCase
from services.mdt.domain import person_change
from services.mdt.domain.case import CASE, Case, CaseDeadline, Occurrence, Status, listed_events, with_slot
from services.mdt.domain.meeting import AgendaSlot
from services.mdt.domain.person_change import REASON_OF
from shared.contracts.codes import ScreeningOutcome
from shared.contracts.mdt import CaseClosed, CaseCloseReason, CaseRedirected, CaseReferralWithdrawn, CaseReopened, CaseScreened
from shared.contracts.persons import PersonChange
from shared.kernel.decision import Deadline, Decision
from shared.kernel.errors import InvalidField, RuleBroken
from shared.kernel.state_table import require_transition
from shared.kernel.totality import total


class CaseNotDiscussed(RuleBroken):
    """A case can only be closed as met after a meeting discussed it."""

    code = "case-not-discussed"
    advice = "Screen the case or list it for a meeting, or close it for another reason."


class NoOtherCase(RuleBroken):
    """A case is a duplicate only while the person has another open case."""

    code = "no-other-case"
    advice = "Close the case for another reason."


class OtherCaseWithoutPlan(RuleBroken):
    """The plan of a case ends with it, so that of two cases the one with a plan stays."""

    code = "other-case-without-plan"
    advice = "Close the other case, which has no plan, as the duplicate."


class DestinationMissing(InvalidField):
    """A person whom the meeting does not accept must be given a destination (E11)."""

    code = "destination-missing"
    advice = "Name the destination of the person."
    field = "destination"


class CaseHasPlan(RuleBroken):
    """A case whose plan continues is not redirected: the plan would be without a case."""

    code = "case-has-plan"
    advice = "Discuss the case, or close it with its plan."


#: Whether a case can end for this reason only after a meeting has discussed it.
_NEEDS_DISCUSSION = total(
    CaseCloseReason,
    {
        CaseCloseReason.DIED: False,
        CaseCloseReason.MOVED_AWAY: False,
        CaseCloseReason.DECLINED_BY_PERSON: False,
        CaseCloseReason.NEEDS_MET: True,
        CaseCloseReason.REFERRAL_WITHDRAWN: False,
        CaseCloseReason.DUPLICATE: False,
    },
)


def close(case: Case, command: CloseCase, now: datetime) -> Decision[Case]:
    """Raises IllegalTransition, CaseNotDiscussed."""
    require_transition(case.status, CloseCase, CASE)
    if _NEEDS_DISCUSSION[command.reason] and case.care_plan_id is None:
        raise CaseNotDiscussed("No meeting has discussed this case.")
    return _close(case, command.reason, now)


def redirect(case: Case, command: ScreenCase, now: datetime) -> Decision[Case]:
    """Sends a case that is not eligible to its destination, until a meeting has discussed it (E11, mdt-7).

    Raises IllegalTransition, CaseHasPlan, DestinationMissing.
    """
    require_transition(case.status, ScreenCase, CASE)
    if case.care_plan_id is not None:
        raise CaseHasPlan("A meeting has discussed this case, and its plan continues.")
    if command.destination is None:
        raise DestinationMissing("A redirected person needs a destination.")
    redirected = [
        CaseRedirected(referral_id=waiting, destination=command.destination, reason=command.reason, locality=case.locality)
        for waiting in case.referral_ids or (None,)
    ]
    screened = CaseScreened(outcome=ScreeningOutcome.NOT_ELIGIBLE)
    sent = replace(_left(case, Status.REDIRECTED, now), referral_ids=())
    return Decision(sent, [screened, *redirected], cancels=[CaseDeadline.SCREENING])


def continued_by(case: Case, open_cases: Iterable[Case]) -> Case:
    """The open case of the person that continues a duplicate, by preference one with a plan.

    Raises IllegalTransition, NoOtherCase, OtherCaseWithoutPlan.
    """
    require_transition(case.status, CloseCase, CASE)
    others = sorted((other for other in open_cases if other.id != case.id), key=lambda other: other.care_plan_id is None)
    if not others:
        raise NoOtherCase("The person has no other open case.")
    if case.care_plan_id and others[0].care_plan_id is None:
        raise OtherCaseWithoutPlan("The other case of the person has no plan.")
    return others[0]


def end(case: Case, change: PersonChange, now: datetime) -> Decision[Case]:
    """The person died or moved away (G39). Raises IllegalTransition."""
    require_transition(case.status, Occurrence.CARE_ENDED, CASE)
    return _close(case, REASON_OF[change], now)


def withdraw(case: Case, referral_id: UUID, now: datetime, change: PersonChange | None = None) -> Decision[Case] | None:
    """Closes a case that waits for this referral alone and was never discussed. Any other case forgets the referral.

    `change` is the death or the move with which the referral ended: the person's own event ends the case, which keeps the referral
    for a reversal. None when the case stays as it is.
    """
    if referral_id not in case.referral_ids:
        return None
    require_transition(case.status, Occurrence.REFERRAL_WITHDRAWN, CASE)
    others = tuple(waiting for waiting in case.referral_ids if waiting != referral_id)
    if not others and case.care_plan_id is None:
        return _close(case, REASON_OF[change] if change else CaseCloseReason.REFERRAL_WITHDRAWN, now)
    return None if change else Decision(replace(case, referral_ids=others), [CaseReferralWithdrawn(referral_id=referral_id)])


def was_listed(case: Case) -> bool:
    """Whether a mistaken death or move took the case off an agenda, so that it needs another slot."""
    return _before(case).status is Status.LISTED


def restore(case: Case, slot: AgendaSlot | None, *, screen_by: datetime) -> Decision[Case]:
    """The death or move was a mistake: the case is as before, a listed one in `slot`. Raises IllegalTransition."""
    require_transition(case.status, Occurrence.CARE_RESTORED, CASE)
    restored = _before(case)
    if slot is not None:
        listed = with_slot(restored, slot)
        return Decision(listed, [CaseReopened(), *listed_events(listed, case.referral_ids)])
    screening = [Deadline(CaseDeadline.SCREENING, screen_by)] if restored.status is Status.REFERRED else []
    return Decision(restored, [CaseReopened()], screening)


def take_plan(case: Case, care_plan_id: UUID, slot: AgendaSlot) -> Decision[Case]:
    """A newer case takes over the plan that a mistake had closed: it needs no screening and is listed. Raises IllegalTransition."""
    require_transition(case.status, Occurrence.PLAN_RESTORED, CASE)
    listed = replace(case if case.status is Status.LISTED else with_slot(case, slot), care_plan_id=care_plan_id)
    return Decision(listed, listed_events(listed, case.referral_ids), cancels=[CaseDeadline.SCREENING])


def _before(case: Case) -> Case:
    """The case as it was before a death or a move ended it."""
    return case if case.ended is None else replace(case, status=Status(case.ended.status), ended=None, closed_at=None)


def _close(case: Case, reason: CaseCloseReason, now: datetime) -> Decision[Case]:
    events = [CaseClosed(referral_id=waiting, reason=reason) for waiting in case.referral_ids or (None,)]
    ended = person_change.ended(case.status, reason, now)
    closed = replace(_left(case, Status.CLOSED, now), ended=ended)
    if ended is None:
        closed = replace(closed, referral_ids=())
    return Decision(closed, events, cancels=[CaseDeadline.SCREENING])


def _left(case: Case, status: Status, now: datetime) -> Case:
    """The case off every agenda."""
    return replace(case, status=status, closed_at=now, meeting_id=None, meeting_starts_at=None, slot=None)
