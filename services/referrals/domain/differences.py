"""Where a referral contradicts the record of a known person, and the record after staff have accepted a received value.

A value that the record lacks is no difference: `person` adds it at once. A placeholder birthday contradicts none.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import takewhile
from typing import Any

from services.referrals.commands import Demographics, ReceiveReferral
from services.referrals.domain import person as people
from services.referrals.domain.person import Person
from services.referrals.domain.record_fields import (
    ATTRIBUTE,
    OF_CONTACT,
    OF_PERSON,
    ContactName,
    FormerValue,
    contact_form,
    is_equal,
    is_placeholder,
)
from services.referrals.domain.story import NOT_GIVEN
from shared.contracts.codes import Locality
from shared.contracts.persons import FamilyContact, RecordField
from shared.kernel.decision import Decision
from shared.kernel.ids import PersonId

_NAMES = (RecordField.GIVEN_NAME, RecordField.FAMILY_NAME)


@dataclass(frozen=True, slots=True)
class Difference:
    """A received value, and the recorded one that it contradicts. `contact` is the family contact whose detail it is."""

    field: RecordField
    contact: ContactName | None
    present_value: str
    proposed_value: str

    def is_equal(self, other: "Difference") -> bool:
        """Whether both propose the same value for the same field."""
        return is_same(self.field, self.contact, other) and is_equal(self.field, self.proposed_value, other.proposed_value)


@dataclass(frozen=True, slots=True)
class Statement:
    """A value that was recorded for another person, and the one before, of the person whose record it is. Either may be `not given`."""

    field: RecordField
    contact: ContactName | None
    value: str
    before: str


def differences(person: Person, received: ReceiveReferral) -> tuple[Difference, ...]:
    """Where the referral contradicts the record, which has the referral's other values already."""
    of_person = _of_person(person, received.demographics) if received.demographics else ()
    of_contacts = _of_contacts(person.story.contacts, received.story.contacts) if received.story else ()
    found: list[Difference] = []
    for each in (*of_person, *of_contacts):
        if not any(each.is_equal(earlier) for earlier in found):
            found.append(each)
    return tuple(found)


def telephone_difference(person: Person, stated: str | None) -> Difference | None:
    """Where a telephone that a referrer amends contradicts the record."""
    if not stated or not person.telephone or is_equal(RecordField.TELEPHONE, stated, person.telephone):
        return None
    return Difference(RecordField.TELEPHONE, None, person.telephone, stated)


def is_name_differing(found: Iterable[Difference]) -> bool:
    """Whether the referrer may have another person in mind, so that it does not see the recorded story."""
    return any(difference.field in _NAMES for difference in found)


def with_value(person: Person, found: Difference, *, locality: Locality | None) -> Decision[Person] | None:
    """The record with the proposed value; None when it has the value already. `locality` is that of the proposed practice."""
    if found.contact is None:
        changed = replace(person, **_stated(found, locality))
    else:
        detail = None if found.proposed_value == NOT_GIVEN else found.proposed_value
        contacts = tuple(_with_detail(person.story.contacts, found.contact, {ATTRIBUTE[found.field]: detail}))
        changed = replace(person, story=person.story.model_copy(update={"contacts": contacts}))
    return people.recorded_again(changed) if changed != person else None


def keep_former(
    before: Person, change: Decision[Person], *, source: str, replaced_by: str, now: datetime, stated_for: PersonId | None = None
) -> Decision[Person]:
    """The change of a record by staff, with the replaced values among its former ones; with absent ones when it was stated for another."""
    after, is_foreign = change.state, stated_for not in {None, before.id}
    left = [
        FormerValue(field, contact, value or NOT_GIVEN, now, source, replaced_by, stated_for)
        for field, contact, value in _replaced(before, after)
        if value or is_foreign
    ]
    return replace(change, state=replace(after, former_values=(*after.former_values, *left)))


def stated_for(own: PersonId, kept: Person, since: datetime) -> list[Statement]:
    """What staff recorded in the record `kept` for the record `own`, while both were taken for one person."""
    former = [each for each in kept.former_values if each.until >= since]
    fields = dict.fromkeys((each.field, each.contact) for each in former if each.stated_for == own)
    return [_statement(own, kept, [each for each in former if (each.field, each.contact) == field]) for field in fields]


def separated(person: Person, values: Iterable[tuple[RecordField, ContactName | None, str]]) -> list[Difference]:
    """Where the record of a separated person contradicts these values."""
    found = [Difference(field, contact, value_of(person, field, contact) or "", value) for field, contact, value in values]
    return [each for each in found if not is_equal(each.field, each.present_value or NOT_GIVEN, each.proposed_value)]


