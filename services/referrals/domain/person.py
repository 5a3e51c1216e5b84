"""A person and their story, which is given once. Every change publishes the whole record, encrypted; no part of a story is lost.

Sources: AC1, AC2, IG1, IG2, IG10, G11, G12, G40.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from services.referrals.commands import AmendReferral, Demographics, ReceiveReferral, ReviseRecord
from services.referrals.domain.policy import Policy
from services.referrals.domain.practice_doubt import PracticeDoubt
from services.referrals.domain.record_fields import ATTRIBUTE, OF_PERSON, FormerValue, contact_form, is_equal
from services.referrals.domain.story import NOT_GIVEN, distinct, merge_stories, published
from shared.access import stricter
from shared.contracts.codes import IS_URGENT, Locality
from shared.contracts.persons import PersonRecordRecorded, RecordField, SharingPreference, StatedBy, Story
from shared.contracts.practices import UNKNOWN_PRACTICE
from shared.kernel.decision import Decision
from shared.kernel.errors import InvalidField, NotFound, RuleBroken
from shared.kernel.ids import PersonId
from shared.kernel.nhs_number import InvalidNhsNumber, parse_nhs_number
from shared.kernel.totality import total

_IS_SHARED = total(
    SharingPreference,
    {SharingPreference.DIRECT_CARE: True, SharingPreference.RESTRICTED: True, SharingPreference.WITHHELD: False},
)

_PLACEHOLDERS = {"given_name": NOT_GIVEN, "family_name": NOT_GIVEN, "address": NOT_GIVEN, "practice_code": UNKNOWN_PRACTICE}


@dataclass(frozen=True, slots=True)
class Person:
    """`id` is the pseudonym of a verified NHS number, and random without one. `correlation_id` is the last referral.

    `number_as_typed` and `born_as_typed` are the unverified number and the impossible date of birth as received, for a check by staff;
    no event contains them. `born_on` is None while it is unknown, and `sharing_stated_by` for a preference without a stated source.
    `former_values` are those that staff have replaced, the oldest first. From `erased_at` no earlier word is left, nor the number.
    `is_practice_confirmed`: others than the practice itself say that the person is registered with it, or staff do. `practice_doubts` are
    those of triagers: no record of the person confirms a practice in them.
    """

    id: PersonId
    correlation_id: UUID
    nhs_number: str | None
    given_name: str
    family_name: str
    born_on: date | None
    address: str
    telephone: str | None
    practice_code: str
    residence: str
    locality: Locality | None
    story: Story
    number_as_typed: str | None = None
    born_as_typed: str | None = None
    sharing: SharingPreference = SharingPreference.DIRECT_CARE
    sharing_stated_by: StatedBy | None = None
    former_values: tuple[FormerValue, ...] = ()
    erased_at: datetime | None = None
    is_practice_confirmed: bool = True
    practice_doubts: tuple[PracticeDoubt, ...] = ()
    version: int = 0

    @property
    def is_family_kept_informed(self) -> bool:
        """The story names a contact, and the person shares it (AC2)."""
        return bool(self.story.contacts) and self.is_story_shared

    @property
    def is_story_shared(self) -> bool:
        """Whether a receiver sees the story (G12)."""
        return _IS_SHARED[self.sharing]


class PersonNotFound(NotFound):
    """No person has this id or this NHS number."""

    code = "person-not-found"
    advice = "Check the id or the number, or search for the person. A first referral registers a person."


class NhsNumberMissing(InvalidNhsNumber):
    """A referral that is not urgent needs an NHS number (G11)."""

    code = "nhs-number-missing"
    advice = "Find the number in the GP record; only an urgent referral may omit it."


class DemographicsMissing(InvalidField):
    """The referral lacks demographics, and no such person with this number is known here."""

    code = "demographics-missing"
    advice = "Check the NHS number, the name and the date of birth; if they are right, send the demographics with this first referral."
    field = "demographics"


class BirthDateInFuture(InvalidField):
    """The date of birth lies in the future."""

    code = "birth-date-in-future"
    advice = "Check the date of birth with the person."
    field = "demographics.born_on"


class StoryMissing(InvalidField):
    """The referral has no story, and no such person with this number has one here."""

    code = "story-missing"
    advice = "Check the NHS number, the name and the date of birth; if they are right, send the person's story with this first referral."
    field = "story"


class NoChanges(RuleBroken):
    """The correction equals the present record."""

    code = "no-changes"
    advice = "Send only fields that differ from the present record."


def claimed_nhs_number(received: ReceiveReferral) -> str | None:
    """The valid NHS number of a referral; None for an urgent referral without one: care does not wait for tracing (G11).

    Raises InvalidNhsNumber, NhsNumberMissing.
    """
    if received.needs_tracing:
        return None
    try:
        if not received.nhs_number:
            raise NhsNumberMissing("A referral that is not urgent needs an NHS number.")
        return parse_nhs_number(received.nhs_number)
    except InvalidNhsNumber:
        if IS_URGENT[received.urgency]:
            return None
        raise


def valid_nhs_number(received: ReceiveReferral) -> str | None:
    """The valid NHS number of a referral of any urgency; None without one."""
    try:
        return parse_nhs_number(received.nhs_number) if received.nhs_number else None
    except InvalidNhsNumber:
        return None


def require_born(demographics: Demographics | None, today: date) -> None:
    """Raises BirthDateInFuture."""
    if demographics is not None and demographics.born_on is not None and demographics.born_on > today:
        raise BirthDateInFuture("The date of birth is in the future.")


def recorded_value(person: Person, field: RecordField) -> Any:
    """The recorded value of a field of the person; None for one that the record lacks."""
    value = getattr(person, ATTRIBUTE[field])
    return None if value == absent_value(field) else value


def absent_value(field: RecordField) -> str | None:
    """What the record has in place of a value that it lacks."""
    return _PLACEHOLDERS.get(ATTRIBUTE[field])


def differs(field: RecordField, recorded: Any, received: Any) -> bool:
    """Whether a received value contradicts the recorded one. An absent value contradicts none."""
    return recorded is not None and received is not None and not is_equal(field, str(recorded), str(received))


def stated_practice(received: ReceiveReferral) -> str | None:
    return received.demographics.practice_code if received.demographics else None


def states(received: ReceiveReferral, person: Person, same: Collection[str] = ()) -> bool:
    """Whether the referral states the practice of the record. `same` has the codes that stand for the stated one today."""
    stated = stated_practice(received)
    return stated is not None and (is_equal(RecordField.PRACTICE_CODE, stated, person.practice_code) or person.practice_code in same)


@dataclass(frozen=True, slots=True)
class Identity:
    """Identity of a new person: the pseudonym of the verified NHS number, or a random id without one (G11)."""

    person_id: PersonId
    nhs_number: str | None


def record(
    known: Person | None,
    received: ReceiveReferral,
    identity: Identity,
    *,
    referral_id: UUID,
    locality: Locality | None,
    policy: Policy,
    is_confirmed: bool = True,
    same: Collection[str] = (),
    as_one: Callable[[Person], Person] = lambda own: own,
) -> tuple[Person, Decision[Person] | None]:
    """The person after a referral, and the change of their record, if any. Raises what `register` raises.

    `is_confirmed`: the referrer is not the practice that it states, for which the codes `same` stand today. `as_one` composes the record
    with those that were merged with it: they count as given.
    """
    if known is None:
        registered = register(received, identity, referral_id=referral_id, locality=locality, policy=policy, is_confirmed=is_confirmed)
        return registered.state, registered
    updated = update_from_referral(known, received, referral_id=referral_id, locality=locality, is_confirmed=is_confirmed, same=same)
    person = updated.state if updated else known
    _require_complete(as_one(person), received, person.id)
    return person, updated


def register(
    received: ReceiveReferral,
    identity: Identity,
    *,
    referral_id: UUID,
    locality: Locality | None,
    policy: Policy,
    is_confirmed: bool = True,
) -> Decision[Person]:
    """Registers a person with the demographics and the story of their first referral; an urgent one may lack parts of both.

    Raises DemographicsMissing, StoryMissing.
    """
    given = {} if received.demographics is None else _given(received.demographics)
    absent: dict[str, Any] = _PLACEHOLDERS | {"born_on": None, "telephone": None, "residence": policy.residence}
    person = Person(
        id=identity.person_id,
        correlation_id=referral_id,
        nhs_number=identity.nhs_number,
        locality=locality,
        story=received.story or Story(narrative=NOT_GIVEN),
        number_as_typed=None if identity.nhs_number else received.nhs_number,
        sharing=received.sharing or SharingPreference.DIRECT_CARE,
        sharing_stated_by=received.sharing_stated_by if received.sharing else None,
        is_practice_confirmed=is_confirmed,
        **absent | given,
    )
    _require_complete(person, received, person.id)
    return Decision(person, [recorded(person)])


def require_as_of_unknown(person: Person, received: ReceiveReferral) -> None:
    """Refuses what the referral of an unknown person would be refused for, whatever the record of `person` has.

    Raises DemographicsMissing, StoryMissing.
    """
    given = {} if received.demographics is None else _given(received.demographics)
    alone: dict[str, Any] = {**_PLACEHOLDERS, "born_on": None, **given, "story": received.story or Story(narrative=NOT_GIVEN)}
    _require_complete(replace(person, **alone), received, person.id)


def _require_complete(person: Person, received: ReceiveReferral, person_id: PersonId) -> None:
    """Refuses a referral that is not urgent without the demographics or the story that no record has.

    `person_id` is that of the referral's number: the refusal shows that nothing is stored under it.
    """
    if IS_URGENT[received.urgency]:
        return
    if lacking := _lacking_demographics(person):
        fields = [f"demographics.{name}" for name in lacking] if received.demographics else []
        raise DemographicsMissing("The demographics of the person are missing.", *fields).about(person_id)
    if lacks_story(person):
        raise StoryMissing("The story of the person is missing.").about(person_id)


def lacks_demographics(person: Person) -> bool:
    """Whether an urgent referral left a part of the person's demographics open."""
    return bool(_lacking_demographics(person))


