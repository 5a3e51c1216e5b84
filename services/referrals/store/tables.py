"""The METADATA of the schema, to which each module of the store adds its tables."""

from typing import TypeAlias

from services.referrals.domain import Policy
from shared.persistence.schema import add_shared_tables, metadata
from shared.persistence.transaction import Transaction

Tx: TypeAlias = Transaction[Policy]

METADATA = metadata()
add_shared_tables(METADATA)

EVENT = METADATA.tables["event"]
