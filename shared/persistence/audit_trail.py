"""The audit of a context as those who govern information read it: who viewed a person, and what an actor viewed.

An entry names a person or an aggregate of theirs, so the entries about a person are those of their ids and of their aggregates. The newest
entry comes first.

That a safeguarding concern was raised stays in the audit and is in no view: its time, its reference and the reads before it would show by
whom, and about whom. A refused attempt is shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from shared.contracts.safeguarding import RAISING
from shared.persistence.schema import AUDIT_COLUMNS, INSTANT
from shared.persistence.statements import ReadSession, Statement

_BEGINNING, _END = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_LAST_NUMBER = 2**63 - 1


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One row of the audit. `refusal` is None when the request was answered."""

    id: int
    recorded_at: datetime
    database_role: str
    at: datetime
    issuer: str
    actor_id: str
    actor_org: str
    actor_role: str
    actor_system: str | None
    action: str
    subject: UUID | None
    version: int | None
    trace_id: str | None
    basis: str | None
    refusal: str | None
    times: int


@dataclass(frozen=True, slots=True)
class AuditPage:
    """The entries before the number `before`, recorded from `since` until before `until`; without a bound where it is None."""

    limit: int
    before: int | None = None
    since: datetime | None = None
    until: datetime | None = None


class AuditTrail:
    """`aggregates` are the tables whose rows are about a person: each has the column `person_id`, and its key is the subject of entries.

    Acts of break-glass are among them in every context.
    """

    def __init__(self, *aggregates: sa.Table) -> None:
        shared = aggregates[0].metadata.tables
        audit, about_people = shared["audit"], (*aggregates, shared["break_glass"])
        people = sa.bindparam("people", type_=sa.ARRAY(sa.Uuid))
        own = [sa.select(*table.primary_key.columns).where(table.c.person_id == sa.any_(people)) for table in about_people]
        self._about = Statement(_page(audit).where(audit.c.subject.in_(sa.union_all(sa.select(sa.func.unnest(people)), *own))))
        organisation, actor_id = sa.bindparam("organisation", type_=sa.Text), sa.bindparam("actor_id", type_=sa.Text)
        self._by = Statement(_page(audit).where(audit.c.actor_org == organisation, audit.c.actor_id == actor_id))

    async def about(self, reader: ReadSession, people: Sequence[UUID], page: AuditPage) -> list[AuditEntry]:
        """`people` are the ids of one person: those of all records that mean the same one."""
        return [AuditEntry(**row) for row in await reader.fetch(self._about, people=list(people), **_bounds(page))]

    async def by(self, reader: ReadSession, organisation: str, actor_id: str, page: AuditPage) -> list[AuditEntry]:
        """The entries of an actor, of every issuer."""
        values = {"organisation": organisation, "actor_id": actor_id}
        return [AuditEntry(**row) for row in await reader.fetch(self._by, **values, **_bounds(page))]


def _page(audit: sa.Table) -> sa.Select[Any]:
    recorded_at = audit.c.recorded_at
    return (
        sa.select(*(audit.c[name] for name in AUDIT_COLUMNS))
        .where(
            sa.or_(audit.c.action != sa.literal_column(f"'{RAISING}'"), audit.c.refusal.is_not(None)),
            audit.c.id < sa.bindparam("before", type_=sa.BigInteger),
            recorded_at >= sa.bindparam("since", type_=INSTANT),
            recorded_at < sa.bindparam("until", type_=INSTANT),
        )
        .order_by(audit.c.id.desc())
        .limit(sa.bindparam("limit", type_=sa.Integer))
    )


def _bounds(page: AuditPage) -> dict[str, object]:
    before = _LAST_NUMBER if page.before is None else page.before
    return {"before": before, "since": page.since or _BEGINNING, "until": page.until or _END, "limit": page.limit}
