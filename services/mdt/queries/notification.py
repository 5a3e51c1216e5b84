"""The feed of a lead."""

import sqlalchemy as sa

from services.mdt.domain.notification import Notification
from services.mdt.store.notification import NOTIFICATION, notification_of
from shared.persistence.statements import ReadSession, Statement

_FEED = Statement(
    sa.select(NOTIFICATION)
    .where(
        NOTIFICATION.c.professional_id == sa.bindparam("professional_id", type_=sa.Text),
        NOTIFICATION.c.organisation == sa.func.coalesce(sa.bindparam("organisation", type_=sa.Text), NOTIFICATION.c.organisation),
        NOTIFICATION.c.id > sa.bindparam("after", type_=sa.BigInteger),
    )
    .order_by(NOTIFICATION.c.id)
    .limit(sa.bindparam("limit", type_=sa.Integer))
)


async def feed(reader: ReadSession, professional_id: str, organisation: str | None, *, after: int, limit: int) -> list[Notification]:
    """The notifications with an id above `after`, the oldest first; of every organisation that uses the code when none is named."""
    rows = await reader.fetch(_FEED, professional_id=professional_id, organisation=organisation, after=after, limit=limit)
    return [notification_of(row) for row in rows]
