"""The names by which staff recognise the people of a list, from a context's projection of their records."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from shared.persistence.merged_persons import MergedPersons
from shared.persistence.statements import ReadSession, Statement


@dataclass(frozen=True, slots=True)
class PersonName:
    """The person's name and date of birth."""

    given_name: str
    family_name: str
    born_on: date | None


class PersonNames:
    """Reads the names from `person`, whose column `record` is the record of each id."""

    def __init__(self, merged: MergedPersons, person: sa.Table) -> None:
        ids: sa.BindParameter[Any] = sa.bindparam("people", type_=sa.ARRAY(sa.Uuid))
        asked = sa.func.unnest(ids).table_valued(sa.column("id", sa.Uuid), name="asked").render_derived()
        # A lateral query: in a join the ids would depend on a row of the same level, and PostgreSQL would ask row-level security for every
        # person before it compares an id.
        is_own, is_of_group = person.c.person_id == asked.c.id, merged.is_of_group(person.c.person_id, asked.c.id)
        found = sa.select(person.c.record).where(is_of_group).order_by(is_own.desc(), person.c.person_id).limit(1).lateral("found")
        names = [found.c.record[name].astext.label(name) for name in ("given_name", "family_name")]
        born_on = sa.cast(found.c.record["born_on"].astext, sa.Date).label("born_on")
        self._names = Statement(sa.select(asked.c.id, *names, born_on).select_from(asked.join(found, sa.true())))

    async def of(self, reader: ReadSession, people: Iterable[UUID]) -> Mapping[UUID, PersonName]:
        """By person: the record of this id, else of another one; a person without a record has no entry."""
        wanted = list(set(people))
        rows = await reader.fetch(self._names, people=wanted) if wanted else []
        return {row["id"]: PersonName(row["given_name"], row["family_name"], row["born_on"]) for row in rows}
