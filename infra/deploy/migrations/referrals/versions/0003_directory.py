"""Fills the directory from the files beside: 21 services, 67 practices (synthetic codes), the organisations of the documents.

Telephone numbers, 999 apart, are of the range that is kept for drama. What changes later is a migration of its own: an entry is
ended and another begins.
"""

import csv
from collections.abc import Callable, Mapping
from datetime import date, time
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"

_HERE = Path(__file__).parent.parent
_SPECIAL: Mapping[str, tuple[Any, Callable[[str], Any]]] = {
    "tier": (sa.Integer, int),
    "minimum_age": (sa.Integer, int),
    "needs": (JSONB, str.split),
    "localities": (JSONB, str.split),
    "opens": (sa.Time, time.fromisoformat),
    "closes": (sa.Time, time.fromisoformat),
    "valid_from": (sa.Date, date.fromisoformat),
    "valid_until": (sa.Date, date.fromisoformat),
}
_TEXT: tuple[Any, Callable[[str], Any]] = (sa.Text, str)


def upgrade() -> None:
    for table in ("service", "practice", "organisation"):
        _fill(table)


def _fill(table: str) -> None:
    with (_HERE / f"{table}s.csv").open(newline="", encoding="utf-8") as file:
        rows = [{name: _value(name, text) for name, text in row.items()} for row in csv.DictReader(file)]
    columns = [sa.column(name, _SPECIAL.get(name, _TEXT)[0]) for name in rows[0]]
    op.bulk_insert(sa.table(table, *columns), rows)


def _value(name: str, text: str) -> Any:
    return _SPECIAL.get(name, _TEXT)[1](text) if text else None
