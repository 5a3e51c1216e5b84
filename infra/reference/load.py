"""Loads the GP practices into every context, all in one transaction, so that they agree at every moment.

The file is the whole table: loading it again changes nothing, a changed line changes the entry, and a missing line removes it. Each day
on which an entry begins or ends is a deadline of the contexts that act on it, and so is a load that changed entries.
"""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from datetime import datetime, time
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from infra.contexts import CONTEXTS
from infra.database_owner import owner_engine
from infra.reference.practice_file import read_practices
from infra.reference.service_file import read_services
from infra.reference.service_load import load_services
from shared.contracts.practices import PRACTICES_ID, Practice, PracticesDeadline
from shared.kernel.local_time import LocalTime

#: Every context resolves the code of a practice itself.
WITH_PRACTICES = CONTEXTS
#: The contexts that act when the table changes. The others follow their events.
_ACTING = ("referrals", "mdt")

_COLUMNS = tuple(each.name for each in fields(Practice))
_KEY = ("code", "valid_from")
_SELECT = 'SELECT {columns} FROM "{context}".practice'
_DELETE = 'DELETE FROM "{context}".practice WHERE code = :code AND valid_from = :valid_from'
_INSERT = 'INSERT INTO "{context}".practice ({columns}) VALUES ({values})'
_NOW = 'SELECT now() + delta FROM "{context}".clock_offset'
_CANCEL = """
UPDATE "{context}".deadline SET state = 'cancelled', resolved_at = now()
WHERE kind = :kind AND state = 'pending' AND due_at > :now AND due_at <> ALL(:days)"""
_SET = """
INSERT INTO "{context}".deadline (subject, kind, due_at, correlation_id) SELECT :subject, :kind, due_at, :subject
FROM unnest(CAST(:due AS timestamptz[])) AS due_at
ON CONFLICT (subject, kind, due_at) WHERE state IN ('pending', 'parked') DO NOTHING"""


@dataclass(frozen=True, slots=True)
class Changes:
    """The numbers of entries that a load added, changed and removed."""

    added: int = 0
    changed: int = 0
    removed: int = 0

    def __str__(self) -> str:
        return f"{self.added} added, {self.changed} changed, {self.removed} removed"


async def load(owner_url: str, file: Path | None = None) -> dict[str, Changes]:
    """Loads the practices of the file and the services of this release; returns the changes of practices by context.

    Raises PracticeFileRefused, ServiceFileRefused, OSError, sqlalchemy.exc.SQLAlchemyError.
    """
    practices, services = read_practices(file), read_services()
    async with owner_engine(owner_url) as engine, engine.begin() as connection:
        await connection.run_sync(load_services, services)
        return await connection.run_sync(load_practices, practices)


def load_practices(connection: Connection, practices: Sequence[Practice]) -> dict[str, Changes]:
    """Makes the tables of all contexts equal to these practices."""
    return {context: _load(connection, context, practices) for context in WITH_PRACTICES}


def _load(connection: Connection, context: str, practices: Sequence[Practice]) -> Changes:
    before = _by_key(_read(connection, context))
    after = _by_key(map(_row, practices))
    stale = [row for key, row in before.items() if after.get(key) != row]
    fresh = [row for key, row in after.items() if before.get(key) != row]
    _write(connection, _DELETE.format(context=context), [{name: row[name] for name in _KEY} for row in stale])
    _write(connection, _sql(_INSERT, context), fresh)
    if context in _ACTING:
        _set_deadlines(connection, context, practices, has_changed=bool(before) and bool(stale or fresh))
    changed = sum(key in after for key in _by_key(stale))
    return Changes(added=len(fresh) - changed, changed=changed, removed=len(stale) - changed)


def _set_deadlines(connection: Connection, context: str, practices: Sequence[Practice], *, has_changed: bool) -> None:
    """The first load into an empty table is due at no instant: no person is registered yet."""
    now: datetime = connection.execute(sa.text(_NOW.format(context=context))).scalar_one()
    days = {day for practice in practices for day in (practice.valid_from, practice.valid_until) if day}
    instants = [instant for day in sorted(days) if (instant := LocalTime().instant(day, time())) > now]
    values = {"subject": PRACTICES_ID, "kind": PracticesDeadline.CHANGED.value}
    cancel = sa.text(_CANCEL.format(context=context)).bindparams(sa.bindparam("days", type_=sa.ARRAY(sa.DateTime(timezone=True))))
    due = sa.bindparam("due", type_=sa.ARRAY(sa.DateTime(timezone=True)))
    connection.execute(cancel, {"kind": values["kind"], "now": now, "days": instants})
    connection.execute(
        sa.text(_SET.format(context=context)).bindparams(due, sa.bindparam("subject", type_=sa.Uuid)),
        values | {"due": [*([now] if has_changed else []), *instants]},
    )


def _read(connection: Connection, context: str) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(sa.text(_sql(_SELECT, context))).mappings()]


def _write(connection: Connection, sql: str, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        connection.execute(sa.text(sql), list(rows))


def _row(practice: Practice) -> dict[str, Any]:
    return dict(zip(_COLUMNS, astuple(practice), strict=True)) | {"locality": practice.locality.value}


def _by_key(rows: Any) -> dict[tuple[Any, ...], dict[str, Any]]:
    return {tuple(row[name] for name in _KEY): row for row in rows}


def _sql(statement: str, context: str) -> str:
    return statement.format(context=context, columns=", ".join(_COLUMNS), values=", ".join(f":{name}" for name in _COLUMNS))
