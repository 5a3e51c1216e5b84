"""docs/data/<context>.md: the tables of a context as an entity-relationship diagram and with their purposes."""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from infra.contexts import CONTEXTS
from shared.persistence.schema import add_shared_tables

FOLDER = Path("docs/data")
_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
_HEAD = """# Data of {context}

Generated from `services/{context}/store` and `shared/persistence/schema.py` by `make generate`. PostgreSQL schema: `{context}`.
Contexts share no table. References between rows are ids without foreign keys, unless the diagram shows one.
"""
_PURPOSES = "\n| table | purpose |\n|---|---|\n"


def data_model() -> Mapping[Path, str]:
    return {FOLDER / f"{context}.md": _page(context) for context in CONTEXTS}


def tables(context: str) -> Sequence[sa.Table]:
    """Every table of the context's schema, by name."""
    store = importlib.import_module(f"services.{context}.store")
    for module in pkgutil.iter_modules(store.__path__):
        importlib.import_module(f"{store.__name__}.{module.name}")
    metadata: sa.MetaData = importlib.import_module(f"services.{context}.store.tables").METADATA
    return sorted(metadata.tables.values(), key=lambda table: table.name)


def _page(context: str) -> str:
    common = sa.MetaData()
    add_shared_tables(common)
    own = [table for table in tables(context) if table.name not in common.tables]
    shared = [table for table in tables(context) if table.name in common.tables]
    head = _HEAD.format(context=context)
    return (
        f"{head}\n## Own tables\n\n{_diagram(own)}{_purposes(own)}"
        f"\n## Tables of every context\n\nThe event log and the tables of the delivery guarantees.\n\n{_diagram(shared)}{_purposes(shared)}"
    )


def _diagram(found: Sequence[sa.Table]) -> str:
    return "```mermaid\nerDiagram\n" + "".join(line for table in found for line in (*_entity(table), *_references(table))) + "```\n"


def _entity(table: sa.Table) -> Iterator[str]:
    yield f"    {table.name} {{\n"
    for column in table.columns:
        key = " PK" if column.primary_key else " FK" if column.foreign_keys else ""
        comment = "; ".join(part for part in ("nullable" if column.nullable else "", column.comment or "") if part)
        yield f"        {_type(column)} {column.name}{key}" + (f' "{comment}"' if comment else "") + "\n"
    yield "    }\n"


def _references(table: sa.Table) -> Iterator[str]:
    for constraint in sorted(table.foreign_key_constraints, key=lambda each: str(each.name)):
        yield f'    {constraint.referred_table.name} ||--o{{ {table.name} : "{", ".join(constraint.column_keys)}"\n'


def _type(column: sa.Column[object]) -> str:
    """The PostgreSQL type as one word."""
    return (
        column.type.compile(_DIALECT).lower().replace("timestamp with time zone", "timestamptz").replace("time without time zone", "time")
    )


def _purposes(found: Sequence[sa.Table]) -> str:
    return _PURPOSES + "".join(f"| `{table.name}` | {table.comment} |\n" for table in found)
