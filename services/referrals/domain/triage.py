"""A clinician's decisions about a referral: its urgency, a raised urgency, and requests for information.

The software records the decision and never makes it (G34). Sources: the triage table of docs/rules.md, G02, G23, G41.
"""

from dataclasses import replace
from datetime import datetime

from services.referrals.commands import AnswerInformation, RaiseUrgency, RequestInformation, TriageReferral
from services.referrals.domain import deadlines
from services.referrals.domain.discrepancies import mark_condition
from services.referrals.domain.policy import Policy
from services.referrals.domain.referral import TRIAGED, Referral, ReferralDeadline, Status, is_with_receiver, permit
from services.referrals.domain.urgency import clock_start, made_urgent
from shared.contracts.codes import IS_URGENT
from shared.contracts.event import Event
from shared.contracts.referrals import (
    ReferralConditionSet,
    ReferralInformationAnswered,
    ReferralInformationRequested,
    ReferralRecalled,
    ReferralTriaged,
    ReferralUrgencyRaised,
)
from shared.kernel.decision import Decision
from shared.kernel.errors import IllegalTransition, RuleBroken


class RedFlagIsUrgent(RuleBroken):
    """A referral with a red flag can only be triaged as urgent (G23)."""

    code = "red-flag-is-urgent"
    advice = "Triage as urgent, or withdraw the red flag (has_red_flag: false) with a reason."


class AlreadyUrgent(RuleBroken):
    """The referral is urgent already, and its clock is running."""

    code = "already-urgent"
    advice = "Nothing to do: the two-hour clock is running."


def triage(referral: Referral, command: TriageReferral, *, triaged_by: str, now: datetime, policy: Policy) -> Decision[Referral]:
    """Sets the urgency and, for an urgent referral, the start of its clock. A red flag stays until a clinician withdraws it.

    An urgent referral without a condition is marked, never refused. Raises IllegalTransition, RedFlagIsUrgent.
    """
    permit(referral, TriageReferral)
    has_red_flag = referral.has_red_flag if command.has_red_flag is None else command.has_red_flag
    is_urgent = IS_URGENT[command.urgency]
    if has_red_flag and not is_urgent:
        raise RedFlagIsUrgent("A referral with a red flag is urgent.")
    judged = replace(
        referral,
        status=TRIAGED[command.urgency],
        urgency=command.urgency,
        is_complex=command.is_complex,
        has_red_flag=has_red_flag,
        is_by_telephone=command.is_by_telephone,
        was_urgent=referral.was_urgent or is_urgent,
        clock_starts_at=clock_start(referral, now) if is_urgent else referral.clock_starts_at,
        condition=command.condition or referral.condition,
        raised_at=None,
        triaged_at=now,
        triaged_by=triaged_by,
        triage_reason=command.reason,
    )
    events: list[Event] = [
        ReferralTriaged(outcome=command.urgency, is_complex=command.is_complex, triaged_at=now, has_red_flag=has_red_flag)
    ]
    if is_urgent and referral.triaged_at is not None and not IS_URGENT[referral.urgency]:
        events.append(ReferralUrgencyRaised(clock_starts_at=judged.clock_starts_at))
    if judged.condition is not None and judged.condition is not referral.condition:
        events.append(ReferralConditionSet(condition=judged.condition))
    return _with_deadline(referral, judged, events, now, policy)


def raise_urgency(referral: Referral, command: RaiseUrgency, *, raised_by: str, now: datetime, policy: Policy) -> Decision[Referral]:
    """Takes the referral from its receiver, who learns of it, to be routed again; the received time and the reference stay (G41).

    Raises IllegalTransition, AlreadyUrgent.
    """
    permit(referral, RaiseUrgency)
    require_not_urgent(referral)
    raised = replace(
        made_urgent(referral, now),
        status=Status.TRIAGED_URGENT,
        route=None,
        service_code=None,
        receiver_organisation=None,
        raised_at=None,
        triaged_at=now,
        triaged_by=raised_by,
        triage_reason=command.reason,
    )
    events: list[Event] = [*recall_of(referral), ReferralUrgencyRaised(clock_starts_at=raised.clock_starts_at)]
    return deadlines.begin(deadlines.without_call(raised), events, deadlines.triage_by(raised, now, policy))


def recall_of(referral: Referral) -> list[Event]:
    """The event that takes a referral back from its receiver, if it has one."""
    if not is_with_receiver(referral):
        return []
    return [ReferralRecalled(service_code=referral.service_code or "", routing=referral.routing, onward_of=referral.onward_of)]


def require_not_urgent(referral: Referral) -> None:
    """Raises AlreadyUrgent."""
    if IS_URGENT[referral.urgency]:
        raise AlreadyUrgent("The referral is urgent already.")


def request_information(referral: Referral, command: RequestInformation, now: datetime) -> Decision[Referral]:
    """Asks the referrer. No clock and no deadline stops, and every command that was permitted stays permitted."""
    permit(referral, RequestInformation)
    asked = replace(referral, status=Status.INFORMATION_REQUESTED, asked_in=referral.status, question=command.question)
    return Decision(asked, [ReferralInformationRequested(asked_at=now)])


def answer_information(referral: Referral, now: datetime, *, is_joined_open: bool = False) -> Decision[Referral]:
    """The referrer's information, requested or not. It ends an open question: the referral returns to the state before it.

    The referrer of a merged referral gives information as long as the joined one is open. Raises IllegalTransition.
    """
    permit(referral, AnswerInformation)
    require_informable(referral, is_joined_open=is_joined_open)
    return inform(replace(referral, status=referral.asked_in or referral.status, asked_in=None), now)


def inform(referral: Referral, now: datetime) -> Decision[Referral]:
    """Marks new information in the person's record, also that of a merged referral's referrer, which answers no question."""
    return Decision(replace(referral, informed_at=now), [ReferralInformationAnswered(answered_at=now)])


def require_informable(referral: Referral, *, is_joined_open: bool) -> None:
    """Raises IllegalTransition."""
    if referral.status is Status.MERGED and not is_joined_open:
        raise IllegalTransition(AnswerInformation.__name__, referral.status)


def _with_deadline(previous: Referral, judged: Referral, events: list[Event], now: datetime, policy: Policy) -> Decision[Referral]:
    """Triage and routing share one deadline; it restarts only when the referral becomes urgent or ceases to be."""
    is_changed = IS_URGENT[previous.urgency] is not IS_URGENT[judged.urgency]
    if is_changed or judged.condition is not None:
        judged = mark_condition(judged)
    if is_changed:
        return deadlines.begin(judged, events, deadlines.triage_by(judged, now, policy))
    resolved_by = judged.discrepancies_due_at if judged.discrepancies else None
    is_settled = previous.discrepancies and not judged.discrepancies
    judged = replace(judged, asked_in=None, discrepancies_due_at=resolved_by)
    return Decision(judged, events, cancels=[ReferralDeadline.DISCREPANCY] if is_settled else [])
