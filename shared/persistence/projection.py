"""Projections: a context's copy of another context's data, built from events that may arrive in any order."""

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import Insert

from shared.persistence.bulk_insert import BulkInsert


def upsert_if_newer(
    table: sa.Table, *, order: Sequence[str] = ("sequence",), omit: Collection[str] = (), retain: Collection[str] = ()
) -> BulkInsert:
    """Inserts a row of `table`, or replaces it when the new one is later by the columns in `order`. Every column is a parameter.

    Columns in `omit` are no parameters: another statement writes them. Columns in `retain` keep their value when the new one is null.
    """
    names = [column.name for column in table.columns if column.name not in omit]
    keys = [column.name for column in table.primary_key]

    def replace_older(new: Insert) -> Insert:
        later = sa.tuple_(*(new.excluded[name] for name in order)) > sa.tuple_(*(table.c[name] for name in order))
        changes: dict[str, Any] = {name: new.excluded[name] for name in names if name not in keys}
        changes |= {name: sa.func.coalesce(new.excluded[name], table.c[name]) for name in retain}
        return new.on_conflict_do_update(index_elements=keys, set_=changes, where=later)

    return BulkInsert(table, names, replace_older)
