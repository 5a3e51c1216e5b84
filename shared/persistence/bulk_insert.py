"""Inserts of many rows by one run of a statement: each column travels as one array.

PostgreSQL sets up a run for each row of `executemany`. On a table with row-level security this takes three times as long as the row itself;
here a batch pays for it once (docs/adr/0044).
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import Insert, insert

from shared.persistence.statements import Statement, json_text


class BulkInsert(Statement):
    """An insert of the columns `names`, each of them a parameter, which `complete` gives its further clauses.

    As a `Statement` it inserts one row; `bulk_sql` inserts `columns`. Raises TypeError for a column of arrays: arrays of arrays must have
    one length.
    """

    __slots__ = ("_documents", "_key", "bulk_sql")

    def __init__(self, table: sa.Table, names: Collection[str], complete: Callable[[Insert], Insert]) -> None:
        super().__init__(complete(insert(table).values({name: sa.bindparam(name) for name in names})))
        self.bulk_sql = Statement(complete(insert(table).from_select(list(self._names), _rows(table, self._names)))).sql
        self._documents = [isinstance(table.c[name].type, sa.JSON) for name in self._names]
        self._key = [self._names.index(column.name) for column in table.primary_key]

    def has_distinct_keys(self, rows: Sequence[Sequence[Any]]) -> bool:
        """Whether one run may write all the rows: it may not write a row twice."""
        return len({tuple(row[place] for place in self._key) for row in rows}) == len(rows)

    def columns(self, rows: Sequence[Sequence[Any]]) -> list[Sequence[Any]]:
        """The values of each parameter of `bulk_sql`, row by row."""
        return [
            [None if value is None else json_text(value) for value in column] if is_document else column
            for column, is_document in zip(zip(*rows, strict=True), self._documents, strict=True)
        ]


def _rows(table: sa.Table, names: Collection[str]) -> sa.Select[Any]:
    """The rows of arrays. JSON travels as text: the driver would take a list of JSON for a second dimension."""
    arrays = [sa.bindparam(name, type_=sa.ARRAY(_travelling_type(table.c[name]))) for name in names]
    rows = sa.func.unnest(*arrays).table_valued(*names).render_derived(name="new_row")
    return sa.select(*(_arrived(rows.c[name], table.c[name]) for name in names))


def _travelling_type(column: sa.Column[Any]) -> Any:
    if isinstance(column.type, sa.ARRAY):
        raise TypeError(f"the column {column.name} of {column.table.name} has arrays")
    return sa.Text() if isinstance(column.type, sa.JSON) else column.type


def _arrived(value: sa.ColumnElement[Any], column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    return sa.cast(value, column.type) if isinstance(column.type, sa.JSON) else value
