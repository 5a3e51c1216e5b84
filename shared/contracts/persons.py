"""Persons: their record with the story, and the changes of their life and identity."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from shared.contracts.codes import Locality
from shared.contracts.event import Code, Day, Event, Instant, Value
from shared.contracts.input_types import Address, Line, OrAbsent, Telephone, Text, Texts, TypedNhsNumber


class SharingPreference(StrEnum):
    """How far the person shares their story (G12). A reviewed act opens a withheld one: of a crisis response, or with a stated reason."""

    DIRECT_CARE = "direct-care"
    RESTRICTED = "restricted"
    WITHHELD = "withheld"


class StatedBy(StrEnum):
    """Who stated the sharing preference to the service that recorded it."""

    PERSON = "person"
    REPRESENTATIVE = "representative"
    PROFESSIONAL = "professional"


class PersonChange(StrEnum):
    """A change of a person's life that ends their care here."""

    DEATH = "death"
    MOVE = "move"


@dataclass(frozen=True, slots=True)
class RecordedChange:
    """A death or a move, when the Community Point of Access recorded it, and when care began again in spite of it."""

    change: PersonChange
    recorded_at: datetime
    care_from: datetime | None = None


class RecordField(StrEnum):
    """A field of a person's record, or of one of their family contacts, in which a referral may differ from it."""

    GIVEN_NAME = "given-name"
    FAMILY_NAME = "family-name"
    BORN_ON = "born-on"
    ADDRESS = "home-address"
    TELEPHONE = "telephone-number"
    PRACTICE_CODE = "practice-code"
    RESIDENCE = "residence"
    CONTACT_TELEPHONE = "contact-telephone"
    CONTACT_LIVES_IN = "contact-lives-in"


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


class PersonReturned(Event):
    """The person lives in the area, after a recorded move or a death that was recorded by mistake. What has ended stays ended.

    No death or move that was recorded until `recorded_at` holds any longer; new care begins with a new referral.
    """

    TYPE = "referrals.person.returned.v1"
    TOPIC = "referrals.person"

    after: PersonChange
    reported_by: Code
    recorded_at: Instant


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
    out of a record that would be larger than Kafka accepts. Without
    `is_practice_confirmed` only the practice itself says that the person is registered with it, which is no relationship yet.
    """

    TYPE = "referrals.person-record.recorded.v1"
    TOPIC = "referrals.person-record"
    RESTRICTED = True

    nhs_number: OrAbsent[TypedNhsNumber]
    given_name: Line
    family_name: Line
    born_on: Day | None
    address: Address
    telephone: OrAbsent[Telephone]
    practice_code: Code
    locality: Locality | None
    story: Story
    sharing: SharingPreference = SharingPreference.DIRECT_CARE
    is_practice_confirmed: bool = True


class PersonUnverified(Event):
    """An urgent referral has no verified NHS number: the Community Point of Access traces the person by `trace_by` (G11)."""

    TYPE = "referrals.person.unverified.v1"
    TOPIC = "referrals.person"
    PUBLIC = True

    referral_id: UUID
    trace_by: Instant


class PersonTracingOverdue(Event):
    """The Community Point of Access has not traced the person in time, and is reminded."""

    TYPE = "referrals.person.tracing-overdue.v1"
    TOPIC = "referrals.person"
    PUBLIC = True

    trace_by: Instant


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


class ProposalOpened(Event):
    """A referral differs from the person's record in one field. The record stays until the Community Point of Access decides."""

    TYPE = "referrals.proposal.opened.v1"
    TOPIC = "referrals.proposal"
    PUBLIC = True

    field: RecordField
    referral_id: UUID
    referrer_organisation: Code
    received_at: Instant
    decide_by: Instant


class ProposalRepeated(Event):
    """A later, urgent referral proposes the same value, so that the decision is due earlier."""

    TYPE = "referrals.proposal.repeated.v1"
    TOPIC = "referrals.proposal"
    PUBLIC = True

    referral_id: UUID
    decide_by: Instant


class ProposalOverdue(Event):
    """The Community Point of Access has not decided in time, and is reminded."""

    TYPE = "referrals.proposal.overdue.v1"
    TOPIC = "referrals.proposal"
    PUBLIC = True

    decide_by: Instant


class ProposalConfirmed(Event):
    """The record has the proposed value now. The replaced one is among its former values."""

    TYPE = "referrals.proposal.confirmed.v1"
    TOPIC = "referrals.proposal"
    PUBLIC = True

    field: RecordField
    decided_at: Instant


class ProposalDismissed(Event):
    """The record keeps its value, for a stated reason."""

    TYPE = "referrals.proposal.dismissed.v1"
    TOPIC = "referrals.proposal"
    PUBLIC = True

    field: RecordField
    decided_at: Instant
