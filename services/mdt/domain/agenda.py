"""The order of an agenda, and its cap at the cut-off, by rank and not by the time of listing (G54)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.mdt.domain.case import Case
from services.mdt.domain.policy import Policy
from services.mdt.domain.table_16 import Standing


@dataclass(frozen=True, slots=True)
class AgendaItem:
    """A listed case with the person's risk. `crisis_at` is the last rapid response or admission.

    `other_case_ids` are open as well: two records of the person had a case each before they were merged.
    """

    case: Case
    standing: Standing
    crisis_at: datetime | None = None
    other_case_ids: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class AgendaAllocation:
    """Cases in ordinary slots, cases in urgent slots, and cases without a slot."""

    ordinary: Sequence[Case]
    urgent: Sequence[Case]
    outranked: Sequence[Case]


def cap(items: Iterable[AgendaItem], *, now: datetime, policy: Policy) -> AgendaAllocation:
    """Assigns the slots: deferred cases first, so that no case is outranked without limit, then by the order of the agenda."""
    ranked = [item.case for item in in_order(items, now=now, recent=policy.crisis_is_recent_for)]
    ranked.sort(key=lambda case: not case.is_deferred)
    ordinary, others = ranked[: policy.capacity], ranked[policy.capacity :]
    urgent = [case for case in others if case.is_urgent][: policy.urgent_slots]
    return AgendaAllocation(ordinary, urgent, [case for case in others if case not in urgent])


def in_order(items: Iterable[AgendaItem], *, now: datetime, recent: timedelta) -> list[AgendaItem]:
    """Sorts by deferred and urgent, risk level from high to low, high climber, recent crisis, age of referral, id."""
    return sorted(items, key=lambda item: _rank(item, now, recent))


def _rank(item: AgendaItem, now: datetime, recent: timedelta) -> tuple[object, ...]:
    case, standing = item.case, item.standing
    has_recent_crisis = item.crisis_at is not None and now - item.crisis_at <= recent
    first = case.is_deferred and case.is_urgent
    return (not first, -standing.judged_as, not standing.is_high_climber, not has_recent_crisis, case.referred_at, case.id)
