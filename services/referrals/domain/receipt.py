"""Receipt of a referral: it gets a reference, its clock starts, and it may merge into an open referral for the same reason.

Sources: G02, G03, G11, G23; the merge window is a default of docs/rules.md.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from services.referrals.commands import Demographics, ReceiveReferral
from services.referrals.domain import calls, deadlines, discrepancies
from services.referrals.domain import person as people
from services.referrals.domain.life import LifeStatus
from services.referrals.domain.person import Person, recorded_value, require_born
from services.referrals.domain.policy import Policy
from services.referrals.domain.referral import MERGEABLE, OPEN, Referral, Status
from services.referrals.domain.story import fit, with_texts
from shared.access import Answer, Basis, Part, Relationship, decide
from shared.contracts.codes import IS_URGENT, Urgency
from shared.contracts.event import Event
from shared.contracts.persons import RecordField, SharingPreference
from shared.contracts.practices import Practice
from shared.contracts.referral_codes import Discrepancy
from shared.contracts.referrals import ReferralIdentified, ReferralIdentityUnverified, ReferralMerged, ReferralReceived
from shared.kernel.actor import Actor
from shared.kernel.decision import Decision
from shared.kernel.totality import total

#: The most urgent has the lowest rank.
_RANK = total(Urgency, {Urgency.URGENT: 0, Urgency.ROUTINE: 1, Urgency.ADVICE: 2})


#: A record before and after what a referrer sent.
Change = tuple[Person | None, Person]


@dataclass(frozen=True, slots=True)
class Arrival:
    """Facts about a received referral that the store supplies; `joins` is the referral that it merges into.

    `is_completed_by_stranger`: it changed a known person's record, which its referrer has no relationship with. `same_practice` has the
    codes that stand for the stated practice today.
    """

    referral_id: UUID
    reference: str
    referrer_organisation: str
    is_story_known: bool
    is_practice_covered: bool
    joins: Referral | None
    person_is_recorded_as: LifeStatus | None = None
    is_completed_by_stranger: bool = False
    same_practice: frozenset[str] = frozenset()


def acceptable(received: ReceiveReferral, today: date) -> ReceiveReferral:
    """An urgent referral without what would refuse it: a date of birth in the future, and texts that exceed an event.

    The history of its story has the unreadable texts: staff and the responding clinician read them there.

    Raises BirthDateInFuture for a referral that is not urgent.
    """
    if not IS_URGENT[received.urgency]:
        require_born(received.demographics, today)
        return received
    story = with_texts(received.story, received.unreadable)
    return replace(received, story=fit(story) if story else None, demographics=_born(received.demographics, today))


def _born(demographics: Demographics | None, today: date) -> Demographics | None:
    if demographics is None or demographics.born_on is None or demographics.born_on <= today:
        return demographics
    return replace(demographics, born_on=None, born_as_typed=demographics.born_on.isoformat())


def receive(received: ReceiveReferral, person: Person, arrival: Arrival, *, now: datetime, policy: Policy) -> Decision[Referral]:
    """Acknowledges the referral with a reference; its clock starts now (G02).

    An urgent referral is received even when the person is unverified (G11), with its faults marked. A second referral for the same
    person and reason within the merge window merges into the open one, and both references stay valid.
    """
    referral = _referral(received, person, arrival, now)
    begun = ReferralReceived(
        reference=referral.reference,
        source=referral.source,
        referrer_organisation=referral.referrer_organisation,
        reason=referral.reason,
        requested_urgency=referral.requested_urgency,
        received_at=now,
        practice_code=referral.practice_code,
        locality=referral.locality,
        is_story_known=arrival.is_story_known,
        discrepancies=referral.discrepancies,
    )
    events: list[Event] = [begun, ReferralIdentified() if referral.is_identified else ReferralIdentityUnverified()]
    if arrival.joins is not None:
        return Decision(referral, [*events, ReferralMerged(into_referral_id=arrival.joins.id)])
    return deadlines.begin(referral, events, deadlines.triage_by(referral, now, policy))


def to_join(received: ReceiveReferral, candidates: Iterable[Referral], now: datetime, policy: Policy) -> Referral | None:
    """The newest mergeable referral of the person for the same reason within the merge window.

    A referral never merges into a less urgent one, nor into one that was signposted, which no service watches; an urgent one
    never into one with the weekly meeting or a navigator, who do not answer calls.
    """
    fitting = [each for each in candidates if _may_join(received, each) and now - each.received_at <= policy.merge_window]
    return max(fitting, key=lambda each: each.received_at, default=None)


def may_confirm_story(before: Person | None, sharing: SharingPreference, practice: Practice | None, actor: Actor, policy: Policy) -> bool:
    """Whether the acknowledgement returns the story. A new person's story is the referrer's own.

    `before` is a known person's record, `sharing` their preference after the referral. A referral gives its referrer no access to what
    others have stored: only an earlier relationship does. `practice` is the acting practice of the record, or the one that the referral
    claims for a record without a practice.
    """
    if before is None:
        return True
    return decide(_held(before, practice, actor, policy), sharing, Part.STORY).answer is Answer.ALLOWED


def is_completed_by_stranger(
    before: Person | None, changes: Iterable[Change], practice: Practice | None, actor: Actor, policy: Policy
) -> bool:
    """Whether a referrer without an earlier relationship completed the record of a known person, or restricted its sharing.

    `changes` has the stored record and the person's one record: what a merged record took alone is the person's after a separation.
    """
    if before is None or not is_by_stranger(before, practice, actor, policy):
        return False
    return any(first is not None and people.is_completed(first, then) for first, then in changes)


def is_by_stranger(before: Person | None, practice: Practice | None, actor: Actor, policy: Policy) -> bool:
    """Whether the referrer had no relationship with the person before, as with one whom no one has referred."""
    return not _held(before, practice, actor, policy)


def _held(before: Person | None, practice: Practice | None, actor: Actor, policy: Policy) -> list[Relationship]:
    """The relationships of the caller before the referral; those of a receiver or a lead are not looked up."""
    held = [Relationship(Basis.POINT_OF_ACCESS, policy.organisation)]
    if practice is not None and before is not None and recorded_value(before, RecordField.PRACTICE_CODE) and before.is_practice_confirmed:
        held.append(Relationship(Basis.REGISTERED_PRACTICE, practice.code))
    return [each for each in held if each.is_of(actor)]


def emergency_alternative(referral: Referral, now: datetime, policy: Policy) -> str | None:
    """The code of the service for a person who cannot wait, if any; for a merged referral, pass the one that it joined.

    The ambulance when life is in danger (G23); the out-of-hours GP for an urgent referral in closed hours (G03, G04). An accepted
    referral has one while its clock has not begun, or while an urgent call about it is unanswered.
    """
    if referral.status not in OPEN or not _waits(referral, now, policy):
        return None
    if referral.has_red_flag and (referral.status is not Status.ACCEPTED or referral.answer_by is not None):
        return policy.emergency_service
    is_closed = opening(now, policy) is not None
    return policy.closed_hours_service if is_closed and IS_URGENT[referral.urgency] else None


def opening(now: datetime, policy: Policy) -> datetime | None:
    """The next opening of the Community Point of Access; None while it is open."""
    opens_at = deadlines.opening_of(now, policy.opens, policy.closes, policy)
    return None if opens_at == now else opens_at


def clock_starts_at(referral: Referral, policy: Policy) -> datetime:
    """The start of the referral's clock: for an urgent referral of closed hours the next opening, as in its response (G04)."""
    if not IS_URGENT[referral.urgency]:
        return referral.clock_starts_at
    return deadlines.opening_of(referral.clock_starts_at, policy.opens, policy.closes, policy)


