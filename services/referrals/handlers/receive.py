"""Receives a referral: matches or registers the person, then acknowledges the referral or merges it into an open one."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.referrals.commands import ReceiveReferral
from services.referrals.domain import calls, deadlines, discrepancies, erasure, identity_check, receipt, registration
from services.referrals.domain import identity as identities_of
from services.referrals.domain import person as people
from services.referrals.domain.attribution import as_sent
from services.referrals.domain.differences import differences, is_name_differing
from services.referrals.domain.life import contradiction
from services.referrals.domain.person import Person
from services.referrals.domain.receipt import Arrival
from services.referrals.domain.record import Group, Records
from services.referrals.domain.reference import reference_of
from services.referrals.domain.referral import Referral, is_with_receiver
from services.referrals.domain.referrer_view import HiddenPart, of_record
from services.referrals.handlers.discrepancies import settle_discrepancies
from services.referrals.handlers.proposals import propose
from services.referrals.store import directory
from services.referrals.store.directory import PRACTICES, SAME_PRACTICE
from services.referrals.store.identity import identities, lock_group, lock_groups
from services.referrals.store.life import find_life, prefetch_lives
from services.referrals.store.people import persons, records_in
from services.referrals.store.referrals import MERGEABLE_IDS, REFERENCE_NUMBERS, mergeable_for, referrals
from services.referrals.store.tables import Tx
from shared.contracts.codes import IS_URGENT
from shared.contracts.persons import Story
from shared.contracts.practices import Practice
from shared.contracts.referral_codes import Discrepancy
from shared.kernel.decision import Decision
from shared.kernel.ids import PersonId, new_id


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """The content of the acknowledgement, with the story of a known person for confirmation (AC1).

    `joins` is the referral that a merged one continues as. `hidden` is what a referrer without an earlier relationship does not see, as it
    follows from what others have stored: a person whom no one has referred may have a recorded death or move.

    `story` is the one that is stored, unless the referrer may not see it, or names the person otherwise than the record and may have
    another person in mind.
    """

    referral: Referral
    joins: Referral | None
    is_story_known: bool
    story: Story | None
    hidden: HiddenPart | None = None


@dataclass(frozen=True, slots=True)
class _Match:
    """The id of the person's record, all records of the person, the verified NHS number, and the record if it is known."""

    person_id: PersonId
    records: Records
    nhs_number: str | None = None
    known: Person | None = None

    @property
    def before(self) -> Person | None:
        """The person's one record before the referral."""
        return self.records.as_one(self.known) if self.known else None

    @property
    def ids(self) -> Sequence[PersonId]:
        """The ids under which the person may have referrals; a new person has none."""
        return self.records.group.ids if self.known else ()


async def receive_referral(command: ReceiveReferral, *, tx: Tx) -> Acknowledgement:
    """Matches or registers the person, stores the story, then acknowledges the referral or merges it.

    Decides before the first write, so that a refusal leaves nothing. An urgent referral is never refused: its faults are marked.
    Raises InvalidNhsNumber, NhsNumberMissing, BirthDateInFuture, IdentityDiffers, DemographicsMissing, StoryMissing.
    """
    command = receipt.acceptable(command, tx.policy.day_of(tx.now))
    match = await _match(command, tx)
    before = match.before
    practice = await PRACTICES.get(tx, _practice_code(command, before))
    referral_id = new_id()
    same = await _same_practice(command, tx)
    own, change = _record(command, match, practice, same, referral_id, tx)
    person = match.records.as_one(own)
    changes = ((match.known, own), (before, person))
    arrival = Arrival(
        referral_id=referral_id,
        reference=reference_of(await REFERENCE_NUMBERS.take(tx)),
        referrer_organisation=tx.actor.organisation,
        is_story_known=before is not None and not people.lacks_story(before),
        is_practice_covered=practice is not None,
        joins=receipt.to_join(command, await mergeable_for(tx, match.ids), tx.now, tx.policy),
        person_is_recorded_as=contradiction(await find_life(tx, person.id)) if match.nhs_number else None,
        same_practice=same,
        is_completed_by_stranger=receipt.is_completed_by_stranger(before, changes, practice, tx.actor, tx.policy),
    )
    decision = receipt.receive(command, person, arrival, now=tx.now, policy=tx.policy)
    if change:
        await persons.save(tx, change)
    if match.nhs_number is None:
        await identities.save(tx, identities_of.begin(person, referral_id, tx.now, tx.policy))
    received = await referrals.save(tx, decision)
    found = differences(person, command) if before else ()
    if found:
        await propose(found, person, received, tx=tx)
    if before and change and (people.lacks_story(before) or people.lacks_demographics(before) or not before.is_practice_confirmed):
        await settle_discrepancies(own, tx=tx, sent_as=referral_id)
    joins = await _join(command, received, arrival, tx, has_news=change is not None)
    may_confirm = receipt.may_confirm_story(before, person.sharing, practice, tx.actor, tx.policy) and not is_name_differing(found)
    is_seen_whole = _is_plain(received, joins) or not receipt.is_by_stranger(before, practice, tx.actor, tx.policy)
    hidden = None if is_seen_whole else await _hidden(received, tx)
    return Acknowledgement(received, joins, arrival.is_story_known, person.story if may_confirm else None, hidden)


def _is_plain(received: Referral, joins: Referral | None) -> bool:
    """Whether nothing of the referral may follow from what others have stored or sent."""
    return not (received.discrepancies or received.person_is_recorded_as or joins)


