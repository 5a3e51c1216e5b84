"""The functions by which a worker deletes expired rows, in their first version. No role of a context may delete such rows in any other way.

A row of the inbox lasts at least as long as a republication may repeat its event. A deadline that has not ended is never deleted.
"""

import sqlalchemy as sa
from alembic import op

#: The shortest retention of the inbox: MIN_INBOX_RETENTION, which a test compares.
SHORTEST_INBOX = "15 days"

# An array of row addresses leaves the planner one way: with stale statistics a join would compare every row with every other.
_INBOX = """
CREATE FUNCTION remove_expired_inbox(older interval, portion integer, kept text[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    removed bigint;
BEGIN
    DELETE FROM {context}.inbox WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM {context}.inbox WHERE applied_at < now() - greatest(older, interval '{shortest}') AND type <> ALL(kept)
        ORDER BY applied_at LIMIT portion));
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN removed;
END $$"""
_DEADLINES = """
CREATE FUNCTION remove_ended_deadlines(before timestamptz, portion integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    removed bigint;
BEGIN
    DELETE FROM {context}.deadline WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM {context}.deadline WHERE state IN ('fired', 'cancelled', 'refused') AND resolved_at < before LIMIT portion));
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN removed;
END $$"""


def create() -> None:
    context = op.get_bind().scalar(sa.text("SELECT current_schema()"))
    op.execute(_INBOX.format(context=context, shortest=SHORTEST_INBOX))
    op.execute(_DEADLINES.format(context=context))
    op.execute("REVOKE ALL ON FUNCTION remove_expired_inbox, remove_ended_deadlines FROM PUBLIC")
