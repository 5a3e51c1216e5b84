"""The one METADATA of the schema, and the turn that changes of tasks take.

Choosing the least loaded navigator and numbering feeds touch rows that several tasks share. A transaction that changes
tasks therefore takes the turn before its first row: choices are made on what is true, and no two wait for each other.
"""

from typing import TypeAlias

from services.navigation.domain.policy import Policy
from shared.persistence.schema import metadata, platform_tables
from shared.persistence.transaction import Transaction

Tx: TypeAlias = Transaction[Policy]

METADATA = metadata()
platform_tables(METADATA)


async def lock_allocation(tx: Tx) -> None:
    """Waits until no other transaction is changing tasks; holds until this one ends."""
    await tx.lock("tasks")