async def _hidden(received: Referral, tx: Tx) -> HiddenPart:
    return HiddenPart(marks=of_record(received, await directory.same_as_referrer(tx, received)))


def _record(
    command: ReceiveReferral, match: _Match, practice: Practice | None, same: Collection[str], referral_id: UUID, tx: Tx
) -> tuple[Person, Decision[Person] | None]:
    """The person under the id of the referral's number, and the change of that record, if any."""
    identity = people.Identity(match.person_id, match.nhs_number)
    return people.record(
        erasure.referred_again(match.known, identity) if match.known else None,
        command,
        identity,
        referral_id=referral_id,
        locality=practice.locality if practice else None,
        policy=tx.policy,
        is_confirmed=registration.is_confirmed_by(tx.actor.organisation, match.before, same),
        same=same,
        as_one=match.records.as_one,
    )


async def _join(command: ReceiveReferral, received: Referral, arrival: Arrival, tx: Tx, *, has_news: bool) -> Referral | None:
    """The joined referral, if any, with the faults of the one that joined it."""
    joined = arrival.joins
    if joined is None:
        return None
    faults = [Discrepancy.TEXT_UNREADABLE] if IS_URGENT[command.urgency] and command.unreadable else []
    faults += [Discrepancy.DETAILS_UNCONFIRMED] if arrival.is_completed_by_stranger else []
    if faults:
        joined = await referrals.load(tx, joined.id)
        joined = await referrals.save(tx, as_sent(discrepancies.join_faults(joined, faults, tx.now, tx.policy), received.id))
    return await _call(command, received, joined, tx, has_news=has_news)


async def _call(command: ReceiveReferral, received: Referral, joined: Referral, tx: Tx, *, has_news: bool) -> Referral:
    """The joined referral after an urgent call: its receiver must answer the call; at the Community Point of Access it has a condition.

    New words that are not urgent are passed on to the receiver by the Community Point of Access.
    """
    if not IS_URGENT[command.urgency]:
        return await _pass_on(received, joined, tx) if has_news and is_with_receiver(joined) else joined
    joined = await referrals.load(tx, joined.id)
    if is_with_receiver(joined):
        service = await directory.service(tx, joined.service_code or "", tx.policy.day_of(tx.now))
        answer_by = deadlines.answer_call_by(service, tx.now, tx.policy)
        return await referrals.save(tx, calls.repeat(joined, received.id, command.condition, answer_by, tx.now))
    if command.condition and joined.condition is None:
        return await referrals.save(tx, as_sent(discrepancies.with_condition(joined, command.condition, tx.now), received.id))
    return joined


async def _pass_on(received: Referral, joined: Referral, tx: Tx) -> Referral:
    joined = await referrals.load(tx, joined.id)
    return await referrals.save(tx, as_sent(discrepancies.join(joined, received.id, tx.now, tx.policy), received.id))


async def prefetch_people(commands: Sequence[ReceiveReferral], *, tx: Tx) -> None:
    """Reads the rows that `receive_referral` needs by one statement for each table. Persons are locked before their referrals."""
    nhs_numbers = [people.valid_nhs_number(command) for command in commands]
    ids = [tx.secrets.pseudonym(number) for number in nhs_numbers if number]
    records = [record for group in await lock_groups(tx, ids) for record in group.ids]
    await persons.prefetch(tx, records)
    await prefetch_lives(tx, ids)
    known = [await persons.find(tx, tx.secrets.pseudonym(number), lock=True) if number else None for number in nhs_numbers]
    await PRACTICES.prefetch(tx, [_practice_code(command, person) for command, person in zip(commands, known, strict=True)])
    await SAME_PRACTICE.prefetch(tx, [stated for command in commands if (stated := people.stated_practice(command))])
    await MERGEABLE_IDS.prefetch(tx, [record for record in records if await persons.find(tx, record, lock=True)])
    await REFERENCE_NUMBERS.prefetch(tx, len(commands))


async def _match(command: ReceiveReferral, tx: Tx) -> _Match:
    """Locks the person of a valid NHS number. Without one, or with another person's, the person is new and unverified (G11).

    The audit of the other person shows that an urgent referral named their number: its referrer learns that the identity differs.
    """
    nhs_number = people.claimed_nhs_number(command)
    if command.needs_tracing and (unread := people.valid_nhs_number(command)):
        tx.audit(tx.secrets.pseudonym(unread), refusal=identity_check.IdentityDiffers.code)
    if nhs_number is None:
        return _unverified()
    person_id = tx.secrets.pseudonym(nhs_number)
    group = await lock_group(tx, person_id)
    known, records = await persons.find(tx, person_id, lock=True), await records_in(tx, group)
    if known is None or identity_check.is_same_person(records.as_one(known), command, own=known):
        return _Match(person_id, records, nhs_number, known)
    tx.audit(person_id, refusal=identity_check.IdentityDiffers.code)
    return _unverified()


def _unverified() -> _Match:
    person_id = PersonId(new_id())
    return _Match(person_id, Records(Group(person_id)))


async def _same_practice(command: ReceiveReferral, tx: Tx) -> frozenset[str]:
    """The codes that stand for the stated practice today; none without one."""
    stated = people.stated_practice(command)
    return await SAME_PRACTICE.get(tx, stated) if stated else frozenset()


def _practice_code(command: ReceiveReferral, known: Person | None) -> str:
    return registration.practice_after(known, command.demographics)
