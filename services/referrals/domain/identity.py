"""The identity of a person: unverified until the Community Point of Access has traced them, or merged into another record (G11).

A merge never changes an id: what began under an id keeps it, and both ids mean one person. A member of staff decides; a wrong merge
is separated again after any time. A surviving record is itself never merged. Pure. States: docs/states/referrals.md.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from services.referrals.commands import MergePerson, ReceiveReferral, SeparatePerson, VerifyIdentity
from services.referrals.domain.access import IDENTITY as SCOPE
from services.referrals.domain.identity_check import is_birthday_alike
from services.referrals.domain.life import Life
from services.referrals.domain.person import Person
from services.referrals.domain.policy import Policy
from services.referrals.domain.record import Group, publication
from services.referrals.domain.story import NOT_GIVEN
from shared.contracts.event import Event
from shared.contracts.persons import PersonMerged, PersonSeparated, PersonTracingOverdue, PersonUnverified, Story
from shared.contracts.practices import UNKNOWN_PRACTICE
from shared.kernel.actor import Actor
from shared.kernel.decision import JUST_AFTER, Deadline, Decision
from shared.kernel.errors import RuleBroken
from shared.kernel.ids import PersonId, derived_id
from shared.kernel.ownership import Desk, Owners, owned
from shared.kernel.state_table import Transitions, require_transition, state_table, transition
from shared.kernel.totality import total
from shared.kernel.working_days import working_days_later


class IdentityStatus(StrEnum):
    UNVERIFIED = "unverified"
    VERIFIED = "verified"
    MERGED = "merged"


class IdentityDeadline(StrEnum):
    """`tracing`: the Community Point of Access finds the person's NHS number."""

    TRACING = "tracing"


@dataclass(frozen=True, slots=True)
class Merge:
    """`into` survives. `decided_by` is the member of staff."""

    into: PersonId
    merged_at: datetime
    decided_by: str


@dataclass(frozen=True, slots=True)
class Separation:
    """The end of a merge, by whom and why."""

    merge: Merge
    separated_at: datetime
    separated_by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Identity:
    """One for each record. `id` is derived from the person's id. `merged_into` is the surviving record, as in `merge`."""

    id: UUID
    person_id: PersonId
    correlation_id: UUID
    status: IdentityStatus = IdentityStatus.VERIFIED
    due_at: datetime | None = None
    overdue_since: datetime | None = None
    merged_into: PersonId | None = None
    merge: Merge | None = None
    separations: tuple[Separation, ...] = ()
    version: int = 0


@dataclass(frozen=True, slots=True)
class Candidate:
    """A record and what decides about its merge: the records that mean the same person, and the recorded life."""

    record: Person
    group: Group
    life: Life


class SameRecord(RuleBroken):
    """Both records mean this person already."""

    code = "same-record"
    advice = "Read the person's identity: it names the merged records."


class HasMergedRecords(RuleBroken):
    """Other records were merged into this one."""

    code = "has-merged-records"
    advice = "Merge each of those records into the other one first."


class LivesDiffer(RuleBroken):
    """A death or a move is recorded for one of the two records only."""

    code = "lives-differ"
    advice = (
        "Record the death or the move for the other record as well, or its reversal or the return for this one, then merge. "
        "A record that was merged with another person's by mistake is separated first (SeparatePerson)."
    )


class SurvivorUnverified(RuleBroken):
    """The record without a verified NHS number would survive."""

    code = "survivor-unverified"
    advice = "Merge the record without a verified number into the other one."


class BirthdayDiffers(RuleBroken):
    """The date of birth differs from the one that is recorded for the NHS number."""

    code = "birthday-differs"
    advice = (
        "Check the number and the date of birth with the person. If the number is right, a colleague with the scope referrals:handle "
        "corrects the wrong record (ReviseRecord); then verify again. Or merge this record into that of the number (MergePerson)."
    )


#: Guards the commands, answers `GET .../actions`, and is printed (and tested) as docs/states/referrals.md.
IDENTITY: Transitions = state_table(
    {
        ReceiveReferral: transition((), IdentityStatus.UNVERIFIED, PersonUnverified),
        VerifyIdentity: transition(tuple(IdentityStatus), IdentityStatus.MERGED, PersonSeparated, PersonMerged),
        MergePerson: transition(tuple(IdentityStatus), IdentityStatus.MERGED, PersonSeparated, PersonMerged),
        SeparatePerson: transition(IdentityStatus.MERGED, (IdentityStatus.UNVERIFIED, IdentityStatus.VERIFIED), PersonSeparated),
        IdentityDeadline.TRACING: transition(IdentityStatus.UNVERIFIED, (), PersonTracingOverdue),
    },
    IdentityDeadline,
)
#: A merged record waits for nothing: the surviving one is the person's.
IDENTITY_OWNERS: Owners = total(
    IdentityStatus,
    {
        IdentityStatus.UNVERIFIED: owned(Desk("Community Point of Access", "unverified_people", SCOPE), IdentityDeadline.TRACING),
        IdentityStatus.VERIFIED: None,
        IdentityStatus.MERGED: None,
    },
)


def id_of(person_id: PersonId) -> UUID:
    return derived_id("referrals", "person-identity", person_id)


def verified(person_id: PersonId) -> Identity:
    """The identity of a record with a verified number that was never merged."""
    identity_id = id_of(person_id)
    return Identity(identity_id, person_id, correlation_id=identity_id)


