"""A clinician's decisions about a referral: its urgency, a raised urgency, and requests for information.

The software records the decision and never makes it (G34). Sources: the triage table of docs/rules.md, G02, G23, G41.
"""

from dataclasses import replace
from datetime import datetime

from services.referrals.commands import AnswerInformation, RaiseUrgency, RequestInformation, TriageReferral
from services.referrals.domain import deadlines
from services.referrals.domain.policy import Policy
from services.referrals.domain.referral import TRIAGED, Referral, Status, permit
from shared.contracts.codes import IS_URGENT, Urgency
from shared.contracts.event import Event
from shared.contracts.referrals import (
    ReferralInformationAnswered,
    ReferralInformationRequested,
    ReferralTriaged,
    ReferralUrgencyRaised,
)
from shared.kernel.decision import Decision
from shared.kernel.errors import RuleBroken


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

    Raises IllegalTransition, RedFlagIsUrgent.
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
        clock_starts_at=_clock(referral, now) if is_urgent else referral.clock_starts_at,
        triaged_at=now,
        triaged_by=triaged_by,
        triage_reason=command.reason,
    )
    events: list[Event] = [ReferralTriaged(outcome=command.urgency, is_complex=command.is_complex, triaged_at=now)]
    if is_urgent and referral.triaged_at is not None and not IS_URGENT[referral.urgency]:
        events.append(ReferralUrgencyRaised(clock_starts_at=judged.clock_starts_at))
    return _with_deadline(referral, judged, events, now, policy)


def raise_urgency(referral: Referral, command: RaiseUrgency, *, raised_by: str, now: datetime, policy: Policy) -> Decision[Referral]:
    """Takes the referral from its receiver, to be routed again; the received time and the reference stay (G41).

    Raises IllegalTransition, AlreadyUrgent.
    """
    permit(referral, RaiseUrgency)
    if IS_URGENT[referral.urgency]:
        raise AlreadyUrgent("The referral is urgent already.")
    raised = replace(
        referral,
        status=Status.TRIAGED_URGENT,
        urgency=Urgency.URGENT,
        was_urgent=True,
        clock_starts_at=_clock(referral, now),
        route=None,
        service_code=None,
        receiver_organisation=None,
        triaged_at=now,
        triaged_by=raised_by,
        triage_reason=command.reason,
    )
    return deadlines.begin(
        raised, [ReferralUrgencyRaised(clock_starts_at=raised.clock_starts_at)], deadlines.triage_by(raised, now, policy)
    )


def request_information(referral: Referral, command: RequestInformation, now: datetime) -> Decision[Referral]:
    """Asks the referrer. No clock and no deadline stops, and every command that was permitted stays permitted."""
    permit(referral, RequestInformation)
    asked = replace(referral, status=Status.INFORMATION_REQUESTED, asked_in=referral.status, question=command.question)
    return Decision(asked, [ReferralInformationRequested(asked_at=now)])


def answer_information(referral: Referral, now: datetime) -> Decision[Referral]:
    """Returns the referral to the state in which the information was requested."""
    permit(referral, AnswerInformation)
    answered = replace(referral, status=referral.asked_in or Status.IDENTIFIED, asked_in=None)
    return Decision(answered, [ReferralInformationAnswered(answered_at=now)])


def _clock(referral: Referral, now: datetime) -> datetime:
    """The start of an urgent referral's clock: unchanged if it was urgent before or is not yet triaged, else now (G02, G41)."""
    return referral.clock_starts_at if referral.was_urgent or referral.triaged_at is None else now


def _with_deadline(previous: Referral, judged: Referral, events: list[Event], now: datetime, policy: Policy) -> Decision[Referral]:
    """Triage and routing share one deadline; it restarts only when the referral becomes urgent or ceases to be."""
    if IS_URGENT[previous.urgency] is IS_URGENT[judged.urgency]:
        return Decision(replace(judged, asked_in=None), events)
    return deadlines.begin(judged, events, deadlines.triage_by(judged, now, policy))
