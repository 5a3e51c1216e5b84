"""Saves a person's record, and publishes the one record of merged ones under every id that means the person."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from services.referrals.domain.person import Person, recorded, recorded_value
from services.referrals.domain.record import Group, compose, publication
from services.referrals.domain.record_fields import address_forms, number_form, search_form
from services.referrals.store.identity import GROUPS, lock_group
from services.referrals.store.tables import Tx
from shared.contracts.persons import PersonRecordRecorded, RecordField
from shared.kernel.decision import Decision, Fact
from shared.persistence.batching.batch_repository import BatchRepository

#: The columns with the form of one field by which a search finds the record; the address has two forms.
_FORMS = {
    "given_name_form": RecordField.GIVEN_NAME,
    "family_name_form": RecordField.FAMILY_NAME,
    "telephone_form": RecordField.TELEPHONE,
}


def forms_of(person: Person) -> dict[str, str | None]:
    """The compared columns; None for a value that the record lacks."""
    values = {column: recorded_value(person, field) for column, field in _FORMS.items()}
    address = recorded_value(person, RecordField.ADDRESS)
    address_form, postcode_form = address_forms(address) if address else (None, None)
    return {
        **{column: value and search_form(_FORMS[column], value) for column, value in values.items()},
        "address_form": address_form,
        "postcode_form": postcode_form,
        "number_form": number_form(person.number_as_typed) if person.number_as_typed else None,
    }


class PersonRepository(BatchRepository[Person]):
    """A row has the person's own data alone. A record that is to change is locked with its group, before any row."""

    computed = frozenset({*_FORMS, "address_form", "postcode_form", "number_form"})

    async def load(self, tx: Tx, subject: UUID, *, if_version: int | None = None) -> Person:
        await lock_group(tx, subject)
        return await super().load(tx, subject, if_version=if_version)

    async def save(self, tx: Tx, decision: Decision[Person]) -> Person:
        """Publishes the change under each id of the person; a new record has no others."""
        person = decision.state
        group = await GROUPS.get(tx, person.id) if person.version else Group(person.id)
        if not group.merged:
            return await super().save(tx, decision)
        records = await self.records(tx, group)
        events = [_composed(event, compose(person, group, records)) for event in decision.events]
        saved = await super().save(tx, replace(decision, events=events))
        await self._publish([each for each in records if each.id != person.id], group, [*records, saved], tx)
        return saved

    async def publish(self, tx: Tx, group: Group) -> None:
        """Publishes the one record under each id of a group that has changed. The group is locked."""
        records = await self.records(tx, group)
        await self._publish(records, group, records, tx)

    async def records(self, tx: Tx, group: Group) -> list[Person]:
        """The records of a group, locked; those that exist."""
        found = [await self.find(tx, person_id, lock=True) for person_id in group.ids]
        return [record for record in found if record is not None]

    def _values(self, state: Person, before: int) -> dict[str, Any]:
        return super()._values(state, before) | forms_of(state)

    async def _publish(self, own: Sequence[Person], group: Group, records: Sequence[Person], tx: Tx) -> None:
        for record in own:
            await super().save(tx, publication(record, group, records))


def _composed(event: Fact, person: Person) -> Fact:
    return recorded(person) if isinstance(event, PersonRecordRecorded) else event
