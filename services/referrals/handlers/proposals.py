"""Proposals: opened at the receipt of a referral, decided by the Community Point of Access, with reminders.

The person is locked before their proposals, and those before their referrals.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from services.referrals.commands import DismissProposal
from services.referrals.domain import differences
from services.referrals.domain import proposals as domain
from services.referrals.domain.differences import Difference
from services.referrals.domain.person import Person
from services.referrals.domain.proposals import Proposal
from services.referrals.domain.record_fields import ContactName
from services.referrals.domain.referral import Referral
from services.referrals.handlers.discrepancies import confirm_practice, settle_discrepancies
from services.referrals.store import directory
from services.referrals.store.identity import find_group
from services.referrals.store.people import persons
from services.referrals.store.proposals import get_proposal, is_practice_closed, of_person, open_of_person, proposals
from services.referrals.store.tables import Tx
from shared.contracts.codes import Locality
from shared.contracts.persons import RecordField
from shared.kernel.ids import PersonId
from shared.kernel.target import Target
from shared.persistence.deadlines import DueDeadline


async def propose(found: Iterable[Difference], person: Person, referral: Referral, *, tx: Tx) -> None:
    """Opens the proposals of a referral. The person is locked."""
    earlier = await of_person(tx, (await find_group(tx, person.id)).ids)
    for decision in domain.propose(found, earlier, person, referral, now=tx.now, policy=tx.policy):
        await proposals.save(tx, decision)


async def confirm_proposal(target: Target, *, tx: Tx) -> Proposal:
    """Records the proposed value, unless it is a closed practice. Raises ProposalNotFound, VersionConflict and as the rule does."""
    person, proposal = await _load(target, tx)
    target.require(f"The proposal {target.id}", proposal.version)
    is_closed = await is_practice_closed(tx, proposal, tx.policy.day_of(tx.now))
    decision = domain.confirm(proposal, person, decided_by=tx.actor.id, now=tx.now, is_practice_closed=is_closed)
    confirmed = await proposals.save(tx, decision)
    change = differences.with_value(person, proposal, locality=await _locality(proposal, person, tx))
    if change:
        source = proposal.referrer_organisation
        own = proposal.person_id
        former = differences.keep_former(person, change, source=source, replaced_by=tx.actor.id, now=tx.now, stated_for=own)
        revised = await persons.save(tx, former)
        if proposal.field is RecordField.PRACTICE_CODE:
            await confirm_practice(revised.id, proposal.proposed_value, tx=tx)
        await settle_proposals(person, revised, tx=tx)
        await settle_discrepancies(await persons.load(tx, revised.id), tx=tx)
    return confirmed


async def dismiss_proposal(target: Target, command: DismissProposal, *, tx: Tx) -> Proposal:
    """As `confirm_proposal`; the record stays."""
    person, proposal = await _load(target, tx)
    target.require(f"The proposal {target.id}", proposal.version)
    return await proposals.save(tx, domain.dismiss(proposal, person, command, decided_by=tx.actor.id, now=tx.now))


async def settle_proposals(before: Person, person: Person, *, tx: Tx) -> None:
    """Confirms the open proposals whose values a member of staff has recorded. The person is locked."""
    for proposal in await open_of_person(tx, (await find_group(tx, person.id)).ids):
        if domain.is_settled(proposal, person):
            await proposals.save(tx, domain.confirm(proposal, before, decided_by=tx.actor.id, now=tx.now))


async def separate_proposals(own: PersonId, kept: PersonId, since: datetime, *, tx: Tx) -> None:
    """Proposes, for both of two separated records, to correct what was recorded in `kept` for `own` since their merge.

    The other proposals are with the record of their referral; one that agrees with this record now is settled. Both persons are locked.
    """
    stated = differences.stated_for(own, await persons.load(tx, kept), since)
    await _propose_separated(own, [(each.field, each.contact, each.value) for each in stated], tx)
    await _propose_separated(kept, [(each.field, each.contact, each.before) for each in stated], tx)


async def prefetch_proposals(due: Sequence[DueDeadline], *, tx: Tx) -> None:
    """Locks the proposals of a batch of deadlines by one statement."""
    await proposals.prefetch(tx, [deadline.subject for deadline in due])


async def on_decision_due(deadline: DueDeadline, *, tx: Tx) -> None:
    """Reminds the Community Point of Access, and repeats this until it decides."""
    proposal = await proposals.load(tx, deadline.subject)
    await proposals.save(tx, domain.mark_overdue(proposal, tx.now, tx.policy))


async def _propose_separated(person_id: PersonId, values: Iterable[tuple[RecordField, ContactName | None, str]], tx: Tx) -> None:
    own, group = await persons.load(tx, person_id), await find_group(tx, person_id)
    person = await persons.load(tx, group.survivor)
    await settle_proposals(person, person, tx=tx)
    found, earlier = differences.separated(person, values), await of_person(tx, group.ids)
    organisation = tx.actor.organisation
    for decision in domain.propose_separated(found, earlier, person, own, organisation=organisation, now=tx.now, policy=tx.policy):
        await proposals.save(tx, decision)


async def _load(target: Target, tx: Tx) -> tuple[Person, Proposal]:
    """The record that has the person's demographics, and the proposal, locked in this order."""
    group = await find_group(tx, (await get_proposal(tx, target.id)).person_id)
    person = await persons.load(tx, group.survivor)
    return person, await proposals.load(tx, target.id)


async def _locality(proposal: Proposal, person: Person, tx: Tx) -> Locality | None:
    """The locality of the proposed practice; that of the person for another field."""
    if proposal.field is not RecordField.PRACTICE_CODE:
        return person.locality
    practice = await directory.practice(tx, proposal.proposed_value, tx.policy.day_of(tx.now))
    return practice.locality if practice else None
