"""Rows travel as columns, in the order of the statement's parameters."""

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, Insert

from shared.persistence.bulk_insert import BulkInsert

_TABLE = sa.Table(
    "projected",
    sa.MetaData(),
    sa.Column("person", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("record", JSONB),
    sa.Column("names", sa.ARRAY(sa.Text)),
)


def _as_is(rows: Insert) -> Insert:
    return rows


def _rows(statement: BulkInsert, *values: tuple[str, str, Any]) -> list[list[Any]]:
    return [statement.arguments(dict(zip(("person", "kind", "record"), each, strict=True))) for each in values]


def test_columns_follow_the_parameters_of_the_statement() -> None:
    statement = BulkInsert(_TABLE, ("record", "kind", "person"), _as_is)

    columns = statement.columns(_rows(statement, ("ann", "a", {"is_new": True}), ("bob", "b", None)))

    named = statement.bulk_sql.partition("(")[2].partition(")")[0].split(", ")
    assert dict(zip(named, map(list, columns), strict=True)) == {
        "person": ["ann", "bob"],
        "kind": ["a", "b"],
        "record": ['{"is_new":true}', None],
    }


def test_rows_of_one_key_are_not_distinct() -> None:
    statement = BulkInsert(_TABLE, ("person", "kind", "record"), _as_is)

    assert statement.has_distinct_keys(_rows(statement, ("ann", "a", 1), ("ann", "b", 1), ("bob", "a", 1)))
    assert not statement.has_distinct_keys(_rows(statement, ("ann", "a", 1), ("bob", "a", 1), ("ann", "a", 2)))


def test_column_of_arrays_is_refused() -> None:
    with pytest.raises(TypeError, match="the column names of projected has arrays"):
        BulkInsert(_TABLE, ("person", "kind", "names"), _as_is)
