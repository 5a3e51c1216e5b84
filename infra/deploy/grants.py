"""The rights of a context's role in its schema: those that the product uses, and no others.

A table without an entry is one of the context's own: its rows are read, inserted and changed. Rows are deleted where the product deletes
them, and expired rows by functions that keep what must stay (docs/adr/0032).
"""

from collections.abc import Iterable, Mapping

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from infra.reference.load import WITH_PRACTICES
from infra.reference.service_load import WITH_SERVICE_CODES
from shared.persistence.schema import add_shared_tables

_READ, _CHANGE, _ALL = "SELECT", "SELECT, INSERT, UPDATE", "SELECT, INSERT, UPDATE, DELETE"
#: Columns of append-only tables that the database stamps; the identity of a row and the time of its insertion are no caller's choice.
_STAMPED: Mapping[str, frozenset[str]] = {"event": frozenset({"seq", "recorded_at"}), "inbox": frozenset({"applied_at"})}


def _columns_to_insert(table: str) -> str:
    metadata = sa.MetaData()
    add_shared_tables(metadata)
    return ", ".join(f'"{column.name}"' for column in metadata.tables[table].columns if column.name not in _STAMPED[table])


#: The tables of every context.
_SHARED: Mapping[str, str] = {
    "audit": _READ,
    "audit_block": "SELECT, INSERT",
    "audit_unsealed": "SELECT, DELETE",
    "break_glass": "SELECT, INSERT, UPDATE (overdue_since, reviewed_at, reviewed_by, outcome)",
    "clock_offset": _READ,
    "deadline": _CHANGE,
    "event": f"SELECT, INSERT ({_columns_to_insert('event')})",
    "idempotency": _ALL,
    "inbox": f"SELECT, INSERT ({_columns_to_insert('inbox')})",
    "log_pruning": _READ,
    "outbox": "SELECT, INSERT, DELETE",
    "parked": _ALL,
    "relay_state": _CHANGE,
    "schema_version": _READ,
}
#: Reference data and views, which a context only reads, by the contexts that have them.
_ONLY_READ = {"merged_record": ("referrals",), "practice": WITH_PRACTICES, "service": ("referrals",), "service_code": WITH_SERVICE_CODES}
#: The tables whose rows a context deletes.
_EMPTIED: Mapping[str, tuple[str, ...]] = {"referrals": ("claim",), "mdt": ("joined_referral", "risk_score"), "navigation": ("lead",)}
#: The functions that a context's role may call; most have more rights than the role. The last three are those of row-level security.
_FUNCTIONS = (
    "append_audit",
    "create_partitions",
    "remove_expired_inbox",
    "remove_ended_deadlines",
    "practices_of_reader",
    "sees_everyone",
    "sees_person",
)
#: What each function may do that the role may not. A role without a login owns it.
_OF_KEEPER: Mapping[str, Mapping[str, str]] = {
    "append_audit": {"audit": "INSERT, SELECT (id)", "audit_unsealed": "INSERT"},
    "remove_expired_inbox": {"inbox": "SELECT, DELETE"},
    "remove_ended_deadlines": {"deadline": "SELECT, DELETE"},
}
#: Roles access the event log through `event`; its rights apply to every partition.
_TABLES = sa.text("""
SELECT relname FROM pg_class WHERE relnamespace = CAST(CAST(:context AS text) AS regnamespace) AND relkind IN ('r', 'p', 'v')
AND NOT relispartition""")


def rights(context: str, tables: Iterable[str]) -> Mapping[str, str]:
    """The rights by table."""
    only_read = [table for table, contexts in _ONLY_READ.items() if context in contexts]
    stated = {**_SHARED, **dict.fromkeys(only_read, _READ), **dict.fromkeys(_EMPTIED.get(context, ()), _ALL)}
    return {table: stated.get(table, _CHANGE) for table in tables}


def grant(connection: Connection, context: str, user: str, keeper: str) -> None:
    """Replaces the rights of the role of a context, and of the role that owns its functions. Everyone may call a new function."""
    tables = connection.execute(_TABLES, {"context": context}).scalars().all()
    connection.exec_driver_sql(f'REVOKE ALL ON ALL FUNCTIONS IN SCHEMA "{context}" FROM PUBLIC')
    for role in (user, keeper):
        connection.exec_driver_sql(f'REVOKE ALL ON ALL TABLES IN SCHEMA "{context}" FROM "{role}"')
        connection.exec_driver_sql(f'GRANT USAGE ON SCHEMA "{context}" TO "{role}"')
    for table, granted in rights(context, tables).items():
        connection.exec_driver_sql(f'GRANT {granted} ON "{context}"."{table}" TO "{user}"')
    connection.exec_driver_sql(f'GRANT USAGE ON ALL SEQUENCES IN SCHEMA "{context}" TO "{user}"')
    for function in _FUNCTIONS:
        connection.exec_driver_sql(f'GRANT EXECUTE ON FUNCTION "{context}".{function} TO "{user}"')
    for function, needed in _OF_KEEPER.items():
        _entrust(connection, context, function, keeper)
        for table, granted in needed.items():
            connection.exec_driver_sql(f'GRANT {granted} ON "{context}"."{table}" TO "{keeper}"')


def _entrust(connection: Connection, context: str, function: str, keeper: str) -> None:
    """Gives a function to the keeper. Only a member of the keeper may, and the keeper needs the right to create while it takes over."""
    if not connection.execute(sa.text("SELECT pg_has_role(:keeper, 'SET')"), {"keeper": keeper}).scalar():
        connection.exec_driver_sql(f'GRANT "{keeper}" TO CURRENT_USER')
    connection.exec_driver_sql(f'GRANT CREATE ON SCHEMA "{context}" TO "{keeper}"')
    connection.exec_driver_sql(f'ALTER FUNCTION "{context}".{function} OWNER TO "{keeper}"')
    connection.exec_driver_sql(f'REVOKE CREATE ON SCHEMA "{context}" FROM "{keeper}"')
