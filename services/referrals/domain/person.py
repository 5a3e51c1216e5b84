"""A person and what they told once. Every change is published as the whole record, encrypted; nothing that was told is lost.

Sources: AC1, AC2, IG1, IG2, IG10, G11, G12, G40.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any
from uuid import UUID

from services.referrals.commands import Demographics, ReceiveReferral, ReviseRecord
from services.referrals.domain.policy import Policy
from shared.contracts.codes import Locality, Urgency
from shared.contracts.referrals import FamilyContact, PersonRecordRecorded, SharingPreference, Story
from shared.kernel.decision import Decision
from shared.kernel.errors import NotFound, RuleBroken
from shared.kernel.ids import PersonId
from shared.kernel.nhs_number import InvalidNhsNumber, parse_nhs_number


@dataclass(frozen=True, slots=True)
class Person:
    """`id` is the pseudonym of a verified NHS number, and random while there is none. `correlation_id` is the last referral.

    `number_as_typed` is what came instead of a verified number, for whoever checks it; it leaves this context in no event.
    """

    id: PersonId
    correlation_id: UUID
    nhs_number: str | None
    given_name: str
    family_name: str
    born_on: date
    address: str
    telephone: str | None
    practice_code: str
    residence: str
    locality: Locality
    story: Story
    number_as_typed: str | None = None
    sharing: SharingPreference = SharingPreference.DIRECT_CARE
    version: int = 0

    @property
    def is_family_kept_informed(self) -> bool:
        """Somebody is named, and the person does not withhold (AC2)."""
        return bool(self.story.contacts) and self.sharing is not SharingPreference.WITHHELD


class PersonNotFound(NotFound):
    """No person has this id or this NHS number."""

    code = "person-not-found"
    advice = "Send a referral: it registers the person."


class NhsNumberMissing(InvalidNhsNumber):
    """A referral that is not urgent needs an NHS number (G11)."""

    code = "nhs-number-missing"
    advice = "Find the number in the GP record; only an urgent referral may omit it."


class DemographicsMissing(RuleBroken):
    """The person is unknown here and the referral has no demographics."""

    code = "demographics-missing"
    advice = "Send the person's demographics with this first referral."


class BirthDateInFuture(RuleBroken):
    """The date of birth lies in the future."""

    code = "birth-date-in-future"
    advice = "Check the date of birth with the person."


class StoryMissing(RuleBroken):
    """The person has no story here yet and the referral has none."""

    code = "story-missing"
    advice = "Send the person's story with this first referral."


class IdentityDiffers(RuleBroken):
    """The date of birth differs from the record with this NHS number."""

    code = "identity-differs"
    advice = "Check the NHS number and the date of birth with the person."


class NoChanges(RuleBroken):
    """The correction equals the present record."""

    code = "no-changes"
    advice = "Send only fields that differ from the present record."


def claimed_nhs_number(received: ReceiveReferral) -> str | None:
    """The valid NHS number of a referral; None for an urgent one without: care does not wait for tracing (G11).

    Raises InvalidNhsNumber, NhsNumberMissing.
    """
    try:
        if not received.nhs_number:
            raise NhsNumberMissing("A referral that is not urgent needs an NHS number.")
        return parse_nhs_number(received.nhs_number)
    except InvalidNhsNumber:
        if received.urgency is Urgency.URGENT:
            return None
        raise


def valid_nhs_number(received: ReceiveReferral) -> str | None:
    """The valid NHS number of a referral; None where there is none, whatever the referral's urgency."""
    try:
        return parse_nhs_number(received.nhs_number) if received.nhs_number else None
    except InvalidNhsNumber:
        return None


def require_born(demographics: Demographics | None, today: date) -> None:
    """Raises BirthDateInFuture."""
    if demographics is not None and demographics.born_on > today:
        raise BirthDateInFuture("The date of birth is in the future.")


