"""The order in which a meeting takes its cases (domain.md §5.4): whoever has waited wrongly, then whoever is in most danger."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.mdt.domain.case import Case
from services.mdt.domain.table_16 import Standing


@dataclass(frozen=True, slots=True)
class AgendaItem:
    """A listed case, and what is known of the person's danger. `crisis_at` is the last rapid response or admission."""

    case: Case
    standing: Standing
    crisis_at: datetime | None = None


def in_order(items: Iterable[AgendaItem], *, now: datetime, recent: timedelta) -> list[AgendaItem]:
    """Deferred urgent, risk level from high to low, high climber, recent crisis, age of referral. The same items, the same order."""
    return sorted(items, key=lambda item: _place(item, now, recent))


def _place(item: AgendaItem, now: datetime, recent: timedelta) -> tuple[object, ...]:
    case, standing = item.case, item.standing
    level = -1 if standing.level is None else standing.level
    has_recent_crisis = item.crisis_at is not None and now - item.crisis_at <= recent
    first = case.is_deferred and case.is_urgent
    return (not first, -level, not standing.is_high_climber, not has_recent_crisis, case.referred_at, case.id)
