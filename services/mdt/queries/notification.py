"""The feed of a lead."""

import sqlalchemy as sa

from services.mdt.domain.notification import Notification
from services.mdt.store.notification import NOTIFICATION, notification_of
from shared.persistence.statements import ReadSession, Statement

_FEED = Statement(
    sa.select(NOTIFICATION)
    .where(
        NOTIFICATION.c.professional_id == sa.bindparam("professional_id", type_=sa.Text),
        NOTIFICATION.c.id > sa.bindparam("after", type_=sa.BigInteger),
    )
    .order_by(NOTIFICATION.c.id)
    .limit(sa.bindparam("limit", type_=sa.Integer))
)


async def feed(reader: ReadSession, professional_id: str, *, after: int, limit: int) -> list[Notification]:
    """The notifications with an id above `after`, the oldest first."""
    return [notification_of(row) for row in await reader.fetch(_FEED, professional_id=professional_id, after=after, limit=limit)]