def _lacking_demographics(person: Person) -> list[str]:
    absent = ["born_on"] if person.born_on is None else []
    return absent + [name for name, text in _PLACEHOLDERS.items() if getattr(person, name) == text]


def lacks_story(person: Person) -> bool:
    return person.story.narrative == NOT_GIVEN


def is_shortened(person: Person) -> bool:
    """Whether the published record leaves out old history."""
    return published(person.story) != person.story


def update_from_referral(
    person: Person,
    received: ReceiveReferral,
    *,
    referral_id: UUID,
    locality: Locality | None,
    is_confirmed: bool = True,
    same: Collection[str] = (),
) -> Decision[Person] | None:
    """Adds the new data of a later referral; None when it has none, the ordinary case (AC1). `locality` is that of the practice of today.

    It replaces no recorded demographics and no detail of a family contact: `proposals` has the differences. No referrer loosens a
    preference.
    """
    story = merge_stories(person.story, received.story) if received.story else person.story
    completed = _completed(_restricted(person, received), received.demographics)
    is_confirmed = completed.is_practice_confirmed or (is_confirmed and states(received, completed, same))
    updated = replace(completed, story=story, locality=locality, is_practice_confirmed=is_confirmed)
    if updated == person:
        return None
    updated = replace(updated, correlation_id=referral_id)
    return Decision(updated, [recorded(updated)])


