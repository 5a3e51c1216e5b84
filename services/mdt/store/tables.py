"""The one METADATA of the schema: every module of the store adds its own tables to it."""

from typing import TypeAlias

from services.mdt.domain.policy import Policy
from shared.persistence.schema import add_shared_tables, metadata
from shared.persistence.transaction import Transaction

Tx: TypeAlias = Transaction[Policy]

METADATA = metadata()
add_shared_tables(METADATA)
