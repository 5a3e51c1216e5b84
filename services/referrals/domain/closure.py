"""Closure of a referral with an outcome, cancellation, and reopening after a mistake. The referrer sees each. Sources: E11, G39.

A death or a move cancels the referral for a caller who may record it (`shared.access.may_record_end`); others report it (`discrepancies`).
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from services.referrals.commands import CancelReferral, CloseReferral, ReturnReferral
from services.referrals.domain import deadlines, routing
from services.referrals.domain.directory import Service
from services.referrals.domain.life import ANSWERED_BY, REPORT_OF, LifeStatus
from services.referrals.domain.policy import Policy
from services.referrals.domain.referral import (
    UNTRIAGED,
    Occurrence,
    Referral,
    ReferralDeadline,
    Status,
    current_deadline,
    effective_status,
    permit,
)
from shared.contracts.persons import PersonChange
from shared.contracts.referral_codes import CancelReason, Outcome, ReturnReason, Route
from shared.contracts.referrals import ReferralCancelled, ReferralClosed, ReferralReopened, ReferralSeparated
from shared.kernel.decision import Decision
from shared.kernel.errors import IllegalTransition, RuleBroken
from shared.kernel.totality import total


class CareInProgress(RuleBroken):
    """A service has accepted the referral, so its referrer cannot cancel it."""

    code = "care-in-progress"
    advice = "Ask the service that accepted the referral to close it; only a death or a move cancels it."


class OutcomeNotPossible(RuleBroken):
    """The outcome needs a service that has had the referral, or the referral returned with an untriaged concern."""

    code = "outcome-not-possible"
    advice = "State what happened: advice given, need met, another service involved, admitted, declined; or triage and route the referral."


class OutcomeLeavesRedFlag(RuleBroken):
    """The referral has a red flag, and the outcome leaves the person whose life is in danger without an owner (G23)."""

    code = "outcome-leaves-red-flag"
    advice = "State where the person is: emergency, hospital, died, moved, declined; or withdraw the red flag by a triage with its reason."


class HasMergedReferrals(RuleBroken):
    """Another referral was merged into this one, so its referrer alone cannot cancel it."""

    code = "has-merged-referrals"
    advice = "Cancel the merged referrals of your organisation first. The Community Point of Access decides on those of others."


#: The change of the person's life that a reason states. It holds for every referral of the person, whichever organisation sent it.
CHANGE_BY_REASON: Mapping[CancelReason, PersonChange | None] = total(
    CancelReason,
    {
        CancelReason.WITHDRAWN: None,
        CancelReason.SENT_IN_ERROR: None,
        CancelReason.DECLINED_BY_PERSON: None,
        CancelReason.MOVED_AWAY: PersonChange.MOVE,
        CancelReason.DIED: PersonChange.DEATH,
    },
)
#: The same for an outcome.
CHANGE_BY_OUTCOME: Mapping[Outcome, PersonChange | None] = total(
    Outcome,
    {
        Outcome.ADMISSION_AVOIDED: None,
        Outcome.ADMITTED: None,
        Outcome.NEED_MET: None,
        Outcome.ADVICE_GIVEN: None,
        Outcome.CARE_PLAN_AGREED: None,
        Outcome.SIGNPOSTED: None,
        Outcome.NOT_ACUTE: None,
        Outcome.INAPPROPRIATE: None,
        Outcome.NOT_NEEDED: None,
        Outcome.OTHER_SERVICE_INVOLVED: None,
        Outcome.NO_ACCESS: None,
        Outcome.DECLINED_BY_PERSON: None,
        Outcome.DIED: PersonChange.DEATH,
        Outcome.MOVED_AWAY: PersonChange.MOVE,
        Outcome.REDIRECTED_TO_EMERGENCY: None,
    },
)


class _Basis(StrEnum):
    """What makes an outcome true. `service`: a service had the referral, or the person was signposted.

    `met`: the need is met, while no concern waits for triage.
    """

    KNOWN = "known"
    SERVICE = "service"
    MET = "met"


#: The refusal of help alone is no outcome of the Community Point of Access (E11), nor is a call to the ambulance that none confirmed (G23).
_BASIS: Mapping[Outcome, _Basis] = total(
    Outcome,
    {
        Outcome.ADMISSION_AVOIDED: _Basis.SERVICE,
        Outcome.ADMITTED: _Basis.KNOWN,
        Outcome.NEED_MET: _Basis.MET,
        Outcome.ADVICE_GIVEN: _Basis.MET,
        Outcome.CARE_PLAN_AGREED: _Basis.SERVICE,
        Outcome.SIGNPOSTED: _Basis.SERVICE,
        Outcome.NOT_ACUTE: _Basis.SERVICE,
        Outcome.INAPPROPRIATE: _Basis.SERVICE,
        Outcome.NOT_NEEDED: _Basis.SERVICE,
        Outcome.OTHER_SERVICE_INVOLVED: _Basis.KNOWN,
        Outcome.NO_ACCESS: _Basis.SERVICE,
        Outcome.DECLINED_BY_PERSON: _Basis.KNOWN,
        Outcome.DIED: _Basis.KNOWN,
        Outcome.MOVED_AWAY: _Basis.KNOWN,
        Outcome.REDIRECTED_TO_EMERGENCY: _Basis.SERVICE,
    },
)
#: Whether the outcome is possible while life is in danger: the emergency service or a hospital has the person, or no service can go.
_ANSWERS_RED_FLAG: Mapping[Outcome, bool] = total(
    Outcome,
    {
        Outcome.ADMISSION_AVOIDED: False,
        Outcome.ADMITTED: True,
        Outcome.NEED_MET: False,
        Outcome.ADVICE_GIVEN: False,
        Outcome.CARE_PLAN_AGREED: False,
        Outcome.SIGNPOSTED: False,
        Outcome.NOT_ACUTE: False,
        Outcome.INAPPROPRIATE: False,
        Outcome.NOT_NEEDED: False,
        Outcome.OTHER_SERVICE_INVOLVED: False,
        Outcome.NO_ACCESS: False,
        Outcome.DECLINED_BY_PERSON: True,
        Outcome.DIED: True,
        Outcome.MOVED_AWAY: True,
        Outcome.REDIRECTED_TO_EMERGENCY: True,
    },
)
_REASON: Mapping[PersonChange, CancelReason] = total(
    PersonChange, {PersonChange.DEATH: CancelReason.DIED, PersonChange.MOVE: CancelReason.MOVED_AWAY}
)
#: Whether the receiver continues care that it ended as died or moved away itself, once that proves to be a mistake.
_CONTINUES = total(Route, {Route.RAPID_CARE: False, Route.MDT: True, Route.NAVIGATION: True, Route.SERVICE: True})


def close(referral: Referral, command: CloseReferral, now: datetime, policy: Policy) -> Decision[Referral]:
    """Ends the referral with a stated outcome. Triage gets it instead when its receiver did not reach the person.

    So it does while an urgent call about a living person is unanswered. The Community Point of Access ends what it has settled itself,
    also before triage.
    Raises IllegalTransition, OutcomeNotPossible, OutcomeLeavesRedFlag.
    """
    permit(referral, CloseReferral)
    _require_true(referral, command.outcome)
    if not answers_red_flag(referral, command.outcome):
        raise OutcomeLeavesRedFlag(f"The outcome {command.outcome} does not answer the red flag.")
    if reason := _reason_to_return(referral, command.outcome):
        return routing.to_triage(referral, ReturnReferral(reason), now, policy)
    change = CHANGE_BY_OUTCOME[command.outcome]
    ended_from = _resumes_at(referral) if change else None
    closed = replace(_confirmed(referral, change), status=Status.CLOSED, outcome=command.outcome, ended_from=ended_from)
    ended = deadlines.end(closed, [ReferralClosed(outcome=command.outcome, closed_at=now, onward_of=referral.onward_of)], now)
    return _with_reports(ended, referral.discrepancies_due_at)


def cancel(
    referral: Referral, command: CancelReferral, *, has_merged: bool, now: datetime, is_joined_open: bool = False
) -> Decision[Referral]:
    """Withdraws the referral, unless care has begun, or another referral was merged into it and relies on it (`has_merged`).

    A merged referral is withdrawn alone, as long as the one that it joined is open (`is_joined_open`). Raises IllegalTransition,
    CareInProgress, HasMergedReferrals.
    """
    permit(referral, CancelReferral)
    change = CHANGE_BY_REASON[command.reason]
    if not change:
        require_withdrawable(referral, has_merged=has_merged, is_joined_open=is_joined_open)
    if referral.status is Status.MERGED:
        return _withdraw_merged(referral, command, now)
    ended_from = effective_status(referral) if change else None
    cancelled = replace(_confirmed(referral, change), status=Status.CANCELLED, cancel_reason=command.reason, ended_from=ended_from)
    ended = deadlines.end(cancelled, [ReferralCancelled(reason=command.reason, onward_of=referral.onward_of)], now)
    return _with_reports(ended, referral.discrepancies_due_at)


def end_with(referral: Referral, change: PersonChange, now: datetime, policy: Policy) -> Decision[Referral]:
    """Cancels an open referral of a person who has died or moved away. Raises IllegalTransition.

    An unanswered urgent call contradicts a move: triage gets that referral.
    """
    if referral.answer_by is not None and change is not PersonChange.DEATH:
        contradicting = replace(_confirmed(referral, change), person_is_recorded_as=LifeStatus.MOVED)
        return routing.to_triage(contradicting, ReturnReferral(ReturnReason.CALL_UNANSWERED), now, policy)
    return cancel(referral, CancelReferral(_REASON[change]), has_merged=False, now=now)


def change_of(referral: Referral) -> PersonChange | None:
    """The change of the person's life for which the referral ended."""
    by_outcome = CHANGE_BY_OUTCOME[referral.outcome] if referral.outcome else None
    return by_outcome or (CHANGE_BY_REASON[referral.cancel_reason] if referral.cancel_reason else None)


