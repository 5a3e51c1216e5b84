"""Erasure of a person's words: identity, demographics, story and former values. What they are owed stays. Pure.

One member of the information governance staff requests it, another one approves it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.referrals.domain.person import Identity, Person, recorded_again
from services.referrals.domain.story import NOT_GIVEN
from shared.contracts.persons import Story
from shared.kernel.actor import Actor
from shared.kernel.decision import Decision
from shared.kernel.errors import NotAllowed, NotFound, RuleBroken
from shared.kernel.ids import PersonId


@dataclass(frozen=True, slots=True)
class Erasure:
    """`requested_by` and `approved_by` are issuer, organisation and subject. It is complete once it has its certificate."""

    id: UUID
    person_id: PersonId
    reason: str
    requested_by: str
    requested_at: datetime
    approved_by: str | None = None
    approved_at: datetime | None = None
    certificate: Mapping[str, Any] | None = None


class ErasureNotFound(NotFound):
    """No request for an erasure of this person has this id."""

    code = "erasure-not-found"
    advice = "Read the id of the request in the output of `care erase PERSON --reason`."


class OwnErasure(NotAllowed):
    """Another member of staff than the one who requested the erasure approves it."""

    code = "own-erasure"
    advice = "Ask another member of the information governance staff."


class ErasureComplete(RuleBroken):
    """The erasure of this request is complete. What was referred since then has no approval."""

    code = "erasure-complete"
    advice = "Request another erasure, if there are new words."


def approve(erasure: Erasure, approver: Actor, approved_by: str, now: datetime) -> Erasure:
    """An erasure that was interrupted is approved again. `approved_by` names the approver. Raises OwnErasure, ErasureComplete."""
    if approver.is_person_of(erasure.requested_by):
        raise OwnErasure("The approver requested this erasure.")
    if erasure.certificate is not None:
        raise ErasureComplete("The erasure of this request is complete.")
    return replace(erasure, approved_by=approved_by, approved_at=now)


def certified(erasure: Erasure, certificate: Mapping[str, Any]) -> Erasure:
    return replace(erasure, certificate=certificate)


def erase(person: Person, now: datetime) -> Decision[Person]:
    """The record without a word of the person, published in place of the earlier ones.

    The id, the practice and the preference stay: open care keeps its owners and its deadlines. A later referral gives the words again.
    """
    erased = replace(
        person,
        nhs_number=None,
        given_name=NOT_GIVEN,
        family_name=NOT_GIVEN,
        born_on=None,
        address=NOT_GIVEN,
        telephone=None,
        story=Story(narrative=NOT_GIVEN),
        number_as_typed=None,
        born_as_typed=None,
        former_values=(),
        erased_at=now,
    )
    return recorded_again(erased)


def referred_again(person: Person, identity: Identity) -> Person:
    """The record of an erased person with the verified number of a later referral, from which on they are known again."""
    is_known_again = person.erased_at is not None and identity.nhs_number is not None
    return replace(person, nhs_number=identity.nhs_number, erased_at=None) if is_known_again else person
