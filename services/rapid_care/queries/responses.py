"""One response, and lists of responses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from services.rapid_care.domain.response import ENDED, IN_CARE, UNFINISHED, WAITING, Response, ResponseNotFound, Status
from services.rapid_care.store import relationships
from services.rapid_care.store.responses import is_superseded, responses
from services.rapid_care.store.tables import MERGED, PERSON, RESPONSE, SERVICE_CODES, Tx
from shared.access import Part
from shared.contracts.rapid_care import DeclineReason
from shared.kernel.errors import NotFound
from shared.kernel.totality import total
from shared.persistence.person_names import PersonName, PersonNames
from shared.persistence.relationships import PersonAccess
from shared.persistence.schema import INSTANT
from shared.persistence.service_codes import CallableService
from shared.persistence.statements import ReadSession, Statement, is_one_of
from shared.persistence.transaction import Transaction
from shared.telemetry import metrics

#: What every read of a person asks.
RELATIONSHIPS = relationships.RELATIONSHIPS


class ResponseFilter(StrEnum):
    """Responses before the first contact, all that have not ended, or those that have ended."""

    WAITING = "waiting"
    OPEN = "open"
    CLOSED = "closed"


class Attention(StrEnum):
    """Why an unfinished response needs the coordinator; `any` is each of the others."""

    AT_RISK = "at-risk"
    BREACHED = "breached"
    OVERDUE = "overdue"
    UNASSIGNED = "unassigned"
    UNANSWERED_CALL = "unanswered-call"
    ANY = "any"


_STATUSES: Mapping[ResponseFilter, tuple[Status, ...]] = total(
    ResponseFilter,
    {
        ResponseFilter.WAITING: (Status.HELD, *WAITING),
        ResponseFilter.OPEN: UNFINISHED,
        ResponseFilter.CLOSED: ENDED,
    },
)
_IS_WAITING, _IS_UNFINISHED = is_one_of(RESPONSE.c.status, WAITING), is_one_of(RESPONSE.c.status, UNFINISHED)
_WITHOUT_CLINICIAN = sa.and_(
    RESPONSE.c.clinician_id.is_(None), sa.or_(RESPONSE.c.status == Status.ACCEPTED.value, is_one_of(RESPONSE.c.status, IN_CARE))
)
_REASONS = (
    sa.and_(_IS_WAITING, RESPONSE.c.at_risk_since.is_not(None), RESPONSE.c.breached_at.is_(None)),
    sa.and_(_IS_WAITING, RESPONSE.c.breached_at.is_not(None)),
    sa.and_(_IS_UNFINISHED, RESPONSE.c.overdue_since.is_not(None)),
    _WITHOUT_CLINICIAN,
    sa.and_(_IS_UNFINISHED, RESPONSE.c.answer_by.is_not(None)),
)
#: The condition of each reason. A breached response is no longer listed as at risk.
_NEEDS: Mapping[Attention, sa.ColumnElement[bool]] = total(
    Attention,
    {
        Attention.AT_RISK: _REASONS[0],
        Attention.BREACHED: _REASONS[1],
        Attention.OVERDUE: _REASONS[2],
        Attention.UNASSIGNED: _REASONS[3],
        Attention.UNANSWERED_CALL: _REASONS[4],
        Attention.ANY: sa.or_(*_REASONS),
    },
)
_BEFORE_ALL = (datetime(1900, 1, 1, tzinfo=UTC), UUID(int=0))
_AFTER_ALL = (datetime(9000, 1, 1, tzinfo=UTC), UUID(int=2**128 - 1))

_CLINICIAN_ID: sa.BindParameter[str] = sa.bindparam("clinician_id", type_=sa.Text)
_PAGE_KEY = sa.tuple_(RESPONSE.c.due_at, RESPONSE.c.id)
_LAST = sa.tuple_(sa.bindparam("due_at", type_=INSTANT), sa.bindparam("id", type_=sa.Uuid))
#: Rapid Care sees a response for a time after its end.
_IS_SEEN = sa.or_(RESPONSE.c.ended_at.is_(None), RESPONSE.c.ended_at > sa.bindparam("ended_after", type_=INSTANT))
_LIST = (
    sa.select(RESPONSE)
    .where(_IS_SEEN)
    .where(RESPONSE.c.status == sa.any_(sa.bindparam("statuses", type_=sa.ARRAY(sa.Text))))
    .where(RESPONSE.c.referral_id == sa.func.coalesce(sa.bindparam("referral_id", type_=sa.Uuid), RESPONSE.c.referral_id))
    .where(sa.or_(_CLINICIAN_ID.is_(None), RESPONSE.c.clinician_id == _CLINICIAN_ID))
    .limit(sa.bindparam("limit", type_=sa.Integer))
)
_FROM_EARLIEST = _LIST.where(_PAGE_KEY > _LAST).order_by(RESPONSE.c.due_at, RESPONSE.c.id)
_MOST_URGENT_FIRST = Statement(_FROM_EARLIEST)
_IN_NEED = {attention: Statement(_FROM_EARLIEST.where(condition)) for attention, condition in _NEEDS.items()}
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
    ).where(is_one_of(RESPONSE.c.status, WAITING), RESPONSE.c.contacted_at.is_(None))
)

_NAMES = PersonNames(MERGED, PERSON)


async def require_person(tx: Tx, person_id: UUID, unknown: NotFound) -> PersonAccess:
    """What the caller may see of the person. Raises `unknown` without a relationship."""
    access = await RELATIONSHIPS.access(tx, person_id)
    access.require(Part.EXISTENCE, unknown)
    return access


async def require_response(tx: Tx, response_id: UUID) -> tuple[Response, PersonAccess]:
    """The response, and what the caller may see of its person. Raises ResponseNotFound."""
    unknown = ResponseNotFound(f"No response has the id {response_id}.")
    response = await responses.find(tx, response_id)
    if response is None:
        raise unknown
    return response, await require_person(tx, response.person_id, unknown)


async def may_act(reader: ReadSession, response: Response) -> bool:
    """Whether commands may act on the response: an ended one gives way to the later response of a referral that was routed here again."""
    return response.ended_at is None or not await is_superseded(reader, response)


async def emergency_alternative(tx: Tx, response: Response) -> CallableService | None:
    """The service to call for a person whose life is in danger; None without danger."""
    if response.decline_reason is not DeclineReason.LIFE_THREATENING:
        return None
    return await SERVICE_CODES.find(tx, tx.policy.emergency_service, tx.policy.day_of(tx.now))


@dataclass(frozen=True, slots=True)
class Selection:
    """The responses of a list. `attention` selects unfinished ones alone."""

    status_filter: ResponseFilter
    attention: Attention | None = None
    clinician_id: str | None = None
    referral_id: UUID | None = None

    @property
    def is_ended(self) -> bool:
        return self.status_filter is ResponseFilter.CLOSED

    @property
    def statement(self) -> Statement:
        if self.attention is not None:
            return _IN_NEED[self.attention]
        return _LATEST_FIRST if self.is_ended else _MOST_URGENT_FIRST


async def list_responses(tx: Tx, selection: Selection, *, after: tuple[datetime, UUID] | None, limit: int) -> list[Response]:
    """Those that the caller may see, ordered by `due_at`: open responses from the earliest, recently ended ones from the latest."""
    due_at, last = after or (_AFTER_ALL if selection.is_ended else _BEFORE_ALL)
    rows = await tx.fetch(
        selection.statement,
        ended_after=tx.now - tx.policy.access_lasts,
        statuses=list(_STATUSES[selection.status_filter]),
        referral_id=selection.referral_id,
        clinician_id=selection.clinician_id,
        due_at=due_at,
        id=last,
        limit=limit,
    )
    return [responses.from_row(row) for row in rows]


async def names(reader: ReadSession, found: Sequence[Response]) -> Mapping[UUID, PersonName]:
    """The names of the people of these responses, by person."""
    return await _NAMES.of(reader, [response.person_id for response in found])


async def observe_clocks(tx: Transaction[Any]) -> None:
    """Sets the gauges of running clocks, of those that end soon and of breached ones, for /metrics."""
    row = await tx.fetch_one(_CLOCKS, now=tx.now, soon=tx.now + _SOON)
    assert row is not None  # noqa: S101  a count has one row
    metrics.CLOCKS_OPEN.set(row["open"])
    metrics.CLOCKS_NEAR_BREACH.set(row["near_breach"])
    metrics.CLOCKS_BREACHED.set(row["breached"])