def reopen(
    referral: Referral, *, service: Service | None, contradicts: LifeStatus | None, now: datetime, policy: Policy
) -> Decision[Referral]:
    """Returns the referral to its status and its owner, with a new deadline: the death or the move was a mistake.

    `service` is the directory's entry of today for the referral's service; `contradicts` is a recorded status that still holds.
    A question without an answer is withdrawn, and triage gets a referral that Rapid Care closed, because it has no open response.
    Raises IllegalTransition, also for a referral that ended for another reason.
    """
    permit(referral, Occurrence.PERSON_RESTORED)
    if referral.ended_from is None:
        raise IllegalTransition(Occurrence.PERSON_RESTORED, referral.status)
    reopened = opened(referral, referral.ended_from, contradicts=contradicts, now=now, policy=policy)
    if reopened.status is Status.RETURNED:
        reopened = replace(reopened, receiver_organisation=None)
    event = ReferralReopened(reopened_at=now, onward_of=referral.onward_of)
    return deadlines.begin(reopened, [event], due_again(reopened, service, now, policy))


def opened(referral: Referral, status: Status, *, contradicts: LifeStatus | None, now: datetime, policy: Policy) -> Referral:
    """The referral without its end, in this status."""
    return replace(
        referral,
        status=status,
        ended_from=None,
        ended_at=None,
        outcome=None,
        cancel_reason=None,
        person_is_recorded_as=contradicts,
        discrepancies_due_at=deadlines.triage_by(referral, now, policy),
    )