def is_same_person(person: Person, received: ReceiveReferral) -> bool:
    """Whether the birthday that was sent is the record's. A valid number of somebody else must not open their record.

    Raises IdentityDiffers unless urgent, which goes on unverified (G11).
    """
    if received.demographics is None or received.demographics.born_on == person.born_on:
        return True
    if received.urgency is Urgency.URGENT:
        return False
    raise IdentityDiffers("The date of birth differs from the record with this NHS number.")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a new person is: the pseudonym of the verified NHS number, or a random id where there is none (G11)."""

    person_id: PersonId
    nhs_number: str | None


def record(
    known: Person | None, received: ReceiveReferral, identity: Identity, *, referral_id: UUID, locality: Locality, policy: Policy
) -> tuple[Person, Decision[Person] | None]:
    """The person after a referral, and the change of their record if there is one. Raises DemographicsMissing, StoryMissing."""
    if known is None:
        registered = register(received, identity, referral_id=referral_id, locality=locality, policy=policy)
        return registered.state, registered
    updated = update_from_referral(known, received, referral_id=referral_id, locality=locality)
    return (updated.state, updated) if updated else (known, None)


def register(received: ReceiveReferral, identity: Identity, *, referral_id: UUID, locality: Locality, policy: Policy) -> Decision[Person]:
    """The first referral of a person brings their demographics and their story. Raises DemographicsMissing, StoryMissing."""
    if received.demographics is None:
        raise DemographicsMissing("The demographics of the person are missing.")
    if received.story is None:
        raise StoryMissing("The story of the person is missing.")
    person = Person(
        id=identity.person_id,
        correlation_id=referral_id,
        nhs_number=identity.nhs_number,
        locality=locality,
        story=received.story,
        number_as_typed=None if identity.nhs_number else received.nhs_number,
        **_told(received.demographics) | {"residence": received.demographics.residence or policy.residence},
    )
    return Decision(person, [_recorded(person)])


def update_from_referral(person: Person, received: ReceiveReferral, *, referral_id: UUID, locality: Locality) -> Decision[Person] | None:
    """A later referral of a known person: None when it brought nothing new, which is the ordinary case (AC1)."""
    story = merge_stories(person.story, received.story) if received.story else person.story
    heard = replace(_who(person, received.demographics, locality), story=story)
    if heard == person:
        return None
    heard = replace(heard, correlation_id=referral_id)
    return Decision(heard, [_recorded(heard)])


def add_answer(person: Person, answer: str, *, referral_id: UUID) -> Decision[Person]:
    """What a referrer answered belongs to the story, so that everybody involved reads it."""
    history = _distinct([*person.story.history, answer])
    heard = replace(person, story=person.story.model_copy(update={"history": history}), correlation_id=referral_id)
    return Decision(heard, [_recorded(heard)])


def revise(person: Person, command: ReviseRecord, *, locality: Locality) -> Decision[Person]:
    """A correction replaces what it names. Raises NoChanges."""
    revised = replace(
        _who(person, command.demographics, locality), story=command.story or person.story, sharing=command.sharing or person.sharing
    )
    if revised == person:
        raise NoChanges("The correction changes nothing.")
    return Decision(revised, [_recorded(revised)])


def merge_stories(before: Story, now: Story) -> Story:
    """The new telling in front, what it replaces in the history; what it leaves out is kept."""
    replaced = [old for old, new in _answers(before, now) if old and new and old != new]
    history = _distinct([*before.history, *replaced, *now.history])
    return Story(
        narrative=now.narrative,
        history=tuple(told for told in history if told != now.narrative),
        what_matters=now.what_matters or before.what_matters,
        communication_needs=_distinct([*before.communication_needs, *now.communication_needs]),
        preferred_visit_times=now.preferred_visit_times or before.preferred_visit_times,
        contacts=_joined(before.contacts, now.contacts),
    )


def _who(person: Person, demographics: Demographics | None, locality: Locality) -> Person:
    """What was told replaces what was recorded; what was not told stays."""
    if demographics is None:
        return person
    return replace(person, locality=locality, **{name: value for name, value in _told(demographics).items() if value is not None})


def _told(demographics: Demographics) -> dict[str, Any]:
    return {field.name: getattr(demographics, field.name) for field in fields(demographics)}


def _answers(before: Story, now: Story) -> list[tuple[str | None, str | None]]:
    """What has one answer at a time."""
    return [(getattr(before, name), getattr(now, name)) for name in ("narrative", "what_matters", "preferred_visit_times")]


def _joined(before: Iterable[FamilyContact], now: Iterable[FamilyContact]) -> tuple[FamilyContact, ...]:
    """Everybody who was ever named; somebody named again brings what is new of them."""
    joined: dict[tuple[str, str], FamilyContact] = {}
    for contact in (*before, *now):
        named = (contact.name.strip().casefold(), contact.relationship.strip().casefold())
        told = contact.model_dump(exclude_none=True)
        joined[named] = joined[named].model_copy(update=told) if named in joined else contact
    return tuple(joined.values())


def _distinct(told: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(told))


def _recorded(person: Person) -> PersonRecordRecorded:
    return PersonRecordRecorded(
        nhs_number=person.nhs_number,
        given_name=person.given_name,
        family_name=person.family_name,
        born_on=person.born_on,
        address=person.address,
        telephone=person.telephone,
        practice_code=person.practice_code,
        locality=person.locality,
        story=person.story,
        sharing=person.sharing,
    )
