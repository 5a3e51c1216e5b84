"""Loads the directory of services into referrals, and its codes into the contexts that check them, all in one transaction.

The file is the whole table: a changed line changes the entry, and a missing line removes it.
"""

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Connection

from services.referrals.domain.directory import Service

#: The contexts that check the service codes of their requests.
WITH_SERVICE_CODES = ("rapid_care", "mdt")

_TYPES: dict[str, Any] = {"needs": JSONB, "localities": JSONB}
_CODE_COLUMNS = ("code", "valid_from", "valid_until", "name", "telephone")


def load_services(connection: Connection, services: Sequence[Service]) -> None:
    """Makes the tables of all contexts equal to these services."""
    rows = [asdict(service) for service in services]
    _replace(connection, "referrals", "service", [field.name for field in fields(Service)], rows)
    for context in WITH_SERVICE_CODES:
        _replace(connection, context, "service_code", _CODE_COLUMNS, rows)


def _replace(connection: Connection, context: str, table: str, columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    target = sa.table(table, *(sa.column(name, _TYPES.get(name)) for name in columns), schema=context)
    connection.execute(sa.delete(target))
    connection.execute(sa.insert(target), [{name: row[name] for name in columns} for row in rows])