def separate(referral: Referral, now: datetime, policy: Policy) -> Decision[Referral]:
    """The referral had joined one of another person: it is at the Community Point of Access again, in a chain of its own."""
    permit(referral, Occurrence.PERSON_SEPARATED)
    if referral.merged_into is None:
        raise IllegalTransition(Occurrence.PERSON_SEPARATED, referral.status)
    status = Status.IDENTIFIED if referral.is_identified else Status.UNVERIFIED
    alone = replace(referral, status=status, merged_into=None, ended_at=None, correlation_id=referral.id)
    event = ReferralSeparated(from_referral_id=referral.merged_into, separated_at=now)
    return deadlines.begin(alone, [event], deadlines.triage_by(alone, now, policy))


def answers_red_flag(referral: Referral, outcome: Outcome) -> bool:
    """Whether the outcome may end the referral: without a red flag each may."""
    return not referral.has_red_flag or _ANSWERS_RED_FLAG[outcome]


def _with_reports(ended: Decision[Referral], due_at: datetime | None) -> Decision[Referral]:
    """A report of a death or a move outlasts its referral, and that of a death the record of a move.

    The Community Point of Access records or refutes it by the same deadline.
    """
    reports = tuple(each for each in ended.state.discrepancies if each in REPORT_OF.values())
    if not reports:
        return ended
    reported = replace(ended.state, discrepancies=reports, discrepancies_due_at=due_at)
    return replace(ended, state=reported, cancels=[each for each in ended.cancels if each is not ReferralDeadline.DISCREPANCY])


