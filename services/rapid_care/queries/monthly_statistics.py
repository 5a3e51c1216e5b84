"""The statistics of one month."""

from datetime import date

import sqlalchemy as sa

from services.rapid_care.domain.care import AVOIDED
from services.rapid_care.domain.monthly_statistics import MonthlyStatistics
from services.rapid_care.domain.opening import month_bounds
from services.rapid_care.domain.policy import Policy
from services.rapid_care.domain.response import WAITING, Status
from services.rapid_care.store.tables import RESPONSE
from shared.contracts.rapid_care import ContactMode, ResponseOutcome
from shared.persistence.schema import INSTANT
from shared.persistence.statements import ReadSession, Statement, is_one_of

#: A referral that was routed again has several responses on one clock: the last one has the result.
_BY_AGE = sa.func.row_number().over(partition_by=RESPONSE.c.referral_id, order_by=RESPONSE.c.id.desc())
_OF_MONTH = (
    sa.select(RESPONSE, (_BY_AGE == 1).label("is_last"))
    .where(RESPONSE.c.received_at >= sa.bindparam("begins", type_=INSTANT), RESPONSE.c.received_at < sa.bindparam("ends", type_=INSTANT))
    .subquery()
)
_C = _OF_MONTH.c
#: A visit without access stops the clock, and is counted separately also when a later attempt reached the person (G44).
_IS_FACE_TO_FACE = _C.first_contact_mode == ContactMode.FACE_TO_FACE.value


def _count(name: str, *conditions: sa.ColumnElement[bool]) -> sa.Label[int]:
    """Counts each referral once, by its last response."""
    return sa.func.count().filter(_C.is_last, *conditions).label(name)


def _count_each(name: str, *conditions: sa.ColumnElement[bool]) -> sa.Label[int]:
    """Counts every response."""
    return sa.func.count().filter(*conditions).label(name)


_STATISTICS = Statement(
    sa.select(
        _count("referrals"),
        _count("met", _IS_FACE_TO_FACE, _C.contacted_at <= _C.due_at),
        _count("breached", _C.breached_at.is_not(None), sa.func.coalesce(_IS_FACE_TO_FACE, sa.true())),
        _count("running", is_one_of(_C.status, WAITING), _C.breached_at.is_(None), _C.contacted_at.is_(None)),
        _count("held", _C.was_held),
        _count("by_telephone", _C.first_contact_mode == ContactMode.TELEPHONE_BY_TRIAGE.value),
        _count("no_access", _C.first_contact_mode == ContactMode.NO_ACCESS.value),
        _count("recorded_late", _C.contacted_at <= _C.due_at, _C.contact_recorded_at > _C.due_at),
        _count("avoided", is_one_of(_C.outcome, AVOIDED)),
        _count("avoided_confirmed", _C.avoidance_confirmed_at.is_not(None)),
        _count_each("declined", _C.status == Status.DECLINED.value),
        _count_each("cancelled", _C.status == Status.CANCELLED.value),
        _count("inappropriate", _C.outcome == ResponseOutcome.INAPPROPRIATE.value),
        _count("not_acute", _C.outcome == ResponseOutcome.NOT_ACUTE.value),
        sa.func.coalesce(sa.func.sum(_C.benefit_pounds), 0).label("benefit_pounds"),
    )
)


async def monthly_statistics(reader: ReadSession, month: date, policy: Policy) -> MonthlyStatistics:
    """Statistics of the referrals received in the month."""
    begins, ends = month_bounds(month, policy)
    row = await reader.fetch_one(_STATISTICS, begins=begins, ends=ends)
    assert row is not None  # noqa: S101  a count has one row
    return MonthlyStatistics(**row)
