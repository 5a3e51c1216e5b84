"""A referrer's amendment of what it sent: information, the person's telephone, a raised urgency.

A raised urgency takes effect at once. A receiver that takes urgent calls answers it as a second call; otherwise the Community Point of
Access has the referral again, as urgent, and reviews it by its triage. The word of a stranger takes no referral from its receiver: what the
stranger sent becomes an urgent referral of its own. Sources: AC1, G02, G41, G42.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from services.referrals.commands import AmendReferral
from services.referrals.domain import calls, closure, deadlines, discrepancies, triage
from services.referrals.domain.policy import Policy
from services.referrals.domain.referral import (
    AT_POINT_OF_ACCESS,
    UNTRIAGED,
    Referral,
    ReferralDeadline,
    Status,
    effective_status,
    is_with_receiver,
    permit,
)
from services.referrals.domain.urgency import clock_of_raise, made_urgent
from shared.contracts.codes import IS_URGENT, Urgency
from shared.contracts.event import Event
from shared.contracts.referral_codes import AmendedPart
from shared.contracts.referrals import ReferralAmended, ReferralUrgencyRaised
from shared.kernel.decision import Decision
from shared.kernel.errors import IllegalTransition
from shared.kernel.totality import total

_IS_STATED: Mapping[AmendedPart, Callable[[AmendReferral], bool]] = total(
    AmendedPart,
    {
        AmendedPart.INFORMATION: lambda command: command.information is not None,
        AmendedPart.TELEPHONE: lambda command: command.telephone is not None,
        AmendedPart.URGENCY: lambda command: command.is_urgent,
    },
)


@dataclass(frozen=True, slots=True)
class Amendment:
    """What a referrer amends, and the referral that it sent. `answer_by`: the receiver's answer to a raised urgency is due then."""

    command: AmendReferral
    sent_as: UUID
    answer_by: datetime


def amend(referral: Referral, amendment: Amendment, *, now: datetime, policy: Policy, is_joined_open: bool = False) -> Decision[Referral]:
    """Adds to an open referral; information answers an open question. A merged one only notes what its referrer sent.

    The referral that a merged one joined is amended by the same rule. Raises IllegalTransition, also when that one has ended.
    """
    permit(referral, AmendReferral)
    require_amendable(referral, is_joined_open=is_joined_open)
    noted = _noted(referral, amendment, now)
    event = ReferralAmended(amended_at=now, sent_as=amendment.sent_as, parts=tuple(_parts(amendment.command)))
    if referral.status is Status.MERGED or not amendment.command.is_urgent:
        return discrepancies.pass_on(Decision(noted, [event]), now, policy)
    return _raised(replace(noted, raised_at=now), event, amendment, now, policy)


def takes_back(joined: Referral, command: AmendReferral) -> bool:
    """Whether the amendment of a merged referral would take the open one, which it joined, from its receiver."""
    return command.is_urgent and is_with_receiver(joined) and not _is_call(joined)


def amend_alone(merged: Referral, amendment: Amendment, *, now: datetime, policy: Policy) -> Decision[Referral]:
    """The merged referral leaves the one that it joined, and waits for its own triage, as urgent. Raises IllegalTransition."""
    permit(merged, AmendReferral)
    alone = closure.separate(merged, now, policy)
    noted = replace(_noted(alone.state, amendment, now), raised_at=now)
    amended = ReferralAmended(amended_at=now, sent_as=amendment.sent_as, parts=tuple(_parts(amendment.command)))
    urgent, raised = _made_urgent(noted, now)
    at_triage = _to_triage(urgent, [amended], raised, now, policy)
    return replace(at_triage, events=[*alone.events, *at_triage.events])


def without_urgency(amendment: Amendment) -> Amendment | None:
    """The news of an amendment, if there is any."""
    news = replace(amendment.command, is_urgent=False)
    return replace(amendment, command=news) if _parts(news) else None


