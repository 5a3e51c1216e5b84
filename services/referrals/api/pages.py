"""Cursors and pages of each list."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query

from services.referrals.api.responses import ReferralView
from services.referrals.domain.referral import Referral
from services.referrals.queries import referrals, timeline
from shared.web import pagination
from shared.web.responses import Page

Limit = Annotated[int, Query(ge=1, le=200)]
LongLimit = Annotated[int, Query(ge=1, le=1000)]
Cursor = Annotated[str | None, Query(description="`next` of the previous page", max_length=200)]

_EARLIEST = datetime.min.replace(tzinfo=UTC)
_RANKS = {str(rank) for rank in referrals.QUEUE_RANK.values()}
_SMALLEST, _LARGEST = UUID(int=0), UUID(int=2**128 - 1)


def newest_first(cursor: str | None) -> UUID:
    """The id before which the page begins. Raises HttpProblem 400 cursor-malformed."""
    return _LARGEST if cursor is None else _uuid(pagination.decode(cursor, 1)[0])


def most_urgent_first(cursor: str | None) -> referrals.PageKey:
    """Raises HttpProblem 400 cursor-malformed."""
    if cursor is None:
        return 0, _EARLIEST, _SMALLEST
    rank, *rest = pagination.decode(cursor, 3)
    if rank not in _RANKS:
        raise pagination.malformed()
    return int(rank), *pagination.decode_cursor(pagination.encode(*rest))


def oldest_first(cursor: str | None) -> timeline.PageKey:
    """Raises HttpProblem 400 cursor-malformed."""
    return (_EARLIEST, _SMALLEST) if cursor is None else pagination.decode_cursor(cursor)


def of_newest(page: Sequence[Referral], items: list[ReferralView], limit: int) -> Page[ReferralView]:
    """`items` are the views of the page."""
    return _page(items, limit, *([page[-1].id] if page else []))


def after_most_urgent(page: Sequence[Referral], limit: int) -> str | None:
    """The cursor of the next page, if there may be one."""
    if len(page) < limit or not page:
        return None
    rank, due_at, referral_id = referrals.page_key_of(page[-1])
    return pagination.encode(rank, due_at.isoformat(), referral_id)


def _page(items: list[ReferralView], limit: int, *key: object) -> Page[ReferralView]:
    return Page[ReferralView](items=items, next=pagination.encode(*key) if len(items) == limit else None)


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as problem:
        raise pagination.malformed() from problem
