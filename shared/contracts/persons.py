"""Persons: their record with the story, and the changes of their life and identity."""

from enum import StrEnum
from uuid import UUID

from shared.contracts.codes import Locality
from shared.contracts.event import Code, Day, Event, Instant, Value
from shared.contracts.input_types import Address, Line, OrAbsent, Telephone, Text, Texts


class SharingPreference(StrEnum):
    """How far the person shares their story (G12). A crisis response always sees it, and the read is audited."""

    DIRECT_CARE = "direct-care"
    RESTRICTED = "restricted"
    WITHHELD = "withheld"


class PersonChange(StrEnum):
    """A change of a person's life that ends their care here."""

    DEATH = "death"
    MOVE = "move"


class PersonDeceased(Event):
    """The person has died. Every service ends its care."""

    TYPE = "referrals.person.deceased.v1"
    TOPIC = "referrals.person"

    died_on: Day | None
    reported_by: Code
    recorded_at: Instant


class PersonMoved(Event):
    """The person has moved out of the area. Every service ends its care."""

    TYPE = "referrals.person.moved.v1"
    TOPIC = "referrals.person"

    moved_on: Day | None
    reported_by: Code
    recorded_at: Instant


class PersonRestored(Event):
    """The recorded death or move was a mistake. What ended with it is open again."""

    TYPE = "referrals.person.restored.v1"
    TOPIC = "referrals.person"

    mistaken: PersonChange
    recorded_at: Instant
    restored_at: Instant


class FamilyContact(Value):
    """A relative or friend whom the person wants kept informed."""

    name: Line
    relationship: Line
    telephone: OrAbsent[Telephone] = None
    lives_in: OrAbsent[Line] = None


class Story(Value):
    """The person's story, which is given once."""

    narrative: Text
    history: Texts[Text] = ()
    what_matters: OrAbsent[Text] = None
    communication_needs: Texts[Text] = ()
    preferred_visit_times: OrAbsent[Text] = None
    contacts: tuple[FamilyContact, ...] = ()


class PersonRecordRecorded(Event):
    """The whole current record of a person; each record replaces the previous one. Restricted: its data is encrypted.

    An urgent referral may lack what a record has: `born_on` is then absent, and a missing text is `not given`. Old history is left
    out of a record that would be larger than Kafka accepts.
    """

    TYPE = "referrals.person-record.recorded.v1"
    TOPIC = "referrals.person-record"
    RESTRICTED = True

    nhs_number: str | None
    given_name: Line
    family_name: Line
    born_on: Day | None
    address: Address
    telephone: OrAbsent[Telephone]
    practice_code: Code
    locality: Locality
    story: Story
    sharing: SharingPreference = SharingPreference.DIRECT_CARE


class PersonMerged(Event):
    """A second record of one person was merged into the first, by a member of staff. Both ids stay valid and mean one person.

    The key is the merged record; `into` is the surviving record, which is itself never merged. What began under an id keeps it.
    """

    TYPE = "referrals.person.merged.v1"
    TOPIC = "referrals.person"
    PUBLIC = True

    into: UUID
    merged_at: Instant


class PersonSeparated(Event):
    """A merge was a mistake: the two records are two persons again. The key is the record that was merged."""

    TYPE = "referrals.person.separated.v1"
    TOPIC = "referrals.person"
    PUBLIC = True

    from_person: UUID
    merged_at: Instant
    separated_at: Instant
