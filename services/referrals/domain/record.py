"""The one record of a person whose records were merged. Nothing is merged in the database, so that a separation leaks no text.

The demographics are those of the surviving record, the stories of all are one. Pure.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any
from uuid import UUID

from services.referrals.domain.person import Person, recorded
from services.referrals.domain.practice_doubt import PracticeDoubt
from services.referrals.domain.story import NOT_GIVEN, merge_contacts, merge_stories
from shared.access import PREFERENCE_RANK
from shared.contracts.persons import Story
from shared.contracts.practices import UNKNOWN_PRACTICE
from shared.kernel.decision import Decision
from shared.kernel.ids import PersonId

#: A value that stands for an absent one, by field.
_ABSENT: Mapping[str, Any] = {
    "nhs_number": None,
    "given_name": NOT_GIVEN,
    "family_name": NOT_GIVEN,
    "born_on": None,
    "address": NOT_GIVEN,
    "telephone": None,
}
_OF_PRACTICE = ("practice_code", "locality", "is_practice_confirmed")


@dataclass(frozen=True, slots=True)
class Group:
    """The records that mean one person: the surviving one, and those merged into it."""

    survivor: PersonId
    merged: tuple[PersonId, ...] = ()

    @property
    def ids(self) -> tuple[PersonId, ...]:
        return (self.survivor, *self.merged)


@dataclass(frozen=True, slots=True)
class Records:
    """The stored records of one person; none for a person with a single record."""

    group: Group
    stored: tuple[Person, ...] = ()

    def as_one(self, own: Person) -> Person:
        """The one record under the id of `own`, which may have changed since it was read."""
        return compose(own, self.group, self.stored) if self.stored else own


def compose(own: Person, group: Group, records: Collection[Person]) -> Person:
    """The person's one record, under the id and the version of `own`. `records` has the record of each id of the group."""
    by_id = {record.id: record for record in records} | {own.id: own}
    survivor, *merged = (by_id[person_id] for person_id in group.ids)
    if not merged:
        return own
    strictest = max((survivor, *merged), key=lambda record: PREFERENCE_RANK[record.sharing])
    composed = replace(
        survivor,
        story=_story([*merged, survivor]),
        sharing=strictest.sharing,
        sharing_stated_by=strictest.sharing_stated_by,
        practice_doubts=_doubts((survivor, *merged)),
        **_missing(survivor, merged),
    )
    return replace(composed, id=own.id, version=own.version, correlation_id=own.correlation_id)


def publication(own: Person, group: Group, records: Collection[Person]) -> Decision[Person]:
    """Publishes the person's one record under the id of `own`, which does not change."""
    return Decision(own, [recorded(compose(own, group, records))])


def group_of(survivor: UUID, merged: Collection[UUID]) -> Group:
    return Group(PersonId(survivor), tuple(PersonId(each) for each in sorted(merged)))


def _doubts(records: Sequence[Person]) -> tuple[PracticeDoubt, ...]:
    """Each once, the oldest first: records of one person share theirs."""
    distinct = {doubt for record in records for doubt in record.practice_doubts}
    return tuple(sorted(distinct, key=lambda doubt: (doubt.doubted_at, doubt.practice_code)))


def _story(records: Sequence[Person]) -> Story:
    """The later records prevail."""
    story = reduce(merge_stories, (record.story for record in records))
    contacts = reduce(merge_contacts, (record.story.contacts for record in reversed(records)))
    return story.model_copy(update={"contacts": contacts})


def _missing(survivor: Person, merged: Sequence[Person]) -> dict[str, Any]:
    """The values that only a merged record has."""
    found = {name: _first(name, absent, merged) for name, absent in _ABSENT.items() if getattr(survivor, name) == absent}
    if survivor.practice_code == UNKNOWN_PRACTICE:
        registered = _registered(survivor, merged)
        found |= {name: getattr(registered, name) for name in _OF_PRACTICE}
    return found


def _registered(survivor: Person, merged: Sequence[Person]) -> Person:
    """The first merged record that names a practice, rather one that is not in doubt: as in the access policy."""
    naming = [record for record in merged if record.practice_code != UNKNOWN_PRACTICE]
    return min(naming, key=lambda record: not record.is_practice_confirmed, default=survivor)


def _first(name: str, absent: Any, records: Sequence[Person]) -> Any:
    return next((value for record in records if (value := getattr(record, name)) != absent), absent)