def _faults(received: ReceiveReferral, person: Person, arrival: Arrival) -> tuple[Discrepancy, ...]:
    faults = discrepancies.at_receipt(received, person, arrival.same_practice)
    return (*faults, Discrepancy.DETAILS_UNCONFIRMED) if arrival.is_completed_by_stranger else faults


def _waits(referral: Referral, now: datetime, policy: Policy) -> bool:
    """Whether no service acts for the person yet."""
    is_accepted = referral.status is Status.ACCEPTED
    return not is_accepted or referral.answer_by is not None or now < clock_starts_at(referral, policy)


def _may_join(received: ReceiveReferral, other: Referral) -> bool:
    is_as_urgent = _RANK[other.urgency] <= _RANK[received.urgency]
    is_fitting = other.status in MERGEABLE and other.reason is received.reason and is_as_urgent
    return is_fitting and calls.takes_call(other, received.urgency)


def _referral(received: ReceiveReferral, person: Person, arrival: Arrival, now: datetime) -> Referral:
    is_identified = person.nhs_number is not None
    joins = arrival.joins
    return Referral(
        id=arrival.referral_id,
        person_id=person.id,
        correlation_id=joins.correlation_id if joins else arrival.referral_id,
        reference=arrival.reference,
        status=Status.MERGED if joins else Status.IDENTIFIED if is_identified else Status.UNVERIFIED,
        source=received.source,
        reason=received.reason,
        condition=received.condition,
        requested_urgency=received.urgency,
        urgency=received.urgency,
        referrer_organisation=arrival.referrer_organisation,
        practice_code=person.practice_code,
        locality=person.locality,
        is_practice_covered=arrival.is_practice_covered,
        is_identified=is_identified,
        received_at=now,
        clock_starts_at=now,
        was_urgent=IS_URGENT[received.urgency],
        discrepancies=() if joins else _faults(received, person, arrival),
        person_is_recorded_as=arrival.person_is_recorded_as,
        merged_into=joins.id if joins else None,
        ended_at=now if joins else None,
    )
