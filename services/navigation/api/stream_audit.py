"""The audit of people whom open streams show: streams with new entries at the same moment share one commit."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from services.navigation.domain.policy import Policy
from shared.persistence.batching.group_commit import GroupableWork
from shared.persistence.transaction import Transaction


async def audit_shown(people: frozenset[UUID], tx: Transaction[Policy]) -> None:
    tx.audit_all(people)


def _no_conflict(_: frozenset[UUID]) -> Sequence[Any]:
    """No two entries of the audit conflict."""
    return ()


async def _nothing(_: Sequence[frozenset[UUID]], __: Transaction[Any]) -> None:
    """An entry of the audit needs no row."""


SHOWN_GROUP: GroupableWork[frozenset[UUID], None] = GroupableWork(audit_shown, conflict_keys=_no_conflict, prefetch=_nothing)
