"""Feeds: append-only, numbered from 1 without a gap.

The number is assigned under the lock of the feed's row, in the transaction of the change. Entries therefore become visible
in the order of their numbers: a reader who has seen N has seen every entry before N. The same holds for `position` among
the entries of all feeds, because their writers hold the allocation lock (`store.tables.lock_allocation`).
"""

from collections.abc import Sequence

import sqlalchemy as sa

from services.navigation.domain.feed import Change, FeedEntry
from services.navigation.store.tables import METADATA, Tx
from shared.persistence.schema import INSTANT
from shared.persistence.statements import Sql

#: Literal text, so that the planner uses the index with the same condition.
TAKEN_AWAY = f"change = '{Change.TAKEN_AWAY}'"

FEED = sa.Table(
    "feed",
    METADATA,
    sa.Column("navigator_id", sa.Text, primary_key=True),
    sa.Column("sequence", sa.Integer, nullable=False, comment="the number of the newest entry"),
    comment="Last sequence number of each navigator's feed.",
)

FEED_ENTRY = sa.Table(
    "feed_entry",
    METADATA,
    sa.Column("navigator_id", sa.Text, primary_key=True),
    sa.Column("sequence", sa.Integer, primary_key=True),
    sa.Column("at", INSTANT, nullable=False),
    sa.Column("change", sa.Text, nullable=False),
    sa.Column("task_id", sa.Uuid, nullable=False),
    sa.Column("person_id", sa.Uuid, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("due_at", INSTANT, nullable=False),
    sa.Column(
        "position", sa.BigInteger, sa.Identity(always=True), nullable=False, comment="order of commit among the entries of all feeds"
    ),
    sa.Index("ix_feed_entry_position", "position", unique=True),
    sa.Index("ix_feed_entry_taken_away", "person_id", postgresql_where=sa.text(TAKEN_AWAY)),
    comment="Entries of the feeds, numbered without a gap for each navigator.",
)

#: A task was taken from the navigator of the feed, or was cancelled.
IS_TAKEN_AWAY = FEED_ENTRY.c.change == sa.literal_column(f"'{Change.TAKEN_AWAY}'")

_APPEND = Sql(
    """
WITH next AS (
    INSERT INTO feed (navigator_id, sequence) VALUES ($1, 1)
    ON CONFLICT (navigator_id) DO UPDATE SET sequence = feed.sequence + 1
    RETURNING sequence)
INSERT INTO feed_entry (navigator_id, sequence, at, change, task_id, person_id, kind, status, due_at)
SELECT $1, sequence, $2, $3, $4, $5, $6, $7, $8 FROM next""",
    *("navigator_id", "at", "change", "task_id", "person_id", "kind", "status", "due_at"),
    tables=("feed",),
    writes="feed_entry",
)


async def append(tx: Tx, entries: Sequence[FeedEntry]) -> None:
    for entry in entries:
        task = entry.task
        of_task = {"task_id": task.id, "person_id": task.person_id, "kind": task.kind, "status": task.status, "due_at": task.due_at}
        await tx.execute(_APPEND, navigator_id=entry.navigator_id, at=tx.now, change=entry.change, **of_task)
