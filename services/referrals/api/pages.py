"""Where a page of each list begins and goes on."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query

from services.referrals.api.responses import ReferralView
from services.referrals.domain import Policy
from services.referrals.domain.referral import Referral
from services.referrals.queries import referrals, timeline
from shared.web import pagination
from shared.web.responses import Page

Limit = Annotated[int, Query(ge=1, le=200)]
LongLimit = Annotated[int, Query(ge=1, le=1000)]
Cursor = Annotated[str | None, Query(description="`next` of the page before", max_length=200)]

_EVER = datetime.min.replace(tzinfo=UTC)
_SMALLEST, _LARGEST = UUID(int=0), UUID(int=2**128 - 1)


def newest_first(cursor: str | None) -> UUID:
    """The id before which a list of the newest first goes on. Raises HttpRefusal 400 cursor-malformed."""
    return _LARGEST if cursor is None else _uuid(pagination.decode(cursor, 1)[0])


def most_urgent_first(cursor: str | None) -> referrals.PageKey:
    """Raises HttpRefusal 400 cursor-malformed."""
    if cursor is None:
        return 0, _EVER, _SMALLEST
    rank, *rest = pagination.decode(cursor, 3)
    if rank not in {"0", "1"}:
        raise pagination.malformed()
    return int(rank), *pagination.decode_cursor(pagination.encode(*rest))


def oldest_first(cursor: str | None) -> timeline.PageKey:
    """Raises HttpRefusal 400 cursor-malformed."""
    return (_EVER, _SMALLEST) if cursor is None else pagination.decode_cursor(cursor)


def of_newest(found: Sequence[Referral], limit: int, policy: Policy, now: datetime) -> Page[ReferralView]:
    return _page(found, limit, policy, now, *([found[-1].id] if found else []))


def of_most_urgent(found: Sequence[Referral], limit: int, policy: Policy, now: datetime) -> Page[ReferralView]:
    if not found:
        return Page[ReferralView](items=[])
    rank, due_at, referral_id = referrals.page_key_of(found[-1])
    return _page(found, limit, policy, now, rank, due_at.isoformat(), referral_id)


def _page(found: Sequence[Referral], limit: int, policy: Policy, now: datetime, *place: object) -> Page[ReferralView]:
    items = [ReferralView.of(each, policy, now) for each in found]
    return Page[ReferralView](items=items, next=pagination.encode(*place) if len(found) == limit else None)


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as problem:
        raise pagination.malformed() from problem
