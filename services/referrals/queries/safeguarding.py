"""Safeguarding concerns for the council's receiver and the safeguarding leads."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from services.referrals.domain.person import Person
from services.referrals.domain.safeguarding import OPEN, Account, Concern, ConcernStatus, shows_person
from services.referrals.queries import people
from services.referrals.store import safeguarding as store
from services.referrals.store.people import find_people
from services.referrals.store.safeguarding import CONCERN, concerns, readable_concern
from services.referrals.store.tables import Tx
from shared.persistence.person_names import PersonName
from shared.persistence.schema import INSTANT
from shared.persistence.statements import Statement
from shared.telemetry import metrics

#: The time by which a concern is ordered, and its id.
PageKey = tuple[datetime, UUID]

_ORDER = sa.func.coalesce(CONCERN.c.due_at, CONCERN.c.closed_at)
_AFTER = sa.tuple_(sa.bindparam("after_at", type_=INSTANT), sa.bindparam("after_id", type_=sa.Uuid))
_LISTED = Statement(
    sa.select(CONCERN)
    .where(CONCERN.c.status == sa.any_(sa.bindparam("statuses", type_=sa.ARRAY(sa.Text))), _AFTER < sa.tuple_(_ORDER, CONCERN.c.id))
    .order_by(_ORDER, CONCERN.c.id)
    .limit(sa.bindparam("limit", type_=sa.Integer))
)


_IS_ESCALATED = Statement(
    sa.select(sa.exists().where(CONCERN.c.status == sa.literal_column(f"'{ConcernStatus.ESCALATED}'")).label("is_escalated"))
)


@dataclass(frozen=True, slots=True)
class ConcernFile:
    """A concern with its accounts and the person's record.

    `person` is None for one whom no referral has described, and for a caller who alone has raised the concern.
    """

    concern: Concern
    accounts: list[Account]
    person: Person | None


async def listed(tx: Tx, status: ConcernStatus | None, *, after: PageKey, limit: int) -> list[tuple[Concern, PersonName | None]]:
    """Those of a state, or all open ones: the earliest deadline first, closed ones by the time of their end.

    The caller gets no name with a concern that the caller alone has raised.
    """
    after_at, after_id = after
    statuses = [status] if status else list(OPEN)
    rows = await tx.fetch(_LISTED, statuses=statuses, after_at=after_at, after_id=after_id, limit=limit)
    found = [concerns.from_row(row) for row in rows]
    accounts = await store.accounts(tx, [each.id for each in found])
    named = {each.id: each.person_id for each in found if shows_person(accounts[each.id], tx.actor)}
    names = await people.names(tx, list(named.values()))
    return [(each, names.get(each.person_id) if each.id in named else None) for each in found]


async def concern(tx: Tx, concern_id: UUID) -> Concern:
    """Raises ConcernNotFound."""
    return await readable_concern(tx, concern_id)


async def concern_file(tx: Tx, concern_id: UUID) -> ConcernFile:
    """Raises ConcernNotFound."""
    found = await readable_concern(tx, concern_id)
    accounts = (await store.accounts(tx, [concern_id]))[concern_id]
    known = await find_people(tx, [found.person_id]) if shows_person(accounts, tx.actor) else []
    return ConcernFile(found, accounts, known[0][0] if known else None)


async def observe_escalation(tx: Tx) -> None:
    """Sets the gauge of the alert: whether, not how many."""
    metrics.SAFEGUARDING_ESCALATED.set(await tx.fetch_value(_IS_ESCALATED))
