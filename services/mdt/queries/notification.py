"""The feed of a lead."""

import sqlalchemy as sa

from services.mdt.domain.notification import Notice
from services.mdt.store.notification import NOTICE, notice_of
from shared.persistence.statements import ReadSession, Statement

_FEED = Statement(
    sa.select(NOTICE)
    .where(
        NOTICE.c.professional_id == sa.bindparam("professional_id", type_=sa.Text),
        NOTICE.c.id > sa.bindparam("after", type_=sa.BigInteger),
    )
    .order_by(NOTICE.c.id)
    .limit(sa.bindparam("most", type_=sa.Integer))
)


async def feed(reader: ReadSession, professional_id: str, *, after: int, most: int) -> list[Notice]:
    """The oldest first; `after` is the last one that was seen."""
    return [notice_of(row) for row in await reader.fetch(_FEED, professional_id=professional_id, after=after, most=most)]
