"""The names by which staff recognise the people of a list, from a context's projection of their records."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on

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
        record, is_own = person.c.record, person.c.person_id == asked.c.id
        names = [record[name].astext.label(name) for name in ("given_name", "family_name")]
        self._names = Statement(
            sa.select(asked.c.id, *names, sa.cast(record["born_on"].astext, sa.Date).label("born_on"))
            .ext(distinct_on(asked.c.id))
            .select_from(asked.join(person, merged.is_of_group(person.c.person_id, asked.c.id)))
            .order_by(asked.c.id, is_own.desc(), person.c.person_id)
        )

    async def of(self, reader: ReadSession, people: Iterable[UUID]) -> Mapping[UUID, PersonName]:
        """By person: the record of this id, else of another one; a person without a record has no entry."""
        wanted = list(set(people))
        rows = await reader.fetch(self._names, people=wanted) if wanted else []
        return {row["id"]: PersonName(row["given_name"], row["family_name"], row["born_on"]) for row in rows}
