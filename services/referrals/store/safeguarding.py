"""Safeguarding concerns and their accounts. No other query of the context reads these tables."""

from collections.abc import Collection, Sequence
from dataclasses import fields
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy.dialects.postgresql import JSONB, array

from services.referrals.domain import Policy
from services.referrals.domain.safeguarding import OPEN, Account, Concern, ConcernNotFound
from services.referrals.store.tables import METADATA, Tx
from shared.access import Basis, Part
from shared.contracts.persons import SharingPreference
from shared.contracts.safeguarding import ConcernKind
from shared.persistence.relationships import Fact, Relationships
from shared.persistence.repository import Repository
from shared.persistence.schema import INSTANT
from shared.persistence.statements import ReadSession, Statement, any_of

CONCERN = sa.Table(
    "safeguarding_concern",
    METADATA,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("person_id", sa.Uuid, nullable=False),
    sa.Column("correlation_id", sa.Uuid, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("is_urgent", sa.Boolean, nullable=False),
    sa.Column("raised_at", INSTANT, nullable=False),
    sa.Column("due_at", INSTANT, comment="of the acknowledgement, then of the decision; null when closed"),
    sa.Column("overdue_since", INSTANT),
    sa.Column("acknowledged_at", INSTANT),
    sa.Column("acknowledged_by", sa.Text, comment="organisation and subject"),
    sa.Column("closed_at", INSTANT),
    sa.Column("closed_by", sa.Text, comment="organisation and subject"),
    sa.Column("outcome", sa.Text),
    sa.Column("reason", sa.Text),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Index("ix_safeguarding_concern_person_id_kind", "person_id", "kind"),
    sa.Index("ix_safeguarding_concern_status", "status"),
    comment="Safeguarding concerns, restricted to the council's receiver and the safeguarding leads.",
)
ACCOUNT = sa.Table(
    "safeguarding_account",
    METADATA,
    sa.Column("id", sa.Uuid, primary_key=True, comment="the reference of the receipt"),
    sa.Column("concern_id", sa.Uuid, nullable=False, index=True),
    sa.Column("service", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("is_urgent", sa.Boolean, nullable=False),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("raiser", JSONB, nullable=False),
    sa.Column("is_raiser_limited", sa.Boolean, nullable=False, comment="the council alone learns who it was"),
    sa.Column("raised_at", INSTANT, nullable=False),
    comment="What each member of staff reported of a safeguarding concern.",
)

concerns: Repository[Concern] = Repository(
    Concern, CONCERN, topic="referrals.safeguarding", key=lambda concern: concern.id, not_found=ConcernNotFound
)

_ACCOUNT: TypeAdapter[Account] = TypeAdapter(Account)
_ACCOUNT_COLUMNS = [ACCOUNT.c[field.name] for field in fields(Account)]
_INSERT = Statement(sa.insert(ACCOUNT).values({column.name: sa.bindparam(column.name) for column in ACCOUNT.columns}))
_OPEN_OF_PERSON = Statement(
    sa.select(CONCERN)
    .where(CONCERN.c.person_id == any_of("people"), CONCERN.c.kind == sa.bindparam("kind"))
    .where(CONCERN.c.status.in_([sa.literal_column(f"'{status}'") for status in OPEN]))
    .order_by(CONCERN.c.raised_at, CONCERN.c.id)
    .limit(1)
    .with_for_update()
)
_ACCOUNTS = Statement(
    sa.select(ACCOUNT.c.concern_id, *_ACCOUNT_COLUMNS)
    .where(ACCOUNT.c.concern_id == any_of("concern_ids"))
    .order_by(ACCOUNT.c.raised_at, ACCOUNT.c.id)
)

#: The relationship of the council's receiver and of the safeguarding leads. Other reads do not ask for it, so that they cost the same for
#: a person with a concern and for one without.
RELATIONSHIPS: Relationships[Policy] = Relationships(
    [Fact(Basis.SAFEGUARDING, CONCERN.c.person_id, staff="safeguarding_staff", is_same=True)],
    person_ids=array([sa.bindparam("person_id", type_=sa.Uuid)]),
    sharing=sa.select(sa.literal_column(f"'{SharingPreference.DIRECT_CARE}'")),
)


async def lock_concerns(tx: Tx, person_id: UUID) -> None:
    """Accounts about one person wait for each other. No command of care takes this lock."""
    await tx.lock(f"safeguarding {person_id}")


async def open_concern(tx: Tx, people: Collection[UUID], kind: ConcernKind) -> Concern | None:
    """The oldest open concern about one of the records of a person, locked."""
    row = await tx.fetch_one(_OPEN_OF_PERSON, people=list(people), kind=kind)
    return None if row is None else concerns.from_row(row)


async def add_account(tx: Tx, concern_id: UUID, account: Account) -> None:
    values: dict[str, Any] = _ACCOUNT.dump_python(account, mode="python")
    await tx.execute(_INSERT, **values, concern_id=concern_id)


async def accounts(reader: ReadSession, concern_ids: Sequence[UUID]) -> dict[UUID, list[Account]]:
    """The accounts of each concern, the oldest first."""
    found: dict[UUID, list[Account]] = {each: [] for each in concern_ids}
    for row in await reader.fetch(_ACCOUNTS, concern_ids=list(concern_ids)):
        values = dict(row)
        found[values.pop("concern_id")].append(_ACCOUNT.validate_python(values))
    return found


async def readable_concern(tx: Tx, concern_id: UUID, *, lock: bool = False) -> Concern:
    """A concern that the caller may read. Raises ConcernNotFound."""
    found, unknown = await concerns.find(tx, concern_id, lock=lock), ConcernNotFound("No safeguarding concern has this id.")
    if found is None:
        raise unknown
    (await RELATIONSHIPS.access(tx, found.person_id)).require(Part.SAFEGUARDING, unknown)
    return found