def require_amendable(referral: Referral, *, is_joined_open: bool) -> None:
    """Raises IllegalTransition."""
    if referral.status is Status.MERGED and not is_joined_open:
        raise IllegalTransition(AmendReferral.__name__, referral.status)


def _parts(command: AmendReferral) -> list[AmendedPart]:
    return [part for part, is_stated in _IS_STATED.items() if is_stated(command)]


def _noted(referral: Referral, amendment: Amendment, now: datetime) -> Referral:
    command = amendment.command
    informed = replace(referral, informed_at=now) if command.information or command.telephone else referral
    is_answer = command.information is not None and amendment.sent_as == referral.id
    return without_question(informed) if is_answer else informed


def _raised(noted: Referral, event: Event, amendment: Amendment, now: datetime, policy: Policy) -> Decision[Referral]:
    urgent, raised = _made_urgent(noted, now)
    if _is_call(noted):
        return _call(urgent, [event, *raised], amendment, now, policy)
    if IS_URGENT[noted.urgency] and noted.status in AT_POINT_OF_ACCESS and not is_with_receiver(noted):
        return Decision(noted, [event])  # its triage or its route is due already
    return _to_triage(urgent, [event], raised, now, policy)


def _made_urgent(noted: Referral, now: datetime) -> tuple[Referral, Sequence[Event]]:
    """The referral as urgent, and the event of that, unless it was urgent already."""
    if IS_URGENT[noted.urgency]:
        return noted, []
    urgent = made_urgent(noted, now, starts_at=clock_of_raise(noted, now))
    return urgent, [ReferralUrgencyRaised(clock_starts_at=urgent.clock_starts_at)]


def _is_call(referral: Referral) -> bool:
    """A receiver that has the referral answers it. One that was asked on routine terms is asked no longer."""
    is_asked_as_urgent = IS_URGENT[referral.urgency] or without_question(referral).status is Status.ACCEPTED
    return is_with_receiver(referral) and is_asked_as_urgent and calls.takes_call(referral, Urgency.URGENT)


def _call(urgent: Referral, events: Sequence[Event], amendment: Amendment, now: datetime, policy: Policy) -> Decision[Referral]:
    called = calls.repeat(urgent, amendment.sent_as, None, amendment.answer_by, now)
    resolved_by = deadlines.resolve_by(urgent, amendment.answer_by) if urgent.discrepancies else None
    state = replace(called.state, due_at=_earlier_outcome(urgent, now, policy), discrepancies_due_at=resolved_by)
    kinds = (ReferralDeadline.CALL, ReferralDeadline.OUTCOME, ReferralDeadline.DISCREPANCY)
    return Decision(state, [*events, *called.events], deadlines.rows_of(state, *kinds), cancels=list(kinds))


def _earlier_outcome(referral: Referral, now: datetime, policy: Policy) -> datetime | None:
    """An accepted referral that becomes urgent has the outcome of an urgent one."""
    if without_question(referral).status is not Status.ACCEPTED or referral.due_at is None:
        return referral.due_at
    return min(referral.due_at, deadlines.outcome_by(referral, now, policy))


def _to_triage(urgent: Referral, before: Sequence[Event], after: Sequence[Event], now: datetime, policy: Policy) -> Decision[Referral]:
    """The Community Point of Access has the referral, as urgent. A clinician triages it again, unless its first triage is still due."""
    before_question = without_question(urgent)
    is_untriaged = before_question.status in UNTRIAGED
    back = replace(urgent, status=before_question.status if is_untriaged else Status.RETURNED)
    if back.status is Status.RETURNED and before_question.status is not Status.RETURNED:
        back = replace(back, route=None, service_code=None, receiver_organisation=None, return_reason=None, suggestion=None)
    return deadlines.begin(
        deadlines.without_call(back), [*before, *triage.recall_of(urgent), *after], deadlines.triage_by(back, now, policy)
    )


def without_question(referral: Referral) -> Referral:
    """The referral as it was before an open question."""
    return replace(referral, status=effective_status(referral), asked_in=None)
