"""One response, and lists of responses."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from services.rapid_care.domain.response import ENDED, UNFINISHED, WAITING, Response, ResponseNotFound, Status
from services.rapid_care.store.responses import responses
from services.rapid_care.store.tables import RESPONSE
from shared.kernel.totality import total
from shared.persistence.schema import INSTANT
from shared.persistence.statements import ReadSession, Statement, is_one_of
from shared.persistence.transaction import Transaction
from shared.telemetry import metrics


class ResponseFilter(StrEnum):
    """Responses before the first contact, all that have not ended, or those that have ended."""

    WAITING = "waiting"
    OPEN = "open"
    CLOSED = "closed"


_STATUSES: Mapping[ResponseFilter, tuple[Status, ...]] = total(
    ResponseFilter,
    {
        ResponseFilter.WAITING: (Status.HELD, *WAITING),
        ResponseFilter.OPEN: UNFINISHED,
        ResponseFilter.CLOSED: ENDED,
    },
)
_BEFORE_ALL = (datetime(1900, 1, 1, tzinfo=UTC), UUID(int=0))
_AFTER_ALL = (datetime(9000, 1, 1, tzinfo=UTC), UUID(int=2**128 - 1))

_PAGE_KEY = sa.tuple_(RESPONSE.c.due_at, RESPONSE.c.id)
_LAST = sa.tuple_(sa.bindparam("due_at", type_=INSTANT), sa.bindparam("id", type_=sa.Uuid))
_LIST = (
    sa.select(RESPONSE)
    .where(RESPONSE.c.status == sa.any_(sa.bindparam("statuses", type_=sa.ARRAY(sa.Text))))
    .where(RESPONSE.c.referral_id == sa.func.coalesce(sa.bindparam("referral_id", type_=sa.Uuid), RESPONSE.c.referral_id))
    .limit(sa.bindparam("limit", type_=sa.Integer))
)
_MOST_URGENT_FIRST = Statement(_LIST.where(_PAGE_KEY > _LAST).order_by(RESPONSE.c.due_at, RESPONSE.c.id))
_LATEST_FIRST = Statement(_LIST.where(_PAGE_KEY < _LAST).order_by(RESPONSE.c.due_at.desc(), RESPONSE.c.id.desc()))
#: The time that an available clinician may need to reach the person.
_SOON = timedelta(minutes=30)

_CLOCKS = Statement(
    sa.select(
        sa.func.count().label("open"),
        sa.func.count()
        .filter(RESPONSE.c.due_at.between(sa.bindparam("now", type_=INSTANT), sa.bindparam("soon", type_=INSTANT)))
        .label("near_breach"),
        sa.func.count().filter(RESPONSE.c.breached_at.is_not(None)).label("breached"),
    ).where(is_one_of(RESPONSE.c.status, WAITING))
)


async def response(reader: ReadSession, response_id: UUID) -> Response:
    """Raises ResponseNotFound."""
    response = await responses.find(reader, response_id)
    if response is None:
        raise ResponseNotFound(f"No response has the id {response_id}.")
    return response


async def list_responses(
    reader: ReadSession, status_filter: ResponseFilter, *, after: tuple[datetime, UUID] | None, limit: int, referral_id: UUID | None = None
) -> list[Response]:
    """Ordered by `due_at`: open responses from the earliest, ended ones from the latest."""
    is_ended = status_filter is ResponseFilter.CLOSED
    statement = _LATEST_FIRST if is_ended else _MOST_URGENT_FIRST
    due_at, last = after or (_AFTER_ALL if is_ended else _BEFORE_ALL)
    statuses = list(_STATUSES[status_filter])
    rows = await reader.fetch(statement, statuses=statuses, referral_id=referral_id, due_at=due_at, id=last, limit=limit)
    return [responses.from_row(row) for row in rows]


async def observe_clocks(tx: Transaction[Any]) -> None:
    """Sets the gauges of running clocks, of those that end soon and of breached ones, for /metrics."""
    row = await tx.fetch_one(_CLOCKS, now=tx.now, soon=tx.now + _SOON)
    assert row is not None  # noqa: S101  a count has one row
    metrics.CLOCKS_OPEN.set(row["open"])
    metrics.CLOCKS_NEAR_BREACH.set(row["near_breach"])
    metrics.CLOCKS_BREACHED.set(row["breached"])