def _restricted(person: Person, received: ReceiveReferral) -> Person:
    """The person with a stated preference that shares less than the recorded one."""
    sharing = stricter(person.sharing, received.sharing)
    return person if sharing is person.sharing else replace(person, sharing=sharing, sharing_stated_by=received.sharing_stated_by)


def is_completed(before: Person, after: Person) -> bool:
    """Whether a referrer gave a known person a telephone, a contact or its detail, or a stricter preference, for which no one had asked."""
    return _unasked(before) != _unasked(after)


def _unasked(person: Person) -> tuple[str | None, SharingPreference, set[tuple[str, str, str | None, str | None]]]:
    contacts = {(*contact_form(each.name, each.relationship), each.telephone, each.lives_in) for each in person.story.contacts}
    return person.telephone, person.sharing, contacts


def _completed(person: Person, demographics: Demographics | None) -> Person:
    """The person with received values of the fields that the record lacks. A practice among them is not confirmed yet."""
    if demographics is None:
        return person
    lacking = {field for field in OF_PERSON if recorded_value(person, field) is None}
    given = {ATTRIBUTE[field]: value for field in lacking if (value := getattr(demographics, ATTRIBUTE[field])) is not None}
    birthday: dict[str, Any] = {"born_as_typed": None} if "born_on" in given else {}
    practice: dict[str, Any] = {"is_practice_confirmed": False} if "practice_code" in given else {}
    return replace(person, **given, **birthday, **practice)


