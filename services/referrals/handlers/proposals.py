"""Proposals: opened at the receipt of a referral, decided by the Community Point of Access, with reminders.

The person is locked before their proposals, and those before their referrals.
"""

from collections.abc import Iterable, Sequence

from services.referrals.commands import ConfirmProposal, DismissProposal
from services.referrals.domain import differences
from services.referrals.domain import proposals as domain
from services.referrals.domain.differences import Difference
from services.referrals.domain.person import Person
from services.referrals.domain.proposals import Proposal
from services.referrals.domain.referral import Referral
from services.referrals.handlers.discrepancies import settle_discrepancies
from services.referrals.store import directory
from services.referrals.store.identity import find_group
from services.referrals.store.people import persons
from services.referrals.store.proposals import get_proposal, of_person, open_of_person, proposals
from services.referrals.store.tables import Tx
from shared.contracts.codes import Locality
from shared.contracts.persons import RecordField
from shared.kernel.target import Target
from shared.persistence.deadlines import DueDeadline


async def propose(found: Iterable[Difference], person: Person, referral: Referral, *, tx: Tx) -> None:
    """Opens the proposals of a referral. The person is locked."""
    earlier = await of_person(tx, (await find_group(tx, person.id)).ids)
    for decision in domain.propose(found, earlier, person, referral, now=tx.now, policy=tx.policy):
        await proposals.save(tx, decision)


async def confirm_proposal(target: Target, *, tx: Tx) -> Proposal:
    """Records the proposed value. A repeated command returns the present proposal. Raises ProposalNotFound and as the rule does."""
    person, proposal = await _load(target, tx)
    if domain.is_repeated(proposal, ConfirmProposal):
        return _unchanged(proposal, tx)
    target.require(f"The proposal {target.id}", proposal.version)
    confirmed = await proposals.save(tx, domain.confirm(proposal, person, decided_by=tx.actor.id, now=tx.now))
    change = differences.with_value(person, proposal, locality=await _locality(proposal, person, tx))
    if change:
        source = proposal.referrer_organisation
        former = differences.keep_former(person, change, source=source, replaced_by=tx.actor.id, now=tx.now)
        await settle_discrepancies(await persons.save(tx, former), tx=tx)
    return confirmed


async def dismiss_proposal(target: Target, command: DismissProposal, *, tx: Tx) -> Proposal:
    """As `confirm_proposal`; the record stays."""
    person, proposal = await _load(target, tx)
    if domain.is_repeated(proposal, DismissProposal):
        return _unchanged(proposal, tx)
    target.require(f"The proposal {target.id}", proposal.version)
    return await proposals.save(tx, domain.dismiss(proposal, person, command, decided_by=tx.actor.id, now=tx.now))


async def settle_proposals(before: Person, person: Person, *, tx: Tx) -> None:
    """Confirms the open proposals whose values a member of staff has recorded. The person is locked."""
    for proposal in await open_of_person(tx, (await find_group(tx, person.id)).ids):
        if domain.is_settled(proposal, person):
            await proposals.save(tx, domain.confirm(proposal, before, decided_by=tx.actor.id, now=tx.now))


async def prefetch_proposals(due: Sequence[DueDeadline], *, tx: Tx) -> None:
    """Locks the proposals of a batch of deadlines by one statement."""
    await proposals.prefetch(tx, [deadline.subject for deadline in due])


async def on_decision_due(deadline: DueDeadline, *, tx: Tx) -> None:
    """Reminds the Community Point of Access, and repeats this until it decides."""
    proposal = await proposals.load(tx, deadline.subject)
    await proposals.save(tx, domain.mark_overdue(proposal, tx.now, tx.policy))


async def _load(target: Target, tx: Tx) -> tuple[Person, Proposal]:
    """The record that has the person's demographics, and the proposal, locked in this order."""
    group = await find_group(tx, (await get_proposal(tx, target.id)).person_id)
    person = await persons.load(tx, group.survivor)
    return person, await proposals.load(tx, target.id)


def _unchanged(proposal: Proposal, tx: Tx) -> Proposal:
    """The present proposal. The response shows the person's data, which is audited."""
    tx.audit(proposal.id)
    return proposal


async def _locality(proposal: Proposal, person: Person, tx: Tx) -> Locality | None:
    """The locality of the proposed practice; that of the person for another field."""
    if proposal.field is not RecordField.PRACTICE_CODE:
        return person.locality
    practice = await directory.practice(tx, proposal.proposed_value, tx.policy.day_of(tx.now))
    return practice.locality if practice else None
