"""Proposals: one row for each value in which a referral differed from the record of a known person."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from services.referrals.domain.proposals import Proposal, ProposalNotFound, ProposalStatus
from services.referrals.store import directory
from services.referrals.store.tables import METADATA, Tx
from shared.contracts.persons import RecordField
from shared.persistence.batching.batch_repository import BatchRepository
from shared.persistence.schema import INSTANT
from shared.persistence.statements import ReadSession, Statement, any_of

PROPOSAL = sa.Table(
    "proposal",
    METADATA,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("person_id", sa.Uuid, nullable=False, index=True),
    sa.Column("correlation_id", sa.Uuid, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("field", sa.Text, nullable=False),
    sa.Column("contact", JSONB, comment="the family contact whose detail the field is"),
    sa.Column("present_value", sa.Text, nullable=False),
    sa.Column("proposed_value", sa.Text, nullable=False),
    sa.Column("referral_id", sa.Uuid, nullable=False),
    sa.Column("referrer_organisation", sa.Text, nullable=False),
    sa.Column("is_urgent", sa.Boolean, nullable=False),
    sa.Column("received_at", INSTANT, nullable=False),
    sa.Column("due_at", INSTANT),
    sa.Column("overdue_since", INSTANT),
    sa.Column("former_until", INSTANT, comment="the record had the proposed value until then"),
    sa.Column("dismissed_before", INSTANT, comment="an equal proposal was dismissed then"),
    sa.Column("decided_at", INSTANT),
    sa.Column("decided_by", sa.Text),
    sa.Column("reason", sa.Text),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Index("ix_proposal_open_due_at", "due_at", "id", postgresql_where=sa.text("due_at IS NOT NULL")),
    comment="Differences between referrals and the records of known persons, until they are confirmed or dismissed.",
)

proposals = BatchRepository(
    Proposal, PROPOSAL, topic="referrals.proposal", key=lambda proposal: proposal.person_id, not_found=ProposalNotFound
)

_OF_PEOPLE = PROPOSAL.c.person_id == any_of("people")
_OF_PERSON = Statement(sa.select(PROPOSAL).where(_OF_PEOPLE).order_by(PROPOSAL.c.id))
_OPEN_OF_PERSON = Statement(
    sa.select(PROPOSAL)
    .where(_OF_PEOPLE, PROPOSAL.c.status == sa.literal_column(f"'{ProposalStatus.UNDECIDED}'"))
    .order_by(PROPOSAL.c.due_at, PROPOSAL.c.id)
)


async def of_person(tx: Tx, records: Sequence[UUID]) -> list[Proposal]:
    """All proposals about the records of a person whom the transaction has locked, the oldest first."""
    return [proposals.from_row(row) for row in await tx.fetch(_OF_PERSON, people=list(records))]


async def open_of_person(reader: ReadSession, records: Sequence[UUID]) -> list[Proposal]:
    """The proposals about the records of a person that wait for a decision, in the order of their deadlines."""
    return [proposals.from_row(row) for row in await reader.fetch(_OPEN_OF_PERSON, people=list(records))]


async def is_practice_closed(reader: ReadSession, proposal: Proposal, on: date) -> bool:
    """Whether an open proposal is for a practice that has closed without a successor."""
    is_practice = proposal.field is RecordField.PRACTICE_CODE and proposal.due_at is not None
    return is_practice and await directory.is_practice_closed(reader, proposal.proposed_value, on)


async def get_proposal(reader: ReadSession, proposal_id: UUID) -> Proposal:
    """Without a lock: a decision locks the person first, as the receipt of a referral does. Raises ProposalNotFound."""
    found = await proposals.find(reader, proposal_id)
    if found is None:
        raise ProposalNotFound(f"No proposal has the id {proposal_id}.")
    return found
