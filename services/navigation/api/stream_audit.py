"""The audit of people whom open streams show: streams with new entries at the same moment share one commit."""

from uuid import UUID

from services.navigation.domain.policy import Policy
from shared.persistence.batching.group_commit import GroupableWork
from shared.persistence.transaction import Transaction


async def audit_shown(people: frozenset[UUID], tx: Transaction[Policy]) -> None:
    tx.audit_all(people)


SHOWN_GROUP: GroupableWork[frozenset[UUID], None] = GroupableWork(audit_shown)
