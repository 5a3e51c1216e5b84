"""Whether a referral is about the person of the record with its NHS number. Another person's number must not open their record.

A refusal shows no more of a record than a guess with the right answer would: `shared.web.limits` counts it.
"""

from datetime import date

from services.referrals.commands import Demographics, ReceiveReferral
from services.referrals.domain.person import Person, differs, lacks_demographics, recorded_value, require_as_of_unknown
from services.referrals.domain.record_fields import ATTRIBUTE, is_given_name_alike, is_placeholder
from shared.contracts.codes import IS_URGENT
from shared.contracts.persons import RecordField
from shared.kernel.errors import RuleBroken

_IDENTIFYING = (RecordField.GIVEN_NAME, RecordField.FAMILY_NAME, RecordField.ADDRESS)


class IdentityDiffers(RuleBroken):
    """The date of birth or the name differs from the record with this NHS number."""

    code = "identity-differs"
    advice = (
        "Check the NHS number, the name and the date of birth with the person: the number may be a twin's or mistyped. "
        "If they are right, the record needs a correction (ReviseRecord) by the Community Point of Access; then send the referral again."
    )


def is_same_person(person: Person, received: ReceiveReferral, *, own: Person | None = None) -> bool:
    """Whether the referral is about the person of the record.

    `own` is the record of the number, which was merged with others: a referral that agrees with all of it is about its person.
    A referral that is not urgent is refused when it differs, for what it lacks exactly as if the number were unknown; an urgent one
    continues unverified (G11). Raises DemographicsMissing, StoryMissing, IdentityDiffers.
    """
    known = [person] if own is None or lacks_demographics(own) else [person, own]
    if received.demographics is None or any(_is_alike(each, received.demographics) for each in known):
        return True
    if IS_URGENT[received.urgency]:
        return False
    require_as_of_unknown(own or person, received)
    raise IdentityDiffers("The date of birth or the name differs from the record with this NHS number.").about((own or person).id)


def _is_alike(person: Person, demographics: Demographics) -> bool:
    return _is_born_alike(demographics, person.born_on) and not _is_named_otherwise(person, demographics)


def _is_born_alike(demographics: Demographics, recorded: date | None) -> bool:
    """An absent date of birth and a placeholder agree with every record; an impossible one with none."""
    if demographics.born_as_typed is not None:
        return False
    return is_birthday_alike(demographics.born_on, recorded)


def is_birthday_alike(one: date | None, other: date | None) -> bool:
    """Whether two dates of birth may be one person's: an absent one and a placeholder contradict none."""
    return one is None or other is None or one == other or is_placeholder(one) or is_placeholder(other)


def _is_named_otherwise(person: Person, demographics: Demographics) -> bool:
    """A clearly other given name is a twin's, for instance; a family name or an address may change, but not with any other given name."""
    received = {field: getattr(demographics, ATTRIBUTE[field]) for field in _IDENTIFYING}
    differing = [field for field in _IDENTIFYING if differs(field, recorded_value(person, field), received[field])]
    is_alike = RecordField.GIVEN_NAME not in differing or is_given_name_alike(person.given_name, received[RecordField.GIVEN_NAME])
    return not is_alike or len(differing) == len(_IDENTIFYING)
