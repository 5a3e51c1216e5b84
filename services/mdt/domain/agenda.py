"""The order in which a meeting takes its cases (G54): whoever has waited wrongly, then whoever is in most danger.

At the cut-off the agenda is capped by rank (G54): nobody takes a place because they were listed first.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.mdt.domain.case import Case
from services.mdt.domain.policy import Policy
from services.mdt.domain.table_16 import Standing


@dataclass(frozen=True, slots=True)
class AgendaItem:
    """A listed case, and what is known of the person's danger. `crisis_at` is the last rapid response or admission."""

    case: Case
    standing: Standing
    crisis_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AgendaAllocation:
    """Who stays at a meeting, who stays in an urgent place, and for whom there is none."""

    ordinary: Sequence[Case]
    urgent: Sequence[Case]
    outranked: Sequence[Case]


def cap(items: Iterable[AgendaItem], *, now: datetime, policy: Policy) -> AgendaAllocation:
    """Who had to wait a week already goes first, so that nobody is outranked for ever; then the order of the agenda."""
    ranked = [item.case for item in in_order(items, now=now, recent=policy.crisis_is_recent_for)]
    ranked.sort(key=lambda case: not case.is_deferred)
    ordinary, others = ranked[: policy.capacity], ranked[policy.capacity :]
    urgent = [case for case in others if case.is_urgent][: policy.urgent_places]
    return AgendaAllocation(ordinary, urgent, [case for case in others if case not in urgent])


def in_order(items: Iterable[AgendaItem], *, now: datetime, recent: timedelta) -> list[AgendaItem]:
    """Deferred urgent, risk level from high to low, high climber, recent crisis, age of referral. The same items, the same order."""
    return sorted(items, key=lambda item: _rank(item, now, recent))


def _rank(item: AgendaItem, now: datetime, recent: timedelta) -> tuple[object, ...]:
    case, standing = item.case, item.standing
    has_recent_crisis = item.crisis_at is not None and now - item.crisis_at <= recent
    first = case.is_deferred and case.is_urgent
    return (not first, -standing.judged_as, not standing.is_high_climber, not has_recent_crisis, case.referred_at, case.id)