def begin(person: Person, referral_id: UUID, now: datetime, policy: Policy) -> Decision[Identity]:
    """The identity of a new record without a verified number: the tracing is due."""
    identity = replace(verified(person.id), correlation_id=referral_id)
    waiting = _waiting(identity, now, policy)
    return Decision(waiting, [PersonUnverified(referral_id=referral_id, trace_by=_due(waiting))], _rows(waiting))


def register(nhs_number: str, person_id: PersonId, unverified: Person) -> Decision[Person]:
    """The new record of a number that no referral has named. It has no demographics yet: those of the merged record stand in for them."""
    registered = Person(
        id=person_id,
        correlation_id=unverified.correlation_id,
        nhs_number=nhs_number,
        given_name=NOT_GIVEN,
        family_name=NOT_GIVEN,
        born_on=None,
        address=NOT_GIVEN,
        telephone=None,
        practice_code=UNKNOWN_PRACTICE,
        residence=unverified.residence,
        locality=unverified.locality,
        story=Story(narrative=NOT_GIVEN),
    )
    return publication(registered, Group(person_id, (unverified.id,)), [unverified])


def merge(identity: Identity, own: Candidate, other: Candidate, command: type, actor: Actor, now: datetime) -> Decision[Identity]:
    """Merges the record into the surviving one of the other group; a merged record leaves its former survivor for it.

    `command` is the one that decides. Raises IllegalTransition, SameRecord, HasMergedRecords, SurvivorUnverified, LivesDiffer.
    """
    require_transition(identity.status, command, IDENTITY)
    require_mergeable(identity, own.group)
    _require_fitting(own, other)
    merged = Merge(other.group.survivor, now, actor.id)
    left = _left(identity, now)
    after = replace(
        identity,
        status=IdentityStatus.MERGED,
        correlation_id=own.record.correlation_id,
        merged_into=merged.into,
        merge=merged,
        due_at=None,
        overdue_since=None,
    )
    return Decision(after, [*left, PersonMerged(into=merged.into, merged_at=now)], cancels=list(IdentityDeadline))


def separate(
    identity: Identity, command: SeparatePerson, own: Person, *, actor: Actor, now: datetime, policy: Policy
) -> Decision[Identity]:
    """Ends the merge after any time. A record without a verified number is traced again. Raises IllegalTransition."""
    require_transition(identity.status, SeparatePerson, IDENTITY)
    parted = [Separation(identity.merge, now, actor.id, command.reason)] if identity.merge else []
    alone = replace(identity, merged_into=None, merge=None, separations=(*identity.separations, *parted))
    if own.nhs_number is not None:
        return Decision(replace(alone, status=IdentityStatus.VERIFIED), _left(identity, now))
    waiting = _waiting(alone, now, policy)
    return Decision(waiting, _left(identity, now), _rows(waiting))


def mark_overdue(identity: Identity, now: datetime, policy: Policy) -> Decision[Identity]:
    """The tracing is late: publishes a reminder and sets the next deadline. Raises IllegalTransition."""
    require_transition(identity.status, IdentityDeadline.TRACING, IDENTITY)
    was_due, next_due = _due(identity), working_days_later(now, policy.chase_tracing_working_days, policy.zone)
    reminded = replace(identity, due_at=next_due, overdue_since=identity.overdue_since or was_due)
    return Decision(reminded, [PersonTracingOverdue(trace_by=was_due)], _rows(reminded))


def is_merged(identity: Identity, survivor: PersonId) -> bool:
    """Whether the merge was carried out already, also by the other command, so that it changes nothing."""
    return identity.merged_into == survivor


def offered(identity: Identity, actor: Actor, group: Group) -> Transitions:
    """The part of the state table whose commands this caller may give now."""
    here = {trigger: row for trigger, row in IDENTITY.items() if identity.status in row.sources and SCOPE in actor.scopes}
    return {trigger: row for trigger, row in here.items() if trigger is SeparatePerson or not _has_merged(identity, group)}


def require_mergeable(identity: Identity, group: Group) -> None:
    """Raises HasMergedRecords."""
    if _has_merged(identity, group):
        raise HasMergedRecords("Other records were merged into this one.")


def require_same_birthday(unverified: Person, known: Person) -> None:
    """Raises BirthdayDiffers: a mistyped valid number must not open another person's record."""
    if not is_birthday_alike(unverified.born_on, known.born_on):
        raise BirthdayDiffers("The date of birth differs from the record with this NHS number.")


def _require_fitting(own: Candidate, other: Candidate) -> None:
    if other.group.survivor in own.group.ids:
        raise SameRecord("Both records mean this person already.")
    if own.record.nhs_number is not None and other.record.nhs_number is None:
        raise SurvivorUnverified("The other record has no verified NHS number.")
    if [change.kind for change in own.life.changes] != [change.kind for change in other.life.changes]:
        raise LivesDiffer("The recorded lives of the two records differ.")


def _has_merged(identity: Identity, group: Group) -> bool:
    return group.survivor == identity.person_id and bool(group.merged)


def _left(identity: Identity, now: datetime) -> list[Event]:
    merged = identity.merge
    return [PersonSeparated(from_person=merged.into, merged_at=merged.merged_at, separated_at=now)] if merged else []


def _waiting(identity: Identity, now: datetime, policy: Policy) -> Identity:
    due_at = working_days_later(now, policy.trace_working_days, policy.zone)
    return replace(identity, status=IdentityStatus.UNVERIFIED, due_at=due_at, overdue_since=None)


def _due(identity: Identity) -> datetime:
    if identity.due_at is None:
        raise ValueError("an unverified identity without a deadline")
    return identity.due_at


def _rows(identity: Identity) -> list[Deadline]:
    return [Deadline(IdentityDeadline.TRACING, _due(identity) + JUST_AFTER)]
