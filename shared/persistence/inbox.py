"""The events that this context has applied. The row and the effect share a transaction, so a redelivered event has no second effect."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from shared.contracts.envelope import Envelope
from shared.persistence.transaction import Transaction

_CLAIM = """
INSERT INTO inbox (event_id, type) SELECT * FROM unnest($1::uuid[], $2::text[])
ON CONFLICT DO NOTHING RETURNING event_id"""
_KNOWN = "SELECT event_id FROM inbox WHERE event_id = ANY($1::uuid[])"
_REFUSE = "INSERT INTO inbox (event_id, type, refused_code) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"


async def claim(tx: Transaction[Any], envelopes: Sequence[Envelope]) -> set[UUID]:
    """Returns the ids that were not applied before; they count as applied if the transaction commits."""
    unique = {envelope.id: envelope.type for envelope in envelopes}
    rows = await tx.driver.fetch(_CLAIM, list(unique), list(unique.values()))
    return {row["event_id"] for row in rows}


async def processed(tx: Transaction[Any], ids: Sequence[UUID]) -> set[UUID]:
    """The ids that were applied or refused before."""
    return {row["event_id"] for row in await tx.driver.fetch(_KNOWN, ids)}


async def refuse(tx: Transaction[Any], envelope: Envelope, code: str) -> None:
    """Records that a domain rule refused the event: it has no effect and is not retried."""
    await tx.driver.execute(_REFUSE, envelope.id, envelope.type, code)