def _statement(own: PersonId, kept: Person, former: Sequence[FormerValue]) -> Statement:
    """The last value for `own`; the one before is the last that the record had for its own person."""
    field, contact = former[0].field, former[0].contact
    values = [*(each.value for each in former), value_of(kept, field, contact) or NOT_GIVEN]
    last = max(at for at, each in enumerate(former) if each.stated_for == own)
    latest = len(list(takewhile(lambda each: each.stated_for == own, reversed(former))))
    return Statement(field, contact, values[last + 1], values[len(former) - latest])


def former_until(person: Person, found: Difference) -> datetime | None:
    """When the record had the proposed value last."""
    equal = [each for each in person.former_values if is_same(each.field, each.contact, found)]
    return max((each.until for each in equal if is_equal(found.field, each.value, found.proposed_value)), default=None)


def is_same(field: RecordField, contact: ContactName | None, found: Difference) -> bool:
    """Whether the difference is in this field, of this contact."""
    return field is found.field and _form(contact) == _form(found.contact)


def value_of(person: Person, field: RecordField, contact: ContactName | None) -> str | None:
    """The recorded value as text; None for one that the record lacks."""
    if contact is None:
        value = people.recorded_value(person, field)
    else:
        value = next((getattr(each, ATTRIBUTE[field]) for each in person.story.contacts if _is_contact(each, contact)), None)
    return None if value is None else str(value)


def _of_person(person: Person, demographics: Demographics) -> Iterator[Difference]:
    for field in OF_PERSON:
        recorded, received = people.recorded_value(person, field), getattr(demographics, ATTRIBUTE[field])
        is_unknown_birthday = field is RecordField.BORN_ON and received is not None and is_placeholder(received)
        if people.differs(field, recorded, received) and not is_unknown_birthday:
            yield Difference(field, None, str(recorded), str(received))


def _of_contacts(recorded: Iterable[FamilyContact], received: Iterable[FamilyContact]) -> Iterator[Difference]:
    known = {contact_form(contact.name, contact.relationship): contact for contact in recorded}
    for contact in received:
        present = known.get(contact_form(contact.name, contact.relationship), contact)
        name = ContactName(present.name, present.relationship)
        for field in OF_CONTACT:
            old, new = getattr(present, ATTRIBUTE[field]), getattr(contact, ATTRIBUTE[field])
            if people.differs(field, old, new):
                yield Difference(field, name, old, new)


def _form(contact: ContactName | None) -> tuple[str, str] | None:
    return None if contact is None else contact_form(contact.name, contact.relationship)


def _is_contact(contact: FamilyContact, name: ContactName) -> bool:
    return contact_form(contact.name, contact.relationship) == contact_form(name.name, name.relationship)


def _with_detail(contacts: Iterable[FamilyContact], name: ContactName, detail: Mapping[str, str | None]) -> list[FamilyContact]:
    """The contacts with the detail of one; a contact that staff have removed is added again."""
    known = [contact.model_copy(update=detail) if _is_contact(contact, name) else contact for contact in contacts]
    is_removed = not any(_is_contact(contact, name) for contact in known)
    return [*known, FamilyContact(name=name.name, relationship=name.relationship, **detail)] if is_removed else known


def _stated(found: Difference, locality: Locality | None) -> dict[str, Any]:
    value: Any = found.proposed_value
    if value == NOT_GIVEN:
        value = people.absent_value(found.field)
    elif found.field is RecordField.BORN_ON:
        value = date.fromisoformat(value)
    practice: dict[str, Any] = {"locality": locality, "is_practice_confirmed": True} if found.field is RecordField.PRACTICE_CODE else {}
    return {ATTRIBUTE[found.field]: value, **practice}


def _replaced(before: Person, after: Person) -> Iterator[tuple[RecordField, ContactName | None, str | None]]:
    """The values before the change that differ from those after it, those that it removed, and None for each that was absent."""
    of_contacts = [(field, ContactName(each.name, each.relationship)) for each in before.story.contacts for field in OF_CONTACT]
    keys: list[tuple[RecordField, ContactName | None]] = [*((field, None) for field in OF_PERSON), *of_contacts]
    for field, contact in keys:
        old, new = value_of(before, field, contact), value_of(after, field, contact)
        if old != new and (old is None or new is None or not is_equal(field, old, new)):
            yield field, contact, old
