"""The METADATA of the schema, merged persons and person changes, and the allocation lock.

Choosing the least loaded navigator and numbering feeds use rows that tasks share. A transaction that changes tasks takes
the allocation lock before its first row: choices read committed caseloads, and transactions cannot deadlock.
"""

from typing import TypeAlias

from services.navigation.domain.policy import Policy
from shared.persistence.merged_persons import MergedPersons
from shared.persistence.person_changes import PersonChanges
from shared.persistence.schema import add_shared_tables, metadata
from shared.persistence.transaction import Transaction

Tx: TypeAlias = Transaction[Policy]

METADATA = metadata()
add_shared_tables(METADATA)
MERGED = MergedPersons(METADATA)
CHANGES = PersonChanges(METADATA)


async def lock_allocation(tx: Tx) -> None:
    """Serialises transactions that change tasks, until this one ends."""
    await tx.lock("tasks")
