"""What clients were answered against what is stored (I1 to I3): nothing acknowledged is lost, nothing refused was done.

A client's log is JSON lines, one per answer or missing answer, on disk before the client goes on:
`{"actor": …, "key": …, "sent": …, "status": …, "id": …}`. `actor` is the subject of the token, `key` the Idempotency-Key, `sent` the
SHA-256 of `METHOD path?query`, a line feed and the body; `status` is null when no answer came, `id` is of what was made.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from infra.verify.finding import Finding, found

_STORED = """
SELECT wanted.key, idempotency.fingerprint, idempotency.status FROM unnest($1::text[], $2::text[]) AS wanted (actor, key)
JOIN referrals.idempotency ON actor_id = wanted.actor AND idempotency.key = wanted.key"""
_REFERRALS = "SELECT id FROM referrals.referral WHERE id = ANY($1::uuid[])"

Lines = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Asked:
    """Everything that was heard of one key."""

    actor: str
    key: str
    lines: Lines

    @property
    def made(self) -> set[str]:
        return {line["id"] for line in self.lines if line["status"] == HTTPStatus.CREATED}

    @property
    def is_refused(self) -> bool:
        """Every answer was a refusal, and none is missing."""
        codes = [line["status"] for line in self.lines]
        return all(code is not None and HTTPStatus.BAD_REQUEST <= code < HTTPStatus.INTERNAL_SERVER_ERROR for code in codes)


async def compare(owner: "asyncpg.Connection[asyncpg.Record]", log: Path) -> list[Finding]:
    asked = await asyncio.to_thread(_read, log)
    rows = await owner.fetch(_STORED, [each.actor for each in asked], [each.key for each in asked])
    stored = {row["key"]: row for row in rows}
    made = {each.key: each for each in asked if each.made}
    known = {str(row["id"]) for row in await owner.fetch(_REFERRALS, [UUID(one) for each in made.values() for one in each.made])}
    refused = [each.key for each in asked if each.is_refused]
    lost = [key for key, each in made.items() if not each.made <= known or key not in stored]
    altered = [key for key, each in made.items() if key in stored and not _is_as_sent(stored[key]["fingerprint"], each)]
    twice = [key for key, each in made.items() if len(each.made) > 1]
    return [
        found("I1", "every referral that was acknowledged to a client is there", len(made), lost),
        found("I1", "what is there is what the client had sent", len(made), altered),
        found("I2", "what was refused had no effect", len(refused), [key for key in refused if key in stored]),
        found("I3", "a request that was repeated was answered alike, and done once", len(asked), twice),
    ]


def _read(log: Path) -> list[Asked]:
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for line in map(json.loads, log.read_text().splitlines()):
        found.setdefault((line["actor"], line["key"]), []).append(line)
    return [Asked(actor, key, heard) for (actor, key), heard in found.items()]


def _is_as_sent(fingerprint: bytes, asked: Asked) -> bool:
    return {fingerprint.hex()} == {line["sent"] for line in asked.lines}