def add_answer(person: Person, answer: str, *, referral_id: UUID) -> Decision[Person]:
    """Adds a referrer's information to the story, so that all involved organisations read it."""
    history = distinct([*person.story.history, answer])
    updated = replace(person, story=person.story.model_copy(update={"history": history}), correlation_id=referral_id)
    return Decision(updated, [recorded(updated)])


def add_amendment(person: Person, amended: AmendReferral, *, referral_id: UUID) -> Decision[Person] | None:
    """Adds what a referrer amends; None if the record stays. A telephone fills a gap alone: it replaces no recorded one."""
    history = distinct([*person.story.history, *([amended.information] if amended.information else [])])
    story = person.story.model_copy(update={"history": history})
    updated = replace(person, story=story, telephone=person.telephone or amended.telephone)
    if updated == person:
        return None
    updated = replace(updated, correlation_id=referral_id)
    return Decision(updated, [recorded(updated)])


def revise(person: Person, command: ReviseRecord, *, locality: Locality | None) -> Decision[Person]:
    """A correction replaces the fields that it names. Raises NoChanges."""
    revised = replace(
        _with_demographics(person, command.demographics, locality),
        story=command.story or person.story,
        sharing=command.sharing or person.sharing,
        sharing_stated_by=command.sharing_stated_by if command.sharing else person.sharing_stated_by,
    )
    if revised == person:
        raise NoChanges("The correction changes nothing.")
    return recorded_again(revised)


def recorded_again(person: Person) -> Decision[Person]:
    """Publishes the record as staff have changed it."""
    return Decision(person, [recorded(person)])


def _with_demographics(person: Person, demographics: Demographics | None, locality: Locality | None) -> Person:
    """Given fields replace the recorded ones; fields that are None stay. A date of birth replaces an impossible one.

    A practice that staff record is confirmed.
    """
    if demographics is None:
        return person
    given = _given(demographics)
    known: dict[str, Any] = {"born_as_typed": None} if demographics.born_on else {}
    confirmed: dict[str, Any] = {"is_practice_confirmed": True} if demographics.practice_code else {}
    return replace(person, locality=locality, **given | known | confirmed)


def _given(demographics: Demographics) -> dict[str, Any]:
    values = {field.name: getattr(demographics, field.name) for field in fields(demographics)}
    return {name: value for name, value in values.items() if value is not None}


def recorded(person: Person) -> PersonRecordRecorded:
    """The record as published."""
    fields = {name: getattr(person, name) for name in PersonRecordRecorded.model_fields if name != "story"}
    return PersonRecordRecorded(story=published(person.story), **fields)