def _confirmed(referral: Referral, change: PersonChange | None) -> Referral:
    """Without the reports that the change answers, which is recorded now."""
    left = tuple(each for each in referral.discrepancies if not change or each not in ANSWERED_BY[change])
    return replace(referral, discrepancies=left)


def _reason_to_return(referral: Referral, outcome: Outcome) -> ReturnReason | None:
    if referral.answer_by is not None and CHANGE_BY_OUTCOME[outcome] is not PersonChange.DEATH:
        return ReturnReason.CALL_UNANSWERED
    is_unreached = outcome is Outcome.NO_ACCESS and referral.status is Status.ACCEPTED
    return ReturnReason.NO_ACCESS if is_unreached else None


def _require_true(referral: Referral, outcome: Outcome) -> None:
    """Raises OutcomeNotPossible."""
    match _BASIS[outcome]:
        case _Basis.SERVICE:
            is_true = referral.routing > 0 or referral.status is Status.SIGNPOSTED
        case _Basis.MET:
            is_true = effective_status(referral) not in UNTRIAGED or referral.return_reason is not ReturnReason.CONCERN
        case _Basis.KNOWN:
            is_true = True
        case _ as never:
            assert_never(never)
    if not is_true:
        raise OutcomeNotPossible(f"The outcome {outcome} is not true of this referral.")


def _resumes_at(referral: Referral) -> Status:
    """The status after the reversal of an end that the receiver has stated."""
    is_left = referral.route is not None and not _CONTINUES[referral.route]
    return Status.RETURNED if is_left else effective_status(referral)


def due_again(referral: Referral, service: Service | None, now: datetime, policy: Policy) -> datetime:
    """The deadline of the owner of a reopened referral."""
    kind = current_deadline(referral)
    match kind:
        case ReferralDeadline.OUTCOME:
            return deadlines.outcome_by(referral, now, policy)
        case ReferralDeadline.ACKNOWLEDGEMENT:
            return deadlines.acknowledge_by(referral, service, now, policy) if service else deadlines.triage_by(referral, now, policy)
        case ReferralDeadline.TRIAGE | ReferralDeadline.CALL | ReferralDeadline.DISCREPANCY | None:
            return deadlines.triage_by(referral, now, policy)
        case _:
            assert_never(kind)


def _withdraw_merged(referral: Referral, command: CancelReferral, now: datetime) -> Decision[Referral]:
    """The referral that it joined goes on. A death or a move ends that one, never the merged one alone. Raises IllegalTransition."""
    if CHANGE_BY_REASON[command.reason]:
        raise IllegalTransition(CancelReferral.__name__, referral.status)
    withdrawn = replace(referral, status=Status.CANCELLED, cancel_reason=command.reason, merged_into=None)
    return deadlines.end(withdrawn, [ReferralCancelled(reason=command.reason)], now)


def require_withdrawable(referral: Referral, *, has_merged: bool, is_joined_open: bool) -> None:
    """Raises IllegalTransition, CareInProgress, HasMergedReferrals."""
    if referral.status is Status.MERGED and not is_joined_open:
        raise IllegalTransition(CancelReferral.__name__, referral.status)
    if referral.status is Status.ACCEPTED:
        raise CareInProgress(f"The service {referral.service_code} has accepted the referral.")
    if has_merged:
        raise HasMergedReferrals("Another referral was merged into this one.")
