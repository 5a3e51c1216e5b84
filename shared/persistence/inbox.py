"""Which events were applied here. A row and the effect share a transaction, so an event has one effect however often it comes."""

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
    """The ids among these that were not applied before; they count as applied if the transaction commits."""
    unique = {envelope.id: envelope.type for envelope in envelopes}
    rows = await tx.driver.fetch(_CLAIM, list(unique), list(unique.values()))
    return {row["event_id"] for row in rows}


async def processed(tx: Transaction[Any], ids: Sequence[UUID]) -> set[UUID]:
    """Which of these were settled before."""
    return {row["event_id"] for row in await tx.driver.fetch(_KNOWN, ids)}


async def refuse(tx: Transaction[Any], envelope: Envelope, code: str) -> None:
    """A rule said no; the event is settled without effect."""
    await tx.driver.execute(_REFUSE, envelope.id, envelope.type, code)
